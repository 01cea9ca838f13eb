//! What a filled database holds, for the measurements and as JSON for people.

use anyhow::{Context, Result};
use chat_core::time::Timestamp;
use serde_json::{Value, json};

use crate::bench::testbed::User;

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::bench) struct Room {
    pub(in crate::bench) group: i64,
    pub(in crate::bench) conversation: i64,
    /// Users who write in it; the first is its owner.
    pub(in crate::bench) writers: Vec<i64>,
    /// Number of messages that it was filled with.
    pub(in crate::bench) messages: u64,
}

/// How much was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::bench) struct Written {
    pub(in crate::bench) messages: u64,
    pub(in crate::bench) edits: u64,
    pub(in crate::bench) reactions: u64,
    pub(in crate::bench) mentions: u64,
}

/// The contents of a filled database.
pub(in crate::bench) struct Filled {
    /// A member of all groups of different sizes who has read nothing.
    pub(in crate::bench) unread: User,
    /// A member of the same groups who has read everything.
    pub(in crate::bench) reader: User,
    /// The user with very many conversations.
    pub(in crate::bench) busy: User,
    /// The users who write in the groups, in the order of their ids.
    pub(in crate::bench) writers: Vec<User>,
    /// The groups of different sizes, most messages first.
    pub(in crate::bench) rooms: Vec<Room>,
    /// The very large group.
    pub(in crate::bench) crowd: Room,
    /// Groups of the user with very many conversations: half of the conversations.
    pub(in crate::bench) busy_rooms: Vec<Room>,
    pub(in crate::bench) written: Written,
    /// Times of the first and the last message.
    pub(in crate::bench) span: (Timestamp, Timestamp),
}

impl Filled {
    /// The group with most messages.
    pub(in crate::bench) fn largest(&self) -> Result<&Room> {
        self.rooms.first().context("there are no groups")
    }

    /// The user `number` of those who write in a group, modulo their count.
    pub(in crate::bench) fn writer(&self, room: &Room, number: usize) -> Result<&User> {
        let id = room.writers.get(number % room.writers.len().max(1)).context("nobody writes there")?;
        let found = self.writers.binary_search_by_key(id, |user| user.id).ok();
        found.and_then(|index| self.writers.get(index)).context("the writer is not known")
    }

    pub(in crate::bench) fn json(&self) -> Value {
        let person = |person: &User| json!({ "id": person.id, "username": person.name });
        let Written { messages, edits, reactions, mentions } = self.written;
        json!({
            "messages": messages,
            "edits": edits,
            "reactions": reactions,
            "mentions": mentions,
            "read_nothing": person(&self.unread),
            "read_all": person(&self.reader),
            "many_conversations": person(&self.busy),
            "groups": self.rooms.iter().map(Room::json).collect::<Vec<_>>(),
            "large_group": self.crowd.json(),
        })
    }
}

impl Room {
    fn json(&self) -> Value {
        json!({
            "group_id": self.group,
            "conversation_id": self.conversation,
            "messages": self.messages,
        })
    }
}
