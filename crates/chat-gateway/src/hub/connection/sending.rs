//! Sends the session's own frames: queues them, and writes them unless a shard is about to.

use bytes::Bytes;

use super::{Connection, Flush};

impl Connection {
    /// Queues a frame at the end of the outbox and writes what the socket takes.
    pub(crate) fn send(&self, frame: Bytes) {
        if self.push(frame, None) == Flush::Due {
            self.flush_own();
        }
    }

    /// Sends the answer to a frame, even while the connection is closing.
    pub(crate) fn send_answer(&self, frame: Bytes) {
        if self.push_answer(frame) == Flush::Due {
            self.flush_own();
        }
    }
}
