//! Unread counts: derived from the pointer and the conversation's end, never counted message by message. Pure functions:
//! stores gather [`UnreadFacts`], whose cost does not depend on how much is unread.
//!
//! `seq` has no gaps, so the messages after the pointer are known without reading one. Three tables hold the exceptions.
//! Triggers keep them on PostgreSQL, so that writes of other releases count too. A trigger costs each send, so on SQLite,
//! where no other release writes, posting keeps `own_counts` and `mention_counts`:
//!
//! - `own_counts`: for each block of [`BLOCK`] messages that is full, the number of messages that each of its senders had
//!   sent until its end. A row is written once, when the block is full, so a send usually writes none.
//! - `unread_corrections`: what differs for a single message because it was deleted, hidden or mentions its sender, summed
//!   in blocks of 1, [`BLOCK`], `BLOCK²` and `BLOCK³` messages. So all corrections after a pointer are the sum of fewer
//!   than [`BLOCK`] rows of each size, of everybody (user 0) and of the member.
//! - `mention_counts`: beside the mentions themselves, the number of mentions of a user (or of everybody) in blocks of
//!   [`MENTION_BLOCK`], its square and its cube. A user's block is counted when a message of a later block mentions the
//!   user, so one message can mention very many at the price of its mentions. [`mention_blocks`] says which blocks add up.

use std::ops::Range;

use crate::conversations::Counts;
use crate::ids::Seq;

/// Number of messages in a block, and of blocks in a block of the next size. The migrations contain it as a literal.
pub const BLOCK: i64 = 256;

/// Number of messages in a block of mentions of level 1, and of blocks in a block of the next level. The migrations
/// contain it as a literal.
pub const MENTION_BLOCK: i64 = 64;

/// The largest blocks of mentions have `MENTION_BLOCK` to this power of messages.
pub const MENTION_LEVELS: u32 = 3;

/// Returns the blocks of mentions (level and number, from the lowest level on) that are counted when a message mentions a
/// user whose last mention before was `previous`.
pub fn counted_at(previous: Seq, seq: Seq) -> impl Iterator<Item = (u32, i64)> {
    let block = |seq: Seq, level| seq.0 / MENTION_BLOCK.pow(level);
    (1..=MENTION_LEVELS)
        .take_while(move |&level| block(previous, level) < block(seq, level))
        .map(move |level| (level, block(previous, level)))
}

/// Returns the blocks (level and numbers) that together have all mentions of a user after `read`, if `last` is the last of
/// them. A block of level 0 is one message. There are fewer than [`MENTION_BLOCK`] in each range, apart from the highest
/// level.
pub fn mention_blocks(read: Seq, last: Seq) -> impl Iterator<Item = (u32, Range<i64>)> {
    let ranges = move |level: u32| {
        let size = MENTION_BLOCK.pow(level);
        // The last block of a level above 0 has no count yet.
        let (first, end) = (read.0 / size + 1, last.0 / size + i64::from(level == 0));
        if level == MENTION_LEVELS {
            return [(level, first..end), (level, 0..0)];
        }
        let end_of_read = (read.0 / size / MENTION_BLOCK + 1) * MENTION_BLOCK;
        let start_of_last = last.0 / size / MENTION_BLOCK * MENTION_BLOCK;
        [(level, first..end.min(end_of_read)), (level, end_of_read.max(start_of_last)..end)]
    };
    (0..=MENTION_LEVELS).flat_map(ranges).filter(|(_, blocks)| !blocks.is_empty())
}

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
    /// Number of stored mentions after `read`, of everybody and of the member. A deleted message has none.
    pub mentions: i64,
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

/// A message as far as its corrections for a viewer need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exception {
    /// It is deleted for everybody. A deleted message mentions nobody.
    pub is_deleted: bool,
    /// It mentions the viewer, or all members.
    pub is_mention: bool,
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
    },
}

impl Correction {
    /// Returns the correction for one message. Both stores compute it in SQL; the contract's test of unread counts
    /// compares what they stored with this.
    #[must_use]
    pub fn of(message: Exception, viewer: Viewer) -> Self {
        let (deleted, mention) = (i64::from(message.is_deleted), i64::from(message.is_mention));
        match viewer {
            Viewer::Everybody => Self { unread: -deleted, mentions: 0 },
            // An own message is no unread one to begin with.
            Viewer::Sender => Self { unread: deleted, mentions: -mention },
            Viewer::Other { is_hidden: true } => Self { unread: deleted - 1, mentions: -mention },
            Viewer::Other { is_hidden: false } => Self::default(),
        }
    }
}

impl Counts {
    /// Derives the counts: messages of others after the pointer that the member can see, and those of them that mention
    /// the member.
    #[must_use]
    pub fn derive(facts: UnreadFacts) -> Self {
        let UnreadFacts { last, read, own, mentions, corrections } = facts;
        let waiting = last.0.saturating_sub(read.0);
        if waiting <= 0 {
            return Self::default();
        }
        let count = |number: i64| u32::try_from(number.max(0)).unwrap_or(u32::MAX);
        Self {
            unread: count(waiting.saturating_sub(own).saturating_add(corrections.unread)),
            mentions: count(mentions.saturating_add(corrections.mentions)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Whether a message is unread for a viewer who has not read it, and whether it then counts as a mention.
    fn counted(message: Exception, viewer: Viewer) -> (bool, bool) {
        let (everybody, own) = (Correction::of(message, Viewer::Everybody), Correction::of(message, viewer));
        let corrections =
            Correction { unread: everybody.unread + own.unread, mentions: everybody.mentions + own.mentions };
        let (own, mentions) = (i64::from(viewer == Viewer::Sender), i64::from(message.is_mention));
        let Counts { unread, mentions } =
            Counts::derive(UnreadFacts { last: Seq(8), read: Seq(7), own, mentions, corrections });
        assert!(unread <= 1 && mentions <= unread, "{message:?} {viewer:?}");
        (unread == 1, mentions == 1)
    }

    #[test]
    fn a_message_is_unread_if_it_is_of_another_and_the_member_can_see_it() {
        for flags in 0..8_u8 {
            let [is_deleted, mentions, is_hidden] = [1, 2, 4].map(|bit| flags & bit != 0);
            let message = Exception { is_deleted, is_mention: mentions && !is_deleted };
            assert_eq!(counted(message, Viewer::Sender), (false, false));
            let is_unread = !is_deleted && !is_hidden;
            let expected = (is_unread, is_unread && message.is_mention);
            assert_eq!(counted(message, Viewer::Other { is_hidden }), expected, "{flags}");
        }
    }

    /// Counts the mentions after `read` from the blocks that posting them one after the other has counted.
    fn mentions_after(mentions: &[i64], read: i64) -> (i64, usize) {
        let mut counts = BTreeMap::new();
        let size = |level| MENTION_BLOCK.pow(level);
        for pair in mentions.windows(2) {
            for (level, block) in counted_at(Seq(pair[0]), Seq(pair[1])) {
                let n = mentions.iter().filter(|&&seq| seq <= pair[0] && seq / size(level) == block).count();
                counts.insert((level, block), i64::try_from(n).unwrap());
            }
        }
        counts.extend(mentions.iter().map(|&seq| ((0, seq), 1)));
        let Some(&last) = mentions.last() else { return (0, 0) };
        let read_rows = mention_blocks(Seq(read), Seq(last))
            .flat_map(|(level, blocks)| counts.range((level, blocks.start)..(level, blocks.end)));
        read_rows.fold((0, 0), |(sum, rows), (_, n)| (sum + n, rows + 1))
    }

    #[test]
    fn mentions_add_up_wherever_the_pointer_is() {
        let size = MENTION_BLOCK;
        let everywhere: Vec<i64> = (1..=size * size * 2 + 9).collect();
        let sparse: Vec<i64> =
            (1..600).map(|n| n * n * 7 % 90_001 * 11).collect::<BTreeSet<_>>().into_iter().collect();
        for mentions in [&everywhere[..], &everywhere[..1], &sparse, &[]] {
            for edge in
                [1, size, size * size, size * size * size, 2 * size * size, 3 * size, 500_000, 990_000]
            {
                for read in [0, edge - 1, edge, edge + 1, edge + size / 2] {
                    let expected = mentions.iter().filter(|&&seq| seq > read).count();
                    let (sum, rows) = mentions_after(mentions, read);
                    assert_eq!(sum, i64::try_from(expected).unwrap(), "after {read} of {}", mentions.len());
                    assert!(rows < 6 * 64 + 8, "{rows} rows after {read}");
                }
            }
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
            let facts = UnreadFacts { last: Seq(3), read: Seq(read), own: 0, mentions: 2, corrections };
            assert_eq!(Counts::derive(facts), Counts::default());
        }
    }
}
