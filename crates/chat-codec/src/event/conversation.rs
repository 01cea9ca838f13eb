//! The encoding of conversations and of their per-member state.

use std::borrow::Cow;

use chat_core::conversations::{self, ConversationKind, ConversationView};
use chat_core::groups::Role;
use chat_core::ids::{ConversationId, GroupId, Rev, Seq, UserId};
use chat_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::message::Message;
use crate::event::receipt::{Counts, Pointers};
use crate::fields::{Unknown, is_default};

/// Either `direct` or `group`. A release with other conversations adds a field of its own.
#[derive(Serialize, Deserialize)]
pub(super) struct Conversation<'a> {
    id: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    direct: Option<(i64, i64)>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    group: Option<Group<'a>>,
    rev: i64,
    last_seq: i64,
    n_members: u32,
    created_at: i64,
}

#[derive(Serialize, Deserialize)]
struct Group<'a> {
    id: i64,
    name: Cow<'a, str>,
    owner: i64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct OwnPart<'a> {
    /// `None` for a former member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pointers: Pointers,
    #[serde(default, skip_serializing_if = "is_default")]
    counts: Counts,
    #[serde(default, skip_serializing_if = "is_default")]
    marked_unread: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    muted_until: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    archived: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pinned: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    draft: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct View<'a> {
    #[serde(borrow)]
    conversation: Conversation<'a>,
    own: OwnPart<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    last_message: Option<Message<'a>>,
}

impl<'a> From<&'a conversations::Conversation> for Conversation<'a> {
    fn from(conversation: &'a conversations::Conversation) -> Self {
        let conversations::Conversation { id, kind, rev, last_seq, n_members, created_at } = conversation;
        let (direct, group) = match kind {
            ConversationKind::Direct(low, high) => (Some((low.0, high.0)), None),
            ConversationKind::Group { id, name, owner } => {
                (None, Some(Group { id: id.0, name: name.into(), owner: owner.0 }))
            }
        };
        Self {
            id: id.0,
            direct,
            group,
            rev: rev.0,
            last_seq: last_seq.0,
            n_members: *n_members,
            created_at: created_at.0,
        }
    }
}

impl TryFrom<Conversation<'_>> for conversations::Conversation {
    type Error = Unknown;

    fn try_from(conversation: Conversation<'_>) -> Result<Self, Unknown> {
        let kind = match (conversation.direct, conversation.group) {
            (Some((low, high)), _) => ConversationKind::Direct(UserId(low), UserId(high)),
            (None, Some(Group { id, name, owner })) => {
                ConversationKind::Group { id: GroupId(id), name: name.into_owned(), owner: UserId(owner) }
            }
            (None, None) => return Err(Unknown),
        };
        Ok(Self {
            id: ConversationId(conversation.id),
            kind,
            rev: Rev(conversation.rev),
            last_seq: Seq(conversation.last_seq),
            n_members: conversation.n_members,
            created_at: Timestamp(conversation.created_at),
        })
    }
}

impl<'a> From<&'a conversations::OwnPart> for OwnPart<'a> {
    fn from(own: &'a conversations::OwnPart) -> Self {
        let conversations::OwnPart {
            role,
            pointers,
            counts,
            marked_unread,
            muted_until,
            archived,
            pinned,
            draft,
        } = own;
        Self {
            role: role.map(|role| role.as_str().into()),
            pointers: (*pointers).into(),
            counts: (*counts).into(),
            marked_unread: *marked_unread,
            muted_until: muted_until.map(|until| until.0),
            archived: *archived,
            pinned: *pinned,
            draft: draft.as_deref().map(Cow::from),
        }
    }
}

impl From<OwnPart<'_>> for conversations::OwnPart {
    fn from(own: OwnPart<'_>) -> Self {
        Self {
            role: own.role.map(|role| Role::parse(&role).unwrap_or(Role::Member)),
            pointers: own.pointers.into(),
            counts: own.counts.into(),
            marked_unread: own.marked_unread,
            muted_until: own.muted_until.map(Timestamp),
            archived: own.archived,
            pinned: own.pinned,
            draft: own.draft.map(Cow::into_owned),
        }
    }
}

impl<'a> From<&'a ConversationView> for View<'a> {
    fn from(ConversationView { conversation, own, last_message }: &'a ConversationView) -> Self {
        let last_message = last_message.as_ref().map(Message::from);
        Self { conversation: conversation.into(), own: own.into(), last_message }
    }
}

impl TryFrom<View<'_>> for ConversationView {
    type Error = Unknown;

    fn try_from(View { conversation, own, last_message }: View<'_>) -> Result<Self, Unknown> {
        let last_message = last_message.map(TryInto::try_into).transpose()?;
        Ok(Self { conversation: conversation.try_into()?, own: own.into(), last_message })
    }
}
