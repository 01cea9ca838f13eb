//! Whose turn it is to read. There is room for so many entries at a time, and an address may have half of it; those who
//! wait are called in rounds, one of each address, so that nobody waits for the many of another. Users of this machine,
//! and those behind what may be a proxy, count by themselves.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_core::ids::UserId;
use tokio::sync::oneshot;

use crate::client_address::AddressKey;

/// Entries that are being read or wait to be made into an answer: with 16 KiB each, 64 MiB.
const ALL: u32 = 4000;
/// Those of one asker.
const SHARE: u32 = ALL / 2;
/// How many of one asker may wait.
const WAITING: usize = 1000;

/// Who has a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Asker {
    Address(AddressKey),
    User(UserId),
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
}

/// Room for so many entries; dropping it calls the next.
#[derive(Debug)]
pub(super) struct Place {
    queue: Arc<Queue>,
    asker: Asker,
    entries: u32,
}

#[derive(Debug, Default)]
struct State {
    taken: u32,
    askers: HashMap<Asker, Standing>,
    /// Who may be called next: those who wait and have something left of their share.
    round: VecDeque<Asker>,
}

#[derive(Debug, Default)]
struct Standing {
    taken: u32,
    waiting: VecDeque<Waiting>,
    is_in_round: bool,
}

#[derive(Debug)]
struct Waiting {
    entries: u32,
    call: oneshot::Sender<Place>,
}

impl Standing {
    fn next(&mut self) -> Option<u32> {
        // Clients go away while they wait.
        while self.waiting.pop_front_if(|waiting| waiting.call.is_closed()).is_some() {}
        self.waiting.front().map(|waiting| waiting.entries)
    }
}

impl Queue {
    /// Resolves when it is the asker's turn; `None`: too many of its own are waiting.
    pub(super) async fn wait(self: &Arc<Self>, asker: Asker, entries: u32) -> Option<Place> {
        let (call, called) = oneshot::channel();
        let calls = {
            let mut state = self.state();
            let standing = state.askers.entry(asker).or_default();
            if standing.waiting.len() >= WAITING {
                // Clients go away while they wait, and nobody looks for them as long as nobody is called.
                standing.waiting.retain(|waiting| !waiting.call.is_closed());
            }
            if standing.waiting.len() >= WAITING {
                return None;
            }
            standing.waiting.push_back(Waiting { entries: entries.clamp(1, SHARE), call });
            state.join_round(asker);
            state.call()
        };
        self.tell(calls);
        called.await.ok()
    }

    /// Not under the lock: whoever has gone away meanwhile gives its place back.
    fn tell(self: &Arc<Self>, calls: Vec<(Asker, Waiting)>) {
        for (asker, Waiting { entries, call }) in calls {
            let _ = call.send(Place { queue: self.clone(), asker, entries });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Puts an asker into the round, if somebody of it waits and may go.
    fn join_round(&mut self, asker: Asker) {
        let Some(standing) = self.askers.get_mut(&asker) else { return };
        let next = standing.next();
        let may_go = next.is_some_and(|entries| standing.taken + entries <= SHARE);
        if may_go && !std::mem::replace(&mut standing.is_in_round, true) {
            self.round.push_back(asker);
        } else if next.is_none() && standing.taken == 0 && !standing.is_in_round {
            self.askers.remove(&asker);
        }
    }

    /// Those whose turn it is now. Whoever needs more than is free is not overtaken.
    fn call(&mut self) -> Vec<(Asker, Waiting)> {
        let mut called = Vec::new();
        while let Some(&asker) = self.round.front() {
            let Some(standing) = self.askers.get_mut(&asker) else {
                self.round.pop_front();
                continue;
            };
            let next = standing.next().filter(|entries| standing.taken + entries <= SHARE);
            if next.is_some_and(|entries| self.taken + entries > ALL) {
                break;
            }
            self.round.pop_front();
            standing.is_in_round = false;
            if let Some(waiting) = next.and_then(|_| standing.waiting.pop_front()) {
                standing.taken += waiting.entries;
                self.taken += waiting.entries;
                called.push((asker, waiting));
            }
            self.join_round(asker);
        }
        called
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let calls = {
            let mut state = self.queue.state();
            state.taken -= self.entries;
            if let Some(standing) = state.askers.get_mut(&self.asker) {
                standing.taken -= self.entries;
            }
            state.join_round(self.asker);
            state.call()
        };
        self.queue.tell(calls);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Wait = Pin<Box<dyn Future<Output = Option<Place>>>>;

    fn wait(queue: &Arc<Queue>, user: i64, entries: u32) -> Wait {
        let queue = queue.clone();
        Box::pin(async move { queue.wait(Asker::User(UserId(user)), entries).await })
    }

    /// The place, if it is there now.
    fn called(wait: &mut Wait) -> Option<Place> {
        match wait.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(place) => Some(place.unwrap()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn an_asker_has_half_and_waits_for_its_own() {
        let queue = Arc::new(Queue::default());
        let mut places: Vec<_> = (0..10).map(|_| called(&mut wait(&queue, 1, 200)).unwrap()).collect();
        let mut own = wait(&queue, 1, 50);
        assert!(called(&mut own).is_none());
        let _other = called(&mut wait(&queue, 2, 1000)).unwrap();
        assert!(called(&mut own).is_none());
        places.pop();
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
    fn whoever_needs_much_is_not_overtaken_for_ever() {
        let queue = Arc::new(Queue::default());
        let mut places: Vec<_> = (0..4).map(|n| called(&mut wait(&queue, n, 999)).unwrap()).collect();
        let mut large = wait(&queue, 10, 1000);
        assert!(called(&mut large).is_none());
        let mut small = wait(&queue, 11, 1);
        assert!(called(&mut small).is_none());
        places.pop();
        assert!(called(&mut large).is_some() && called(&mut small).is_some());
    }

    #[test]
    fn whoever_goes_away_leaves_nothing_behind() {
        let queue = Arc::new(Queue::default());
        let places: Vec<_> = (0..2).map(|_| called(&mut wait(&queue, 1, 1000)).unwrap()).collect();
        let mut gone = wait(&queue, 1, 1000);
        assert!(called(&mut gone).is_none());
        let mut called_and_gone = wait(&queue, 1, 1000);
        assert!(called(&mut called_and_gone).is_none());
        drop(gone);
        drop(places);
        drop(called_and_gone);
        let state = queue.state();
        assert!(state.taken == 0 && state.askers.is_empty() && state.round.is_empty(), "{state:?}");
    }

    #[test]
    fn whoever_went_away_takes_no_place_of_those_who_may_wait() {
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
