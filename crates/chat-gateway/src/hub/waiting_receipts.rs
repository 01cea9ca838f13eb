//! Receipts of groups that wait up to a second for others, for clients with lean frames: of a message that a hundred
//! members read, each client gets one frame instead of a hundred. Pure state; sockets do not belong here.
//!
//! A frame with a cursor promises that everything before it has been sent. So a connection gets its waiting receipts
//! before any such frame ([`WaitingReceipts::take`]), and the frame of receipts has no cursor.
//!
//! A client that reads everything must not be taken for a slow one because much waited for it: what it lacks is bounded
//! ([`MAX_LACKING`]), and joins its queue as one entry.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chat_core::ids::{ConversationId, Position};
use chat_core::receipts::Receipt;
use chat_websocket::Deflate;
use tokio::time::Instant;

use super::shared_frame::SharedFrame;
use crate::wire;

/// Longest time that a receipt waits.
pub(super) const WAIT: Duration = Duration::from_secs(1);
/// Upper bound for the receipts of a group that wait.
const MAX_WAITING: usize = 1000;
/// Upper bound for the groups of which a connection lacks receipts. Those of further groups do not wait.
const MAX_LACKING: usize = 256;

/// The receipts of a shard that wait.
#[derive(Default)]
pub(super) struct WaitingReceipts {
    groups: HashMap<ConversationId, Gathered>,
    /// By connection: what it lacks.
    lacking: HashMap<u64, Vec<Lacking>>,
    /// The groups in the order in which their time is over.
    due: VecDeque<(Instant, ConversationId)>,
    /// Number of the next gathering.
    next_number: u64,
}

/// What a connection lacks of a group.
struct Lacking {
    group: ConversationId,
    /// Number of the gathering. A connection that left the group may lack some of one that is over.
    number: u64,
    /// Index of the first receipt.
    from: usize,
}

/// A frame of receipts, and the position of the last of them.
pub(super) type Frame = (Bytes, Position);

/// The receipts of a group that wait, in log order.
struct Gathered {
    number: u64,
    due: Instant,
    receipts: Vec<Receipt>,
    up_to: Position,
    /// The frames that were encoded since the last receipt arrived, by the index of their first receipt.
    frames: HashMap<usize, SharedFrame>,
}

impl Gathered {
    fn frame(&mut self, from: usize, deflate: Option<Deflate>) -> Option<Frame> {
        let receipts = self.receipts.get(from..).filter(|receipts| !receipts.is_empty())?;
        let encode = || SharedFrame::new(wire::v2::frame(&chat_wire::v2::gathered(receipts)));
        let frame = self.frames.entry(from).or_insert_with(encode).bytes(deflate);
        Some((frame, self.up_to))
    }
}

impl WaitingReceipts {
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The next time at which a group's receipts have waited long enough.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.front().map(|(due, _)| *due)
    }

    /// Notes that a connection lacks the receipts of a group that are added from now on. `false`: it lacks those of too
    /// many groups already.
    pub(super) fn lacks(&mut self, connection: u64, group: ConversationId) -> bool {
        let begun = self.groups.get(&group).map(|gathered| (gathered.number, gathered.receipts.len()));
        let (number, from) = begun.unwrap_or((self.next_number, 0));
        let lacking = self.lacking.entry(connection).or_default();
        let new = Lacking { group, number, from };
        match lacking.iter().position(|known| known.group == group) {
            None if lacking.len() >= MAX_LACKING => return false,
            None => lacking.push(new),
            Some(index) => {
                if let Some(known) = lacking.get_mut(index).filter(|known| known.number != number) {
                    *known = new;
                }
            }
        }
        true
    }

    /// Adds receipts of a group that some connections lack. Returns whether too many wait now.
    pub(super) fn add(
        &mut self,
        group: ConversationId,
        receipts: &[Receipt],
        position: Position,
        now: Instant,
    ) -> bool {
        let (due, next_number) = (&mut self.due, &mut self.next_number);
        let gathered = self.groups.entry(group).or_insert_with(|| {
            let until = now + WAIT;
            due.push_back((until, group));
            let number = *next_number;
            *next_number += 1;
            Gathered { number, due: until, receipts: Vec::new(), up_to: position, frames: HashMap::new() }
        });
        gathered.receipts.extend_from_slice(receipts);
        gathered.up_to = position;
        gathered.frames.clear();
        gathered.receipts.len() >= MAX_WAITING
    }

    /// Takes the frames that a connection lacks, concatenated in log order, before it gets a frame with a cursor.
    pub(super) fn take(&mut self, connection: u64, deflate: Option<Deflate>) -> Option<Frame> {
        let lacking = self.lacking.remove(&connection)?;
        let mut frames: Vec<_> = lacking.iter().filter_map(|lacking| self.frame(lacking, deflate)).collect();
        frames.sort_by_key(|(_, up_to)| *up_to);
        if frames.len() < 2 {
            return frames.pop();
        }
        let (_, last) = *frames.last()?;
        let mut bytes = BytesMut::new();
        frames.iter().for_each(|(frame, _)| bytes.extend_from_slice(frame));
        Some((bytes.freeze(), last))
    }

    /// Takes the frame of one group that a connection lacks.
    pub(super) fn take_of(
        &mut self,
        group: ConversationId,
        connection: u64,
        deflate: Option<Deflate>,
    ) -> Option<Frame> {
        let lacking = self.lacking.get_mut(&connection)?;
        let index = lacking.iter().position(|known| known.group == group)?;
        let taken = lacking.swap_remove(index);
        if lacking.is_empty() {
            self.lacking.remove(&connection);
        }
        self.frame(&taken, deflate)
    }

    fn frame(&mut self, lacking: &Lacking, deflate: Option<Deflate>) -> Option<Frame> {
        let gathered = self.groups.get_mut(&lacking.group)?;
        if gathered.number == lacking.number { gathered.frame(lacking.from, deflate) } else { None }
    }

    /// The next group whose receipts have waited long enough. They stay until [`WaitingReceipts::sent`].
    pub(super) fn due(&mut self, now: Instant) -> Option<ConversationId> {
        while let Some((due, group)) = self.due.pop_front_if(|(due, _)| *due <= now) {
            // The group's receipts may have been sent before their time, and others may wait since.
            if self.groups.get(&group).is_some_and(|gathered| gathered.due == due) {
                return Some(group);
            }
        }
        None
    }

    /// Forgets the receipts of a group: every connection has them.
    pub(super) fn sent(&mut self, group: ConversationId) {
        self.groups.remove(&group);
    }

    /// Forgets a connection that has ended.
    pub(super) fn forget(&mut self, connection: u64) {
        self.lacking.remove(&connection);
    }
}

#[cfg(test)]
mod tests {
    use chat_core::conversations::Audience;
    use chat_core::ids::{Seq, UserId};
    use chat_core::receipts::Pointers;
    use chat_websocket::{Decoder, Incoming, Role};
    use serde_json::Value;

    use super::*;

    const CHEESE: ConversationId = ConversationId(7);
    const MICE: ConversationId = ConversationId(8);

    fn receipt(group: ConversationId, user: i64, seq: i64) -> Receipt {
        Receipt {
            user: UserId(user),
            conversation: group,
            pointers: Pointers { delivered: Seq(seq), read: Seq(0) },
            audience: Audience::Group(group),
            counts: None,
        }
    }

    /// The conversation and the members of each frame.
    fn members<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Vec<(i64, Vec<i64>)> {
        let mut members = Vec::new();
        let mut note = |text: &str| {
            let frame: Value = serde_json::from_str(text).unwrap();
            assert_eq!(frame.get("cursor"), None);
            let users = frame["receipts"].as_array().unwrap().iter();
            let users = users.map(|receipt| receipt["user_id"].as_i64().unwrap()).collect();
            members.push((frame["conversation_id"].as_i64().unwrap(), users));
        };
        for (bytes, _) in frames {
            let fed =
                Decoder::new(Role::Client, 1 << 20).feed(&mut bytes.to_vec(), |incoming| match incoming {
                    Incoming::Text(text) => note(text),
                    other => panic!("{other:?}"),
                });
            fed.unwrap();
        }
        members
    }

    fn add(waiting: &mut WaitingReceipts, group: ConversationId, position: i64, now: Instant) {
        for connection in [1, 2] {
            assert!(waiting.lacks(connection, group));
        }
        waiting.add(group, &[receipt(group, position, position)], Position(position), now);
    }

    #[tokio::test]
    async fn what_comes_within_a_second_is_one_frame_for_all() {
        let (mut waiting, now) = (WaitingReceipts::default(), Instant::now());
        assert_eq!(waiting.next_due(), None);
        for (position, after_ms) in [(1, 300), (2, 600), (3, 900)] {
            add(&mut waiting, CHEESE, position, now + Duration::from_millis(after_ms));
        }
        assert_eq!(waiting.next_due(), Some(now + Duration::from_millis(1300)));
        assert_eq!(waiting.due(now + Duration::from_millis(1299)), None);
        assert_eq!(waiting.due(now + Duration::from_millis(1300)), Some(CHEESE));
        let frames = [1, 2].map(|connection| waiting.take_of(CHEESE, connection, None).unwrap());
        assert_eq!(members(&frames), [(7, vec![1, 2, 3]), (7, vec![1, 2, 3])]);
        assert_eq!(frames[0].0.as_ptr(), frames[1].0.as_ptr(), "encoded once");
        waiting.sent(CHEESE);
        assert!(waiting.is_empty() && waiting.lacking.is_empty() && waiting.due.is_empty());
    }

    #[tokio::test]
    async fn a_connection_gets_all_it_lacks_before_another_frame_and_nothing_twice() {
        let (mut waiting, now) = (WaitingReceipts::default(), Instant::now());
        add(&mut waiting, CHEESE, 1, now);
        add(&mut waiting, MICE, 2, now);
        add(&mut waiting, CHEESE, 3, now);
        assert_eq!(members(&waiting.take(1, None)), [(8, vec![2]), (7, vec![1, 3])], "in log order");
        assert_eq!(waiting.take(1, None), None);
        add(&mut waiting, CHEESE, 4, now);
        assert_eq!(waiting.due(now + WAIT), Some(CHEESE));
        let frames = [1, 2].map(|connection| waiting.take_of(CHEESE, connection, None).unwrap());
        assert_eq!(members(&frames), [(7, vec![4]), (7, vec![1, 3, 4])]);
        assert_eq!(waiting.take_of(CHEESE, 3, None), None, "it came later");
    }

    #[tokio::test]
    async fn what_was_sent_before_its_time_is_not_due() {
        let (mut waiting, now) = (WaitingReceipts::default(), Instant::now());
        add(&mut waiting, CHEESE, 1, now);
        waiting.take(1, None);
        waiting.take(2, None);
        waiting.sent(CHEESE);
        let later = now + Duration::from_millis(500);
        add(&mut waiting, CHEESE, 2, later);
        assert_eq!(waiting.due(now + WAIT), None);
        assert_eq!(waiting.due(later + WAIT), Some(CHEESE));
    }

    #[tokio::test]
    async fn a_connection_that_left_and_came_back_lacks_what_comes_then() {
        let (mut waiting, now) = (WaitingReceipts::default(), Instant::now());
        add(&mut waiting, CHEESE, 1, now);
        add(&mut waiting, CHEESE, 2, now);
        waiting.sent(CHEESE);
        assert_eq!(waiting.take(1, None), None);
        add(&mut waiting, CHEESE, 3, now);
        let frames = [1, 2].map(|connection| waiting.take_of(CHEESE, connection, None).unwrap());
        assert_eq!(members(&frames), [(7, vec![3]), (7, vec![3])]);
    }

    #[tokio::test]
    async fn no_more_wait_than_the_bound() {
        let (mut waiting, now) = (WaitingReceipts::default(), Instant::now());
        assert!(waiting.lacks(1, CHEESE));
        let many = vec![receipt(CHEESE, 1, 1); MAX_WAITING - 1];
        assert!(!waiting.add(CHEESE, &many, Position(1), now));
        assert!(waiting.add(CHEESE, &many[..1], Position(2), now));
    }

    #[tokio::test]
    async fn of_very_many_groups_a_connection_lacks_some() {
        let (mut waiting, now) = (WaitingReceipts::default(), Instant::now());
        let groups = (1..).take(MAX_LACKING).map(ConversationId);
        for group in groups.clone() {
            add(&mut waiting, group, group.0, now);
        }
        let further = ConversationId(0);
        assert!(!waiting.lacks(1, further));
        assert!(waiting.lacks(1, CHEESE), "it lacks some of this group already");
        let all: Vec<_> = groups.map(|group| (group.0, vec![group.0])).collect();
        assert_eq!(members(&waiting.take(1, None)), all, "in one entry of its queue");
        assert!(waiting.lacks(1, further));
    }
}
