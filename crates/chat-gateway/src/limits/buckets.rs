//! The buckets of one policy: one number per key, in shards, so that keys rarely wait for each other's lock. The number
//! of keys is bounded. Above the bound the fullest buckets are forgotten first, because their keys lose the least.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::hashed::ByHash;
use super::rate::Cells;

const SHARDS: usize = 32;
/// Upper bound for the keys of a shard.
const CAPACITY: usize = 2048;
/// Keys forgotten at a time. The cost of finding the fullest is shared by as many new keys.
const FORGOTTEN: usize = CAPACITY / 8;

/// For each key, when its bucket will be full again. A missing key has a full bucket.
pub(crate) struct Buckets(Box<[Mutex<ByHash<u64>>; SHARDS]>);

/// Result of taking one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It was taken: `left` remain, and the bucket is full again after `full_in_ns` nanoseconds.
    Yes { left: u64, full_in_ns: u64 },
    /// One will be available after `wait_ns` nanoseconds.
    No { wait_ns: u64 },
}

impl Buckets {
    pub(crate) fn new() -> Self {
        Self(Box::new(std::array::from_fn(|_| Mutex::default())))
    }

    /// Takes one from a key's bucket, if one is available.
    pub(crate) fn take(&self, key: u64, cells: Cells, now: u64) -> Taken {
        let mut shard = self.shard(key);
        let known = shard.get_mut(&key);
        let full_at = match cells.take(known.as_deref().copied().unwrap_or(0), now) {
            Ok(full_at) => full_at,
            Err(wait_ns) => return Taken::No { wait_ns },
        };
        match known {
            Some(known) => *known = full_at,
            None => {
                if shard.len() >= CAPACITY {
                    forget_the_fullest(&mut shard, now);
                }
                shard.insert(key, full_at);
            }
        }
        Taken::Yes { left: cells.left(full_at, now), full_in_ns: full_at.saturating_sub(now) }
    }

    /// Nanoseconds until one is available if `given_back` were given back. `None`: one is available.
    pub(super) fn wait(&self, key: u64, given_back: u64, cells: Cells, now: u64) -> Option<u64> {
        let full_at = self.shard(key).get(&key).copied().unwrap_or(0);
        cells.take(cells.give_back(full_at, given_back), now).err()
    }

    /// Gives back one that was taken.
    pub(super) fn give_back(&self, key: u64, cells: Cells) {
        if let Some(full_at) = self.shard(key).get_mut(&key) {
            *full_at = cells.give_back(*full_at, 1);
        }
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, ByHash<u64>> {
        // Keys are hashes, so any of their bits will do.
        let number = usize::try_from(key >> 48).unwrap_or(0) % SHARDS;
        let [first, ..] = &*self.0;
        self.0.get(number).unwrap_or(first).lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn n_keys(&self) -> usize {
        self.0.iter().map(|shard| shard.lock().unwrap().len()).sum()
    }
}

/// Forgets the buckets that are full already, and then those that will be full first.
fn forget_the_fullest(shard: &mut ByHash<u64>, now: u64) {
    shard.retain(|_, full_at| *full_at > now);
    if shard.len() + FORGOTTEN <= CAPACITY {
        return;
    }
    let mut times: Vec<u64> = shard.values().copied().collect();
    let (_, bound, _) = times.select_nth_unstable(FORGOTTEN - 1);
    let bound = *bound;
    let mut n_left = FORGOTTEN;
    shard.retain(|_, full_at| {
        let goes = *full_at <= bound && n_left > 0;
        n_left -= usize::from(goes);
        !goes
    });
}

#[cfg(test)]
mod tests {
    use super::super::rate::Rate;
    use super::*;

    /// A key of the first shard.
    fn key(number: u64) -> u64 {
        number
    }

    #[test]
    fn keys_have_buckets_of_their_own() {
        let (buckets, cells) = (Buckets::new(), Rate::per_second(1, 1).cells());
        assert!(matches!(buckets.take(key(1), cells, 0), Taken::Yes { left: 0, .. }));
        assert!(matches!(buckets.take(key(1), cells, 0), Taken::No { .. }));
        assert!(matches!(buckets.take(key(2), cells, 0), Taken::Yes { .. }));
        assert_eq!(buckets.wait(key(1), 0, cells, 0), Some(1_000_000_000));
        assert_eq!(buckets.wait(key(1), 1, cells, 0), None);
        buckets.give_back(key(1), cells);
        assert_eq!(buckets.wait(key(1), 0, cells, 0), None);
    }

    #[test]
    fn the_number_of_keys_is_bounded_and_the_fullest_go_first() {
        let (buckets, cells) = (Buckets::new(), Rate::per_hour(1, 2).cells());
        let empty = key(1_000_000);
        while matches!(buckets.take(empty, cells, 0), Taken::Yes { .. }) {}
        let all = u64::try_from(CAPACITY).unwrap() * 3;
        for number in 0..all {
            buckets.take(key(number), cells, 1);
            assert!(buckets.n_keys() <= CAPACITY);
        }
        assert!(matches!(buckets.take(empty, cells, 2), Taken::No { .. }), "who used the most is remembered");
        assert!(buckets.n_keys() > CAPACITY / 2);
    }

    #[test]
    fn buckets_that_are_full_again_make_room_and_no_others() {
        let (buckets, cells) = (Buckets::new(), Rate::per_second(1, 1).cells());
        for number in 0..u64::try_from(CAPACITY).unwrap() {
            buckets.take(key(number), cells, 0);
        }
        buckets.take(key(u64::MAX >> 17), cells, 2_000_000_000);
        assert_eq!(buckets.n_keys(), 1);
    }
}
