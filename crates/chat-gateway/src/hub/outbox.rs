//! The queue of frames for one client: bounded, allocated only while something waits, and aware of which messages the
//! client has yet to confirm. Pure state; sockets and locks do not belong here.

pub(super) mod marks;

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;
use chat_core::failpoints;
use chat_core::ids::{ConversationId, Seq};

use super::OutboxLimits;
use marks::Marks;

/// Upper bound for the frames passed to the system in one call.
const SLICES: usize = 64;
/// Capacity above which the queue's memory is freed when it is empty.
const KEPT_CAPACITY: usize = 64;

/// The message that a v1 frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) conversation: ConversationId,
    pub(crate) seq: Seq,
    /// Whether the client's confirmation matters. It does not for messages of its own user.
    pub(crate) confirm: bool,
}

/// Position of a live frame in its stream, which shows whether a replay has delivered it already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamPosition {
    /// Grows from frame to frame: in the v1 stream the message's id, in v2 the log position.
    pub(crate) at: i64,
    /// Only in the v1 stream; clients of v2 confirm by an op.
    pub(crate) delivery: Option<Delivery>,
}

/// Result of queueing a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It is queued; `first` if the queue was empty before.
    Queued { first: bool },
    /// It is held back until the end of the replay.
    Held,
    /// Dropped, because the replay has delivered it already.
    AlreadyGiven,
    /// Dropped, because it would exceed a bound: the client is too slow.
    TooSlow,
}

/// Result of ending a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplayEnd {
    /// Live frames reach the client from now on.
    Live,
    /// Too many live frames arrived during the replay to be held back, so the log must be read further.
    ReadOn,
}

/// The frames of one client.
pub(crate) struct Outbox {
    queue: VecDeque<Bytes>,
    queued_bytes: usize,
    written_of_front: usize,
    /// Bytes that the socket has taken since the connection began.
    written: u64,
    replay: Option<Box<Held>>,
    /// The replay has delivered everything up to this position. A replay may read a commit before its event is
    /// published, so frames up to here may still arrive.
    given: i64,
    /// Position of the last live frame that was queued.
    last_queued: i64,
    greeted: bool,
    marks: Marks,
    unconfirmed: Vec<(ConversationId, Seq)>,
    asked: Vec<(ConversationId, Seq)>,
}

/// Live frames that arrived during the replay.
#[derive(Default)]
struct Held {
    frames: Vec<(Bytes, StreamPosition)>,
    bytes: usize,
    overflowed: bool,
}

impl Outbox {
    /// An empty outbox that holds live frames back until [`Outbox::go_live`].
    pub(crate) fn replaying() -> Self {
        Self {
            queue: VecDeque::new(),
            queued_bytes: 0,
            written_of_front: 0,
            written: 0,
            replay: Some(Box::default()),
            given: i64::MIN,
            last_queued: i64::MIN,
            greeted: false,
            marks: Marks::default(),
            unconfirmed: Vec::new(),
            asked: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Bytes that the socket has taken since the connection began.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Bytes that were queued since the connection began.
    pub(crate) fn position(&self) -> u64 {
        self.written.wrapping_add(u64::try_from(self.queued_bytes).unwrap_or(0))
    }

    /// Position of the last live frame that was queued. Those before it were queued too, or delivered by the replay.
    pub(crate) fn last_queued(&self) -> i64 {
        self.last_queued
    }

    /// Whether the client has had its first frame, which nothing may overtake.
    pub(crate) fn is_greeted(&self) -> bool {
        self.greeted
    }

    /// Whether more than half of the bounds is free.
    pub(crate) fn has_room(&self, limits: OutboxLimits) -> bool {
        self.queue.len() < limits.frames / 2 && self.queued_bytes < limits.bytes / 2
    }

    /// Queues a live frame, or holds it back during a replay.
    pub(crate) fn push_live(
        &mut self,
        frame: &Bytes,
        position: StreamPosition,
        limits: OutboxLimits,
    ) -> Pushed {
        match &mut self.replay {
            _ if position.at <= self.given => Pushed::AlreadyGiven,
            Some(held) => {
                held.push(frame.clone(), position, limits);
                Pushed::Held
            }
            None => {
                let pushed = self.push(frame.clone(), position.delivery, limits);
                if matches!(pushed, Pushed::Queued { .. }) {
                    self.last_queued = position.at;
                }
                pushed
            }
        }
    }

    /// Queues a frame at once: a replayed event, an answer, a notice.
    pub(crate) fn push(&mut self, frame: Bytes, delivery: Option<Delivery>, limits: OutboxLimits) -> Pushed {
        let first = self.queue.is_empty();
        let fits = self.queue.len() < limits.frames && self.queued_bytes + frame.len() <= limits.bytes;
        if !fits && !first && !failpoints::is_broken("no_queue_bound") {
            return Pushed::TooSlow;
        }
        self.greeted = true;
        self.queued_bytes += frame.len();
        self.queue.push_back(frame);
        if let Some(delivery) = delivery.filter(|delivery| delivery.confirm) {
            note(&mut self.unconfirmed, delivery.conversation, delivery.seq);
        }
        if let Some(ping) = self.marks.due(self.position()) {
            self.queued_bytes += ping.len();
            self.queue.push_back(ping);
        }
        Pushed::Queued { first }
    }

    /// Replaces everything that waits by `frame`, regardless of the bounds; for the close frame.
    pub(crate) fn replace_all(&mut self, frame: Bytes) {
        // A partly written frame must be finished, or the close frame would land inside it.
        let keep = usize::from(self.written_of_front > 0);
        self.queue.truncate(keep);
        self.queue.push_back(frame);
        self.queued_bytes = self.queue.iter().map(Bytes::len).sum::<usize>() - self.written_of_front;
        self.replay = None;
    }

    /// Queues a frame at the end, regardless of the bounds. Frames that are held back are dropped.
    pub(crate) fn append(&mut self, frame: Bytes) {
        self.queued_bytes += frame.len();
        self.queue.push_back(frame);
        self.replay = None;
    }

    /// Ends the replay, which has delivered everything up to `given`: queues `last`, then what was held back.
    pub(crate) fn go_live(&mut self, given: i64, last: Option<Bytes>, limits: OutboxLimits) -> ReplayEnd {
        match &mut self.replay {
            Some(held) if held.overflowed => {
                held.overflowed = false;
                return ReplayEnd::ReadOn;
            }
            _ => {}
        }
        self.given = given;
        if let Some(last) = last {
            let _ = self.push(last, None, limits);
        }
        let held = self.replay.take().map(|held| held.frames).unwrap_or_default();
        for (frame, position) in held {
            // Neither push exceeds a bound: `Held` kept to the same bounds, and the queue was drained before.
            let _ = self.push_live(&frame, position, limits);
        }
        ReplayEnd::Live
    }

    /// Calls `write` with the beginning of the queue.
    pub(crate) fn with_slices<T>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = 0;
        for (slot, frame) in slices.iter_mut().zip(&self.queue) {
            let from = if count == 0 { self.written_of_front } else { 0 };
            *slot = IoSlice::new(frame.get(from..).unwrap_or_default());
            count += 1;
        }
        write(slices.get(..count).unwrap_or_default())
    }

    /// Removes written bytes from the queue.
    pub(crate) fn advance(&mut self, mut bytes: usize) {
        self.written = self.written.wrapping_add(u64::try_from(bytes).unwrap_or(0));
        self.queued_bytes = self.queued_bytes.saturating_sub(bytes);
        while let Some(front) = self.queue.front() {
            let left = front.len() - self.written_of_front;
            if bytes < left {
                self.written_of_front += bytes;
                return;
            }
            bytes -= left;
            self.written_of_front = 0;
            self.queue.pop_front();
        }
        if self.queue.capacity() > KEPT_CAPACITY {
            self.queue = VecDeque::new();
        }
    }

    /// Frees memory that is not in use.
    pub(crate) fn free_unused(&mut self) {
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
        if self.unconfirmed.is_empty() {
            self.unconfirmed = Vec::new();
        }
        self.marks.free_unused();
    }

    pub(crate) fn has_unconfirmed(&self) -> bool {
        !self.unconfirmed.is_empty()
    }

    /// Notes that a ping was queued behind all messages so far: its answer will confirm them.
    pub(crate) fn ask(&mut self) {
        for (conversation, seq) in std::mem::take(&mut self.unconfirmed) {
            note(&mut self.asked, conversation, seq);
        }
    }

    /// Gives up on the ping's answer; the next ping asks for the same confirmations.
    pub(crate) fn ask_again(&mut self) {
        for (conversation, seq) in std::mem::take(&mut self.asked) {
            note(&mut self.unconfirmed, conversation, seq);
        }
    }

    /// Handles a pong. `Some`: it answers a ping between frames, and the client has read everything up to this
    /// position.
    pub(crate) fn came_to(&mut self, payload: &[u8]) -> Option<u64> {
        self.marks.answered(payload, self.written)
    }

    /// Notes that the client has read everything up to this position, as another ping's answer shows.
    pub(crate) fn passed(&mut self, position: u64) {
        self.marks.passed(position);
    }

    /// Position of the next ping between frames that the client will reach.
    pub(crate) fn next_mark(&self) -> Option<u64> {
        self.marks.next()
    }

    /// Handles the answer to the ping: returns the messages that it confirms.
    pub(crate) fn confirmed(&mut self) -> Vec<(ConversationId, Seq)> {
        std::mem::take(&mut self.asked)
    }
}

impl Held {
    fn push(&mut self, frame: Bytes, position: StreamPosition, limits: OutboxLimits) {
        if self.overflowed {
            return;
        }
        self.bytes += frame.len();
        self.frames.push((frame, position));
        if self.frames.len() >= limits.frames || self.bytes > limits.bytes {
            *self = Self { overflowed: true, ..Self::default() };
        }
    }
}

fn note(pointers: &mut Vec<(ConversationId, Seq)>, conversation: ConversationId, seq: Seq) {
    match pointers.iter_mut().rev().find(|(known, _)| *known == conversation) {
        Some((_, last)) => *last = seq.max(*last),
        None => pointers.push((conversation, seq)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: OutboxLimits = OutboxLimits { frames: 3, bytes: 100 };

    fn frame(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    fn stream_position(seq: i64, confirm: bool) -> StreamPosition {
        let delivery = Delivery { conversation: ConversationId(1), seq: Seq(seq), confirm };
        StreamPosition { at: seq, delivery: Some(delivery) }
    }

    fn delivery(seq: i64) -> StreamPosition {
        stream_position(seq, true)
    }

    fn live() -> Outbox {
        let mut outbox = Outbox::replaying();
        assert_eq!(outbox.go_live(0, None, LIMITS), ReplayEnd::Live);
        outbox
    }

    fn waiting(outbox: &Outbox) -> String {
        outbox.with_slices(|slices| slices.iter().map(|slice| String::from_utf8_lossy(slice)).collect())
    }

    #[test]
    fn partial_writes_continue_where_they_stopped() {
        let mut outbox = live();
        for text in ["abc", "def"] {
            outbox.push(frame(text), None, LIMITS);
        }
        outbox.advance(2);
        assert_eq!(waiting(&outbox), "cdef");
        outbox.advance(2);
        assert_eq!(waiting(&outbox), "ef");
        outbox.advance(2);
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_full_queue_means_too_slow_and_takes_nothing_more() {
        let mut outbox = live();
        assert_eq!(outbox.push(frame("a"), None, LIMITS), Pushed::Queued { first: true });
        assert_eq!(outbox.push(frame("b"), None, LIMITS), Pushed::Queued { first: false });
        outbox.push(frame("c"), None, LIMITS);
        assert_eq!(outbox.push(frame("d"), None, LIMITS), Pushed::TooSlow);
        assert_eq!(waiting(&outbox), "abc");
        outbox.advance(3);
        let big = Bytes::from(vec![b'x'; 99]);
        outbox.push(big, None, LIMITS);
        assert_eq!(outbox.push(frame("yy"), None, LIMITS), Pushed::TooSlow);
    }

    #[test]
    fn the_close_frame_never_lands_inside_a_frame() {
        let mut outbox = live();
        outbox.push(frame("abc"), None, LIMITS);
        outbox.push(frame("def"), None, LIMITS);
        outbox.advance(1);
        outbox.replace_all(frame("bye"));
        assert_eq!(waiting(&outbox), "bcbye");
        outbox.advance(5);
        assert!(outbox.is_empty());
    }

    #[test]
    fn live_messages_wait_for_the_replay_and_come_once() {
        let mut outbox = Outbox::replaying();
        assert_eq!(outbox.push_live(&frame("1"), delivery(1), LIMITS), Pushed::Held);
        assert_eq!(outbox.push_live(&frame("2"), delivery(2), LIMITS), Pushed::Held);
        assert_eq!(outbox.go_live(1, None, LIMITS), ReplayEnd::Live);
        assert_eq!(waiting(&outbox), "2");
        assert_eq!(outbox.push_live(&frame("3"), delivery(3), LIMITS), Pushed::Queued { first: false });
    }

    #[test]
    fn what_the_replay_has_given_is_not_repeated_when_it_is_announced_later() {
        let mut outbox = Outbox::replaying();
        assert_eq!(outbox.go_live(2, None, LIMITS), ReplayEnd::Live);
        for (text, seq) in [("1", 1), ("2", 2), ("3", 3)] {
            outbox.push_live(&frame(text), delivery(seq), LIMITS);
        }
        assert_eq!(waiting(&outbox), "3");
    }

    #[test]
    fn a_client_is_greeted_by_its_first_frame_and_not_by_what_is_held_back() {
        let mut outbox = Outbox::replaying();
        outbox.push_live(&frame("1"), delivery(1), LIMITS);
        assert!(!outbox.is_greeted());
        outbox.push(frame("welcome"), None, LIMITS);
        assert!(outbox.is_greeted());
    }

    #[test]
    fn too_much_during_a_replay_asks_for_another_reading() {
        let mut outbox = Outbox::replaying();
        for seq in 1..=5 {
            outbox.push_live(&frame("x"), delivery(seq), LIMITS);
        }
        assert_eq!(outbox.go_live(0, None, LIMITS), ReplayEnd::ReadOn);
        outbox.push_live(&frame("6"), delivery(6), LIMITS);
        assert_eq!(outbox.go_live(5, None, LIMITS), ReplayEnd::Live);
        assert_eq!(waiting(&outbox), "6");
    }

    #[test]
    fn an_answered_ping_confirms_what_was_queued_before_it_and_nothing_later() {
        let mut outbox = live();
        outbox.push_live(&frame("1"), delivery(1), LIMITS);
        outbox.push_live(&frame("2"), delivery(2), LIMITS);
        outbox.ask();
        outbox.push_live(&frame("3"), delivery(3), LIMITS);
        assert_eq!(outbox.confirmed(), [(ConversationId(1), Seq(2))]);
        assert_eq!(outbox.confirmed(), []);
        outbox.ask();
        assert_eq!(outbox.confirmed(), [(ConversationId(1), Seq(3))]);
    }

    #[test]
    fn what_was_asked_in_vain_is_asked_again() {
        let mut outbox = live();
        outbox.push_live(&frame("1"), delivery(1), LIMITS);
        outbox.ask();
        assert!(!outbox.has_unconfirmed());
        outbox.ask_again();
        assert!(outbox.has_unconfirmed());
        outbox.ask();
        assert_eq!(outbox.confirmed(), [(ConversationId(1), Seq(1))]);
    }

    #[test]
    fn own_messages_need_no_confirmation() {
        let mut outbox = live();
        outbox.push_live(&frame("1"), stream_position(1, false), LIMITS);
        assert!(!outbox.has_unconfirmed());
    }
}
