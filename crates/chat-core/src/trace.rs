//! The way of one message: what is kept of it for good. When it reached whom is known to the nodes that delivered it, and
//! to nobody for long.

use async_trait::async_trait;

use crate::Chat;
use crate::error::Result;
use crate::ids::{ConversationId, MessageId, Position, Seq, UserId};
use crate::messages::Message;
use crate::policy::{Access, Action, allowed};
use crate::receipts::Pointers;
use crate::time::Timestamp;

/// Most members that a trace tells of.
pub const MAX_TRACED: u16 = 200;

/// What is kept of a message's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Which message.
    pub message: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Its place there.
    pub seq: Seq,
    /// The place in the log of its making.
    pub position: Position,
    /// When the server accepted it.
    pub accepted_at: Timestamp,
    /// How far those have come for whom it was: the members of then who still are some, less its author, in the order of
    /// their ids.
    pub members: Vec<(UserId, Pointers)>,
}

impl Trace {
    /// The trace of a message that was posted at this log position, without members, for a reader with this access.
    ///
    /// # Errors
    /// What the policy says of [`Action::Trace`].
    pub fn of(message: &Message, access: Access, position: Position) -> Result<Self> {
        allowed(access, Action::Trace)?;
        Ok(Self {
            message: message.id,
            conversation: message.conversation,
            seq: message.seq,
            position,
            accepted_at: message.sent_at,
            members: Vec::new(),
        })
    }

    /// Whether a member's client has confirmed the message, and whether the member has read it.
    pub fn reached(&self, pointers: Pointers) -> (bool, bool) {
        (pointers.delivered >= self.seq, pointers.read >= self.seq)
    }
}

/// The durable side of tracing.
#[async_trait]
pub trait TraceStore: Send + Sync + 'static {
    /// What is kept of a message's way, for readers who get it from [`Trace::of`], with at most `limit` members. MUST answer
    /// `NotFound` to readers who are not members of its conversation. MUST leave out who became a member after the message was sent: whoever
    /// joins has read what was before.
    async fn trace(&self, reader: UserId, message: MessageId, limit: u16) -> Result<Trace>;
}

impl Chat {
    /// What is kept of a message's way; for its author and for whoever leads the group.
    pub async fn trace(&self, reader: UserId, message: MessageId) -> Result<Trace> {
        self.store.trace(reader, message, MAX_TRACED).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::groups::Role;
    use crate::sample;

    #[test]
    fn authors_and_leaders_trace_and_others_do_not() {
        let message = sample::text("hi");
        let trace = |access| Trace::of(&message, access, Position(7));
        let traced = trace(sample::author()).unwrap();
        assert_eq!((traced.seq, traced.position, traced.accepted_at), (Seq(9), Position(7), Timestamp(100)));
        assert_eq!(trace(sample::access(Role::Admin)).unwrap(), traced);
        assert!(matches!(trace(sample::access(Role::Member)), Err(Error::Forbidden(_))));
        assert!(matches!(trace(sample::stranger()), Err(Error::NotMember)));
    }

    #[test]
    fn a_message_has_reached_whoever_has_come_as_far() {
        let trace = Trace {
            message: MessageId(9),
            conversation: ConversationId(1),
            seq: Seq(5),
            position: Position(7),
            accepted_at: Timestamp(0),
            members: Vec::new(),
        };
        let at = |delivered, read| Pointers { delivered: Seq(delivered), read: Seq(read) };
        assert_eq!(trace.reached(at(4, 4)), (false, false));
        assert_eq!(trace.reached(at(5, 4)), (true, false));
        assert_eq!(trace.reached(at(9, 5)), (true, true));
    }
}
