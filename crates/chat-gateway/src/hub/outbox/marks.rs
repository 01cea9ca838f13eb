//! Pings between the frames by which it is seen how far a client has come: a single one behind much is answered only when all
//! of that is taken, and until then a client that reads slowly would look dead. Pure state.

use std::collections::VecDeque;

use bytes::Bytes;
use chat_websocket::{Opcode, encode};

/// After so many bytes there is one; a frame is never cut for it.
pub(in crate::hub) const EVERY: u64 = 64 * 1024;
/// Most that wait for their answer. A client that never gives one is sent no more of them.
const MOST: usize = 256;

/// The positions of those that are not answered, and of the last one.
#[derive(Debug, Default)]
pub(super) struct Marks {
    open: VecDeque<u64>,
    last: u64,
}

impl Marks {
    /// The ping that is to be queued at this position, if one is due.
    pub(super) fn due(&mut self, position: u64) -> Option<Bytes> {
        if position.saturating_sub(self.last) < EVERY || self.open.len() >= MOST {
            return None;
        }
        self.last = position;
        self.open.push_back(position);
        Some(encode(Opcode::Ping, &position.to_be_bytes()))
    }

    /// A pong came. `Some`: the client has taken everything up to there. It may answer the newest of several alone (RFC 6455,
    /// section 5.5.3). Whoever answers what has yet to be written guesses.
    pub(super) fn answered(&mut self, payload: &[u8], written: u64) -> Option<u64> {
        let position = u64::from_be_bytes(payload.try_into().ok()?);
        if position >= written {
            return None;
        }
        let number = self.open.iter().position(|open| *open == position)?;
        self.open.drain(..=number);
        Some(position)
    }

    /// By another way it is known that the client has taken everything up to there.
    pub(super) fn passed(&mut self, position: u64) {
        while self.open.pop_front_if(|open| *open <= position).is_some() {}
    }

    /// The next one that the client comes to.
    pub(super) fn next(&self) -> Option<u64> {
        self.open.front().copied()
    }

    /// Gives memory back if nothing waits.
    pub(super) fn relax(&mut self) {
        if self.open.is_empty() {
            self.open = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_due_after_so_many_bytes_and_answers_may_leave_some_out() {
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
    fn a_client_that_never_answers_is_asked_so_often_and_no_more() {
        let mut marks = Marks::default();
        let due = (1..10_000).filter(|step| marks.due(step * EVERY).is_some()).count();
        assert_eq!(due, MOST);
        assert!(marks.answered(&EVERY.to_be_bytes(), u64::MAX).is_some());
        assert!(marks.due(20_000 * EVERY).is_some());
    }
}
