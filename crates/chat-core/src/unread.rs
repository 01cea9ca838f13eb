//! Unread counts: derived from the pointer and the conversation's end, never counted message by message. Pure functions:
//! stores gather [`UnreadFacts`], whose cost does not depend on how much is unread.
//!
//! `seq` has no gaps, so the messages after the pointer are known without reading one. Two tables hold the exceptions.
//! Triggers keep them, so that writes of other releases count too; but a trigger costs each send on SQLite, where no other
//! release writes, so there posting keeps `own_counts`:
//!
//! - `own_counts`: for each block of [`BLOCK`] messages that is full, the number of messages that each of its senders had
//!   sent until its end. A row is written once, when the block is full, so a send usually writes none.
//! - `unread_corrections`: what differs for a single message because it was deleted, hidden or mentions someone, summed
//!   in blocks of 1, [`BLOCK`], `BLOCK²` and `BLOCK³` messages. So all corrections after a pointer are the sum of fewer
//!   than [`BLOCK`] rows of each size, of everybody (user 0) and of the member.

use crate::conversations::Counts;
use crate::ids::Seq;

/// Number of messages in a block, and of blocks in a block of the next size. The migrations contain it as a literal.
pub const BLOCK: i64 = 256;

/// Returns the block that a conversation has filled before its message `seq`, if `seq` is the first of another block.
#[must_use]
pub fn filled_before(seq: Seq) -> Option<i64> {
    (seq.0 > 0 && seq.0 % BLOCK == 0).then(|| seq.0 / BLOCK - 1)
}

/// The facts from which a member's unread counts in a conversation derive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UnreadFacts {
    /// `seq` of the conversation's last message; 0 if there is none.
    pub last: Seq,
    /// `seq` of the last message that the member has read.
    pub read: Seq,
    /// Number of the member's own messages after `read`, including deleted ones.
    pub own: i64,
    /// Sum of the corrections after `read`, for everybody and for the member.
    pub corrections: Correction,
}

/// What to add to a viewer's counts because of exceptions. Everybody's correction and the viewer's own add up, so a
/// change for all members is stored once.
///
/// An exception that hides messages from one member or from all (held ones, ones before a member's first visible one)
/// belongs into [`Correction::of`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Correction {
    pub unread: i64,
    pub mentions: i64,
}

/// A message as far as its corrections need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exception {
    /// It is deleted for everybody. A deleted message mentions nobody.
    pub is_deleted: bool,
    /// It mentions all members.
    pub mentions_all: bool,
}

/// Whose correction for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// The part that is the same for everybody.
    Everybody,
    Sender,
    /// Another member.
    Other {
        /// The member has hidden the message.
        is_hidden: bool,
        /// The message names the member.
        is_mentioned: bool,
    },
}

impl Correction {
    /// Returns the correction for one message. The trigger `recount` of each store computes the same.
    #[must_use]
    pub fn of(message: Exception, viewer: Viewer) -> Self {
        let (deleted, all) = (i64::from(message.is_deleted), i64::from(message.mentions_all));
        match viewer {
            Viewer::Everybody => Self { unread: -deleted, mentions: all },
            // An own message is no unread one to begin with.
            Viewer::Sender => Self { unread: deleted, mentions: -all },
            Viewer::Other { is_hidden, is_mentioned } => Self {
                unread: -i64::from(is_hidden && !message.is_deleted),
                mentions: i64::from(!is_hidden && (message.mentions_all || is_mentioned)) - all,
            },
        }
    }
}

impl Counts {
    /// Derives the counts: messages of others after the pointer that the member can see, and those of them that mention
    /// the member.
    #[must_use]
    pub fn derive(facts: UnreadFacts) -> Self {
        let UnreadFacts { last, read, own, corrections } = facts;
        let waiting = last.0.saturating_sub(read.0);
        if waiting <= 0 {
            return Self::default();
        }
        let count = |number: i64| u32::try_from(number.max(0)).unwrap_or(u32::MAX);
        Self {
            unread: count(waiting.saturating_sub(own).saturating_add(corrections.unread)),
            mentions: count(corrections.mentions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a message is unread for a viewer who has not read it, and whether it then counts as a mention.
    fn counted(message: Exception, viewer: Viewer) -> (bool, bool) {
        let (everybody, own) = (Correction::of(message, Viewer::Everybody), Correction::of(message, viewer));
        let corrections =
            Correction { unread: everybody.unread + own.unread, mentions: everybody.mentions + own.mentions };
        let own = i64::from(viewer == Viewer::Sender);
        let Counts { unread, mentions } =
            Counts::derive(UnreadFacts { last: Seq(8), read: Seq(7), own, corrections });
        assert!(unread <= 1 && mentions <= unread, "{message:?} {viewer:?}");
        (unread == 1, mentions == 1)
    }

    #[test]
    fn a_message_is_unread_if_it_is_of_another_and_the_member_can_see_it() {
        for flags in 0..16_u8 {
            let [is_deleted, names_all, is_hidden, is_mentioned] = [1, 2, 4, 8].map(|bit| flags & bit != 0);
            let message = Exception { is_deleted, mentions_all: names_all && !is_deleted };
            assert_eq!(counted(message, Viewer::Sender), (false, false));
            let is_mentioned = is_mentioned && !is_deleted;
            let is_unread = !is_deleted && !is_hidden;
            let expected = (is_unread, is_unread && (message.mentions_all || is_mentioned));
            assert_eq!(counted(message, Viewer::Other { is_hidden, is_mentioned }), expected, "{flags}");
        }
    }

    #[test]
    fn a_block_is_full_when_the_next_begins() {
        let filled = [0, 1, 255, 256, 257, 511, 512].map(|seq| filled_before(Seq(seq)));
        assert_eq!(filled, [None, None, None, Some(0), None, None, Some(1)]);
    }

    #[test]
    fn nothing_is_unread_at_the_end() {
        let corrections = Correction { unread: 5, mentions: 5 };
        for read in [3, 4] {
            let facts = UnreadFacts { last: Seq(3), read: Seq(read), own: 0, corrections };
            assert_eq!(Counts::derive(facts), Counts::default());
        }
    }
}
