//! Where messages go, by the names that senders have for it. A conversation has several, and the limiter learns by the
//! messages that went there which of them are one.

use std::sync::{Mutex, PoisonError};

use chat_core::ids::{ConversationId, GroupId, UserId};
use chat_core::messages::Recipient;
use chat_core::posting::Destination;

use super::Key;
use super::hashed::ByHash;

const SHARDS: usize = 32;
/// Names that a shard knows. It forgets them all when there are more: they are learnt again by the next message.
const CAPACITY: usize = 4096;

/// A place for messages, as a sender names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// What two users say to each other, the smaller id first.
    Pair(UserId, UserId),
    Group(GroupId),
    Conversation(ConversationId),
}

impl Place {
    pub(crate) fn of(sender: UserId, to: Destination) -> Self {
        match to {
            Destination::To(Recipient::User(user)) => Self::Pair(sender.min(user), sender.max(user)),
            Destination::To(Recipient::Group(group)) => Self::Group(group),
            Destination::Conversation(conversation) => Self::Conversation(conversation),
        }
    }
}

pub(super) struct Places(Box<[Mutex<ByHash<u64>>; SHARDS]>);

impl Places {
    pub(super) fn new() -> Self {
        Self(Box::new(std::array::from_fn(|_| Mutex::default())))
    }

    /// The conversation's key, where it is known; else the name's own.
    pub(super) fn key_of(&self, name: Key) -> Key {
        let known = self.shard(name).lock().unwrap_or_else(PoisonError::into_inner).get(&name.0).copied();
        Key(known.unwrap_or(name.0))
    }

    /// The name stands for this conversation; whether that is news.
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
