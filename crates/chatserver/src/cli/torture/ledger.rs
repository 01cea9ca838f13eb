//! What the clients have asked for and what they have been told of it. Pure data; what is wrong with it is for
//! `verdict.rs` to say.

use std::collections::BTreeMap;

/// A message's place as the server told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) id: i64,
    pub(super) conversation: i64,
    pub(super) seq: i64,
}

/// A message that was sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) content: String,
    /// Where the server said that it is, each time it said so.
    pub(super) told: Vec<Place>,
    /// The largest `rev` that the server said it has.
    pub(super) rev: i64,
}

/// What clients know. Only answers stand in it, but for messages, which stand in it from when they were first sent.
#[derive(Debug, Default, Clone)]
pub(super) struct Ledger {
    /// By `client_msg_id`.
    pub(super) sends: BTreeMap<String, Sent>,
    /// The new text of each message that was edited, or grew.
    pub(super) edits: BTreeMap<i64, String>,
    /// Message, emoji, and who.
    pub(super) reactions: Vec<(i64, String, i64)>,
    /// By conversation and user: the last message that was read.
    pub(super) reads: BTreeMap<(i64, i64), i64>,
    /// Requests of other kinds than sends that have no answer.
    pub(super) unanswered: u64,
    /// Refusals, in the server's words; none is expected.
    pub(super) refusals: Vec<String>,
}

impl Ledger {
    /// A message is about to be sent.
    pub(super) fn sending(&mut self, key: &str, content: &str) {
        let sent = Sent { content: content.to_owned(), told: Vec::new(), rev: 0 };
        self.sends.insert(key.to_owned(), sent);
    }

    /// The server said that a message is stored.
    pub(super) fn sent(&mut self, key: &str, place: Place, rev: i64) {
        if let Some(sent) = self.sends.get_mut(key) {
            sent.told.push(place);
            sent.rev = sent.rev.max(rev);
        }
    }

    /// The server said that a user's pointer has moved.
    pub(super) fn read(&mut self, conversation: i64, user: i64, seq: i64) {
        let last = self.reads.entry((conversation, user)).or_default();
        *last = seq.max(*last);
    }

    /// Adds what others know.
    pub(super) fn add(&mut self, other: Self) {
        self.sends.extend(other.sends);
        self.edits.extend(other.edits);
        self.reactions.extend(other.reactions);
        for ((conversation, user), seq) in other.reads {
            self.read(conversation, user, seq);
        }
        self.unanswered += other.unanswered;
        self.refusals.extend(other.refusals);
    }

    /// How many messages were sent, and how many of them were acknowledged.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.sends.len(), self.sends.values().filter(|sent| !sent.told.is_empty()).count())
    }
}
