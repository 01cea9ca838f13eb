//! What the application tells the world: durable events, which a store hands to the [`EventSink`](crate::ports::EventSink)
//! after their commit and in commit order, and signals, which are never stored.

use crate::access::Revoked;
use crate::changes::MessageEvent;
use crate::conversations::{Audience, Conversation, ConversationView, OwnPart};
use crate::ids::{ConversationId, GroupId, MessageId, Position, UserId};
use crate::live_text::Appended;
use crate::messages::Message;
use crate::receipts::Receipt;
use crate::time::Timestamp;

/// One committed change and its place in the log of all changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Larger for every later change.
    pub position: Position,
    /// What happened.
    pub change: Change,
}

/// What a committed write changed. Each carries the present state of what it is about, so that whoever is told twice
/// is none the worse for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A message was added to a conversation.
    MessagePosted(Message),
    /// A message is no longer as it was.
    MessageChanged {
        /// The message as it is now.
        message: Message,
        /// What was done to it.
        what: MessageEvent,
    },
    /// A message that is still being written grew.
    TextAppended(Appended),
    /// Something that all members see of a conversation changed: it came into being, or has another name.
    ConversationChanged(Conversation),
    /// A user became a member of a group, or has another role there.
    MemberChanged {
        /// The group's conversation.
        conversation: Conversation,
        /// The member.
        user: UserId,
        /// The member's own part of it.
        own: OwnPart,
    },
    /// A user is no longer a member of a group.
    MemberRemoved {
        /// The group's conversation.
        conversation: Conversation,
        /// Who was a member.
        user: UserId,
    },
    /// A user changed something that concerns nobody else: muted a conversation, left a draft.
    OwnPartChanged {
        /// Whose part.
        user: UserId,
        /// The conversation as that user sees it.
        view: Box<ConversationView>,
    },
    /// Members' pointers moved.
    PointersMoved(Vec<Receipt>),
    /// A user deleted a message for themselves.
    MessageHidden {
        /// Who.
        user: UserId,
        /// In which conversation.
        conversation: ConversationId,
        /// Which message.
        message: MessageId,
    },
    /// A user saved a message, or no longer wants it saved.
    MessageSaved {
        /// Who.
        user: UserId,
        /// Which message.
        message: MessageId,
        /// Whether it is saved now.
        saved: bool,
    },
    /// Tokens of a user are no longer valid.
    AccessRevoked {
        /// Whose.
        user: UserId,
        /// Which of them.
        which: Revoked,
    },
}

impl Change {
    /// Whose clients are to be told.
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

/// The result of a write, from which the events are derived here rather than in an adapter, so that no adapter can
/// forget or invent one.
pub trait Outcome {
    /// The changes to announce, each of which takes the next position of the log; none when the write changed nothing
    /// (a duplicate, say).
    fn changes(&self) -> Vec<Change>;
}

impl Outcome for () {
    fn changes(&self) -> Vec<Change> {
        Vec::new()
    }
}

/// Something worth telling those who are connected now, and nobody later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// A user is typing to another user.
    TypingToUser {
        /// Who types.
        from: UserId,
        /// Who is told.
        to: UserId,
        /// The conversation of the two; `None` before their first message.
        conversation: Option<ConversationId>,
        /// When.
        at: Timestamp,
    },
    /// A user is typing in a group; the other members are told.
    TypingToGroup {
        /// Who types.
        from: UserId,
        /// The group as clients name it.
        group: GroupId,
        /// The group's conversation.
        conversation: ConversationId,
        /// When.
        at: Timestamp,
    },
}
