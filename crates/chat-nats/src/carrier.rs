//! The task that listens: keeps the subscriptions as they are wished for, carries what comes in to the relay, and does
//! what the link's standing asks for.

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
use crate::inquiry::Inquiry;
use crate::standing::{NextStep, Standing};
use crate::{Wishes, prefix_of};

/// Wishes fulfilled before what came in meanwhile has its turn.
const WISHES_IN_A_ROW: usize = 64;
const LOOK: Duration = Duration::from_millis(100);

/// Subscriptions by what they are of, each with what ends its stream.
type Handles = HashMap<Subject, AbortHandle>;

pub(crate) struct Carrier {
    pub(crate) client: Client,
    pub(crate) prefix: String,
    /// The log that the streams are about.
    pub(crate) epoch: Epoch,
    pub(crate) inbox: Inbox,
    pub(crate) standing: Arc<Standing>,
    /// Where nodes of earlier releases may be.
    pub(crate) earlier: Option<Arc<Earlier>>,
    pub(crate) subscribed: Subscribed,
    /// What the server was asked over this connection.
    pub(crate) inquiry: Option<Inquiry>,
}

/// What is listened to.
#[derive(Default)]
pub(crate) struct Subscribed {
    streams: SelectAll<Abortable<Subscriber>>,
    ours: Handles,
    /// As earlier releases spell them.
    theirs: Handles,
}

impl Carrier {
    /// Runs until the client is gone.
    pub(crate) async fn run(mut self, wishes: Arc<Wishes>) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // Nobody may be too late with the wish for these: whether they may be listened to is a part of what a server is
        // asked first.
        for subject in Subject::OF_ALL {
            self.listen(subject).await;
        }
        if self.earlier.is_some() {
            self.listen_to_earlier(Subject::Node).await;
        }
        let standing = self.standing.clone();
        loop {
            tokio::select! {
                () = wishes.changed.notified() => self.fulfil(&wishes).await,
                Some(message) = self.subscribed.streams.next(), if !self.subscribed.streams.is_empty() => {
                    self.take(message).await;
                }
                Some(message) = Inquiry::next(&mut self.inquiry) => self.answered(&message).await,
                () = standing.wake.notified() => self.look().await,
                _ = look.tick() => self.look().await,
            }
        }
    }

    async fn take(&mut self, message: Message) {
        if let Some(earlier) = &self.earlier {
            if earlier.is_twin(&message) {
                return;
            }
            if earlier.heard(&message, Instant::now()) {
                let wanted: Vec<_> = self.subscribed.ours.keys().copied().collect();
                for subject in wanted {
                    self.listen_to_earlier(subject).await;
                }
            }
        }
        self.inbox.deliver(self.epoch, message.payload);
    }

    /// Listens to the same of another log.
    async fn follow(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        let (ours, theirs) = (drained(&mut self.subscribed.ours), drained(&mut self.subscribed.theirs));
        // With them goes what they still held of the log of before.
        self.subscribed.streams = SelectAll::new();
        for subject in ours {
            self.listen(subject).await;
        }
        for subject in theirs {
            self.listen_to_earlier(subject).await;
        }
        if self.inquiry.is_some() {
            self.ask().await;
        }
        // What was published before this node listened is in the journal.
        self.inbox.missed();
    }

    async fn fulfil(&mut self, wishes: &Wishes) {
        let epoch = wishes.epoch.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(epoch) = epoch {
            self.follow(epoch).await;
        }
        for (subject, is_wanted) in take(wishes) {
            if is_wanted {
                self.listen(subject).await;
                if self.earlier.as_ref().is_some_and(|earlier| earlier.is_there()) {
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
            && let Some(handle) = self.subscribe(subject.spelt(&prefix_of(&self.prefix, self.epoch))).await
        {
            self.subscribed.ours.insert(subject, handle);
        }
    }

    async fn listen_to_earlier(&mut self, subject: Subject) {
        let Some(earlier) = self.earlier.clone() else { return };
        if !self.subscribed.theirs.contains_key(&subject)
            && let Some(handle) = self.subscribe(earlier.spelt(subject, self.epoch)).await
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
        match self.standing.look(is_connected, now) {
            NextStep::Nothing => {}
            NextStep::Ask => self.ask().await,
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

    async fn ask(&mut self) {
        if let Some(before) = self.inquiry.take() {
            before.end().await;
        }
        let prefix = prefix_of(&self.prefix, self.epoch);
        let again = self.standing.refused(&format!("{prefix}."));
        let inquiry = Inquiry::begin(self.client.clone(), |subject| subject.spelt(&prefix), &again).await;
        self.inquiry = Some(inquiry);
    }

    async fn answered(&mut self, message: &Message) {
        if let Some(inquiry) = &mut self.inquiry
            && inquiry.take(message).await
        {
            self.standing.answered(inquiry.is_alone());
        }
    }
}

/// Ends these; gives of what they were.
fn drained(handles: &mut Handles) -> Vec<Subject> {
    let end = |(subject, handle): (Subject, AbortHandle)| {
        handle.abort();
        subject
    };
    handles.drain().map(end).collect()
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
