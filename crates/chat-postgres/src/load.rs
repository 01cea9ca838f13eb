//! Converts rows to messages in their current state; nothing else does. Who may see them is decided
//! elsewhere.

use std::collections::HashMap;

use chat_codec::row;
use chat_core::ids::{MessageId, UserId};
use chat_core::messages::{Message, Quote};
use chat_core::reactions::Reaction;
use tokio_postgres::Row;

use crate::db::{Db, Params};
use crate::fault::Result;

/// A statement that returns messages `m` as [`stored`] reads them; the argument begins with its WHERE. `r` is
/// the recipient's row of a direct message, whose pointers determine the status; `q` is the message that it
/// answers.
macro_rules! select_messages {
    ($($rest:tt)+) => {
        concat!(
            "SELECT m.id, m.conversation_id, m.seq, m.rev, m.sender_id, m.recipient_id, m.group_id, m.kind,
                    m.content, m.media_url, m.client_msg_id, m.sent_at, m.reply_to, m.thread_id, m.n_replies,
                    m.last_reply_at, m.n_reactions, m.edited_at, m.deleted_at, m.pinned_at, m.pinned_by,
                    m.streaming, m.extra, r.delivered_seq, r.read_seq, q.sender_id, q.content,
                    q.deleted_at IS NOT NULL
             FROM messages m
             LEFT JOIN members r ON r.conversation_id = m.conversation_id AND r.user_id = m.recipient_id
             LEFT JOIN messages q ON q.id = m.reply_to ",
            $($rest)+
        )
    };
}

/// Condition that the reader, who must be `$1`, has not hidden the message.
macro_rules! is_shown {
    () => {
        "NOT EXISTS (SELECT 1 FROM hidden_messages h WHERE h.user_id = $1 AND h.message_id = m.id)"
    };
}
pub(crate) use {is_shown, select_messages};

pub(crate) use row::Stored;

/// A row of PostgreSQL, for the code that reads the rows of both stores.
pub(crate) struct Columns<'a>(pub(crate) &'a Row);

impl row::Row for Columns<'_> {
    type Error = tokio_postgres::Error;

    fn int(&self, column: usize) -> std::result::Result<i64, Self::Error> {
        self.0.try_get(column)
    }

    fn opt_int(&self, column: usize) -> std::result::Result<Option<i64>, Self::Error> {
        self.0.try_get(column)
    }

    fn flag(&self, column: usize) -> std::result::Result<bool, Self::Error> {
        self.0.try_get(column)
    }

    fn text(&self, column: usize) -> std::result::Result<&str, Self::Error> {
        self.0.try_get(column)
    }

    fn opt_text(&self, column: usize) -> std::result::Result<Option<&str>, Self::Error> {
        self.0.try_get(column)
    }
}

/// Returns all rows of a statement, converted by `read`.
pub(crate) fn all<T>(
    db: &Db,
    sql: &'static str,
    params: Params<'_>,
    read: impl Fn(&Columns<'_>) -> std::result::Result<T, tokio_postgres::Error>,
) -> Result<Vec<T>> {
    db.rows(sql, params)?.iter().map(|row| Ok(read(&Columns(row))?)).collect()
}

/// Loads these messages, in this order, without those that do not exist. For a `viewer` they contain the
/// reactions as that user sees them. Without one they are for an event, which goes to everybody, and contain
/// all users who reacted.
pub(crate) fn load(db: &Db, ids: &[MessageId], viewer: Option<UserId>) -> Result<Vec<Message>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let rows = db.rows(select_messages!("WHERE m.id = ANY($1)"), &[&numbers])?;
    let found = rows.iter().map(stored).collect::<Result<Vec<_>>>()?;
    let found = complete_all(db, found, viewer)?;
    let mut found: HashMap<_, _> = found.into_iter().map(|message| (message.id, message)).collect();
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// Returns the messages of a statement made by [`select_messages`], in its order.
pub(crate) fn select(db: &Db, sql: &'static str, params: Params<'_>, viewer: UserId) -> Result<Vec<Message>> {
    let found = db.rows(sql, params)?.iter().map(stored).collect::<Result<Vec<_>>>()?;
    complete_all(db, found, Some(viewer))
}

/// Loads the row of one message.
pub(crate) fn one(db: &Db, id: MessageId) -> Result<Option<Stored>> {
    db.opt(select_messages!("WHERE m.id = $1"), &[&id.0])?.as_ref().map(stored).transpose()
}

/// Reads a row of a statement made by [`select_messages`].
pub(crate) fn stored(row: &Row) -> Result<Stored> {
    let mut stored = row::message(&Columns(row))?;
    stored.message.reply_to = quote(row, stored.reply_to)?;
    Ok(stored)
}

/// Reads a column that holds a count.
pub(crate) fn count(row: &Row, column: usize) -> Result<u32> {
    Ok(row::count(&Columns(row), column)?)
}

/// Reads the quote that a reply shows, with the current state of the quoted message.
fn quote(row: &Row, answered: Option<MessageId>) -> Result<Option<Quote>> {
    let (Some(message), Some(sender)) = (answered, row.try_get(25)?) else { return Ok(None) };
    let content = Quote::excerpt(row.try_get::<_, Option<&str>>(26)?.unwrap_or_default());
    Ok(Some(Quote { message, sender: UserId(sender), content, deleted: row.try_get(27)? }))
}

/// Adds the parts of a message that are not in its own row, if there are any.
pub(crate) fn complete(db: &Db, stored: Stored, viewer: Option<UserId>) -> Result<Message> {
    let mut message = stored.message;
    if stored.n_reactions > 0 {
        let reactions = reactions(db, &[message.id.0], viewer)?.remove(&message.id);
        message.reactions = reactions.unwrap_or_default();
    }
    Ok(message)
}

/// Completes several messages with one statement.
pub(crate) fn complete_all(db: &Db, stored: Vec<Stored>, viewer: Option<UserId>) -> Result<Vec<Message>> {
    let reacted: Vec<i64> =
        stored.iter().filter(|one| one.n_reactions > 0).map(|one| one.message.id.0).collect();
    let mut found = if reacted.is_empty() { HashMap::new() } else { reactions(db, &reacted, viewer)? };
    let complete = |Stored { mut message, .. }: Stored| {
        if let Some(reactions) = found.remove(&message.id) {
            message.reactions = reactions;
        }
        message
    };
    Ok(stored.into_iter().map(complete).collect())
}

type Reactions = HashMap<MessageId, Vec<Reaction>>;

fn reactions(db: &Db, messages: &[i64], viewer: Option<UserId>) -> Result<Reactions> {
    match viewer {
        Some(viewer) => reactions_for(db, messages, viewer),
        None => reactions_for_all(db, messages),
    }
}

fn reactions_for(db: &Db, messages: &[i64], viewer: UserId) -> Result<Reactions> {
    let sql = "SELECT message_id, emoji, count(*), bool_or(user_id = $2) FROM reactions
               WHERE message_id = ANY($1) GROUP BY message_id, emoji ORDER BY min(position)";
    let mut found = Reactions::new();
    for row in db.rows(sql, &[&messages, &viewer.0])? {
        let reaction = row::reaction(&Columns(&row), 1, viewer)?;
        found.entry(MessageId(row.try_get(0)?)).or_default().push(reaction);
    }
    Ok(found)
}

fn reactions_for_all(db: &Db, messages: &[i64]) -> Result<Reactions> {
    let sql = "SELECT message_id, emoji, user_id FROM reactions WHERE message_id = ANY($1) ORDER BY position";
    let mut found = Reactions::new();
    for row in db.rows(sql, &[&messages])? {
        let reactions = found.entry(MessageId(row.try_get(0)?)).or_default();
        Reaction::add(reactions, row.try_get(1)?, UserId(row.try_get(2)?));
    }
    Ok(found)
}
