//! The encoding of messages. Their nested objects are in `message/parts.rs`.

mod parts;

use std::borrow::Cow;

use chat_core::ids::{ConversationId, MessageId, Rev, Seq, UserId};
use chat_core::media::{Media, MessageKind};
use chat_core::messages::{self, Mentions, Streaming};
use chat_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::message::parts::{Forwarded, Pin, Quote, Reaction, Replies, To, status};
use crate::fields::{Unknown, is_default, numbers, users};
use crate::media::EncodedMedia;

#[derive(Serialize, Deserialize)]
pub(super) struct Message<'a> {
    id: i64,
    #[serde(rename = "in")]
    conversation: i64,
    seq: i64,
    rev: i64,
    by: i64,
    to: To,
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "is_default")]
    content: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    media: Vec<EncodedMedia<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<Quote<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replies: Option<Replies>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forwarded: Option<Forwarded>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mentions: Vec<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    mention_all: bool,
    /// Text rather than a nested object, because it has to be preserved byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    custom: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reactions: Vec<Reaction<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_msg_id: Option<Cow<'a, str>>,
    sent_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    edited_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pin: Option<Pin>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    streaming: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status: Cow<'a, str>,
}

impl<'a> From<&'a messages::Message> for Message<'a> {
    fn from(message: &'a messages::Message) -> Self {
        Self {
            id: message.id.0,
            conversation: message.conversation.0,
            seq: message.seq.0,
            rev: message.rev.0,
            by: message.sender.0,
            to: message.to.into(),
            kind: message.kind.as_str().into(),
            content: (&message.content).into(),
            media: message.media.iter().map(EncodedMedia::from).collect(),
            reply_to: message.reply_to.as_ref().map(Quote::from),
            thread: message.thread.map(|root| root.0),
            replies: message.replies.map(Replies::from),
            forwarded: message.forwarded.map(Forwarded::from),
            mentions: numbers(&message.mentions.users),
            mention_all: message.mentions.all,
            custom: message.custom.as_deref().map(Cow::from),
            reactions: message.reactions.iter().map(Reaction::from).collect(),
            client_msg_id: message.client_msg_id.as_deref().map(Cow::from),
            sent_at: message.sent_at.0,
            edited_at: message.edited_at.map(|at| at.0),
            deleted_at: message.deleted_at.map(|at| at.0),
            pin: message.pin.map(Pin::from),
            streaming: message.streaming.map(|state| state.as_str().into()),
            status: message.status.as_str().into(),
        }
    }
}

impl TryFrom<Message<'_>> for messages::Message {
    type Error = Unknown;

    /// If this does not compile, the core's message has a field that is not encoded yet.
    fn try_from(message: Message<'_>) -> Result<Self, Unknown> {
        let to = message.to.try_into()?;
        Ok(Self {
            id: MessageId(message.id),
            conversation: ConversationId(message.conversation),
            seq: Seq(message.seq),
            rev: Rev(message.rev),
            sender: UserId(message.by),
            to,
            kind: MessageKind::parse(&message.kind).unwrap_or(MessageKind::Text),
            content: message.content.into_owned(),
            media: message.media.into_iter().map(Media::from).collect(),
            reply_to: message.reply_to.map(messages::Quote::from),
            thread: message.thread.map(MessageId),
            replies: message.replies.map(messages::ThreadSummary::from),
            forwarded: message.forwarded.map(messages::Forwarded::from),
            mentions: Mentions { users: users(message.mentions), all: message.mention_all },
            custom: message.custom.map(Cow::into_owned),
            reactions: message.reactions.into_iter().map(Into::into).collect(),
            client_msg_id: message.client_msg_id.map(Cow::into_owned),
            sent_at: Timestamp(message.sent_at),
            edited_at: message.edited_at.map(Timestamp),
            deleted_at: message.deleted_at.map(Timestamp),
            pin: message.pin.map(messages::Pin::from),
            streaming: message.streaming.as_deref().and_then(Streaming::parse),
            status: status(&message.status, to),
        })
    }
}
