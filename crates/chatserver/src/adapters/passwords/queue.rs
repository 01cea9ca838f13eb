//! The order in which passwords are hashed. Ranks of callers take turns, and within a rank the shares do, so that a
//! caller that asks for 300 hashes at once makes others wait for one or two of them at most. The queue is bounded: when
//! it is full, the longest share loses its last entry.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_core::ports::{Rank, Turn};
use chat_core::{Error, Result};
use tokio::sync::oneshot;

/// Upper bound of waiting hashes: a few seconds' work.
pub(super) const CAPACITY: usize = 256;
/// Order of turns. A rank with nothing waiting is skipped.
const TURNS: [Rank; 7] =
    [Rank::Known, Rank::Stranger, Rank::Known, Rank::Newcomer, Rank::Known, Rank::Stranger, Rank::Known];

/// Bounds how many hashes run at a time, and orders those that wait.
pub(super) struct Queue(Mutex<State>);

struct State {
    /// Number of hashes that may start now. 0 while any wait.
    free: usize,
    n_waiting: usize,
    /// Index into `TURNS` of the next turn.
    turn: usize,
    next_number: u64,
    known: RankQueue,
    strangers: RankQueue,
    newcomers: RankQueue,
}

/// Waiting hashes of one rank, by share, and the order in which the shares take turns.
#[derive(Default)]
struct RankQueue {
    shares: HashMap<u64, VecDeque<Waiting>>,
    order: VecDeque<u64>,
}

struct Waiting {
    number: u64,
    go: oneshot::Sender<Permit>,
}

/// Permission to run one hash. Dropping it starts the next one.
pub(super) struct Permit(Option<Arc<Queue>>);

/// An entry of the queue. Dropping it removes the entry.
struct Entry<'a> {
    queue: &'a Queue,
    turn: Turn,
    number: u64,
}

impl Queue {
    /// At most `at_once` hashes run at a time.
    pub(super) fn new(at_once: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            free: at_once.max(1),
            n_waiting: 0,
            turn: 0,
            next_number: 0,
            known: RankQueue::default(),
            strangers: RankQueue::default(),
            newcomers: RankQueue::default(),
        })))
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// `Overloaded` if the queue has no room, or the entry lost its place to another.
    pub(super) async fn enter(self: &Arc<Self>, turn: Turn) -> Result<Permit> {
        let (go, may_go) = oneshot::channel();
        let number = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Ok(Permit(Some(self.clone())));
            }
            state.put(turn, go)?
        };
        let _entry = Entry { queue: self, turn, number };
        may_go.await.map_err(|_| Error::Overloaded)
    }

    /// Starts the next hash after one has ended.
    fn release(self: &Arc<Self>) {
        loop {
            let next = {
                let mut state = self.state();
                let next = state.next();
                if next.is_none() {
                    state.free += 1;
                }
                next
            };
            let Some(next) = next else { return };
            // A caller that has gone meanwhile passes its turn on.
            match next.go.send(Permit(Some(self.clone()))) {
                Ok(()) => return,
                Err(mut unused) => unused.0 = None,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn rank_queue(&mut self, rank: Rank) -> &mut RankQueue {
        match rank {
            Rank::Known => &mut self.known,
            Rank::Stranger => &mut self.strangers,
            Rank::Newcomer => &mut self.newcomers,
        }
    }

    /// Appends an entry to its share and returns the entry's number.
    fn put(&mut self, turn: Turn, go: oneshot::Sender<Permit>) -> Result<u64> {
        if self.n_waiting >= CAPACITY {
            self.make_room(turn)?;
        }
        let number = self.next_number;
        self.next_number += 1;
        self.n_waiting += 1;
        self.rank_queue(turn.rank).put(turn.share, Waiting { number, go });
        Ok(number)
    }

    /// Drops the last entry of the longest share, unless the new entry's own share would then be as long.
    fn make_room(&mut self, turn: Turn) -> Result<()> {
        let own = self.rank_queue(turn.rank).shares.get(&turn.share).map_or(0, VecDeque::len);
        let longest = [Rank::Newcomer, Rank::Stranger, Rank::Known].into_iter().filter_map(|rank| {
            let (share, waiting) =
                self.rank_queue(rank).shares.iter().max_by_key(|(_, waiting)| waiting.len())?;
            Some((waiting.len(), rank, *share))
        });
        // Of equally long shares the first, so that the known ranks keep theirs.
        let longest = longest.reduce(|longest, other| if other.0 > longest.0 { other } else { longest });
        let (length, rank, share) = longest.ok_or(Error::Overloaded)?;
        let goes_first = is_before(turn.rank, rank) && length > own;
        if length <= own + 1 && !goes_first {
            return Err(Error::Overloaded);
        }
        self.rank_queue(rank).take_last(share);
        self.n_waiting -= 1;
        Ok(())
    }

    fn next(&mut self) -> Option<Waiting> {
        for passed in 0..TURNS.len() {
            let at = (self.turn + passed) % TURNS.len();
            let rank = TURNS.get(at).copied()?;
            if let Some(next) = self.rank_queue(rank).next() {
                self.turn = at + 1;
                self.n_waiting -= 1;
                return Some(next);
            }
        }
        None
    }
}

/// Whether one rank has priority over another.
fn is_before(one: Rank, other: Rank) -> bool {
    let order = |rank| match rank {
        Rank::Known => 0,
        Rank::Stranger => 1,
        Rank::Newcomer => 2,
    };
    order(one) < order(other)
}

impl RankQueue {
    fn put(&mut self, share: u64, waiting: Waiting) {
        let others = self.shares.entry(share).or_default();
        if others.is_empty() {
            self.order.push_back(share);
        }
        others.push_back(waiting);
    }

    fn next(&mut self) -> Option<Waiting> {
        let share = self.order.pop_front()?;
        let waiting = self.shares.get_mut(&share)?;
        let next = waiting.pop_front();
        if waiting.is_empty() {
            self.shares.remove(&share);
        } else {
            self.order.push_back(share);
        }
        next
    }

    fn take_last(&mut self, share: u64) {
        if let Some(waiting) = self.shares.get_mut(&share) {
            waiting.pop_back();
        }
        self.forget_if_empty(share);
    }

    /// Removes an entry. Returns `false` if it was gone already.
    fn remove(&mut self, share: u64, number: u64) -> bool {
        let Some(waiting) = self.shares.get_mut(&share) else { return false };
        let Some(at) = waiting.iter().position(|one| one.number == number) else { return false };
        waiting.remove(at);
        self.forget_if_empty(share);
        true
    }

    fn forget_if_empty(&mut self, share: u64) {
        if self.shares.get(&share).is_some_and(VecDeque::is_empty) {
            self.shares.remove(&share);
            self.order.retain(|other| *other != share);
        }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        if state.rank_queue(self.turn.rank).remove(self.turn.share, self.number) {
            state.n_waiting -= 1;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(queue) = self.0.take() {
            queue.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use futures_util::FutureExt;

    use super::*;

    type Entering = Pin<Box<dyn Future<Output = Result<Permit>>>>;

    fn turn(rank: Rank, share: u64) -> Turn {
        Turn { rank, share }
    }

    /// Asks for a turn, which does not come at once.
    fn ask(queue: &Arc<Queue>, turn: Turn) -> Entering {
        let queue = queue.clone();
        let mut entering: Entering = Box::pin(async move { queue.enter(turn).await });
        assert!(entering.as_mut().now_or_never().is_none());
        entering
    }

    fn is_refused(queue: &Arc<Queue>, turn: Turn) -> bool {
        matches!(queue.enter(turn).now_or_never(), Some(Err(Error::Overloaded)))
    }

    /// Returns the numbers of the waiting entries, in the order in which their turns come.
    fn order(mut running: Permit, mut waiting: Vec<(u32, Entering)>) -> Vec<u32> {
        let mut order = Vec::new();
        while !waiting.is_empty() {
            drop(running);
            let mut come = None;
            waiting.retain_mut(|(number, entering)| match entering.as_mut().now_or_never() {
                Some(permit) => {
                    come = Some((*number, permit.expect("a turn")));
                    false
                }
                None => true,
            });
            let (number, permit) = come.expect("somebody's turn comes");
            order.push(number);
            running = permit;
        }
        order
    }

    fn running(queue: &Arc<Queue>) -> Permit {
        queue.enter(Turn::OWN).now_or_never().unwrap().unwrap()
    }

    #[test]
    fn a_flood_of_one_share_makes_another_wait_for_one() {
        let queue = Queue::new(1);
        let first = running(&queue);
        let mut waiting: Vec<_> = (0..100).map(|n| (n, ask(&queue, turn(Rank::Stranger, 1)))).collect();
        waiting.push((1000, ask(&queue, turn(Rank::Stranger, 2))));
        let order = order(first, waiting);
        assert_eq!(order[..3], [0, 1000, 1]);
        assert!(order[2..].is_sorted(), "each share in its own order");
        assert_eq!(queue.state().free, 1);
    }

    #[test]
    fn kinds_have_turns_of_their_own() {
        let queue = Queue::new(1);
        let first = running(&queue);
        let kinds = [(0, Rank::Newcomer), (100, Rank::Stranger), (200, Rank::Known)];
        let ask = |from: u32, rank| (from..from + 20).map(move |n| (n, rank));
        let waiting: Vec<_> = kinds.into_iter().flat_map(|(from, rank)| ask(from, rank)).collect();
        let waiting = waiting.into_iter().map(|(n, rank)| (n, self::ask(&queue, turn(rank, 1)))).collect();
        assert_eq!(order(first, waiting)[..8], [200, 100, 201, 0, 202, 101, 203, 204]);
    }

    #[test]
    fn a_full_queue_is_full_for_those_who_filled_it() {
        let queue = Queue::new(1);
        let _first = running(&queue);
        let mut flood: Vec<_> = (0..CAPACITY).map(|_| ask(&queue, turn(Rank::Stranger, 1))).collect();
        assert!(is_refused(&queue, turn(Rank::Stranger, 1)));
        let _other = ask(&queue, turn(Rank::Stranger, 2));
        let _newcomer = ask(&queue, turn(Rank::Newcomer, 3));
        let last = flood.len() - 1;
        for refused in [last, last - 1] {
            assert!(matches!(flood[refused].as_mut().now_or_never(), Some(Err(Error::Overloaded))));
        }
        assert!(flood[last - 2].as_mut().now_or_never().is_none());
        assert_eq!(queue.state().n_waiting, CAPACITY);
    }

    #[test]
    fn among_equals_those_who_are_known_stay() {
        let queue = Queue::new(1);
        let _first = running(&queue);
        let shares = 0..u64::try_from(CAPACITY).unwrap();
        let _all: Vec<_> = shares.map(|share| ask(&queue, turn(Rank::Stranger, share))).collect();
        assert!(is_refused(&queue, turn(Rank::Stranger, 1_000_000)));
        assert!(is_refused(&queue, turn(Rank::Newcomer, 1_000_000)));
        let _known = ask(&queue, turn(Rank::Known, 1_000_000));
    }

    #[test]
    fn a_caller_that_goes_away_leaves_the_queue() {
        let queue = Queue::new(1);
        let first = running(&queue);
        let all: Vec<_> = (0..CAPACITY).map(|_| ask(&queue, turn(Rank::Stranger, 1))).collect();
        drop(all);
        assert_eq!(queue.state().n_waiting, 0);
        let gone = ask(&queue, turn(Rank::Stranger, 1));
        let stays = ask(&queue, turn(Rank::Stranger, 1));
        drop(gone);
        assert_eq!(order(first, vec![(1, stays)]), [1]);
        assert_eq!(queue.state().free, 1, "the last one has ended");
        let first = running(&queue);
        let has_turn = ask(&queue, turn(Rank::Stranger, 1));
        drop(first);
        drop(has_turn);
        assert_eq!(queue.state().free, 1, "a turn that nobody took goes on");
    }
}
