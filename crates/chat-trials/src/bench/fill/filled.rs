//! What a filled database holds, for the measurements and as JSON for people.

use serde_json::{Value, json};

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::bench) struct Person {
    pub(in crate::bench) id: i64,
    pub(in crate::bench) name: String,
}

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::bench) struct Filled {
    /// A member of all groups of different sizes who has read nothing.
    pub(in crate::bench) unread: Person,
    /// A member of the same groups who has read everything.
    pub(in crate::bench) reader: Person,
    /// The user with very many conversations.
    pub(in crate::bench) busy: Person,
    /// The groups of different sizes, most messages first.
    pub(in crate::bench) rooms: Vec<Room>,
    /// The very large group.
    pub(in crate::bench) crowd: Room,
    /// Groups of the user with very many conversations: half of the conversations.
    pub(in crate::bench) busy_rooms: Vec<Room>,
    pub(in crate::bench) written: Written,
}

impl Filled {
    pub(in crate::bench) fn json(&self) -> Value {
        let person = |person: &Person| json!({ "id": person.id, "username": person.name });
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
