//! The encoding of a chunk that was appended to a growing message.

use std::borrow::Cow;

use chat_core::ids::{ConversationId, MessageId, Rev, Seq};
use chat_core::live_text::{self, Chunk};
use serde::{Deserialize, Serialize};

use crate::event::audience::Audience;
use crate::fields::{Unknown, is_default};

#[derive(Serialize, Deserialize)]
pub(super) struct Appended<'a> {
    message: i64,
    #[serde(rename = "in")]
    conversation: i64,
    seq: i64,
    rev: i64,
    audience: Audience,
    offset: u32,
    content: Cow<'a, str>,
    length: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    already: bool,
}

impl<'a> From<&'a live_text::Appended> for Appended<'a> {
    fn from(appended: &'a live_text::Appended) -> Self {
        let live_text::Appended { message, conversation, seq, rev, audience, chunk, length, already } =
            appended;
        Self {
            message: message.0,
            conversation: conversation.0,
            seq: seq.0,
            rev: rev.0,
            audience: (*audience).into(),
            offset: chunk.offset,
            content: (&chunk.content).into(),
            length: *length,
            already: *already,
        }
    }
}

impl TryFrom<Appended<'_>> for live_text::Appended {
    type Error = Unknown;

    fn try_from(appended: Appended<'_>) -> Result<Self, Unknown> {
        Ok(Self {
            message: MessageId(appended.message),
            conversation: ConversationId(appended.conversation),
            seq: Seq(appended.seq),
            rev: Rev(appended.rev),
            audience: appended.audience.try_into()?,
            chunk: Chunk { offset: appended.offset, content: appended.content.into_owned() },
            length: appended.length,
            already: appended.already,
        })
    }
}
