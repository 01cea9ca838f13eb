//! The one limiter behind all doors: REST, both streams and upgrades ask it before they do anything that costs. It knows
//! policies and keys, and decides from one number a key. Only guesses of passwords ever wait, for others that are being
//! checked. Counts are this node's own.

pub(crate) mod buckets;
mod hashed;
mod logins;
mod places;
mod policy;
mod rate;
mod under_way;

use std::hash::{BuildHasher, Hash, RandomState};
use std::time::{Duration, Instant};

use chat_core::ids::{ConversationId, UserId};

use crate::client_address::ClientAddress;
use buckets::{Buckets, Taken};
pub(crate) use logins::{Guess, NoGuess};
pub(crate) use places::Place;
use places::Places;
pub use policy::{Policy, RateLimits};
pub(crate) use rate::Cells;
pub use rate::{Rate, RateSetting};
use under_way::UnderWay;

/// A bucket with less than one part in so many is told of before it is empty.
const NEAR: u64 = 10;

/// Decides whether somebody may do something once more.
pub(crate) struct Limiter {
    started: Instant,
    hashes: RandomState,
    rules: [Rule; Policy::ALL.len()],
    places: Places,
    guesses: UnderWay,
}

struct Rule {
    policy: Policy,
    limit: Option<(Rate, Cells)>,
    buckets: Buckets,
}

/// Whose bucket it is: a hash under a key of this process, so that nobody can choose two that fall together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u64);

/// Why somebody has to wait, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) policy: Policy,
    pub(crate) rate: Rate,
    pub(crate) wait: Duration,
    key: Key,
}

/// It may be done; there may not be much more of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) near: Option<Near>,
}

/// How little is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Near {
    pub(crate) policy: Policy,
    pub(crate) rate: Rate,
    pub(crate) left: u64,
    pub(crate) full_in: Duration,
}

impl Key {
    /// For whoever shares something out by the same keys.
    pub(crate) fn share(self) -> u64 {
        self.0
    }
}

impl Refused {
    /// Milliseconds, rounded up: whoever waits so long is not refused again.
    pub(crate) fn wait_ms(&self) -> u64 {
        u64::try_from(self.wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    /// By which the log tells one flood from another.
    pub(crate) fn key(&self) -> u64 {
        self.key.0
    }
}

impl Limiter {
    pub(crate) fn new(limits: &RateLimits) -> Self {
        let rule = |policy: Policy| Rule {
            policy,
            limit: limits.get(policy).map(|rate| (rate, rate.cells())),
            buckets: Buckets::new(),
        };
        Self {
            started: Instant::now(),
            hashes: RandomState::new(),
            rules: Policy::ALL.map(rule),
            places: Places::new(),
            guesses: UnderWay::default(),
        }
    }

    /// The key of anything.
    pub(crate) fn key(&self, of: impl Hash) -> Key {
        Key(self.hashes.hash_one(of))
    }

    pub(crate) fn user_key(&self, user: UserId) -> Key {
        self.key(user.0)
    }

    pub(crate) fn address_key(&self, address: ClientAddress) -> Key {
        self.key(address.key())
    }

    /// Once more by this user.
    pub(crate) fn user(&self, policy: Policy, user: UserId) -> Result<Passed, Refused> {
        self.take(policy, self.user_key(user))
    }

    /// Once more from this address.
    pub(crate) fn address(&self, policy: Policy, address: ClientAddress) -> Result<Passed, Refused> {
        self.take(policy, self.address_key(address))
    }

    /// Once more into this place; what comes of it is to be told to [`Limiter::posted`] or [`Limiter::not_posted`].
    pub(crate) fn post_to(&self, place: Place) -> Result<Key, Refused> {
        let key = self.places.key_of(self.key(place));
        self.take(Policy::SendConversation, key).map(|_| key)
    }

    /// A message that was counted by this key went into the place: by whatever name it is called, it is this conversation.
    pub(crate) fn posted(&self, place: Place, key: Key, conversation: ConversationId) {
        let conversation = self.key(Place::Conversation(conversation));
        if key != conversation && self.places.learn(self.key(place), conversation) {
            // The message was counted for the name.
            let _ = self.take(Policy::SendConversation, conversation);
        }
    }

    /// No message went into the place: strangers use nothing up.
    pub(crate) fn not_posted(&self, key: Key) {
        self.give_back(Policy::SendConversation, key);
    }

    /// Nobody was registered from this address, and nothing learnt.
    pub(crate) fn not_registered(&self, address: ClientAddress) {
        self.give_back(Policy::Register, self.address_key(address));
    }

    fn take(&self, policy: Policy, key: Key) -> Result<Passed, Refused> {
        let rule = self.rule(policy);
        let Some((rate, cells)) = rule.limit else { return Ok(Passed { near: None }) };
        match rule.buckets.take(key.0, cells, self.now()) {
            Taken::Yes { left, full_in_ns } if left.saturating_mul(NEAR) < u64::from(rate.burst()) => {
                let full_in = Duration::from_nanos(full_in_ns);
                Ok(Passed { near: Some(Near { policy, rate, left, full_in }) })
            }
            Taken::Yes { .. } => Ok(Passed { near: None }),
            Taken::No { wait_ns } => Err(rule.refuse(rate, key, wait_ns)),
        }
    }

    /// Whether one would be there if so many were given back; nothing is taken.
    fn look(&self, policy: Policy, key: Key, given_back: u64) -> Result<(), Refused> {
        let rule = self.rule(policy);
        let Some((rate, cells)) = rule.limit else { return Ok(()) };
        match rule.buckets.wait(key.0, given_back, cells, self.now()) {
            None => Ok(()),
            Some(wait_ns) => Err(rule.refuse(rate, key, wait_ns)),
        }
    }

    fn give_back(&self, policy: Policy, key: Key) {
        let rule = self.rule(policy);
        if let Some((_, cells)) = rule.limit {
            rule.buckets.give_back(key.0, cells);
        }
    }

    fn rule(&self, policy: Policy) -> &Rule {
        let [first, ..] = &self.rules;
        self.rules.get(policy as usize).unwrap_or(first)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Rule {
    fn refuse(&self, rate: Rate, key: Key, wait_ns: u64) -> Refused {
        Refused { policy: self.policy, rate, wait: Duration::from_nanos(wait_ns), key }
    }
}

#[cfg(test)]
mod tests {
    use chat_core::ids::GroupId;

    use super::*;

    fn limiter(policy: Policy, rate: Rate) -> Limiter {
        let mut limits = RateLimits::default();
        limits.set(policy, Some(rate));
        Limiter::new(&limits)
    }

    #[test]
    fn users_have_buckets_of_their_own_and_are_told_before_theirs_is_empty() {
        let limiter = limiter(Policy::Search, Rate::per_hour(1, 20));
        let near: Vec<_> = (0..20).map(|_| limiter.user(Policy::Search, UserId(1)).unwrap().near).collect();
        assert!(near[..18].iter().all(Option::is_none));
        assert_eq!(near[18..].iter().map(|near| near.unwrap().left).collect::<Vec<_>>(), [1, 0]);
        let refused = limiter.user(Policy::Search, UserId(1)).unwrap_err();
        assert!(refused.wait_ms() > 3_500_000, "{refused:?}");
        assert!(limiter.user(Policy::Search, UserId(2)).is_ok());
        assert!(limiter.user(Policy::Default, UserId(1)).is_ok());
    }

    #[test]
    fn what_is_off_is_not_limited() {
        let mut limits = RateLimits::default();
        limits.set(Policy::Typing, None);
        let limiter = Limiter::new(&limits);
        assert!((0..1000).all(|_| limiter.user(Policy::Typing, UserId(1)) == Ok(Passed { near: None })));
    }

    #[test]
    fn a_conversation_has_one_bucket_by_whatever_name_it_is_called() {
        let limiter = limiter(Policy::SendConversation, Rate::per_hour(1, 3));
        let (group, conversation) = (Place::Group(GroupId(7)), ConversationId(40));
        let key = limiter.post_to(group).unwrap();
        limiter.posted(group, key, conversation);
        limiter.post_to(group).unwrap();
        limiter.post_to(Place::Conversation(conversation)).unwrap();
        assert!(limiter.post_to(group).is_err());
        assert!(limiter.post_to(Place::Conversation(conversation)).is_err());
        assert!(limiter.post_to(Place::Group(GroupId(8))).is_ok());
    }

    #[test]
    fn whoever_may_not_write_uses_nothing_up() {
        let limiter = limiter(Policy::SendConversation, Rate::per_hour(1, 2));
        for _ in 0..100 {
            let key = limiter.post_to(Place::Group(GroupId(7))).unwrap();
            limiter.not_posted(key);
        }
    }
}
