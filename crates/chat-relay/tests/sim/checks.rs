//! What clients are promised, looked for in what they saw and in what was stored.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use chat_core::event::Change;
use chat_core::ids::UserId;

use crate::client::Memory;
use crate::ledger::Ledger;
use crate::node::Seen;

pub(crate) struct Checks {
    pub(crate) ledger: Ledger,
    pub(crate) clients: Vec<Rc<RefCell<Memory>>>,
    pub(crate) nodes: Vec<Rc<RefCell<Seen>>>,
}

impl Checks {
    /// Whether everything was written and everybody knows everything, so that nothing more will come.
    pub(crate) fn is_settled(&self) -> bool {
        (0..).zip(&self.clients).all(|(user, client)| {
            let client = client.borrow();
            client.is_done(user)
                && client.seen.len() >= self.ledger.borrow().visible(user, 0, usize::MAX).len()
        }) && self.nodes.iter().all(|node| node.borrow().lag == 0)
            && self.presence().is_ok()
    }

    /// At any time: nobody was given anything twice or in the wrong order.
    pub(crate) fn order(&self) -> Result<(), String> {
        for (user, client) in self.clients.iter().enumerate() {
            let client = client.borrow();
            if !client.seen.is_sorted_by(|one, other| one < other) {
                return Err(format!("client {user} was given {:?}", client.seen));
            }
        }
        Ok(())
    }

    /// At the end.
    pub(crate) fn promises(&self) -> Result<(), String> {
        self.order()?;
        self.stored()?;
        for (user, client) in (0..).zip(&self.clients) {
            let client = client.borrow();
            let book = self.ledger.borrow();
            if let Some(key) = client.acked.iter().find(|key| !book.is_posted(user, **key)) {
                return Err(format!("client {user}: {key} was acknowledged and is not there (promise 1)"));
            }
            let visible = book.visible(user, 0, usize::MAX);
            if client.seen != visible {
                return Err(format!("client {user} was given {:?} of {visible:?} (promise 4)", client.seen));
            }
            let too_far = |((whose, conversation), seq): (&(i64, i64), &i64)| {
                *whose == user && client.seqs.get(conversation).is_none_or(|seen| seen < seq)
            };
            if let Some(pointer) = book.delivered.iter().find(|pointer| too_far(*pointer)) {
                return Err(format!("{pointer:?} counts as delivered and is not (promise 5)"));
            }
        }
        self.presence()
    }

    /// Each key once, and each conversation numbered without gaps.
    fn stored(&self) -> Result<(), String> {
        let mut keys = BTreeSet::new();
        let mut seqs: BTreeMap<i64, i64> = BTreeMap::new();
        for event in &self.ledger.borrow().log {
            let Change::MessagePosted(message) = &event.change else { continue };
            if !keys.insert((message.sender, message.client_msg_id.clone())) {
                return Err(format!("{message:?} is there twice (promise 2)"));
            }
            let last = seqs.entry(message.conversation.0).or_default();
            if message.seq.0 != *last + 1 {
                return Err(format!("{message:?} follows {last} (promise 3)"));
            }
            *last += 1;
        }
        Ok(())
    }

    /// Every node knows who is connected to the others.
    fn presence(&self) -> Result<(), String> {
        for (number, node) in self.nodes.iter().enumerate() {
            let others = self.nodes.iter().enumerate().filter(|(other, _)| *other != number);
            let there: BTreeSet<UserId> = others.flat_map(|(_, other)| other.borrow().here.clone()).collect();
            if node.borrow().elsewhere != there {
                let known = &node.borrow().elsewhere;
                return Err(format!("node {number} takes {known:?} to be elsewhere, not {there:?}"));
            }
        }
        Ok(())
    }
}
