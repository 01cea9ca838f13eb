//! The entry that the feed keeps of a change: what changed and where, by ids. An entry must not contain any text of a
//! user.

use crate::changes::MessageEvent;
use crate::conversations::Conversation;
use crate::event::{Change, Event};
use crate::ids::{ConversationId, MessageId, Position, UserId};
use crate::messages::{Message, Recipient};
use crate::receipts::Receipt;
use crate::time::Timestamp;

/// The kind of a change, as readers know it. Stores keep the name; a released name never gets another meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A message was posted.
    MessageCreated,
    /// The text of a message was edited.
    MessageEdited,
    /// A message was deleted for everyone.
    MessageDeleted,
    /// A reaction to a message was added or removed.
    MessageReaction,
    /// A message was pinned.
    MessagePinned,
    /// A message was unpinned.
    MessageUnpinned,
    /// A reply was added to the thread below a message.
    MessageThread,
    /// Text was appended to a message that is being written.
    MessageAppended,
    /// A message that was being written was finished or abandoned.
    MessageFinished,
    /// A user deleted a message for themselves alone.
    MessageHidden,
    /// A user saved a message.
    MessageSaved,
    /// A user removed a message from the saved ones.
    MessageUnsaved,
    /// A conversation was created, or the part that all members see changed.
    ConversationChanged,
    /// A user became a member, or has a new role.
    MemberChanged,
    /// A user is no longer a member.
    MemberRemoved,
    /// A user changed their own part of a conversation: muted it, stored a draft.
    OwnPartChanged,
    /// Members' pointers moved.
    PointersMoved,
    /// Tokens of a user are no longer valid.
    AccessRevoked,
}

impl Kind {
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

    /// Returns the name for stores and readers.
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

/// One change of the log. Each log position has exactly one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub position: Position,
    /// When it was committed, by the store's clock. A later entry may have an earlier time.
    pub at: Timestamp,
    /// What happened: a name of [`Kind`], or one that a later release has added.
    pub kind: String,
    pub conversation: Option<ConversationId>,
    pub message: Option<MessageId>,
    /// The user that the change is about: the member, the owner of the own part or of the token, the recipient of a
    /// direct message.
    pub user: Option<UserId>,
    /// The user who made the change, if the change says so. It does not for deletions, reactions, unpinning, threads,
    /// growing text, changes of conversations and members, revoked tokens, and pointers of several members.
    pub actor: Option<UserId>,
}

impl Entry {
    /// Returns the entry of a change that is committed at `at`.
    #[must_use]
    pub fn of(event: &Event, at: Timestamp) -> Self {
        let fields = Fields::of(&event.change);
        Self {
            position: event.position,
            at,
            kind: fields.kind.as_str().to_owned(),
            conversation: fields.conversation,
            message: fields.message,
            user: fields.user,
            actor: fields.actor,
        }
    }
}

struct Fields {
    kind: Kind,
    conversation: Option<ConversationId>,
    message: Option<MessageId>,
    user: Option<UserId>,
    actor: Option<UserId>,
}

impl Fields {
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
            Change::MessageHidden { user, conversation, message, .. } => Self {
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

    /// A change that a user makes to nothing but their own part.
    fn own(kind: Kind, user: UserId) -> Self {
        Self { user: Some(user), actor: Some(user), ..Self::just(kind) }
    }

    fn conversation(kind: Kind, conversation: &Conversation) -> Self {
        Self { conversation: Some(conversation.id), ..Self::just(kind) }
    }

    fn message(message: &Message, what: MessageEvent) -> Self {
        let kind = Kind::of_message(message, what);
        let actor = match kind {
            // Only the author may do these.
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

    /// Pointers of several members of a conversation may move together; then no user is named.
    fn pointers(receipts: &[Receipt]) -> Self {
        let fields = Self::just(Kind::PointersMoved);
        match receipts {
            [] => fields,
            [first, rest @ ..] => {
                let is_one = rest.iter().all(|other| other.user == first.user);
                let user = is_one.then_some(first.user);
                Self { conversation: Some(first.conversation), user, actor: user, ..fields }
            }
        }
    }
}
