//! The rate limiter of REST, both streams and upgrades: they ask it before doing anything expensive. It knows policies
//! and keys, and decides from one number per key. Only password guesses ever wait, for other guesses that are being
//! checked. Counts are per node.

pub(crate) mod buckets;
mod hashed;
mod logins;
mod policy;
mod rate;
mod targets;
mod under_way;

use std::hash::{BuildHasher, Hash, RandomState};
use std::time::{Duration, Instant};

use chat_core::ids::{ConversationId, UserId};

use crate::client_address::ClientAddress;
use buckets::{Buckets, Taken};
pub(crate) use logins::{Guess, NoGuess};
pub use policy::{Policy, RateLimits};
pub(crate) use rate::Cells;
pub use rate::{Rate, RateSetting};
pub(crate) use targets::Target;
use targets::Targets;
use under_way::UnderWay;

/// A bucket with less than 1/`NEAR` of its burst left is reported before it is empty.
const NEAR: u64 = 10;

/// Decides whether an action may be done once more.
pub(crate) struct Limiter {
    started: Instant,
    hashes: RandomState,
    rules: [Rule; Policy::ALL.len()],
    targets: Targets,
    guesses: UnderWay,
}

struct Rule {
    policy: Policy,
    limit: Option<(Rate, Cells)>,
    buckets: Buckets,
}

/// Key of a bucket: a hash under a secret of this process, so that nobody can choose two keys that collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u64);

/// A refusal, with the time to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) policy: Policy,
    pub(crate) rate: Rate,
    pub(crate) wait: Duration,
    key: Key,
}

/// A permitted action, with a warning if the limit is nearly exhausted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) near: Option<Near>,
}

/// State of a nearly exhausted limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Near {
    pub(crate) policy: Policy,
    pub(crate) rate: Rate,
    pub(crate) left: u64,
    pub(crate) full_in: Duration,
}

impl Key {
    /// The key as a number, for sharing out something else by the same keys.
    pub(crate) fn share(self) -> u64 {
        self.0
    }
}

impl Refused {
    /// Milliseconds to wait, rounded up: after that time the action is not refused again.
    pub(crate) fn wait_ms(&self) -> u64 {
        u64::try_from(self.wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    /// Key by which the audit log tells one flood from another.
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
            targets: Targets::new(),
            guesses: UnderWay::default(),
        }
    }

    /// The key of any hashable value.
    pub(crate) fn key(&self, of: impl Hash) -> Key {
        Key(self.hashes.hash_one(of))
    }

    pub(crate) fn user_key(&self, user: UserId) -> Key {
        self.key(user.0)
    }

    pub(crate) fn address_key(&self, address: ClientAddress) -> Key {
        self.key(address.key())
    }

    /// Counts an action of this user.
    pub(crate) fn user(&self, policy: Policy, user: UserId) -> Result<Passed, Refused> {
        self.take(policy, self.user_key(user))
    }

    /// Counts an action from this address.
    pub(crate) fn address(&self, policy: Policy, address: ClientAddress) -> Result<Passed, Refused> {
        self.take(policy, self.address_key(address))
    }

    /// Counts a message to this target. Call [`Limiter::posted`] or [`Limiter::not_posted`] with the returned key
    /// afterwards.
    pub(crate) fn post_to(&self, target: Target) -> Result<Key, Refused> {
        let key = self.targets.key_of(self.key(target));
        self.take(Policy::SendConversation, key).map(|_| key)
    }

    /// Notes that a counted message was stored in this conversation, whatever name the sender used for it.
    pub(crate) fn posted(&self, target: Target, key: Key, conversation: ConversationId) {
        let conversation = self.key(Target::Conversation(conversation));
        if key != conversation && self.targets.learn(self.key(target), conversation) {
            // The message was counted for the name only.
            let _ = self.take(Policy::SendConversation, conversation);
        }
    }

    /// Gives a message back that was not stored, so that strangers cannot use up a conversation's limit.
    pub(crate) fn not_posted(&self, key: Key) {
        self.give_back(Policy::SendConversation, key);
    }

    /// Gives back a registration that failed and revealed nothing.
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

    /// Checks, without taking one, whether an action would be permitted if `given_back` were given back.
    fn check(&self, policy: Policy, key: Key, given_back: u64) -> Result<(), Refused> {
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
    fn users_have_buckets_of_their_own_and_are_warned_before_theirs_is_empty() {
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
    fn a_policy_that_is_off_does_not_limit() {
        let mut limits = RateLimits::default();
        limits.set(Policy::Typing, None);
        let limiter = Limiter::new(&limits);
        assert!((0..1000).all(|_| limiter.user(Policy::Typing, UserId(1)) == Ok(Passed { near: None })));
    }

    #[test]
    fn a_conversation_has_one_bucket_under_all_its_names() {
        let limiter = limiter(Policy::SendConversation, Rate::per_hour(1, 3));
        let (group, conversation) = (Target::Group(GroupId(7)), ConversationId(40));
        let key = limiter.post_to(group).unwrap();
        limiter.posted(group, key, conversation);
        limiter.post_to(group).unwrap();
        limiter.post_to(Target::Conversation(conversation)).unwrap();
        assert!(limiter.post_to(group).is_err());
        assert!(limiter.post_to(Target::Conversation(conversation)).is_err());
        assert!(limiter.post_to(Target::Group(GroupId(8))).is_ok());
    }

    #[test]
    fn a_sender_who_may_not_write_uses_nothing_up() {
        let limiter = limiter(Policy::SendConversation, Rate::per_hour(1, 2));
        for _ in 0..100 {
            let key = limiter.post_to(Target::Group(GroupId(7))).unwrap();
            limiter.not_posted(key);
        }
    }
}
