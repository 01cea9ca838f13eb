//! Password guesses that were counted and are being checked: their number per key, and the tasks that wait for their
//! results.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::{Key, Policy};

/// One lock for all keys: a guess costs a password hash, which takes some thousand times as long.
#[derive(Default)]
pub(super) struct UnderWay(Mutex<Counts>);

/// The counts, for the holder of the lock. Changes to the buckets of these keys are made under the same lock.
#[derive(Default)]
pub(super) struct Counts(HashMap<(usize, u64), Count>);

#[derive(Default)]
struct Count {
    under_way: u64,
    waiters: Arc<Notify>,
}

/// Resolves when it is worth asking again.
pub(super) type Settled = Pin<Box<OwnedNotified>>;

impl UnderWay {
    pub(super) fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    pub(super) fn of(&self, policy: Policy, key: Key) -> u64 {
        self.0.get(&name(policy, key)).map_or(0, |count| count.under_way)
    }

    pub(super) fn begin(&mut self, policy: Policy, key: Key) {
        self.0.entry(name(policy, key)).or_default().under_way += 1;
    }

    /// Ends one check. [`Counts::wake_one`] and [`Counts::wake_all`] wake those that wait; the end of the last check
    /// does too.
    pub(super) fn end(&mut self, policy: Policy, key: Key) {
        let Some(count) = self.0.get_mut(&name(policy, key)) else { return };
        count.under_way = count.under_way.saturating_sub(1);
        if count.under_way == 0 {
            count.waiters.notify_waiters();
            self.0.remove(&name(policy, key));
        }
    }

    /// Joins the queue of a key. `None`: nothing is being checked, so there is nothing to wait for.
    pub(super) fn wait(&self, policy: Policy, key: Key) -> Option<Settled> {
        let count = self.0.get(&name(policy, key))?;
        let mut settled = Box::pin(count.waiters.clone().notified_owned());
        settled.as_mut().enable();
        Some(settled)
    }

    pub(super) fn wake_one(&self, policy: Policy, key: Key) {
        if let Some(count) = self.0.get(&name(policy, key)) {
            count.waiters.notify_one();
        }
    }

    pub(super) fn wake_all(&self, policy: Policy, key: Key) {
        if let Some(count) = self.0.get(&name(policy, key)) {
            count.waiters.notify_waiters();
        }
    }

    #[cfg(test)]
    pub(super) fn n_keys(&self) -> usize {
        self.0.len()
    }
}

fn name(policy: Policy, key: Key) -> (usize, u64) {
    (policy as usize, key.0)
}
