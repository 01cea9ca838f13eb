//! Limits the connections of this node, in total and per user. Each node of a cluster has its own limits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chat_core::ids::UserId;
use tokio::sync::Notify;

use super::full::Full;
use crate::accept::RequestSlot;

/// The counts, shared by everything that opens connections.
#[derive(Clone)]
pub(crate) struct Slots {
    counts: Arc<Mutex<Counts>>,
    all_free: Arc<Notify>,
    per_user: usize,
    per_server: usize,
}

#[derive(Default)]
struct Counts {
    total: usize,
    by_user: HashMap<UserId, usize>,
}

/// A slot for one connection. Dropping it frees the slot.
pub(crate) struct Slot {
    counts: Arc<Mutex<Counts>>,
    all_free: Arc<Notify>,
    user: UserId,
    /// The slot of the client's address, freed together with this one.
    _request_slot: RequestSlot,
}

impl Slots {
    pub(crate) fn new(per_user: usize, per_server: usize) -> Self {
        Self { counts: Arc::default(), all_free: Arc::default(), per_user, per_server }
    }

    pub(crate) fn take(&self, user: UserId, request_slot: RequestSlot) -> Result<Slot, Full> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.total >= self.per_server {
            return Err(Full::Server);
        }
        let of_user = counts.by_user.entry(user).or_insert(0);
        if *of_user >= self.per_user {
            return Err(Full::User);
        }
        *of_user += 1;
        counts.total += 1;
        Ok(Slot {
            counts: self.counts.clone(),
            all_free: self.all_free.clone(),
            user,
            _request_slot: request_slot,
        })
    }

    /// Resolves once no slot is in use.
    pub(crate) async fn all_free(&self) {
        loop {
            let freed = self.all_free.notified();
            if self.total() == 0 {
                return;
            }
            freed.await;
        }
    }

    /// Number of connections now.
    pub(crate) fn total(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total -= 1;
        if counts.total == 0 {
            self.all_free.notify_waiters();
        }
        if let Some(of_user) = counts.by_user.get_mut(&self.user) {
            *of_user -= 1;
            if *of_user == 0 {
                counts.by_user.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_bounded_and_given_back() {
        let slots = Slots::new(2, 3);
        let (tom, jerry) = (UserId(1), UserId(2));
        let first = slots.take(tom, RequestSlot::default()).ok();
        let _second = slots.take(tom, RequestSlot::default()).ok();
        assert_eq!(slots.take(tom, RequestSlot::default()).err(), Some(Full::User));
        let _third = slots.take(jerry, RequestSlot::default()).ok();
        assert_eq!(slots.take(jerry, RequestSlot::default()).err(), Some(Full::Server));
        drop(first);
        assert_eq!(slots.total(), 2);
        assert!(slots.take(tom, RequestSlot::default()).is_ok());
    }
}
