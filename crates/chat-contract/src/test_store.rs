//! A store under test: the adapter's part, a recorder of its events, and short functions to fill it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chat_core::Result;
use chat_core::cluster::Journal;
use chat_core::event::{Change, Event, Signal};
use chat_core::groups::{AddMember, Group, MembersChanged, NewGroup};
use chat_core::ids::{ConversationId, GroupId, MessageId, Seq, UserId};
use chat_core::messages::Message;
use chat_core::ports::{EventSink, Store};
use chat_core::posting::{Destination, NewMessage, Posted};
use chat_core::receipts::Delivered;

use super::rows::Rows;
use super::samples::{NOW, account, message};

/// Creates stores of one adapter.
#[async_trait]
pub trait Stores: Send + Sync {
    /// Expected result of `Store::engine_name`.
    fn engine(&self) -> &'static str;
    /// A new, empty store for one test.
    async fn fresh(&self) -> TestStore;
    /// A new store that publishes to `sink`. Once it is reopened, it publishes to its own recorder.
    async fn fresh_with(&self, sink: Arc<dyn EventSink>) -> TestStore;
}

/// The adapter's part of a store under test. Dropping it removes the data.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Closes the store.
    async fn close(&self);
    /// Closes the store and opens it again on the same data, with a new recorder.
    async fn reopen(self: Box<Self>, search: bool) -> TestStore;
    /// Reads the stored rows.
    async fn rows(&self) -> Rows;
    /// Stores reactions of `count` users who do not exist.
    async fn add_reactions(&self, message: MessageId, emoji: &str, count: u32);
    /// Adds a reader at the feed's end, also with a name that this release would refuse.
    async fn add_second_reader(&self, name: &str);
    /// `None` if only one server can open the data.
    fn shared(&self) -> Option<&dyn SharedBackend> {
        None
    }
}

/// The adapter's part of a store that servers can share.
#[async_trait]
pub trait SharedBackend: Backend {
    /// Starts another server on the same data.
    async fn second(&self) -> TestStore;
    /// The journal in which servers read what others committed.
    async fn journal(&self) -> Arc<dyn Journal>;
}

/// A store under test, with everything that it published.
pub struct TestStore {
    // Declared before the backend, whose data must exist until the store is closed.
    pub store: Arc<dyn Store>,
    /// The events that the store has published since it was opened.
    pub sink: Arc<Recorder>,
    pub backend: Box<dyn Backend>,
}

/// An event sink that keeps all events.
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

impl TestStore {
    /// Closes the store as a server does when it ends. Later calls return `Unavailable`.
    pub async fn close(&self) {
        self.backend.close().await;
    }

    /// Closes the store and opens it again on the same data.
    pub async fn reopen(self) -> Self {
        self.reopen_with(true).await
    }

    /// As [`Self::reopen`], without a search index.
    pub async fn reopen_without_search(self) -> Self {
        self.reopen_with(false).await
    }

    async fn reopen_with(self, search: bool) -> Self {
        let Self { store, backend, .. } = self;
        // An open store would keep the lock on its file.
        drop(store);
        backend.reopen(search).await
    }

    /// Starts another server on the same data.
    pub async fn second(&self) -> Self {
        self.shared().second().await
    }

    /// The journal in which servers read what others committed.
    pub async fn journal(&self) -> Arc<dyn Journal> {
        self.shared().journal().await
    }

    fn shared(&self) -> &dyn SharedBackend {
        self.backend.shared().unwrap_or_else(|| panic!("servers do not share this store"))
    }

    /// The stored rows that no answer contains.
    pub async fn rows(&self) -> Rows {
        self.backend.rows().await
    }

    /// Stores reactions of `count` users who do not exist. Adding them one by one would take too long.
    pub async fn add_reactions(&self, message: MessageId, emoji: &str, count: u32) {
        self.backend.add_reactions(message, emoji, count).await;
    }

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

    /// Posts a message, which must be new.
    pub async fn say(&self, sender: UserId, to: impl Into<Destination>, content: &str) -> Message {
        self.post(message(sender, to, content)).await
    }

    /// Posts a text, which must be new.
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
