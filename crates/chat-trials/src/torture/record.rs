//! Records of the clients' requests and the server's answers. Pure data; `verdict.rs` checks it.

use std::collections::{BTreeMap, BTreeSet};

/// The location of a message as the server reported it.
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
    /// The location in each acknowledgement.
    pub(super) reported: Vec<Place>,
    /// The largest `rev` in an acknowledgement.
    pub(super) rev: i64,
}

/// A client's record. It contains answers only, except for messages, which it contains as soon as they are first sent.
#[derive(Debug, Default, Clone)]
pub(super) struct ClientRecord {
    /// By `client_msg_id`.
    pub(super) sends: BTreeMap<String, Sent>,
    /// The new text of each message that was edited or appended to.
    pub(super) edits: BTreeMap<i64, String>,
    /// Message id, emoji, and user id.
    pub(super) reactions: Vec<(i64, String, i64)>,
    /// Highest `seq` read, by conversation and user.
    pub(super) reads: BTreeMap<(i64, i64), i64>,
    /// Number of requests other than sends without an answer.
    pub(super) unanswered: u64,
    /// The server's refusals; none is expected.
    pub(super) refusals: Vec<String>,
    /// Messages that were changed before the database lost its last changes, so that their correct state is unknown.
    pub(super) unsure: BTreeSet<i64>,
    /// Number of messages that were acknowledged by a database that has lost them.
    pub(super) n_lost: usize,
}

impl ClientRecord {
    /// Records a message that is about to be sent.
    pub(super) fn sending(&mut self, key: &str, content: &str) {
        let sent = Sent { content: content.to_owned(), reported: Vec::new(), rev: 0 };
        self.sends.insert(key.to_owned(), sent);
    }

    /// Records the acknowledgement of a message.
    pub(super) fn sent(&mut self, key: &str, place: Place, rev: i64) {
        if let Some(sent) = self.sends.get_mut(key) {
            sent.reported.push(place);
            sent.rev = sent.rev.max(rev);
        }
    }

    /// Records the acknowledgement of a user's read pointer.
    pub(super) fn read(&mut self, conversation: i64, user: i64, seq: i64) {
        let last = self.reads.entry((conversation, user)).or_default();
        *last = seq.max(*last);
    }

    /// Called when the database was replaced. Returns the record of the previous database, and keeps the sends without
    /// an answer.
    #[must_use]
    pub(super) fn take_past(&mut self) -> Self {
        let (open, acked) = std::mem::take(&mut self.sends)
            .into_iter()
            .partition(|(_, sent): &(_, Sent)| sent.reported.is_empty());
        let before = std::mem::replace(self, Self { sends: open, ..Self::default() });
        Self { sends: acked, ..before }
    }

    /// The part of the record that must be in a database that has kept messages up to the id `last`. Whether other
    /// changes survived depends on their times, which clients do not know.
    pub(super) fn surviving(self, last: i64) -> Self {
        let n_acked = self.sends.len();
        let is_kept = |sent: &Sent| sent.reported.iter().all(|place| place.id <= last);
        let sends: BTreeMap<_, _> = self
            .sends
            .into_iter()
            .filter(|(_, sent)| is_kept(sent))
            .map(|(key, sent)| (key, Sent { rev: 0, ..sent }))
            .collect();
        let reacted = self.reactions.iter().map(|(message, ..)| *message);
        let unsure = self.edits.keys().copied().chain(reacted).chain(self.unsure).filter(|id| *id <= last);
        Self {
            n_lost: self.n_lost + n_acked - sends.len(),
            sends,
            unsure: unsure.collect(),
            unanswered: self.unanswered,
            refusals: self.refusals,
            ..Self::default()
        }
    }

    /// Adds another client's record.
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

    /// Numbers of sent and of acknowledged messages.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.sends.len(), self.sends.values().filter(|sent| !sent.reported.is_empty()).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(id: i64) -> Place {
        Place { id, conversation: 1, seq: id }
    }

    #[test]
    fn messages_lost_by_the_database_are_counted_and_not_expected() {
        let mut record = ClientRecord::default();
        for key in ["kept", "lost", "open"] {
            record.sending(key, key);
        }
        record.sent("kept", place(1), 5);
        record.sent("lost", place(3), 9);
        record.edits.insert(1, "changed".into());
        record.edits.insert(3, "changed too".into());
        record.read(1, 2, 3);
        let before = record.take_past().surviving(2);
        assert_eq!(record.sends.keys().collect::<Vec<_>>(), ["open"]);
        assert_eq!(before.sends.keys().collect::<Vec<_>>(), ["kept"]);
        assert_eq!((before.n_lost, before.sends["kept"].rev), (1, 0));
        assert_eq!(before.unsure, BTreeSet::from([1]));
        assert!(before.edits.is_empty() && before.reads.is_empty());
    }
}
