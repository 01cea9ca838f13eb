//! A recorder of a store's events and short ways to fill a store. What opens one is the adapter's.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use chat_core::accounts::NewAccount;
use chat_core::edits::Deed;
use chat_core::event::{Change, Event, Signal};
use chat_core::groups::{AddMember, Group, MembersChanged, NewGroup};
use chat_core::ids::{ConversationId, GroupId, MessageId, Seq, UserId};
use chat_core::intention::Intention;
use chat_core::media::MessageKind;
use chat_core::messages::{Message, Page};
use chat_core::ports::{EventSink, Store};
use chat_core::posting::{Body, Destination, NewMessage, Posted};
use chat_core::receipts::Delivered;
use chat_core::time::Timestamp;
use chat_core::{Error, Result};
use tokio::runtime::{Builder, Runtime};

use super::ledger;
pub use crate::support::House;

/// The time at which everything in these tests happens.
pub const NOW: Timestamp = Timestamp(1_761_399_699_962_541);
pub const ALL: Page = Page { before: None, limit: 200 };

/// Keeps all events.
#[derive(Default)]
pub struct Recorder(Mutex<Vec<Arc<Event>>>);

impl EventSink for Recorder {
    fn publish(&self, events: &[Arc<Event>]) {
        self.0.lock().unwrap().extend_from_slice(events);
    }

    fn signal(&self, _: Signal) {}
}

impl Recorder {
    pub fn events(&self) -> Vec<Arc<Event>> {
        self.0.lock().unwrap().clone()
    }

    pub fn n_events(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub fn has_message(&self, id: MessageId) -> bool {
        let events = self.0.lock().unwrap();
        events.iter().any(|event| matches!(&event.change, Change::MessagePosted(m) if m.id == id))
    }
}

impl House {
    pub async fn user(&self, name: &str) -> UserId {
        self.store.create_account(account(name)).await.unwrap().id
    }

    pub async fn users<const N: usize>(&self, names: [&str; N]) -> [UserId; N] {
        let mut ids = [UserId(0); N];
        for (id, name) in ids.iter_mut().zip(names) {
            *id = self.user(name).await;
        }
        ids
    }

    pub async fn group(&self, owner: UserId, members: &[UserId]) -> Group {
        let new = NewGroup { name: "Cheese".into(), owner, at: NOW };
        let group = self.store.create_group(new).await.unwrap().group;
        for &user in members {
            let added = self.add(owner, group.id, user).await;
            assert!(matches!(added, Ok(MembersChanged::Now { .. })), "{added:?}");
        }
        group
    }

    pub async fn add(&self, actor: UserId, group: GroupId, user: UserId) -> Result<MembersChanged> {
        self.store.add_member(AddMember { actor, group, user, at: NOW }).await
    }

    /// Posts a message that must be new.
    pub async fn say(&self, sender: UserId, to: impl Into<Destination>, content: &str) -> Message {
        self.post(message(sender, to, content)).await
    }

    /// Posts a message that must be new.
    pub async fn post(&self, new: NewMessage) -> Message {
        match self.store.post(new).await.unwrap() {
            Posted::New { message, .. } => message,
            Posted::Duplicate(message) => panic!("a duplicate of {message:?}"),
        }
    }

    pub async fn confirm(&self, user: UserId, conversation: ConversationId, seq: i64) {
        let seq = Seq(seq);
        self.store.mark_delivered(vec![Delivered { user, conversation, seq }]).await.unwrap();
    }

    pub async fn undelivered(&self, user: UserId) -> Vec<Message> {
        self.store.backlog(user, MessageId(i64::MAX), MessageId(0), 1000).await.unwrap()
    }
}

/// The servers of one database, each of which is asked in turn; one, where nothing else is asked for.
pub struct Nodes {
    pub houses: Vec<House>,
    turns: AtomicUsize,
}

impl From<Vec<House>> for Nodes {
    fn from(houses: Vec<House>) -> Self {
        Self { houses, turns: AtomicUsize::default() }
    }
}

impl Nodes {
    /// That of the node whose turn it is.
    pub fn house(&self) -> &House {
        &self.houses[self.turns.fetch_add(1, Ordering::Relaxed) % self.houses.len()]
    }

    /// That of the node whose turn it is.
    pub fn store(&self) -> &dyn Store {
        &*self.house().store
    }

    /// New accounts with names of this kind, whoever is there already.
    pub async fn newcomers<const N: usize>(&self, names: [&str; N]) -> [UserId; N] {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        let names = names.map(|name| format!("{name}{turn}"));
        self.house().users(names.each_ref().map(String::as_str)).await
    }

    pub fn n_events(&self) -> usize {
        self.houses.iter().map(|house| house.sink.n_events()).sum()
    }

    /// What all of them have told, in the order of the log.
    pub fn events(&self) -> Vec<Arc<Event>> {
        let mut all = Vec::new();
        for house in &self.houses {
            let events = house.sink.events();
            assert!(events.is_sorted_by(|one, next| one.position < next.position), "{events:?}");
            all.extend(events);
        }
        all.sort_by_key(|event| event.position);
        all
    }

    /// That the events of all are the whole log, each told by one, and that the rows agree with them.
    pub async fn check(&self) {
        ledger::check_events(self.house(), &self.events()).await;
    }
}

/// Runs one case of a property after the other on the same servers, since new ones are dear. Servers on which a case
/// failed are not used again, so that what they have in them does not fail the smaller cases that are tried then.
pub struct Cases<F> {
    runtime: Runtime,
    kept: RefCell<Option<Nodes>>,
    new: F,
}

impl<F: AsyncFn() -> Nodes> Cases<F> {
    pub fn on(new: F) -> Self {
        Self { runtime: runtime(), kept: RefCell::default(), new }
    }

    pub fn run(&self, case: impl AsyncFnOnce(&Nodes)) {
        let kept = self.kept.take();
        let nodes = self.runtime.block_on(async {
            let nodes = match kept {
                Some(nodes) => nodes,
                None => (self.new)().await,
            };
            case(&nodes).await;
            nodes
        });
        self.kept.replace(Some(nodes));
    }
}

/// One server.
pub async fn one_node() -> Nodes {
    vec![House::fresh().await].into()
}

/// For tests that call the store from code that is not async. A store may need timers and sockets.
pub fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

pub fn account(name: &str) -> NewAccount {
    NewAccount {
        username: name.to_owned(),
        email: format!("{name}@temp.com"),
        password_hash: format!("hash of {name}"),
        is_demo: false,
        at: NOW,
    }
}

pub fn message(sender: UserId, to: impl Into<Destination>, content: &str) -> NewMessage {
    NewMessage {
        sender,
        to: to.into(),
        kind: MessageKind::Text,
        body: Body { content: content.to_owned(), ..Body::default() },
        forwarded: None,
        streaming: None,
        client_msg_id: None,
        intention: None,
        at: NOW,
    }
}

pub fn keyed(sender: UserId, to: impl Into<Destination>, content: &str, key: &str) -> NewMessage {
    under(key, message(sender, to, content))
}

/// The message under a key, as the core gives it to a store.
pub fn under(key: &str, new: NewMessage) -> NewMessage {
    let intention = Some(Intention::of_message(new.kind, &new.body, new.streaming.is_some()));
    NewMessage { client_msg_id: Some(key.to_owned()), intention, ..new }
}

/// What somebody does to a message, a while after it was sent.
pub fn deed(actor: UserId, message: &Message) -> Deed {
    Deed { actor, message: message.id, at: Timestamp(NOW.0 + 1_000_000) }
}

/// The stable code of a refusal.
pub fn code<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result {
        Ok(value) => panic!("{value:?} instead of a refusal"),
        Err(error @ Error::Internal(_)) => panic!("{error:?}"),
        Err(error) => error.code(),
    }
}

pub fn contents(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.content.as_str()).collect()
}

pub fn ids(messages: &[Message]) -> Vec<i64> {
    messages.iter().map(|message| message.id.0).collect()
}

pub fn seqs(messages: &[Message]) -> Vec<i64> {
    messages.iter().map(|message| message.seq.0).collect()
}
