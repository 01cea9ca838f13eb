//! A v1 client's own messages that it has not received yet. They reach it through the hub, which queues nothing for a
//! connection that is closing. Messages that were stored but not delivered by then are sent from here; otherwise a
//! correct client would send them again.

use std::collections::VecDeque;

use chat_core::messages::Message;

/// Upper bound for the kept messages; the hub is never that far behind.
const MAX_MESSAGES: usize = 1000;
/// Upper bound for their content, in bytes.
const MAX_BYTES: usize = 1024 * 1024;

/// A client's own new messages, in the order in which they were stored.
#[derive(Default)]
pub(super) struct Undelivered {
    messages: VecDeque<Message>,
    bytes: usize,
}

impl Undelivered {
    /// Adds a stored message. Drops the oldest ones above the bounds.
    pub(super) fn note(&mut self, message: Message) {
        self.bytes += message.content.len();
        self.messages.push_back(message);
        while self.messages.len() > MAX_MESSAGES || self.bytes > MAX_BYTES {
            self.drop_first();
        }
    }

    /// Removes the messages up to this id, which the hub has queued for the client.
    pub(super) fn delivered_up_to(&mut self, id: i64) {
        while self.messages.front().is_some_and(|message| message.id.0 <= id) {
            self.drop_first();
        }
        // Frees the memory, so that an idle client costs none.
        if self.messages.is_empty() {
            *self = Self::default();
        }
    }

    /// Takes all messages.
    pub(super) fn take(&mut self) -> VecDeque<Message> {
        std::mem::take(self).messages
    }

    fn drop_first(&mut self) {
        let first = self.messages.pop_front();
        self.bytes -= first.map_or(0, |message| message.content.len());
    }
}
