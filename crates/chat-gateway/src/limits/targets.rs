//! Targets of messages, by the names that senders use. A conversation has several names. The limiter learns from stored
//! messages which names mean the same conversation.

use std::sync::{Mutex, PoisonError};

use chat_core::ids::{ConversationId, GroupId, UserId};
use chat_core::messages::Recipient;
use chat_core::posting::Destination;

use super::Key;
use super::hashed::ByHash;

const SHARDS: usize = 32;
/// Upper bound for the names of a shard. Above it the shard forgets all of them; the next messages teach them again.
const CAPACITY: usize = 4096;

/// The target of a message, as a sender names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// A direct conversation of two users, the smaller id first.
    Pair(UserId, UserId),
    Group(GroupId),
    Conversation(ConversationId),
}

impl Target {
    pub(crate) fn of(sender: UserId, to: Destination) -> Self {
        match to {
            Destination::To(Recipient::User(user)) => Self::Pair(sender.min(user), sender.max(user)),
            Destination::To(Recipient::Group(group)) => Self::Group(group),
            Destination::Conversation(conversation) => Self::Conversation(conversation),
        }
    }
}

pub(super) struct Targets(Box<[Mutex<ByHash<u64>>; SHARDS]>);

impl Targets {
    pub(super) fn new() -> Self {
        Self(Box::new(std::array::from_fn(|_| Mutex::default())))
    }

    /// The conversation's key if it is known, otherwise the name's own.
    pub(super) fn key_of(&self, name: Key) -> Key {
        let known = self.shard(name).lock().unwrap_or_else(PoisonError::into_inner).get(&name.0).copied();
        Key(known.unwrap_or(name.0))
    }

    /// Learns that the name means this conversation. Returns whether that is new.
    pub(super) fn learn(&self, name: Key, conversation: Key) -> bool {
        let mut shard = self.shard(name).lock().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= CAPACITY && !shard.contains_key(&name.0) {
            shard.clear();
        }
        shard.insert(name.0, conversation.0).is_none()
    }

    fn shard(&self, name: Key) -> &Mutex<ByHash<u64>> {
        let [first, ..] = &*self.0;
        self.0.get(usize::try_from(name.0 >> 48).unwrap_or(0) % SHARDS).unwrap_or(first)
    }
}
