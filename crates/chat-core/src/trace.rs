//! Delivery trace of a message: the part that is stored permanently. The times at which it reached clients are known
//! only to the nodes that delivered it, and only for a while.

use async_trait::async_trait;

use crate::Chat;
use crate::error::Result;
use crate::ids::{ConversationId, MessageId, Position, Seq, UserId};
use crate::messages::Message;
use crate::policy::{Access, Action, allowed};
use crate::receipts::Pointers;
use crate::time::Timestamp;

/// Maximum number of members in a trace.
pub const MAX_TRACED: u16 = 200;

/// The stored part of a message's delivery trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    pub message: MessageId,
    pub conversation: ConversationId,
    pub seq: Seq,
    /// Log position at which the message was added.
    pub position: Position,
    /// When the server accepted it.
    pub accepted_at: Timestamp,
    /// Pointers of the recipients, ordered by user id: the members at that time who still are members, without the
    /// author.
    pub members: Vec<(UserId, Pointers)>,
}

impl Trace {
    /// Makes the trace of a message that was posted at this log position, without members, for a reader with this
    /// access.
    ///
    /// # Errors
    /// The policy's refusal of [`Action::Trace`].
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

    /// Whether a client of the member has confirmed the message, and whether the member has read it.
    pub fn reached(&self, pointers: Pointers) -> (bool, bool) {
        (pointers.delivered >= self.seq, pointers.read >= self.seq)
    }
}

/// The durable side of tracing.
#[async_trait]
pub trait TraceStore: Send + Sync + 'static {
    /// Returns the trace of a message, as [`Trace::of`] decides for the reader, with at most `limit` members. MUST
    /// answer `NotFound` to readers who are not members of its conversation. MUST leave out users who became members
    /// after the message was sent: for a new member, all earlier messages count as read.
    async fn trace(&self, reader: UserId, message: MessageId, limit: u16) -> Result<Trace>;
}

impl Chat {
    /// Returns the trace of a message, for its author and for the owner and admins of the group.
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
    fn authors_and_admins_trace_and_others_do_not() {
        let message = sample::text("hi");
        let trace = |access| Trace::of(&message, access, Position(7));
        let traced = trace(sample::author()).unwrap();
        assert_eq!((traced.seq, traced.position, traced.accepted_at), (Seq(9), Position(7), Timestamp(100)));
        assert_eq!(trace(sample::access(Role::Admin)).unwrap(), traced);
        assert!(matches!(trace(sample::access(Role::Member)), Err(Error::Forbidden(_))));
        assert!(matches!(trace(sample::stranger()), Err(Error::NotMember)));
    }

    #[test]
    fn a_message_has_reached_members_whose_pointers_are_at_least_as_far() {
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
