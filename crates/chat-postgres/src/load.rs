//! The one way from rows to messages as they are now. Who may see them is asked elsewhere.

use std::collections::HashMap;

use chat_codec::extra::{self, Extra};
use chat_core::ids::{ConversationId, GroupId, MessageId, Rev, Seq, UserId};
use chat_core::media::MessageKind;
use chat_core::messages::{Message, Pin, Quote, Recipient, Status, Streaming, ThreadSummary};
use chat_core::reactions::Reaction;
use chat_core::receipts::Pointers;
use chat_core::time::Timestamp;
use tokio_postgres::Row;

use crate::db::{Db, Params};
use crate::fault::Result;

/// A statement that gives messages `m` as [`stored`] reads them; what is given begins with its WHERE. `r` is the
/// recipient's row of a direct message, from whose pointers the status follows; `q` is the message that it answers.
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

/// That the reader, who has to be `$1`, has not hidden the message.
macro_rules! is_shown {
    () => {
        "NOT EXISTS (SELECT 1 FROM hidden_messages h WHERE h.user_id = $1 AND h.message_id = m.id)"
    };
}
pub(crate) use {is_shown, select_messages};

/// A message without its reactions, which few have.
pub(crate) struct Stored {
    pub(crate) message: Message,
    pub(crate) n_reactions: u32,
}

/// These messages, in this order, less those that are not there. For a `viewer` they hold what that one needs to know
/// of reactions; without one they are for an event, which is for everybody, and hold all who reacted.
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

/// The messages that a statement made by [`select_messages`] gives, in its order.
pub(crate) fn select(db: &Db, sql: &'static str, params: Params<'_>, viewer: UserId) -> Result<Vec<Message>> {
    let found = db.rows(sql, params)?.iter().map(stored).collect::<Result<Vec<_>>>()?;
    complete_all(db, found, Some(viewer))
}

/// One message's own row.
pub(crate) fn one(db: &Db, id: MessageId) -> Result<Option<Stored>> {
    db.opt(select_messages!("WHERE m.id = $1"), &[&id.0])?.as_ref().map(stored).transpose()
}

/// Reads a row of a statement made by [`select_messages`].
pub(crate) fn stored(row: &Row) -> Result<Stored> {
    let to = match row.try_get(6)? {
        0 => Recipient::User(UserId(row.try_get(5)?)),
        group => Recipient::Group(GroupId(group)),
    };
    let (seq, sent_at) = (Seq(row.try_get(2)?), Timestamp(row.try_get(11)?));
    let extra = row.try_get::<_, Option<&str>>(22)?.map(Extra::decode).unwrap_or_default();
    let message = Message {
        id: MessageId(row.try_get(0)?),
        conversation: ConversationId(row.try_get(1)?),
        seq,
        rev: Rev(row.try_get(3)?),
        sender: UserId(row.try_get(4)?),
        to,
        kind: MessageKind::parse(row.try_get(7)?).unwrap_or(MessageKind::Text),
        content: row.try_get(8)?,
        media: extra::media(row.try_get(9)?, extra.media),
        reply_to: quote(row)?,
        thread: row.try_get::<_, Option<i64>>(13)?.map(MessageId),
        replies: replies(row, sent_at)?,
        forwarded: extra.forwarded,
        mentions: extra.mentions,
        custom: extra.custom,
        reactions: Vec::new(),
        client_msg_id: row.try_get(10)?,
        sent_at,
        edited_at: row.try_get::<_, Option<i64>>(17)?.map(Timestamp),
        deleted_at: row.try_get::<_, Option<i64>>(18)?.map(Timestamp),
        pin: pin(row)?,
        streaming: row.try_get::<_, Option<&str>>(21)?.and_then(Streaming::parse),
        status: status(row, to, seq)?,
    };
    Ok(Stored { message, n_reactions: count(row, 16)? })
}

/// A column that holds a number of things.
pub(crate) fn count(row: &Row, column: usize) -> Result<u32> {
    Ok(u32::try_from(row.try_get::<_, i64>(column)?).unwrap_or(0))
}

/// What a reply shows of the message that it answers, as that is now.
fn quote(row: &Row) -> Result<Option<Quote>> {
    let answered = (row.try_get::<_, Option<i64>>(12)?, row.try_get::<_, Option<i64>>(25)?);
    let (Some(message), Some(sender)) = answered else { return Ok(None) };
    let content = Quote::excerpt(row.try_get::<_, Option<&str>>(26)?.unwrap_or_default());
    Ok(Some(Quote {
        message: MessageId(message),
        sender: UserId(sender),
        content,
        deleted: row.try_get(27)?,
    }))
}

fn replies(row: &Row, sent_at: Timestamp) -> Result<Option<ThreadSummary>> {
    let n_replies = count(row, 14)?;
    if n_replies == 0 {
        return Ok(None);
    }
    let last_reply_at = row.try_get::<_, Option<i64>>(15)?.map_or(sent_at, Timestamp);
    Ok(Some(ThreadSummary { n_replies, last_reply_at }))
}

fn pin(row: &Row) -> Result<Option<Pin>> {
    let (at, by): (Option<i64>, Option<i64>) = (row.try_get(19)?, row.try_get(20)?);
    Ok(at.zip(by).map(|(at, by)| Pin { by: UserId(by), at: Timestamp(at) }))
}

fn status(row: &Row, to: Recipient, seq: Seq) -> Result<Status> {
    let (delivered, read): (Option<i64>, Option<i64>) = (row.try_get(23)?, row.try_get(24)?);
    let pointers = Pointers { delivered: Seq(delivered.unwrap_or(0)), read: Seq(read.unwrap_or(0)) };
    Ok(Status::of(to, seq, pointers))
}

/// Adds what is not in the message's own row, where there is any.
pub(crate) fn complete(db: &Db, stored: Stored, viewer: Option<UserId>) -> Result<Message> {
    let mut message = stored.message;
    if stored.n_reactions > 0 {
        let reactions = reactions(db, &[message.id.0], viewer)?.remove(&message.id);
        message.reactions = reactions.unwrap_or_default();
    }
    Ok(message)
}

/// The same for several, in one statement for all.
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
        let users = if row.try_get(3)? { vec![viewer] } else { Vec::new() };
        let reaction = Reaction { emoji: row.try_get(1)?, count: count(&row, 2)?, users };
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
