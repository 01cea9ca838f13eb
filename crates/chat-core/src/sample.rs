//! Sample messages for tests of rules.

use crate::groups::Role;
use crate::ids::{ConversationId, GroupId, MessageId, Rev, Seq, UserId};
use crate::media::MessageKind;
use crate::messages::{Mentions, Message, Recipient, Status};
use crate::policy::{Access, Between, Membership};
use crate::time::Timestamp;

/// A text message of user 1 in a group, sent at 100.
pub(crate) fn text(content: &str) -> Message {
    Message {
        id: MessageId(30),
        conversation: ConversationId(3),
        seq: Seq(9),
        rev: Rev(70),
        sender: UserId(1),
        to: Recipient::Group(GroupId(7)),
        kind: MessageKind::Text,
        content: content.into(),
        media: Vec::new(),
        reply_to: None,
        thread: None,
        replies: None,
        forwarded: None,
        mentions: Mentions::default(),
        custom: None,
        reactions: Vec::new(),
        client_msg_id: None,
        sent_at: Timestamp(100),
        edited_at: None,
        deleted_at: None,
        pin: None,
        streaming: None,
        status: Status::Sent,
    }
}

/// The access of a member of the group with this role.
pub(crate) fn access(role: Role) -> Access {
    Access::of(Some(Membership::new(role, Between::Group)))
}

/// The access of the author to [`text`].
pub(crate) fn author() -> Access {
    access(Role::Member).to(&text(""), UserId(1)).unwrap_or_else(|_| stranger())
}

/// The access of a user who is not a member.
pub(crate) fn stranger() -> Access {
    Access::of(None)
}
