//! What the clients have asked for and what they have been told of it. Pure data; what is wrong with it is for
//! `verdict.rs` to say.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Messages that were changed before the database lost its end, so that nobody can tell how they have to be.
    pub(super) unsure: BTreeSet<i64>,
    /// How many messages were acknowledged by a database that has lost them.
    pub(super) n_lost: usize,
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

    /// The database was replaced by another one: gives what was told of the one before, and goes on with what is still
    /// to be answered.
    #[must_use]
    pub(super) fn turn(&mut self) -> Self {
        let (open, told) = std::mem::take(&mut self.sends)
            .into_iter()
            .partition(|(_, sent): &(_, Sent)| sent.told.is_empty());
        let before = std::mem::replace(self, Self { sends: open, ..Self::default() });
        Self { sends: told, ..before }
    }

    /// What of it has to be in a database that has kept the messages up to this one. What became of changes depends on
    /// when they were made, which clients do not know.
    pub(super) fn surviving(self, last: i64) -> Self {
        let n_told = self.sends.len();
        let is_kept = |sent: &Sent| sent.told.iter().all(|place| place.id <= last);
        let sends: BTreeMap<_, _> = self
            .sends
            .into_iter()
            .filter(|(_, sent)| is_kept(sent))
            .map(|(key, sent)| (key, Sent { rev: 0, ..sent }))
            .collect();
        let reacted = self.reactions.iter().map(|(message, ..)| *message);
        let unsure = self.edits.keys().copied().chain(reacted).chain(self.unsure).filter(|id| *id <= last);
        Self {
            n_lost: self.n_lost + n_told - sends.len(),
            sends,
            unsure: unsure.collect(),
            unanswered: self.unanswered,
            refusals: self.refusals,
            ..Self::default()
        }
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
        self.unsure.extend(other.unsure);
        self.n_lost += other.n_lost;
    }

    /// How many messages were sent, and how many of them were acknowledged.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.sends.len(), self.sends.values().filter(|sent| !sent.told.is_empty()).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(id: i64) -> Place {
        Place { id, conversation: 1, seq: id }
    }

    #[test]
    fn what_a_database_has_lost_is_counted_and_not_looked_for() {
        let mut ledger = Ledger::default();
        for key in ["kept", "lost", "open"] {
            ledger.sending(key, key);
        }
        ledger.sent("kept", place(1), 5);
        ledger.sent("lost", place(3), 9);
        ledger.edits.insert(1, "changed".into());
        ledger.edits.insert(3, "changed too".into());
        ledger.read(1, 2, 3);
        let before = ledger.turn().surviving(2);
        assert_eq!(ledger.sends.keys().collect::<Vec<_>>(), ["open"]);
        assert_eq!(before.sends.keys().collect::<Vec<_>>(), ["kept"]);
        assert_eq!((before.n_lost, before.sends["kept"].rev), (1, 0));
        assert_eq!(before.unsure, BTreeSet::from([1]));
        assert!(before.edits.is_empty() && before.reads.is_empty());
    }
}
