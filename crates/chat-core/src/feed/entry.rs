//! What the feed keeps of a change: what it was and where, by ids. No text of anybody may stand in an entry.

use crate::changes::MessageEvent;
use crate::conversations::Conversation;
use crate::event::{Change, Event};
use crate::ids::{ConversationId, MessageId, Position, UserId};
use crate::messages::{Message, Recipient};
use crate::receipts::Receipt;
use crate::time::Timestamp;

/// What happened, as readers know it. Stores keep the word; a released one is never given another meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A message was posted.
    MessageCreated,
    /// A message's text was changed.
    MessageEdited,
    /// A message was deleted for everyone.
    MessageDeleted,
    /// A reaction to a message was added or taken back.
    MessageReaction,
    /// A message was pinned.
    MessagePinned,
    /// A message is no longer pinned.
    MessageUnpinned,
    /// The thread below a message has a reply more.
    MessageThread,
    /// A message that is shown while being written grew.
    MessageAppended,
    /// A message that was shown while being written is so no longer.
    MessageFinished,
    /// A user deleted a message for themselves.
    MessageHidden,
    /// A user saved a message.
    MessageSaved,
    /// A user no longer wants a message saved.
    MessageUnsaved,
    /// A conversation came into being, or what all members see of it changed.
    ConversationChanged,
    /// A user became a member, or has another role.
    MemberChanged,
    /// A user is no longer a member.
    MemberRemoved,
    /// A user changed their own part of a conversation: muted it, left a draft.
    OwnPartChanged,
    /// Members have received or read further.
    PointersMoved,
    /// Tokens of a user are no longer valid.
    AccessRevoked,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::MessageCreated,
        Self::MessageEdited,
        Self::MessageDeleted,
        Self::MessageReaction,
        Self::MessagePinned,
        Self::MessageUnpinned,
        Self::MessageThread,
        Self::MessageAppended,
        Self::MessageFinished,
        Self::MessageHidden,
        Self::MessageSaved,
        Self::MessageUnsaved,
        Self::ConversationChanged,
        Self::MemberChanged,
        Self::MemberRemoved,
        Self::OwnPartChanged,
        Self::PointersMoved,
        Self::AccessRevoked,
    ];

    /// As stores keep it and readers get it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MessageCreated => "message.created",
            Self::MessageEdited => "message.edited",
            Self::MessageDeleted => "message.deleted",
            Self::MessageReaction => "message.reaction",
            Self::MessagePinned => "message.pinned",
            Self::MessageUnpinned => "message.unpinned",
            Self::MessageThread => "message.thread",
            Self::MessageAppended => "message.appended",
            Self::MessageFinished => "message.finished",
            Self::MessageHidden => "message.hidden",
            Self::MessageSaved => "message.saved",
            Self::MessageUnsaved => "message.unsaved",
            Self::ConversationChanged => "conversation.changed",
            Self::MemberChanged => "member.changed",
            Self::MemberRemoved => "member.removed",
            Self::OwnPartChanged => "own_part.changed",
            Self::PointersMoved => "pointers.moved",
            Self::AccessRevoked => "access.revoked",
        }
    }

    fn of_message(message: &Message, what: MessageEvent) -> Self {
        match what {
            MessageEvent::Created => Self::MessageCreated,
            MessageEvent::Edited => Self::MessageEdited,
            MessageEvent::Deleted => Self::MessageDeleted,
            MessageEvent::Reaction => Self::MessageReaction,
            MessageEvent::Pinned if message.pin.is_some() => Self::MessagePinned,
            MessageEvent::Pinned => Self::MessageUnpinned,
            MessageEvent::Thread => Self::MessageThread,
            MessageEvent::Appended => Self::MessageAppended,
            MessageEvent::Finished => Self::MessageFinished,
        }
    }
}

/// One change of the log. There is exactly one entry for each position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the log.
    pub position: Position,
    /// When it was committed, by the store's clock. Later entries may have earlier times.
    pub at: Timestamp,
    /// What happened. A word of [`Kind`], or one of a later release.
    pub kind: String,
    /// In which conversation.
    pub conversation: Option<ConversationId>,
    /// To which message.
    pub message: Option<MessageId>,
    /// Whom it is about: the member, the owner of the own part or the token, the other side of a direct message.
    pub user: Option<UserId>,
    /// Who did it, where the change says so. It does not for deletions, reactions, unpinning, threads, growing text, changes
    /// of conversations and members, revoked tokens, and pointers of several members.
    pub actor: Option<UserId>,
}

impl Entry {
    /// The entry of a change that is committed at this time.
    #[must_use]
    pub fn of(event: &Event, at: Timestamp) -> Self {
        let found = Found::of(&event.change);
        Self {
            position: event.position,
            at,
            kind: found.kind.as_str().to_owned(),
            conversation: found.conversation,
            message: found.message,
            user: found.user,
            actor: found.actor,
        }
    }
}

struct Found {
    kind: Kind,
    conversation: Option<ConversationId>,
    message: Option<MessageId>,
    user: Option<UserId>,
    actor: Option<UserId>,
}

impl Found {
    fn of(change: &Change) -> Self {
        match change {
            Change::MessagePosted(message) => Self::message(message, MessageEvent::Created),
            Change::MessageChanged { message, what } => Self::message(message, *what),
            Change::TextAppended(appended) => Self {
                conversation: Some(appended.conversation),
                message: Some(appended.message),
                ..Self::just(Kind::MessageAppended)
            },
            Change::ConversationChanged(conversation) => {
                Self::conversation(Kind::ConversationChanged, conversation)
            }
            Change::MemberChanged { conversation, user, .. } => {
                Self { user: Some(*user), ..Self::conversation(Kind::MemberChanged, conversation) }
            }
            Change::MemberRemoved { conversation, user } => {
                Self { user: Some(*user), ..Self::conversation(Kind::MemberRemoved, conversation) }
            }
            Change::OwnPartChanged { user, view } => {
                Self { conversation: Some(view.conversation.id), ..Self::own(Kind::OwnPartChanged, *user) }
            }
            Change::PointersMoved(receipts) => Self::pointers(receipts),
            Change::MessageHidden { user, conversation, message } => Self {
                conversation: Some(*conversation),
                message: Some(*message),
                ..Self::own(Kind::MessageHidden, *user)
            },
            Change::MessageSaved { user, message, saved } => {
                let kind = if *saved { Kind::MessageSaved } else { Kind::MessageUnsaved };
                Self { message: Some(*message), ..Self::own(kind, *user) }
            }
            Change::AccessRevoked { user, .. } => {
                Self { user: Some(*user), ..Self::just(Kind::AccessRevoked) }
            }
        }
    }

    fn just(kind: Kind) -> Self {
        Self { kind, conversation: None, message: None, user: None, actor: None }
    }

    /// What a user does to nothing but their own part.
    fn own(kind: Kind, user: UserId) -> Self {
        Self { user: Some(user), actor: Some(user), ..Self::just(kind) }
    }

    fn conversation(kind: Kind, conversation: &Conversation) -> Self {
        Self { conversation: Some(conversation.id), ..Self::just(kind) }
    }

    fn message(message: &Message, what: MessageEvent) -> Self {
        let kind = Kind::of_message(message, what);
        let actor = match kind {
            // Nobody else may do these.
            Kind::MessageCreated | Kind::MessageEdited | Kind::MessageFinished => Some(message.sender),
            Kind::MessagePinned => message.pin.map(|pin| pin.by),
            _ => None,
        };
        let user = match message.to {
            Recipient::User(user) => Some(user),
            Recipient::Group(_) => None,
        };
        Self {
            conversation: Some(message.conversation),
            message: Some(message.id),
            user,
            actor,
            ..Self::just(kind)
        }
    }

    /// The pointers of several members of one conversation may move together; then none of them is named.
    fn pointers(receipts: &[Receipt]) -> Self {
        let found = Self::just(Kind::PointersMoved);
        match receipts {
            [] => found,
            [first, rest @ ..] => {
                let is_one = rest.iter().all(|other| other.user == first.user);
                let user = is_one.then_some(first.user);
                Self { conversation: Some(first.conversation), user, actor: user, ..found }
            }
        }
    }
}
