//! Checks the promises to clients against what they received and what was stored.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use chat_core::event::Change;
use chat_core::ids::UserId;

use crate::client::Memory;
use crate::database::SharedDatabase;
use crate::node::Seen;

pub(crate) struct Checks {
    pub(crate) database: SharedDatabase,
    pub(crate) clients: Vec<Rc<RefCell<Memory>>>,
    pub(crate) nodes: Vec<Rc<RefCell<Seen>>>,
}

impl Checks {
    /// Whether everything was written and delivered, so that nothing more will happen.
    pub(crate) fn is_settled(&self) -> bool {
        (0..).zip(&self.clients).all(|(user, client)| {
            let client = client.borrow();
            client.is_done(user)
                && client.seen.len() >= self.database.borrow().visible(user, 0, usize::MAX).len()
        }) && self.nodes.iter().all(|node| node.borrow().lag == 0)
            && self.presence().is_ok()
    }

    /// Holds at any time: no client received a message twice or in the wrong order.
    pub(crate) fn order(&self) -> Result<(), String> {
        for (user, client) in self.clients.iter().enumerate() {
            let client = client.borrow();
            if !client.seen.is_sorted_by(|one, other| one < other) {
                return Err(format!("client {user} was given {:?}", client.seen));
            }
        }
        Ok(())
    }

    /// Holds at the end: every promise to clients.
    pub(crate) fn promises(&self) -> Result<(), String> {
        self.order()?;
        self.stored()?;
        for (user, client) in (0..).zip(&self.clients) {
            let client = client.borrow();
            let db = self.database.borrow();
            if let Some(key) = client.acked.iter().find(|key| !db.is_posted(user, **key)) {
                return Err(format!("client {user}: {key} was acknowledged and is not there (promise 1)"));
            }
            let visible = db.visible(user, 0, usize::MAX);
            if client.seen != visible {
                return Err(format!("client {user} was given {:?} of {visible:?} (promise 4)", client.seen));
            }
            let too_far = |((whose, conversation), seq): (&(i64, i64), &i64)| {
                *whose == user && client.seqs.get(conversation).is_none_or(|seen| seen < seq)
            };
            if let Some(pointer) = db.delivered.iter().find(|pointer| too_far(*pointer)) {
                return Err(format!("{pointer:?} counts as delivered and is not (promise 5)"));
            }
        }
        self.presence()
    }

    /// Each key is stored once, and each conversation is numbered without gaps.
    fn stored(&self) -> Result<(), String> {
        let mut keys = BTreeSet::new();
        let mut seqs: BTreeMap<i64, i64> = BTreeMap::new();
        for event in &self.database.borrow().log {
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

    /// Every node knows the users connected to the others.
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
