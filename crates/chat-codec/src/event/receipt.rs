//! The encoding of members' pointers and unread counts.

use chat_core::conversations;
use chat_core::ids::{ConversationId, Rev, Seq, UserId};
use chat_core::receipts;
use serde::{Deserialize, Serialize};

use crate::event::audience::Audience;
use crate::fields::{Unknown, is_default};

#[derive(Serialize, Deserialize)]
pub(super) struct Receipt {
    user: i64,
    #[serde(rename = "in")]
    conversation: i64,
    pointers: Pointers,
    audience: Audience,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counts: Option<Counted>,
}

/// Unread counts with the state of the conversation in which they hold. Earlier releases write the counts alone.
#[derive(Serialize, Deserialize, PartialEq, Default)]
#[serde(default)]
pub(super) struct Counted {
    #[serde(skip_serializing_if = "is_default")]
    unread: u32,
    #[serde(skip_serializing_if = "is_default")]
    mentions: u32,
    #[serde(skip_serializing_if = "is_default")]
    read: i64,
    #[serde(skip_serializing_if = "is_default")]
    last: i64,
    #[serde(skip_serializing_if = "is_default")]
    rev: i64,
}

#[derive(Serialize, Deserialize, PartialEq, Default)]
#[serde(default)]
pub(super) struct Pointers {
    #[serde(skip_serializing_if = "is_default")]
    delivered: i64,
    #[serde(skip_serializing_if = "is_default")]
    read: i64,
}

#[derive(Serialize, Deserialize, PartialEq, Default)]
#[serde(default)]
pub(super) struct Counts {
    #[serde(skip_serializing_if = "is_default")]
    unread: u32,
    #[serde(skip_serializing_if = "is_default")]
    mentions: u32,
}

impl From<&receipts::Receipt> for Receipt {
    fn from(receipt: &receipts::Receipt) -> Self {
        let receipts::Receipt { user, conversation, pointers, audience, counts } = receipt;
        Self {
            user: user.0,
            conversation: conversation.0,
            pointers: (*pointers).into(),
            audience: (*audience).into(),
            counts: counts.map(Counted::from),
        }
    }
}

impl TryFrom<Receipt> for receipts::Receipt {
    type Error = Unknown;

    fn try_from(receipt: Receipt) -> Result<Self, Unknown> {
        Ok(Self {
            user: UserId(receipt.user),
            conversation: ConversationId(receipt.conversation),
            pointers: receipt.pointers.into(),
            audience: receipt.audience.try_into()?,
            counts: receipt.counts.map(Into::into),
        })
    }
}

impl From<receipts::Pointers> for Pointers {
    fn from(receipts::Pointers { delivered, read }: receipts::Pointers) -> Self {
        Self { delivered: delivered.0, read: read.0 }
    }
}

impl From<Pointers> for receipts::Pointers {
    fn from(Pointers { delivered, read }: Pointers) -> Self {
        Self { delivered: Seq(delivered), read: Seq(read) }
    }
}

impl From<conversations::Counted> for Counted {
    fn from(conversations::Counted { counts, read, last, rev }: conversations::Counted) -> Self {
        let conversations::Counts { unread, mentions } = counts;
        Self { unread, mentions, read: read.0, last: last.0, rev: rev.0 }
    }
}

impl From<Counted> for conversations::Counted {
    fn from(Counted { unread, mentions, read, last, rev }: Counted) -> Self {
        let counts = conversations::Counts { unread, mentions };
        Self { counts, read: Seq(read), last: Seq(last), rev: Rev(rev) }
    }
}

impl From<conversations::Counts> for Counts {
    fn from(conversations::Counts { unread, mentions }: conversations::Counts) -> Self {
        Self { unread, mentions }
    }
}

impl From<Counts> for conversations::Counts {
    fn from(Counts { unread, mentions }: Counts) -> Self {
        Self { unread, mentions }
    }
}
