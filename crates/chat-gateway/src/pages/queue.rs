//! Decides who may read next. A bounded number of entries is read at a time, and one address may have half of them.
//! Those who wait are called in rounds, one per address, so that nobody waits for the many requests of another address.
//! Users of this machine, and those behind a possible proxy, count per user.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_core::ids::UserId;
use tokio::sync::oneshot;

use crate::client_address::AddressKey;

/// Upper bound for the entries being read or waiting to be encoded. At 16 KiB each, they take 64 MiB.
const ALL: u32 = 4000;
/// Upper bound per asker.
const SHARE: u32 = ALL / 2;
/// Upper bound for the requests of one asker that wait.
const WAITING: usize = 1000;

/// The party that a share belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Asker {
    Address(AddressKey),
    User(UserId),
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
}

/// Permission to read `entries` entries. Dropping it calls the next asker.
#[derive(Debug)]
pub(super) struct ReadPermit {
    queue: Arc<Queue>,
    asker: Asker,
    entries: u32,
}

#[derive(Debug, Default)]
struct State {
    taken: u32,
    askers: HashMap<Asker, AskerState>,
    /// Askers that may be called next: those that wait and have part of their share left.
    round: VecDeque<Asker>,
}

#[derive(Debug, Default)]
struct AskerState {
    taken: u32,
    waiting: VecDeque<Waiting>,
    is_in_round: bool,
}

#[derive(Debug)]
struct Waiting {
    entries: u32,
    call: oneshot::Sender<ReadPermit>,
}

impl AskerState {
    fn next(&mut self) -> Option<u32> {
        // Clients may disconnect while they wait.
        while self.waiting.pop_front_if(|waiting| waiting.call.is_closed()).is_some() {}
        self.waiting.front().map(|waiting| waiting.entries)
    }
}

impl Queue {
    /// Waits for the asker's turn. `None`: too many of its requests are waiting.
    pub(super) async fn wait(self: &Arc<Self>, asker: Asker, entries: u32) -> Option<ReadPermit> {
        let (call, called) = oneshot::channel();
        let calls = {
            let mut state = self.state();
            let asker_state = state.askers.entry(asker).or_default();
            if asker_state.waiting.len() >= WAITING {
                // Clients may disconnect while they wait, and without calls nothing removes them.
                asker_state.waiting.retain(|waiting| !waiting.call.is_closed());
            }
            if asker_state.waiting.len() >= WAITING {
                return None;
            }
            asker_state.waiting.push_back(Waiting { entries: entries.clamp(1, SHARE), call });
            state.join_round(asker);
            state.call()
        };
        self.send_calls(calls);
        called.await.ok()
    }

    /// Not under the lock: if the client has disconnected meanwhile, dropping the permit takes the lock.
    fn send_calls(self: &Arc<Self>, calls: Vec<(Asker, Waiting)>) {
        for (asker, Waiting { entries, call }) in calls {
            let _ = call.send(ReadPermit { queue: self.clone(), asker, entries });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Puts an asker into the round if it waits and may be called.
    fn join_round(&mut self, asker: Asker) {
        let Some(asker_state) = self.askers.get_mut(&asker) else { return };
        let next = asker_state.next();
        let may_go = next.is_some_and(|entries| asker_state.taken + entries <= SHARE);
        if may_go && !std::mem::replace(&mut asker_state.is_in_round, true) {
            self.round.push_back(asker);
        } else if next.is_none() && asker_state.taken == 0 && !asker_state.is_in_round {
            self.askers.remove(&asker);
        }
    }

    /// The requests to call now. One that needs more than is free is not overtaken.
    fn call(&mut self) -> Vec<(Asker, Waiting)> {
        let mut called = Vec::new();
        while let Some(&asker) = self.round.front() {
            let Some(asker_state) = self.askers.get_mut(&asker) else {
                self.round.pop_front();
                continue;
            };
            let next = asker_state.next().filter(|entries| asker_state.taken + entries <= SHARE);
            if next.is_some_and(|entries| self.taken + entries > ALL) {
                break;
            }
            self.round.pop_front();
            asker_state.is_in_round = false;
            if let Some(waiting) = next.and_then(|_| asker_state.waiting.pop_front()) {
                asker_state.taken += waiting.entries;
                self.taken += waiting.entries;
                called.push((asker, waiting));
            }
            self.join_round(asker);
        }
        called
    }
}

impl Drop for ReadPermit {
    fn drop(&mut self) {
        let calls = {
            let mut state = self.queue.state();
            state.taken -= self.entries;
            if let Some(asker_state) = state.askers.get_mut(&self.asker) {
                asker_state.taken -= self.entries;
            }
            state.join_round(self.asker);
            state.call()
        };
        self.queue.send_calls(calls);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Wait = Pin<Box<dyn Future<Output = Option<ReadPermit>>>>;

    fn wait(queue: &Arc<Queue>, user: i64, entries: u32) -> Wait {
        let queue = queue.clone();
        Box::pin(async move { queue.wait(Asker::User(UserId(user)), entries).await })
    }

    /// The permit, if it is there now.
    fn called(wait: &mut Wait) -> Option<ReadPermit> {
        match wait.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(permit) => Some(permit.unwrap()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn an_asker_has_half_and_waits_for_its_own() {
        let queue = Arc::new(Queue::default());
        let mut permits: Vec<_> = (0..10).map(|_| called(&mut wait(&queue, 1, 200)).unwrap()).collect();
        let mut own = wait(&queue, 1, 50);
        assert!(called(&mut own).is_none());
        let _other = called(&mut wait(&queue, 2, 1000)).unwrap();
        assert!(called(&mut own).is_none());
        permits.pop();
        assert!(called(&mut own).is_some());
    }

    #[test]
    fn those_who_wait_are_called_in_rounds() {
        let queue = Arc::new(Queue::default());
        let full: Vec<_> = (0..4).map(|n| called(&mut wait(&queue, 100 + n, 1000)).unwrap()).collect();
        let mut many: Vec<_> = (0..5).map(|_| wait(&queue, 1, 1000)).collect();
        assert!(many.iter_mut().all(|wait| called(wait).is_none()));
        let mut one = wait(&queue, 2, 1000);
        assert!(called(&mut one).is_none());
        let mut full = full.into_iter();
        drop(full.next());
        let first = called(&mut many[0]).unwrap();
        drop(full.next());
        let _one = called(&mut one).unwrap();
        assert!(called(&mut many[1]).is_none(), "it has had its turn in this round");
        drop(first);
        assert!(called(&mut many[1]).is_some());
    }

    #[test]
    fn a_large_request_is_not_overtaken_for_ever() {
        let queue = Arc::new(Queue::default());
        let mut permits: Vec<_> = (0..4).map(|n| called(&mut wait(&queue, n, 999)).unwrap()).collect();
        let mut large = wait(&queue, 10, 1000);
        assert!(called(&mut large).is_none());
        let mut small = wait(&queue, 11, 1);
        assert!(called(&mut small).is_none());
        permits.pop();
        assert!(called(&mut large).is_some() && called(&mut small).is_some());
    }

    #[test]
    fn a_client_that_disconnects_leaves_nothing_behind() {
        let queue = Arc::new(Queue::default());
        let permits: Vec<_> = (0..2).map(|_| called(&mut wait(&queue, 1, 1000)).unwrap()).collect();
        let mut gone = wait(&queue, 1, 1000);
        assert!(called(&mut gone).is_none());
        let mut called_and_gone = wait(&queue, 1, 1000);
        assert!(called(&mut called_and_gone).is_none());
        drop(gone);
        drop(permits);
        drop(called_and_gone);
        let state = queue.state();
        assert!(state.taken == 0 && state.askers.is_empty() && state.round.is_empty(), "{state:?}");
    }

    #[test]
    fn a_client_that_disconnected_does_not_count_among_those_that_wait() {
        let queue = Arc::new(Queue::default());
        let _places: Vec<_> = (0..2).map(|_| called(&mut wait(&queue, 1, 1000)).unwrap()).collect();
        let mut waiting: Vec<_> = (0..WAITING).map(|_| wait(&queue, 1, 1)).collect();
        assert!(waiting.iter_mut().all(|wait| called(wait).is_none()));
        drop(waiting);
        let next = wait(&queue, 1, 1).as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(next, Poll::Pending));
    }

    #[test]
    fn more_than_may_wait_are_sent_away() {
        let queue = Arc::new(Queue::default());
        let _places: Vec<_> = (0..2).map(|_| called(&mut wait(&queue, 1, 1000)).unwrap()).collect();
        let mut waiting: Vec<_> = (0..WAITING).map(|_| wait(&queue, 1, 1)).collect();
        assert!(waiting.iter_mut().all(|wait| called(wait).is_none()));
        let refused = wait(&queue, 1, 1).as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(refused, Poll::Ready(None)));
    }
}
