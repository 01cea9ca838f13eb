//! What a v1 client has sent and not heard of yet. Its own messages reach it by way of the hub, which queues nothing any
//! more once a connection is closing: what was stored by then and not told is told from here, or an honest client would
//! send it again.

use std::collections::VecDeque;

use chat_core::messages::Message;

/// So many are kept; the hub is behind by far fewer.
const MOST: usize = 1000;
/// Bytes of content that are kept.
const MOST_BYTES: usize = 1024 * 1024;

/// A client's own new messages, in their order.
#[derive(Default)]
pub(super) struct Unheard {
    messages: VecDeque<Message>,
    bytes: usize,
}

impl Unheard {
    /// A message was stored. The oldest are let go of where there are too many.
    pub(super) fn note(&mut self, message: Message) {
        self.bytes += message.content.len();
        self.messages.push_back(message);
        while self.messages.len() > MOST || self.bytes > MOST_BYTES {
            self.let_go_of_the_first();
        }
    }

    /// The client has heard of everything up to this id.
    pub(super) fn heard(&mut self, id: i64) {
        while self.messages.front().is_some_and(|message| message.id.0 <= id) {
            self.let_go_of_the_first();
        }
        // An idle client costs no room.
        if self.messages.is_empty() {
            *self = Self::default();
        }
    }

    /// Takes all of them.
    pub(super) fn take(&mut self) -> VecDeque<Message> {
        std::mem::take(self).messages
    }

    fn let_go_of_the_first(&mut self) {
        let first = self.messages.pop_front();
        self.bytes -= first.map_or(0, |message| message.content.len());
    }
}
