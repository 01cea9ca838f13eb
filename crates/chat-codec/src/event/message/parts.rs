//! The encoding of a message's nested objects: recipient, quote, thread, origin, reactions, pin.

use std::borrow::Cow;

use chat_core::ids::{GroupId, MessageId, UserId};
use chat_core::messages::{self, Recipient, Status};
use chat_core::reactions;
use chat_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fields::{Unknown, is_default, numbers, users};

/// Exactly one field is set. A release with other recipients adds a field of its own.
#[derive(Serialize, Deserialize)]
pub(super) struct To {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<i64>,
}

impl From<Recipient> for To {
    fn from(to: Recipient) -> Self {
        match to {
            Recipient::User(user) => Self { user: Some(user.0), group: None },
            Recipient::Group(group) => Self { user: None, group: Some(group.0) },
        }
    }
}

impl TryFrom<To> for Recipient {
    type Error = Unknown;

    fn try_from(to: To) -> Result<Self, Unknown> {
        match to {
            To { user: Some(user), .. } => Ok(Self::User(UserId(user))),
            To { group: Some(group), .. } => Ok(Self::Group(GroupId(group))),
            To { .. } => Err(Unknown),
        }
    }
}

/// Returns the status with this name, or the initial one of a message if the name is unknown.
pub(super) fn status(text: &str, to: Recipient) -> Status {
    let all = [Status::Sent, Status::Pending, Status::Delivered, Status::Read];
    let first = match to {
        Recipient::User(_) => Status::Pending,
        Recipient::Group(_) => Status::Sent,
    };
    all.into_iter().find(|status| status.as_str() == text).unwrap_or(first)
}

#[derive(Serialize, Deserialize)]
pub(super) struct Quote<'a> {
    message: i64,
    by: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    content: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "is_default")]
    deleted: bool,
}

impl<'a> From<&'a messages::Quote> for Quote<'a> {
    fn from(messages::Quote { message, sender, content, deleted }: &'a messages::Quote) -> Self {
        Self { message: message.0, by: sender.0, content: content.into(), deleted: *deleted }
    }
}

impl From<Quote<'_>> for messages::Quote {
    fn from(Quote { message, by, content, deleted }: Quote<'_>) -> Self {
        Self { message: MessageId(message), sender: UserId(by), content: content.into_owned(), deleted }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Replies {
    n: u32,
    last_at: i64,
}

impl From<messages::ThreadSummary> for Replies {
    fn from(messages::ThreadSummary { n_replies, last_reply_at }: messages::ThreadSummary) -> Self {
        Self { n: n_replies, last_at: last_reply_at.0 }
    }
}

impl From<Replies> for messages::ThreadSummary {
    fn from(Replies { n, last_at }: Replies) -> Self {
        Self { n_replies: n, last_reply_at: Timestamp(last_at) }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Forwarded {
    message: i64,
    by: i64,
}

impl From<messages::Forwarded> for Forwarded {
    fn from(messages::Forwarded { message, sender }: messages::Forwarded) -> Self {
        Self { message: message.0, by: sender.0 }
    }
}

impl From<Forwarded> for messages::Forwarded {
    fn from(Forwarded { message, by }: Forwarded) -> Self {
        Self { message: MessageId(message), sender: UserId(by) }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Pin {
    by: i64,
    at: i64,
}

impl From<messages::Pin> for Pin {
    fn from(messages::Pin { by, at }: messages::Pin) -> Self {
        Self { by: by.0, at: at.0 }
    }
}

impl From<Pin> for messages::Pin {
    fn from(Pin { by, at }: Pin) -> Self {
        Self { by: UserId(by), at: Timestamp(at) }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Reaction<'a> {
    emoji: Cow<'a, str>,
    count: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    users: Vec<i64>,
}

impl<'a> From<&'a reactions::Reaction> for Reaction<'a> {
    fn from(reactions::Reaction { emoji, count, users }: &'a reactions::Reaction) -> Self {
        Self { emoji: emoji.into(), count: *count, users: numbers(users) }
    }
}

impl From<Reaction<'_>> for reactions::Reaction {
    fn from(reaction: Reaction<'_>) -> Self {
        Self { emoji: reaction.emoji.into_owned(), count: reaction.count, users: users(reaction.users) }
    }
}
