//! Jumping to a date: the place of a moment in a conversation, and the page around it. Reading ranges by `seq` is in
//! `messages.rs`; nothing here knows a conversation's messages without looking them up.

use async_trait::async_trait;

use crate::Chat;
use crate::error::Result;
use crate::ids::{ConversationId, MessageId, Seq, UserId};
use crate::messages::{Message, MessageRange, Start};
use crate::time::Timestamp;

/// Selects the page of a conversation around a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatePage {
    /// Only the replies in the thread of this message, without the root itself.
    pub thread: Option<MessageId>,
    /// The moment.
    pub at: Timestamp,
    /// Maximum number of messages, 1 to [`MAX_PAGE`](crate::messages::MAX_PAGE).
    pub limit: u16,
}

/// Returns the place of a moment: a `seq` whose message was sent at the moment or later, while the message before it
/// was sent earlier. Returns 1 if all messages were sent later, and the `seq` after `last` if all were sent earlier.
///
/// There is one such place if the times of messages grow with their `seq`. Times go back where a clock was set back or
/// the clocks of nodes differ; of several places, one is returned, always the same for the same messages.
///
/// `message_from` returns the first message at a `seq` or later, with its time. Of n messages it looks up at most
/// ⌈log₂(n + 1)⌉.
pub fn place_of<E>(
    at: Timestamp,
    last: Seq,
    mut message_from: impl FnMut(Seq) -> std::result::Result<Option<(Seq, Timestamp)>, E>,
) -> std::result::Result<Seq, E> {
    // The place is in low..=high.
    let (mut low, mut high) = (1, last.0.saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        match message_from(Seq(middle))? {
            Some((Seq(seq), sent_at)) if sent_at < at => low = seq + 1,
            _ => high = middle,
        }
    }
    Ok(Seq(low))
}

impl DatePage {
    /// Reads the page around the moment's place, oldest first. At most half of it are messages before the place, unless
    /// there are too few others to fill it. `read` returns the messages of a range that the reader may see.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn read<E>(
        &self,
        place: Seq,
        mut read: impl FnMut(MessageRange) -> std::result::Result<Vec<Message>, E>,
    ) -> std::result::Result<Vec<Message>, E> {
        let range = |from, limit| MessageRange { thread: self.thread, from, limit };
        let later = read(range(Start::After(Seq(place.0 - 1)), self.limit))?;
        let missing = self.limit.saturating_sub(u16::try_from(later.len()).unwrap_or(u16::MAX));
        let mut page = match missing.max(self.limit / 2) {
            0 => Vec::new(),
            limit => read(range(Start::Before(place), limit))?,
        };
        page.extend(later);
        page.truncate(usize::from(self.limit));
        Ok(page)
    }
}

/// The durable side of jumping to a date.
#[async_trait]
pub trait DateStore: Send + Sync + 'static {
    /// Returns the page around a moment, from one snapshot, as [`place_of`] and [`DatePage::read`] find it. MUST NOT
    /// return messages that the reader has hidden, and MUST answer `NotFound` to users who are not members.
    async fn read_around(
        &self,
        reader: UserId,
        conversation: ConversationId,
        page: DatePage,
    ) -> Result<Vec<Message>>;
}

impl Chat {
    /// Returns the page of a conversation around a moment, oldest first, for a member.
    pub async fn read_around(
        &self,
        reader: UserId,
        conversation: ConversationId,
        page: DatePage,
    ) -> Result<Vec<Message>> {
        self.store.read_around(reader, conversation, page).await
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::sample;

    /// Returns the place of a moment among messages sent at these times, and how many were looked up.
    fn place(times: &[i64], at: i64) -> (usize, u32) {
        let mut n_looked_up = 0;
        let place = place_of(Timestamp(at), Seq(i64::try_from(times.len()).unwrap()), |seq| {
            n_looked_up += 1;
            let time = usize::try_from(seq.0).ok().and_then(|seq| times.get(seq - 1));
            Ok::<_, Infallible>(time.map(|time| (seq, Timestamp(*time))))
        });
        let Ok(Seq(place)) = place;
        (usize::try_from(place).unwrap(), n_looked_up)
    }

    #[test]
    fn the_place_is_that_of_the_first_message_sent_then_or_later() {
        let times = [10, 20, 20, 20, 30];
        for (at, wanted) in
            [(i64::MIN, 1), (10, 1), (11, 2), (20, 2), (21, 5), (30, 5), (31, 6), (i64::MAX, 6)]
        {
            assert_eq!(place(&times, at).0, wanted, "{at}");
        }
        assert_eq!(place(&[], 10), (1, 0));
    }

    #[test]
    fn ten_million_messages_take_24_look_ups() {
        const N: i64 = 10_000_000;
        for at in [i64::MIN, 1, 2, 4_999_999, 7_654_321, N, N + 1, i64::MAX] {
            let mut n_looked_up = 0;
            let place = place_of(Timestamp(at), Seq(N), |seq| {
                n_looked_up += 1;
                Ok::<_, Infallible>(Some((seq, Timestamp(seq.0))))
            });
            assert_eq!(place, Ok(Seq(at.clamp(1, N + 1))));
            assert!(n_looked_up <= 24, "{n_looked_up} for {at}");
        }
    }

    #[test]
    fn a_seq_without_a_message_is_passed_over() {
        let messages = [(4, 10), (9, 20)];
        let place = |at| {
            place_of(Timestamp(at), Seq(12), |seq| {
                let found = messages.iter().find(|(number, _)| *number >= seq.0);
                Ok::<_, Infallible>(found.map(|(number, time)| (Seq(*number), Timestamp(*time))))
            })
        };
        for (at, places) in [(10, 1..=4), (11, 5..=9), (20, 5..=9), (21, 10..=13)] {
            let Ok(Seq(found)) = place(at);
            assert!(places.contains(&found), "{found} for {at}");
        }
    }

    proptest! {
        #[test]
        fn a_place_is_where_the_scan_finds_it(mut times in prop::collection::vec(0..50_i64, 0..80), at in -1..51_i64) {
            times.sort_unstable();
            let scanned = times.iter().position(|time| *time >= at).unwrap_or(times.len()) + 1;
            let (found, n_looked_up) = place(&times, at);
            prop_assert_eq!(found, scanned);
            prop_assert!(n_looked_up <= (times.len() + 1).next_power_of_two().ilog2());
        }

        #[test]
        fn a_place_has_earlier_before_it_and_later_at_it_if_clocks_went_back(
            times in prop::collection::vec(0..50_i64, 0..80),
            at in -1..51_i64,
        ) {
            let (found, _) = place(&times, at);
            prop_assert!(found == 1 || times[found - 2] < at);
            prop_assert!(found > times.len() || times[found - 1] >= at);
        }
    }

    #[test]
    fn a_page_has_as_many_before_as_after_and_is_full_if_there_are_enough() {
        // 20 messages; the reader has hidden 4 and 13.
        let read = |range: MessageRange| {
            assert_eq!(range.thread, Some(MessageId(7)));
            let (after, before) = range.bounds();
            let visible = (1..=20).filter(|seq| ![4, 13].contains(seq) && *seq > after && *seq < before);
            let mut found: Vec<_> =
                visible.map(|seq| Message { seq: Seq(seq), ..sample::text("hi") }).collect();
            let limit = usize::from(range.limit);
            assert!(limit > 0);
            match range.is_forward() {
                true => found.truncate(limit),
                false => found = found.split_off(found.len().saturating_sub(limit)),
            }
            Ok::<_, Infallible>(found)
        };
        for (place, limit, wanted) in [
            (10, 4, vec![8, 9, 10, 11]),
            (10, 5, vec![8, 9, 10, 11, 12]),
            (13, 4, vec![11, 12, 14, 15]),
            (5, 5, vec![2, 3, 5, 6, 7]),
            (1, 4, vec![1, 2, 3, 5]),
            (2, 4, vec![1, 2, 3, 5]),
            (20, 4, vec![17, 18, 19, 20]),
            (21, 4, vec![17, 18, 19, 20]),
            (10, 1, vec![10]),
            (21, 1, vec![20]),
        ] {
            let page = DatePage { thread: Some(MessageId(7)), at: Timestamp(0), limit };
            let Ok(found) = page.read(Seq(place), read);
            let found: Vec<_> = found.iter().map(|message| message.seq.0).collect();
            assert_eq!(found, wanted, "{limit} around {place}");
        }
    }
}
