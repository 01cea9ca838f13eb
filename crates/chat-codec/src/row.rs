//! Converts rows of the stores' databases to the core's types. The columns of both stores have the same meaning; each
//! function here lists the columns that a statement has to return, in their order. No statement and no driver may be
//! here.

use chat_core::conversations::{Audience, Departure};
use chat_core::edits::Version;
use chat_core::feed::{Entry, Reader, ReaderName};
use chat_core::ids::{ConversationId, GroupId, MessageId, Position, Rev, Seq, UserId};
use chat_core::media::MessageKind;
use chat_core::messages::{Message, Pin, Recipient, Status, Streaming, ThreadSummary};
use chat_core::reactions::{Reaction, Reactor};
use chat_core::receipts::{PointerScope, Pointers};
use chat_core::sync::page::ChangedConversation;
use chat_core::sync::{Cursor, Epoch};
use chat_core::time::Timestamp;

use crate::extra::{self, Extra};

/// Access to the columns of a row by number, from 0.
pub trait Row {
    /// The driver's error: a column has another type, or does not exist.
    type Error;

    /// Reads an integer.
    fn int(&self, column: usize) -> Result<i64, Self::Error>;
    /// Reads an integer or NULL.
    fn opt_int(&self, column: usize) -> Result<Option<i64>, Self::Error>;
    /// Reads a boolean.
    fn flag(&self, column: usize) -> Result<bool, Self::Error>;
    /// Reads a text.
    fn text(&self, column: usize) -> Result<&str, Self::Error>;
    /// Reads a text or NULL.
    fn opt_text(&self, column: usize) -> Result<Option<&str>, Self::Error>;
}

/// A message from its own row, without its quote and its reactions, which few messages have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub message: Message,
    /// The message that it replies to.
    pub reply_to: Option<MessageId>,
    /// Number of reactions to it.
    pub n_reactions: u32,
}

/// Reads a message: `id`, `conversation_id`, `seq`, `rev`, `sender_id`, `recipient_id`, `group_id`, `kind`, `content`,
/// `media_url`, `client_msg_id`, `sent_at`, `reply_to`, `thread_id`, `n_replies`, `last_reply_at`, `n_reactions`,
/// `edited_at`, `deleted_at`, `pinned_at`, `pinned_by`, `streaming`, `extra`, and the recipient's `delivered_seq` and
/// `read_seq`.
pub fn message<R: Row>(row: &R) -> Result<Stored, R::Error> {
    let to = match row.int(6)? {
        0 => Recipient::User(UserId(row.int(5)?)),
        group => Recipient::Group(GroupId(group)),
    };
    let (seq, sent_at) = (Seq(row.int(2)?), Timestamp(row.int(11)?));
    let extra = row.opt_text(22)?.map(Extra::decode).unwrap_or_default();
    let message = Message {
        id: MessageId(row.int(0)?),
        conversation: ConversationId(row.int(1)?),
        seq,
        rev: Rev(row.int(3)?),
        sender: UserId(row.int(4)?),
        to,
        kind: MessageKind::parse(row.text(7)?).unwrap_or(MessageKind::Text),
        content: row.text(8)?.to_owned(),
        media: extra::media(row.text(9)?.to_owned(), extra.media),
        reply_to: None,
        thread: row.opt_int(13)?.map(MessageId),
        replies: replies(row, sent_at)?,
        forwarded: extra.forwarded,
        mentions: extra.mentions,
        custom: extra.custom,
        reactions: Vec::new(),
        client_msg_id: row.opt_text(10)?.map(str::to_owned),
        sent_at,
        edited_at: row.opt_int(17)?.map(Timestamp),
        deleted_at: row.opt_int(18)?.map(Timestamp),
        pin: pin(row)?,
        streaming: row.opt_text(21)?.and_then(Streaming::parse),
        status: status(row, to, seq)?,
    };
    Ok(Stored { message, reply_to: row.opt_int(12)?.map(MessageId), n_reactions: count(row, 16)? })
}

fn replies<R: Row>(row: &R, sent_at: Timestamp) -> Result<Option<ThreadSummary>, R::Error> {
    let n_replies = count(row, 14)?;
    if n_replies == 0 {
        return Ok(None);
    }
    Ok(Some(ThreadSummary { n_replies, last_reply_at: row.opt_int(15)?.map_or(sent_at, Timestamp) }))
}

fn pin<R: Row>(row: &R) -> Result<Option<Pin>, R::Error> {
    let (at, by) = (row.opt_int(19)?, row.opt_int(20)?);
    Ok(at.zip(by).map(|(at, by)| Pin { by: UserId(by), at: Timestamp(at) }))
}

fn status<R: Row>(row: &R, to: Recipient, seq: Seq) -> Result<Status, R::Error> {
    let (delivered, read) = (row.opt_int(23)?.unwrap_or(0), row.opt_int(24)?.unwrap_or(0));
    Ok(Status::of(to, seq, Pointers { delivered: Seq(delivered), read: Seq(read) }))
}

/// Reads a number of things; 0 for a value that is not a `u32`.
pub fn count<R: Row>(row: &R, column: usize) -> Result<u32, R::Error> {
    Ok(u32::try_from(row.int(column)?).unwrap_or(0))
}

/// Reads pointers: `delivered_seq` and `read_seq`, starting at this column.
pub fn pointers<R: Row>(row: &R, first: usize) -> Result<Pointers, R::Error> {
    Ok(Pointers { delivered: Seq(row.int(first)?), read: Seq(row.int(first + 1)?) })
}

/// Reads a member with its pointers: `user_id`, `delivered_seq` and `read_seq`, starting at this column.
pub fn member<R: Row>(row: &R, first: usize) -> Result<(UserId, Pointers), R::Error> {
    Ok((UserId(row.int(first)?), pointers(row, first + 1)?))
}

/// Reads one emoji under a message, for a viewer: `emoji`, the number of its users, and whether the viewer is one,
/// starting at this column.
pub fn reaction<R: Row>(row: &R, first: usize, viewer: UserId) -> Result<Reaction, R::Error> {
    let users = if row.flag(first + 2)? { vec![viewer] } else { Vec::new() };
    Ok(Reaction { emoji: row.text(first)?.to_owned(), count: count(row, first + 1)?, users })
}

/// Reads one member's reaction: `user_id`, `emoji`, `at`.
pub fn reactor<R: Row>(row: &R) -> Result<Reactor, R::Error> {
    Ok(Reactor { user: UserId(row.int(0)?), emoji: row.text(1)?.to_owned(), at: Timestamp(row.int(2)?) })
}

/// Reads an earlier text of a message: `content`, `since`.
pub fn version<R: Row>(row: &R) -> Result<Version, R::Error> {
    Ok(Version { content: row.text(0)?.to_owned(), since: Timestamp(row.int(1)?) })
}

/// Reads a conversation for moving pointers in it: `id`, `last_seq`, `n_members`, whether it is a group's, and the two
/// users of a direct one.
pub fn place<R: Row>(row: &R) -> Result<PointerScope, R::Error> {
    let conversation = ConversationId(row.int(0)?);
    let members = if row.flag(3)? {
        Audience::Group(conversation)
    } else {
        let user = |column| Ok(UserId(row.opt_int(column)?.unwrap_or_default()));
        Audience::Pair(user(4)?, user(5)?)
    };
    Ok(PointerScope { conversation, last: Seq(row.int(1)?), n_members: count(row, 2)?, members })
}

/// Reads a conversation with changes: `id`, `last_seq`, `n_members`, `position`, `meta_position`, `receipts_position`,
/// and the user's `joined_position`, `state_position` and whether the user had left before.
pub fn concerned<R: Row>(row: &R) -> Result<ChangedConversation, R::Error> {
    let position = |column| row.int(column).map(Position);
    Ok(ChangedConversation {
        id: ConversationId(row.int(0)?),
        last: Seq(row.int(1)?),
        n_members: count(row, 2)?,
        changed: position(3)?,
        meta: position(4)?,
        receipts: position(5)?,
        joined: position(6)?,
        state: position(7)?,
        is_back: row.flag(8)?,
    })
}

/// Reads a conversation that a user has left: `position`, `conversation_id`, and the `rev` and `owner_id` at that time,
/// if known.
pub fn left<R: Row>(row: &R) -> Result<(Position, ConversationId, Option<Departure>), R::Error> {
    let then = row.opt_int(2)?.zip(row.opt_int(3)?);
    let then = then.map(|(rev, owner)| Departure { rev: Rev(rev), owner: UserId(owner) });
    Ok((Position(row.int(0)?), ConversationId(row.int(1)?), then))
}

/// Reads the epoch of a log.
pub fn epoch<R: Row>(row: &R, column: usize) -> Result<Epoch, R::Error> {
    Ok(Epoch(count(row, column)?))
}

/// Reads a cursor: `epoch` and `position`, starting at this column.
pub fn cursor<R: Row>(row: &R, first: usize) -> Result<Cursor, R::Error> {
    Ok(Cursor { epoch: epoch(row, first)?, position: Position(row.int(first + 1)?) })
}

/// Reads a reader of the feed: `name`, `epoch`, `position`, `added_at`.
pub fn feed_reader<R: Row>(row: &R) -> Result<Reader, R::Error> {
    let name = ReaderName::stored(row.text(0)?.to_owned());
    Ok(Reader { name, at: cursor(row, 1)?, added_at: Timestamp(row.int(3)?) })
}

/// Reads an entry of the feed: `position`, `at`, `kind`, `conversation_id`, `message_id`, `user_id`, `actor_id`.
pub fn feed_entry<R: Row>(row: &R) -> Result<Entry, R::Error> {
    Ok(Entry {
        position: Position(row.int(0)?),
        at: Timestamp(row.int(1)?),
        kind: row.text(2)?.to_owned(),
        conversation: row.opt_int(3)?.map(ConversationId),
        message: row.opt_int(4)?.map(MessageId),
        user: row.opt_int(5)?.map(UserId),
        actor: row.opt_int(6)?.map(UserId),
    })
}

/// Reads the time of an entry of the feed: `position`, `at`.
pub fn feed_time<R: Row>(row: &R) -> Result<(Position, Timestamp), R::Error> {
    Ok((Position(row.int(0)?), Timestamp(row.int(1)?)))
}
