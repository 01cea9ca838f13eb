//! What the application announces: durable events, which a store passes to the [`EventSink`](crate::ports::EventSink)
//! after their commit and in commit order, and signals, which are never stored.

use crate::access::Revoked;
use crate::changes::MessageEvent;
use crate::conversations::{Audience, Conversation, ConversationView, Counted, OwnPart};
use crate::ids::{ConversationId, GroupId, MessageId, Position, UserId};
use crate::live_text::Appended;
use crate::messages::Message;
use crate::receipts::Receipt;
use crate::time::Timestamp;

/// One committed change and its position in the log of all changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Log position; larger for every later change.
    pub position: Position,
    pub change: Change,
}

/// What a committed write changed. Each variant carries the present state of its object, so applying an event twice is
/// harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A message was added to a conversation.
    MessagePosted(Message),
    /// A message changed.
    MessageChanged {
        /// The message as it is now.
        message: Message,
        /// What changed about it.
        what: MessageEvent,
    },
    /// Text was appended to a message that is still being written.
    TextAppended(Appended),
    /// The part of a conversation that all members see changed: it was created or renamed.
    ConversationChanged(Conversation),
    /// A user became a member of a group, or has a new role there.
    MemberChanged {
        conversation: Conversation,
        /// The member.
        user: UserId,
        own: OwnPart,
    },
    /// A user is no longer a member of a group.
    MemberRemoved {
        conversation: Conversation,
        /// The former member.
        user: UserId,
    },
    /// A user changed their own part of a conversation: muted it, stored a draft.
    OwnPartChanged {
        user: UserId,
        /// The conversation as that user sees it.
        view: Box<ConversationView>,
    },
    /// Members' pointers moved, in one conversation.
    PointersMoved(Vec<Receipt>),
    /// A user deleted a message for themselves alone.
    MessageHidden {
        user: UserId,
        conversation: ConversationId,
        message: MessageId,
        /// The user's unread counts without the message; `None` if a node of an earlier release hid it.
        counted: Option<Counted>,
    },
    /// A user saved a message, or removed it from the saved ones.
    MessageSaved {
        user: UserId,
        message: MessageId,
        /// Whether it is saved now.
        saved: bool,
    },
    /// Tokens of a user are no longer valid.
    AccessRevoked { user: UserId, which: Revoked },
}

impl Change {
    /// Returns the users whose clients get the change.
    pub fn audience(&self) -> Audience {
        match self {
            Self::MessagePosted(message) | Self::MessageChanged { message, .. } => message.audience(),
            Self::TextAppended(appended) => appended.audience,
            Self::ConversationChanged(conversation)
            | Self::MemberChanged { conversation, .. }
            | Self::MemberRemoved { conversation, .. } => conversation.audience(),
            Self::OwnPartChanged { user, .. }
            | Self::MessageHidden { user, .. }
            | Self::MessageSaved { user, .. }
            | Self::AccessRevoked { user, .. } => Audience::User(*user),
            Self::PointersMoved(receipts) => {
                receipts.first().map_or(Audience::User(UserId(0)), |receipt| receipt.audience)
            }
        }
    }
}

/// The result of a write. Events are derived from it here rather than in an adapter, so that no adapter can forget or
/// invent one.
pub trait Outcome {
    /// Returns the changes to announce, each of which takes the next log position. Empty if the write changed nothing,
    /// for instance for a duplicate.
    fn changes(&self) -> Vec<Change>;
}

impl Outcome for () {
    fn changes(&self) -> Vec<Change> {
        Vec::new()
    }
}

/// A notice for clients that are connected now; never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// A user is typing to another user.
    TypingToUser {
        /// The user who types.
        from: UserId,
        /// The user whose clients get the signal.
        to: UserId,
        /// The direct conversation of the two; `None` before their first message.
        conversation: Option<ConversationId>,
        at: Timestamp,
    },
    /// A user is typing in a group; the other members' clients get the signal.
    TypingToGroup {
        /// The user who types.
        from: UserId,
        /// Id of the group in the API.
        group: GroupId,
        conversation: ConversationId,
        at: Timestamp,
    },
}
