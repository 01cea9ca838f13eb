//! Limits the unused tickets per user, per address and in total, so that nobody takes the room of others. Counts are
//! per node: a ticket that is redeemed on another node counts here until it expires.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chat_core::access::Fingerprint;
use chat_core::ids::UserId;

use crate::client_address::AddressKey;
use crate::http::problem::Problem;

const PER_USER: usize = 100;
const PER_ADDRESS: usize = 1000;
const IN_ALL: usize = 100_000;

/// The user and address of a ticket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holder {
    pub(super) user: UserId,
    pub(super) address: Option<AddressKey>,
}

#[derive(Default)]
pub(crate) struct Waiting(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    holders: HashMap<Fingerprint, Holder>,
    /// Oldest first; used tickets stay until they expire.
    by_age: VecDeque<(Instant, Fingerprint)>,
    of_user: HashMap<UserId, usize>,
    of_address: HashMap<AddressKey, usize>,
}

impl Waiting {
    pub(super) fn add(&self, ticket: Fingerprint, holder: Holder, now: Instant) -> Result<(), Problem> {
        let mut counts = self.counts();
        counts.forget_expired(now);
        let refused = |sentence| Err(Problem::new(429, "too_many_tickets", sentence).retry_after(5));
        if counts.of_user.get(&holder.user).is_some_and(|number| *number >= PER_USER) {
            return refused("You have too many tickets; use them, or let them expire");
        }
        let of_address = holder.address.and_then(|key| counts.of_address.get(&key));
        if of_address.is_some_and(|number| *number >= PER_ADDRESS) {
            return refused("Your address has too many tickets; use them, or let them expire");
        }
        if counts.by_age.len() >= IN_ALL {
            return Err(Problem::new(503, "overloaded", "There are too many unused tickets").retry_after(1));
        }
        *counts.of_user.entry(holder.user).or_default() += 1;
        if let Some(key) = holder.address {
            *counts.of_address.entry(key).or_default() += 1;
        }
        counts.by_age.push_back((now, ticket));
        counts.holders.insert(ticket, holder);
        Ok(())
    }

    /// Stops counting a ticket that was used or never issued.
    pub(super) fn remove(&self, ticket: Fingerprint) {
        self.counts().remove(ticket);
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn forget_expired(&mut self, now: Instant) {
        while let Some((made, ticket)) = self.by_age.front().copied()
            && !super::is_valid(made, now)
        {
            self.by_age.pop_front();
            self.remove(ticket);
        }
    }

    fn remove(&mut self, ticket: Fingerprint) {
        let Some(holder) = self.holders.remove(&ticket) else { return };
        one_less(&mut self.of_user, holder.user);
        if let Some(key) = holder.address {
            one_less(&mut self.of_address, key);
        }
    }
}

fn one_less<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K) {
    if let Some(number) = counts.get_mut(&key) {
        *number -= 1;
        if *number == 0 {
            counts.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::LIFETIME;
    use super::*;

    fn ticket(number: usize) -> Fingerprint {
        let mut fingerprint = [0; 16];
        fingerprint[..8].copy_from_slice(&number.to_le_bytes());
        Fingerprint(fingerprint)
    }

    fn holder(user: i64, last: u8) -> Holder {
        let address = Some(AddressKey::of([192, 0, 2, last].into()));
        Holder { user: UserId(user), address }
    }

    fn codes<const N: usize>(added: [Result<(), Problem>; N]) -> [Option<&'static str>; N] {
        added.map(|added| added.err().map(|problem| problem.code()))
    }

    #[test]
    fn one_user_does_not_take_the_room_of_others() {
        let (waiting, now) = (Waiting::default(), Instant::now());
        for number in 0..PER_USER {
            waiting.add(ticket(number), holder(1, 1), now).unwrap();
        }
        let [again, other] =
            codes([(1, 9), (2, 1)].map(|(user, last)| {
                waiting.add(ticket(PER_USER + usize::from(last)), holder(user, last), now)
            }));
        assert_eq!((again, other), (Some("too_many_tickets"), None));
        waiting.remove(ticket(0));
        assert!(waiting.add(ticket(500), holder(1, 1), now).is_ok(), "one was used");
        assert!(waiting.add(ticket(501), holder(1, 1), now).is_err());
        assert!(waiting.add(ticket(502), holder(1, 1), now + LIFETIME).is_ok(), "they have expired");
    }

    #[test]
    fn one_address_does_not_take_the_room_of_others() {
        let (waiting, now) = (Waiting::default(), Instant::now());
        for number in 0..PER_ADDRESS {
            waiting.add(ticket(number), holder(i64::try_from(number).unwrap(), 1), now).unwrap();
        }
        let added =
            [1, 2].map(|last| waiting.add(ticket(PER_ADDRESS + usize::from(last)), holder(-1, last), now));
        assert_eq!(codes(added), [Some("too_many_tickets"), None]);
        assert!(waiting.add(ticket(5000), holder(-1, 1), now + LIFETIME).is_ok());
        let counts = waiting.counts();
        assert_eq!((counts.holders.len(), counts.by_age.len(), counts.of_address.len()), (1, 1, 1));
    }
}
