//! Pings between frames, which show how far a client has read. A single ping behind a long queue is answered only when
//! all of the queue is read; until then a slow client would look dead. Pure state.

use std::collections::VecDeque;

use bytes::Bytes;
use chat_websocket::{Opcode, encode};

/// Bytes between two pings; a frame is never split for one.
pub(in crate::hub) const EVERY: u64 = 64 * 1024;
/// Upper bound for the unanswered pings. A client that never answers gets no more of them.
const MAX_OPEN: usize = 256;

/// Positions of the unanswered pings, and of the last one.
#[derive(Debug, Default)]
pub(super) struct Marks {
    open: VecDeque<u64>,
    last: u64,
}

impl Marks {
    /// The ping to be queued at this position, if one is due.
    pub(super) fn due(&mut self, position: u64) -> Option<Bytes> {
        if position.saturating_sub(self.last) < EVERY || self.open.len() >= MAX_OPEN {
            return None;
        }
        self.last = position;
        self.open.push_back(position);
        Some(encode(Opcode::Ping, &position.to_be_bytes()))
    }

    /// Handles a pong. `Some`: the client has read everything up to this position. It may answer only the newest of
    /// several pings (RFC 6455, section 5.5.3). An answer to a ping that is not written yet is a guess and ignored.
    pub(super) fn answered(&mut self, payload: &[u8], written: u64) -> Option<u64> {
        let position = u64::from_be_bytes(payload.try_into().ok()?);
        if position >= written {
            return None;
        }
        let number = self.open.iter().position(|open| *open == position)?;
        self.open.drain(..=number);
        Some(position)
    }

    /// Notes that the client has read everything up to this position, as something else shows.
    pub(super) fn passed(&mut self, position: u64) {
        while self.open.pop_front_if(|open| *open <= position).is_some() {}
    }

    /// Position of the next ping that the client will reach.
    pub(super) fn next(&self) -> Option<u64> {
        self.open.front().copied()
    }

    /// Frees memory that is not in use.
    pub(super) fn free_unused(&mut self) {
        if self.open.is_empty() {
            self.open = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_due_at_fixed_distances_and_answers_may_leave_some_out() {
        let mut marks = Marks::default();
        let due: Vec<_> = (0..10).filter(|step| marks.due(step * EVERY / 2).is_some()).collect();
        assert_eq!(due, [2, 4, 6, 8]);
        assert_eq!(marks.next(), Some(EVERY));
        let written = 10 * EVERY;
        assert_eq!(marks.answered(&(EVERY + 1).to_be_bytes(), written), None);
        assert_eq!(marks.answered(b"four", written), None);
        assert_eq!(marks.answered(&(2 * EVERY).to_be_bytes(), 2 * EVERY), None, "it was not written yet");
        assert_eq!(marks.answered(&(2 * EVERY).to_be_bytes(), written), Some(2 * EVERY));
        assert_eq!(marks.next(), Some(3 * EVERY));
        assert_eq!(marks.answered(&EVERY.to_be_bytes(), written), None, "an older one says nothing new");
        marks.passed(3 * EVERY);
        assert_eq!(marks.next(), Some(4 * EVERY));
    }

    #[test]
    fn the_pings_of_a_client_that_never_answers_are_bounded() {
        let mut marks = Marks::default();
        let due = (1..10_000).filter(|step| marks.due(step * EVERY).is_some()).count();
        assert_eq!(due, MAX_OPEN);
        assert!(marks.answered(&EVERY.to_be_bytes(), u64::MAX).is_some());
        assert!(marks.due(20_000 * EVERY).is_some());
    }
}
