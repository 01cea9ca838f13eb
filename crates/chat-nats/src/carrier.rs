//! The task that listens: keeps the subscriptions as they are wished for, and carries what comes in to the relay.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, Subscriber};
use chat_core::sync::Epoch;
use chat_relay::{Inbox, Subject};
use futures_util::StreamExt;
use futures_util::stream::{AbortHandle, Abortable, SelectAll, abortable};

use crate::{NatsOptions, Told, Wishes, prefix_of};

/// Wishes fulfilled before what came in meanwhile has its turn.
const WISHES_IN_A_ROW: usize = 64;
/// The client tells of changes of the link as they happen, but when it has much to tell it drops some.
const LOOK_AT_LINK: Duration = Duration::from_millis(250);

pub(crate) struct Carrier {
    client: Client,
    prefix: String,
    /// The log that the streams are about.
    epoch: Epoch,
    inbox: Inbox,
    told: Arc<Told>,
    streams: SelectAll<Abortable<Subscriber>>,
    /// By which each of the streams is ended.
    handles: HashMap<Subject, AbortHandle>,
    /// Whether the link was found to be otherwise than was told when it was looked at last.
    seems_otherwise: bool,
}

impl Carrier {
    pub(crate) fn new(client: Client, options: &NatsOptions, inbox: Inbox, told: Arc<Told>) -> Self {
        Self {
            client,
            prefix: options.prefix.clone(),
            epoch: options.epoch,
            inbox,
            told,
            streams: SelectAll::new(),
            handles: HashMap::new(),
            seems_otherwise: false,
        }
    }

    /// Runs until the client is gone.
    pub(crate) async fn run(mut self, wishes: Arc<Wishes>) {
        let mut look = tokio::time::interval(LOOK_AT_LINK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = wishes.changed.notified() => self.fulfil(&wishes).await,
                Some(message) = self.streams.next(), if !self.streams.is_empty() => {
                    self.inbox.deliver(self.epoch, message.payload);
                }
                _ = look.tick() => self.look_at_link(),
            }
        }
    }

    async fn fulfil(&mut self, wishes: &Wishes) {
        let epoch = wishes.epoch.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(epoch) = epoch {
            self.follow(epoch).await;
        }
        for (subject, is_wanted) in take(wishes) {
            if !is_wanted {
                if let Some(handle) = self.handles.remove(&subject) {
                    handle.abort();
                }
            } else if !self.handles.contains_key(&subject) {
                self.listen(subject).await;
            }
        }
    }

    /// Listens to the same of another log.
    async fn follow(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        let subjects: Vec<_> =
            self.handles.drain().map(|(subject, handle)| (subject, handle.abort()).0).collect();
        // With them goes what they still held of the log of before.
        self.streams = SelectAll::new();
        for subject in subjects {
            self.listen(subject).await;
        }
        // What was published before this node listened is in the journal.
        self.inbox.missed();
    }

    async fn listen(&mut self, subject: Subject) {
        match self.client.subscribe(subject.spelt(&prefix_of(&self.prefix, self.epoch))).await {
            Ok(subscriber) => {
                let (stream, handle) = abortable(subscriber);
                self.streams.push(stream);
                self.handles.insert(subject, handle);
            }
            Err(error) => tracing::error!(error = %error, ?subject, "a subscription failed"),
        }
    }

    fn look_at_link(&mut self) {
        let is_up = self.client.connection_state() == State::Connected;
        let is_otherwise = is_up != self.told.is_up();
        if is_otherwise && self.seems_otherwise {
            self.told.link(is_up);
        }
        self.seems_otherwise = is_otherwise;
    }
}

/// Some of the wishes.
fn take(wishes: &Wishes) -> Vec<(Subject, bool)> {
    let mut changes = wishes.changes.lock().unwrap_or_else(PoisonError::into_inner);
    let some: Vec<_> =
        changes.iter().take(WISHES_IN_A_ROW).map(|(subject, wish)| (*subject, *wish)).collect();
    for (subject, _) in &some {
        changes.remove(subject);
    }
    if !changes.is_empty() {
        wishes.changed.notify_one();
    }
    some
}
