//! Collects what clients confirm and stores it a few times a second. Of many confirmations in one conversation only the
//! highest `seq` counts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chat_core::Chat;
use chat_core::ids::{ConversationId, Seq, UserId};
use chat_core::receipts::Delivered;

use crate::failures;

const INTERVAL: Duration = Duration::from_millis(100);

type Collected = HashMap<(UserId, ConversationId), Seq>;

/// The collector; cheap to clone.
#[derive(Clone)]
pub(crate) struct Receipts {
    collected: Arc<Mutex<Collected>>,
    /// Held while confirmations are being stored, so that a flush also waits for those.
    writing: Arc<tokio::sync::Mutex<()>>,
    chat: Chat,
}

impl Receipts {
    /// Starts the task that stores what was collected.
    pub(crate) fn spawn(chat: Chat) -> Self {
        let receipts = Self { collected: Arc::default(), writing: Arc::default(), chat };
        let writer = receipts.clone();
        tokio::spawn(async move {
            let mut interval = tokio::time::interval(INTERVAL);
            interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                interval.tick().await;
                writer.flush().await;
            }
        });
        receipts
    }

    /// Records confirmations of a client of `user`.
    pub(crate) fn record(&self, user: UserId, confirmed: &[(ConversationId, Seq)]) {
        let mut collected = self.lock();
        for (conversation, seq) in confirmed {
            keep_larger(collected.entry((user, *conversation)), *seq);
        }
    }

    /// Stores what was collected so far. Failed writes are kept for the next attempt.
    pub(crate) async fn flush(&self) {
        let _writing = self.writing.lock().await;
        let taken = std::mem::take(&mut *self.lock());
        if taken.is_empty() {
            return;
        }
        let receipts = taken.iter().map(|((user, conversation), seq)| Delivered {
            user: *user,
            conversation: *conversation,
            seq: *seq,
        });
        if let Err(error) = self.chat.confirm_delivered(receipts.collect()).await {
            failures::note(&error, "could not store confirmations; retrying");
            let mut collected = self.lock();
            taken.into_iter().for_each(|(key, seq)| keep_larger(collected.entry(key), seq));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Collected> {
        self.collected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep_larger(entry: Entry<'_, (UserId, ConversationId), Seq>, seq: Seq) {
    let known = entry.or_insert(seq);
    *known = seq.max(*known);
}
