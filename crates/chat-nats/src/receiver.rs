//! The task that receives: keeps the subscriptions as requested, delivers incoming messages to the relay, and does what
//! the link's status requires.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::{Client, Message, Subscriber};
use chat_core::sync::Epoch;
use chat_relay::{Inbox, Subject};
use futures_util::StreamExt;
use futures_util::stream::{AbortHandle, Abortable, SelectAll, abortable};

use crate::earlier::Earlier;
use crate::link_status::{LinkStatus, NextStep};
use crate::permission_check::PermissionCheck;
use crate::{PendingChanges, prefix_of};

/// Subscription changes made before incoming messages have their turn.
const CHANGES_IN_A_ROW: usize = 64;
const LOOK: Duration = Duration::from_millis(100);

/// The handles that end a subscription's stream, by subject.
type Handles = HashMap<Subject, AbortHandle>;

pub(crate) struct Receiver {
    pub(crate) client: Client,
    pub(crate) prefix: String,
    /// Epoch of the log that is followed.
    pub(crate) epoch: Epoch,
    pub(crate) inbox: Inbox,
    pub(crate) status: Arc<LinkStatus>,
    /// `None` where no nodes of earlier releases can be.
    pub(crate) earlier: Option<Arc<Earlier>>,
    pub(crate) subscribed: Subscribed,
    /// The permission check on this connection.
    pub(crate) check: Option<PermissionCheck>,
}

/// The subscriptions.
#[derive(Default)]
pub(crate) struct Subscribed {
    streams: SelectAll<Abortable<Subscriber>>,
    ours: Handles,
    /// Under the names that earlier releases use.
    theirs: Handles,
}

impl Receiver {
    /// Runs until the client is gone.
    pub(crate) async fn run(mut self, pending: Arc<PendingChanges>) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // Subscribes to these before anyone requests it: whether that is allowed is part of the first permission check.
        for subject in Subject::OF_ALL {
            self.listen(subject).await;
        }
        if self.earlier.is_some() {
            self.listen_to_earlier(Subject::Node).await;
        }
        let status = self.status.clone();
        loop {
            tokio::select! {
                () = pending.changed.notified() => self.apply_pending(&pending).await,
                Some(message) = self.subscribed.streams.next(), if !self.subscribed.streams.is_empty() => {
                    self.take(message).await;
                }
                Some(message) = PermissionCheck::next(&mut self.check) => self.answered(&message).await,
                () = status.wake.notified() => self.look().await,
                _ = look.tick() => self.look().await,
            }
        }
    }

    async fn take(&mut self, message: Message) {
        if let Some(earlier) = &self.earlier {
            if earlier.is_copy(&message) {
                return;
            }
            if earlier.observe(&message, Instant::now()) {
                let wanted: Vec<_> = self.subscribed.ours.keys().copied().collect();
                for subject in wanted {
                    self.listen_to_earlier(subject).await;
                }
            }
        }
        self.inbox.deliver(self.epoch, message.payload);
    }

    /// Moves all subscriptions to another log.
    async fn follow(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        let (ours, theirs) = (drained(&mut self.subscribed.ours), drained(&mut self.subscribed.theirs));
        // Messages of the previous log that the streams still held go with them.
        self.subscribed.streams = SelectAll::new();
        for subject in ours {
            self.listen(subject).await;
        }
        for subject in theirs {
            self.listen_to_earlier(subject).await;
        }
        if self.check.is_some() {
            self.check_permissions().await;
        }
        // Events published before these subscriptions began are in the journal.
        self.inbox.missed();
    }

    async fn apply_pending(&mut self, pending: &PendingChanges) {
        let epoch = pending.epoch.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(epoch) = epoch {
            self.follow(epoch).await;
        }
        for (subject, is_wanted) in take(pending) {
            if is_wanted {
                self.listen(subject).await;
                if self.earlier.as_ref().is_some_and(|earlier| earlier.is_present()) {
                    self.listen_to_earlier(subject).await;
                }
            } else {
                for handles in [&mut self.subscribed.ours, &mut self.subscribed.theirs] {
                    if let Some(handle) = handles.remove(&subject) {
                        handle.abort();
                    }
                }
            }
        }
    }

    async fn listen(&mut self, subject: Subject) {
        if !self.subscribed.ours.contains_key(&subject)
            && let Some(handle) = self.subscribe(subject.name(&prefix_of(&self.prefix, self.epoch))).await
        {
            self.subscribed.ours.insert(subject, handle);
        }
    }

    async fn listen_to_earlier(&mut self, subject: Subject) {
        let Some(earlier) = self.earlier.clone() else { return };
        if !self.subscribed.theirs.contains_key(&subject)
            && let Some(handle) = self.subscribe(earlier.name_of(subject, self.epoch)).await
        {
            self.subscribed.theirs.insert(subject, handle);
        }
    }

    async fn subscribe(&mut self, subject: String) -> Option<AbortHandle> {
        match self.client.subscribe(subject.clone()).await {
            Ok(subscriber) => {
                let (stream, handle) = abortable(subscriber);
                self.subscribed.streams.push(stream);
                Some(handle)
            }
            Err(error) => {
                tracing::error!(%error, subject, "a subscription failed");
                None
            }
        }
    }

    async fn look(&mut self) {
        let now = Instant::now();
        let is_connected = self.client.connection_state() == State::Connected;
        match self.status.look(is_connected, now) {
            NextStep::Nothing => {}
            NextStep::CheckPermissions => self.check_permissions().await,
            NextStep::Reconnect => drop(self.client.force_reconnect().await),
        }
        if self.earlier.as_ref().is_some_and(|earlier| earlier.has_gone(now)) {
            self.subscribed.theirs.retain(|subject, handle| {
                let stays = *subject == Subject::Node;
                if !stays {
                    handle.abort();
                }
                stays
            });
        }
    }

    async fn check_permissions(&mut self) {
        if let Some(before) = self.check.take() {
            before.end().await;
        }
        let prefix = prefix_of(&self.prefix, self.epoch);
        let again = self.status.refused(&format!("{prefix}."));
        let check =
            PermissionCheck::begin(self.client.clone(), |subject| subject.name(&prefix), &again).await;
        self.check = Some(check);
    }

    async fn answered(&mut self, message: &Message) {
        if let Some(check) = &mut self.check
            && check.take(message).await
        {
            self.status.answered(check.is_alone());
        }
    }
}

/// Ends all streams and returns their subjects.
fn drained(handles: &mut Handles) -> Vec<Subject> {
    let end = |(subject, handle): (Subject, AbortHandle)| {
        handle.abort();
        subject
    };
    handles.drain().map(end).collect()
}

/// Takes the next pending changes, at most `CHANGES_IN_A_ROW`.
fn take(pending: &PendingChanges) -> Vec<(Subject, bool)> {
    let mut changes = pending.changes.lock().unwrap_or_else(PoisonError::into_inner);
    let some: Vec<_> =
        changes.iter().take(CHANGES_IN_A_ROW).map(|(subject, is_wanted)| (*subject, *is_wanted)).collect();
    for (subject, _) in &some {
        changes.remove(subject);
    }
    if !changes.is_empty() {
        pending.changed.notify_one();
    }
    some
}
