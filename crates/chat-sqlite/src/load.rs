//! The one way from rows to messages as they are now. Who may see them is asked elsewhere.

use chat_codec::extra::{self, Extra};
use chat_core::ids::{ConversationId, GroupId, MessageId, Rev, Seq, UserId};
use chat_core::media::MessageKind;
use chat_core::messages::{Message, Pin, Quote, Recipient, Status, Streaming, ThreadSummary};
use chat_core::reactions::Reaction;
use chat_core::receipts::Pointers;
use chat_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, Row};

use crate::fault;

/// A statement that gives messages `m` as [`stored`] reads them; what is given begins with its WHERE. `r` is the recipient's
/// row of a direct message, from whose pointers the status follows.
macro_rules! select_messages {
    ($($rest:tt)+) => {
        concat!(
            "SELECT m.id, m.conversation_id, m.seq, m.rev, m.sender_id, m.recipient_id, m.group_id, m.kind,
                    m.content, m.media_url, m.client_msg_id, m.sent_at, m.reply_to, m.thread_id, m.n_replies,
                    m.last_reply_at, m.n_reactions, m.edited_at, m.deleted_at, m.pinned_at, m.pinned_by,
                    m.streaming, m.extra, r.delivered_seq, r.read_seq
             FROM messages m
             LEFT JOIN members r ON r.conversation_id = m.conversation_id AND r.user_id = m.recipient_id ",
            $($rest)+
        )
    };
}

/// That the reader, who has to be `?1`, has not hidden the message.
macro_rules! is_shown {
    () => {
        "NOT EXISTS (SELECT 1 FROM hidden_messages h WHERE h.user_id = ?1 AND h.message_id = m.id)"
    };
}
pub(crate) use {is_shown, select_messages};

/// A message as its own row has it: without the quote and the reactions, which few have.
pub(crate) struct Stored {
    pub(crate) message: Message,
    pub(crate) reply_to: Option<MessageId>,
    pub(crate) n_reactions: u32,
}

/// These messages, in this order, less those that are not there. For a `viewer` they hold what that one needs to know
/// of reactions; without one they are for an event, which is for everybody, and hold all who reacted.
pub(crate) fn load(
    db: &Connection,
    ids: &[MessageId],
    viewer: Option<UserId>,
) -> fault::Result<Vec<Message>> {
    let mut messages = Vec::with_capacity(ids.len());
    for &id in ids {
        if let Some(stored) = one(db, id)? {
            messages.push(complete(db, stored, viewer)?);
        }
    }
    Ok(messages)
}

/// The messages that a statement made by [`select_messages`] gives, in its order.
pub(crate) fn select(
    db: &Connection,
    sql: &'static str,
    params: impl Params,
    viewer: UserId,
) -> fault::Result<Vec<Message>> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params, stored)?;
    let messages = rows.map(|row| complete(db, row?, Some(viewer)));
    Ok(messages.collect::<rusqlite::Result<_>>()?)
}

/// One message's own row.
pub(crate) fn one(db: &Connection, id: MessageId) -> rusqlite::Result<Option<Stored>> {
    db.prepare_cached(select_messages!("WHERE m.id = ?1"))?.query_row([id.0], stored).optional()
}

/// Reads a row of a statement made by [`select_messages`].
pub(crate) fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let to = match row.get(6)? {
        0 => Recipient::User(UserId(row.get(5)?)),
        group => Recipient::Group(GroupId(group)),
    };
    let (seq, sent_at) = (Seq(row.get(2)?), Timestamp(row.get(11)?));
    let extra = row.get_ref(22)?.as_str_or_null()?.map(Extra::decode).unwrap_or_default();
    let message = Message {
        id: MessageId(row.get(0)?),
        conversation: ConversationId(row.get(1)?),
        seq,
        rev: Rev(row.get(3)?),
        sender: UserId(row.get(4)?),
        to,
        kind: MessageKind::parse(row.get_ref(7)?.as_str()?).unwrap_or(MessageKind::Text),
        content: row.get(8)?,
        media: extra::media(row.get(9)?, extra.media),
        reply_to: None,
        thread: row.get::<_, Option<i64>>(13)?.map(MessageId),
        replies: replies(row, sent_at)?,
        forwarded: extra.forwarded,
        mentions: extra.mentions,
        custom: extra.custom,
        reactions: Vec::new(),
        client_msg_id: row.get(10)?,
        sent_at,
        edited_at: row.get::<_, Option<i64>>(17)?.map(Timestamp),
        deleted_at: row.get::<_, Option<i64>>(18)?.map(Timestamp),
        pin: pin(row)?,
        streaming: row.get_ref(21)?.as_str_or_null()?.and_then(Streaming::parse),
        status: status(row, to, seq)?,
    };
    let reply_to = row.get::<_, Option<i64>>(12)?.map(MessageId);
    Ok(Stored { message, reply_to, n_reactions: row.get(16)? })
}

fn replies(row: &Row<'_>, sent_at: Timestamp) -> rusqlite::Result<Option<ThreadSummary>> {
    let n_replies = row.get(14)?;
    if n_replies == 0 {
        return Ok(None);
    }
    let last_reply_at = row.get::<_, Option<i64>>(15)?.map_or(sent_at, Timestamp);
    Ok(Some(ThreadSummary { n_replies, last_reply_at }))
}

fn pin(row: &Row<'_>) -> rusqlite::Result<Option<Pin>> {
    let (at, by): (Option<i64>, Option<i64>) = (row.get(19)?, row.get(20)?);
    Ok(at.zip(by).map(|(at, by)| Pin { by: UserId(by), at: Timestamp(at) }))
}

fn status(row: &Row<'_>, to: Recipient, seq: Seq) -> rusqlite::Result<Status> {
    let (delivered, read): (Option<i64>, Option<i64>) = (row.get(23)?, row.get(24)?);
    let pointers = Pointers { delivered: Seq(delivered.unwrap_or(0)), read: Seq(read.unwrap_or(0)) };
    Ok(Status::of(to, seq, pointers))
}

/// Adds what is not in the message's own row, where there is any.
pub(crate) fn complete(db: &Connection, stored: Stored, viewer: Option<UserId>) -> rusqlite::Result<Message> {
    let Stored { mut message, reply_to, n_reactions } = stored;
    if let Some(id) = reply_to {
        message.reply_to = quote(db, id)?;
    }
    if n_reactions > 0 {
        message.reactions = match viewer {
            Some(viewer) => reactions_for(db, message.id, viewer)?,
            None => reactions_for_all(db, message.id)?,
        };
    }
    Ok(message)
}

/// What a reply shows of the message that it answers, as that is now.
fn quote(db: &Connection, id: MessageId) -> rusqlite::Result<Option<Quote>> {
    let sql = "SELECT sender_id, content, deleted_at IS NOT NULL FROM messages WHERE id = ?1";
    let found = db.prepare_cached(sql)?.query_row([id.0], |row| {
        Ok(Quote {
            message: id,
            sender: UserId(row.get(0)?),
            content: Quote::excerpt(row.get_ref(1)?.as_str()?),
            deleted: row.get(2)?,
        })
    });
    found.optional()
}

fn reactions_for(db: &Connection, id: MessageId, viewer: UserId) -> rusqlite::Result<Vec<Reaction>> {
    let sql = "SELECT emoji, count(*), max(user_id = ?2) FROM reactions WHERE message_id = ?1
               GROUP BY emoji ORDER BY min(position)";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([id.0, viewer.0], |row| {
        let users = if row.get(2)? { vec![viewer] } else { Vec::new() };
        Ok(Reaction { emoji: row.get(0)?, count: row.get(1)?, users })
    })?;
    rows.collect()
}

fn reactions_for_all(db: &Connection, id: MessageId) -> rusqlite::Result<Vec<Reaction>> {
    let sql = "SELECT emoji, user_id FROM reactions WHERE message_id = ?1 ORDER BY position";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([id.0])?;
    let mut reactions = Vec::new();
    while let Some(row) = rows.next()? {
        Reaction::add(&mut reactions, row.get_ref(0)?.as_str()?, UserId(row.get(1)?));
    }
    Ok(reactions)
}
