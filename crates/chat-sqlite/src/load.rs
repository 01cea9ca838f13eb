//! The only place that turns rows into messages. Its callers check who may see them.

use chat_codec::row;
use chat_core::ids::{MessageId, UserId};
use chat_core::messages::{Message, Quote};
use chat_core::reactions::Reaction;
use rusqlite::{Connection, OptionalExtension, Params, Row};

use crate::fault;

/// A statement that selects messages `m` for [`stored`]; the argument begins with its WHERE. `r` is the recipient's
/// row of a direct message: its pointers give the status.
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

/// Condition that the reader, who has to be `?1`, has not hidden the message.
macro_rules! is_shown {
    () => {
        "NOT EXISTS (SELECT 1 FROM hidden_messages h WHERE h.user_id = ?1 AND h.message_id = m.id)"
    };
}
pub(crate) use {is_shown, select_messages};

pub(crate) use row::Stored;

/// A row of SQLite, for the code that reads the rows of both stores.
pub(crate) struct Columns<'a, 'b>(pub(crate) &'a Row<'b>);

impl row::Row for Columns<'_, '_> {
    type Error = rusqlite::Error;

    fn int(&self, column: usize) -> rusqlite::Result<i64> {
        self.0.get(column)
    }

    fn opt_int(&self, column: usize) -> rusqlite::Result<Option<i64>> {
        self.0.get(column)
    }

    fn flag(&self, column: usize) -> rusqlite::Result<bool> {
        self.0.get(column)
    }

    fn text(&self, column: usize) -> rusqlite::Result<&str> {
        Ok(self.0.get_ref(column)?.as_str()?)
    }

    fn opt_text(&self, column: usize) -> rusqlite::Result<Option<&str>> {
        Ok(self.0.get_ref(column)?.as_str_or_null()?)
    }
}

/// All rows of a statement, converted by `read`.
pub(crate) fn all<T>(
    db: &Connection,
    sql: &'static str,
    params: impl Params,
    read: impl Fn(&Columns<'_, '_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    db.prepare_cached(sql)?.query_map(params, |row| read(&Columns(row)))?.collect()
}

/// These messages in this order, without those that do not exist. With a `viewer` they contain the reactions as that
/// user sees them. Without one they are for an event that goes to all members, and contain everybody who reacted.
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

/// The messages of a statement made by [`select_messages`], in its order.
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

pub(crate) fn one(db: &Connection, id: MessageId) -> rusqlite::Result<Option<Stored>> {
    db.prepare_cached(select_messages!("WHERE m.id = ?1"))?.query_row([id.0], stored).optional()
}

/// Reads a row of a statement made by [`select_messages`].
pub(crate) fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    row::message(&Columns(row))
}

/// Adds the parts that are not in the message's own row, if it has any.
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

/// The quote in a reply: the message that it answers, as that is now.
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
    all(db, sql, [id.0, viewer.0], |columns| row::reaction(columns, 0, viewer))
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
