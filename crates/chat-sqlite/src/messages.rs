//! Statements about messages and the conversations that number them.

use async_trait::async_trait;
use chat_core::error::Kind;
use chat_core::groups::Role;
use chat_core::ids::{ConversationId, GroupId, MessageId, Rev, Seq, UserId};
use chat_core::messages::{Message, MessageKind, MessageStore, NewMessage, Page, Posted, Recipient, Status};
use chat_core::policy::Action;
use chat_core::receipts::Pointers;
use chat_core::time::Timestamp;
use chat_core::{Error, Result, failpoints};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::receipts::pointers;
use crate::writer::Tx;
use crate::{Sqlite, accounts, fault, groups};

#[async_trait]
impl MessageStore for Sqlite {
    async fn post(&self, mut new: NewMessage) -> Result<Posted> {
        if failpoints::is_broken("no_dedupe") {
            new.client_msg_id = None;
        }
        self.writer.write(move |tx| post(tx, &new)).await
    }

    async fn direct_history(&self, reader: UserId, other: UserId, page: Page) -> Result<Vec<Message>> {
        self.readers
            .read(move |db| {
                let snapshot = db.unchecked_transaction()?;
                let Some(conversation) = direct(&snapshot, reader, other)? else {
                    let known = accounts::exists(&snapshot, other)?;
                    return if known { Ok(Vec::new()) } else { Err(Error::NotFound(Kind::User).into()) };
                };
                let of_other = pointers(&snapshot, conversation, other)?;
                let of_reader = pointers(&snapshot, conversation, reader)?;
                history(
                    &snapshot,
                    conversation,
                    page,
                    |sender| if sender == reader { of_other } else { of_reader },
                )
            })
            .await
    }

    async fn group_history(&self, reader: UserId, group: GroupId, page: Page) -> Result<Vec<Message>> {
        self.readers
            .read(move |db| {
                let conversation = groups::conversation_for(db, group, reader, Action::Read)?;
                history(db, conversation, page, |_| Pointers::default())
            })
            .await
    }

    async fn last_of_each(&self, reader: UserId, limit: u16) -> Result<Vec<Message>> {
        self.readers
            .read(move |db| {
                let sql =
                    "SELECT m.id, m.conversation_id, m.seq, m.rev, m.sender_id, m.recipient_id, m.group_id,
                                  m.kind, m.content, m.media_url, m.client_msg_id, m.sent_at,
                                  coalesce(r.delivered_seq, 0), coalesce(r.read_seq, 0)
                           FROM members me
                           JOIN conversations c ON c.id = me.conversation_id
                           JOIN messages m ON m.conversation_id = c.id AND m.seq = c.last_seq
                           LEFT JOIN members r ON r.conversation_id = c.id AND r.user_id = m.recipient_id
                           WHERE me.user_id = ?1 ORDER BY m.id DESC LIMIT ?2";
                let mut statement = db.prepare_cached(sql)?;
                let rows = statement.query_map(params![reader.0, limit], |row| {
                    let recipient = Pointers { delivered: Seq(row.get(12)?), read: Seq(row.get(13)?) };
                    message(row, |_| recipient)
                })?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    async fn newest(&self) -> Result<MessageId> {
        self.readers
            .read(|db| {
                let sql = "SELECT coalesce(max(id), 0) FROM messages";
                Ok(db.prepare_cached(sql)?.query_row((), |row| row.get(0).map(MessageId))?)
            })
            .await
    }

    async fn backlog(
        &self,
        user: UserId,
        live_from: MessageId,
        after: MessageId,
        limit: u16,
    ) -> Result<Vec<Message>> {
        self.readers.read(move |db| backlog(db, user, (live_from, after), limit)).await
    }
}

fn backlog(
    db: &Connection,
    user: UserId,
    (live_from, after): (MessageId, MessageId),
    limit: u16,
) -> fault::Result<Vec<Message>> {
    // The first part looks at conversations that lag, by their own order; the second at the end of the table, which
    // is short, since it grew while a client was connecting. CROSS JOIN keeps SQLite to that order.
    let sql =
        "SELECT id, conversation_id, seq, rev, sender_id, recipient_id, group_id, kind, content, media_url,
                      client_msg_id, sent_at
               FROM messages WHERE id IN (
                   SELECT m.id FROM members me
                   JOIN conversations c ON c.id = me.conversation_id AND c.last_seq > me.delivered_seq
                   JOIN messages m ON m.conversation_id = c.id AND m.seq > me.delivered_seq
                   WHERE me.user_id = ?1 AND m.id > ?3 AND m.sender_id <> ?1
                   UNION
                   SELECT m.id FROM messages m
                   CROSS JOIN members me ON me.conversation_id = m.conversation_id AND me.user_id = ?1
                   WHERE m.id > max(?2, ?3))
               ORDER BY id LIMIT ?4";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![user.0, live_from.0, after.0, limit], |row| {
        message(row, |_| Pointers::default())
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn post(tx: &Tx<'_>, new: &NewMessage) -> fault::Result<Posted> {
    if let Some(first) = posted_before(tx, new)? {
        return Ok(Posted::Duplicate(first));
    }
    let (conversation, recipient_id, group_id) = match new.to {
        Recipient::User(other) => (direct_for_post(tx, new.sender, other, new.at)?, other.0, 0),
        Recipient::Group(group) => {
            (groups::conversation_for(tx, group, new.sender, Action::Post)?, 0, group.0)
        }
    };
    let sql = "UPDATE conversations SET last_seq = last_seq + 1, rev = rev + 1 WHERE id = ?1
               RETURNING last_seq, rev";
    let (seq, rev) = tx
        .prepare_cached(sql)?
        .query_row([conversation.0], |row| Ok((Seq(row.get(0)?), Rev(row.get(1)?))))?;
    let sql =
        "INSERT INTO messages (conversation_id, seq, rev, position, sender_id, recipient_id, group_id, kind,
                                     content, media_url, client_msg_id, sent_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    tx.prepare_cached(sql)?.execute(params![
        conversation.0,
        seq.0,
        rev.0,
        tx.position.0,
        new.sender.0,
        recipient_id,
        group_id,
        new.kind.as_str(),
        new.content,
        new.media_url,
        new.client_msg_id,
        new.at.0
    ])?;
    Ok(Posted::New(Message {
        id: MessageId(tx.last_insert_rowid()),
        conversation,
        seq,
        rev,
        sender: new.sender,
        to: new.to,
        kind: new.kind,
        content: new.content.clone(),
        media_url: new.media_url.clone(),
        client_msg_id: new.client_msg_id.clone(),
        sent_at: new.at,
        status: status_of(new.to, seq, Pointers::default()),
    }))
}

/// The first message that the sender posted under this key.
fn posted_before(db: &Connection, new: &NewMessage) -> fault::Result<Option<Message>> {
    let Some(key) = &new.client_msg_id else { return Ok(None) };
    let sql =
        "SELECT id, conversation_id, seq, rev, sender_id, recipient_id, group_id, kind, content, media_url,
                      client_msg_id, sent_at
               FROM messages WHERE client_msg_id = ?1 AND sender_id = ?2";
    let found = db
        .prepare_cached(sql)?
        .query_row(params![key, new.sender.0], |row| message(row, |_| Pointers::default()))
        .optional()?;
    let Some(mut first) = found else { return Ok(None) };
    if let Recipient::User(recipient) = first.to {
        first.status = Status::of_direct(first.seq, pointers(db, first.conversation, recipient)?);
    }
    Ok(Some(first))
}

/// The conversation of a pair, if they have one.
pub(crate) fn direct(
    db: &Connection,
    one: UserId,
    other: UserId,
) -> rusqlite::Result<Option<ConversationId>> {
    db.prepare_cached("SELECT conversation_id FROM directs WHERE low = ?1 AND high = ?2")?
        .query_row([one.min(other).0, one.max(other).0], |row| row.get(0).map(ConversationId))
        .optional()
}

/// The pair's conversation, made on its first message.
fn direct_for_post(
    tx: &Tx<'_>,
    sender: UserId,
    other: UserId,
    at: Timestamp,
) -> fault::Result<ConversationId> {
    if let Some(conversation) = direct(tx, sender, other)? {
        return Ok(conversation);
    }
    if !accounts::exists(tx, sender)? {
        return Err(Error::UnknownCaller.into());
    }
    if !accounts::exists(tx, other)? {
        return Err(Error::NotFound(Kind::User).into());
    }
    tx.prepare_cached("INSERT INTO conversations (last_seq, rev) VALUES (0, 0)")?.execute(())?;
    let conversation = ConversationId(tx.last_insert_rowid());
    tx.prepare_cached("INSERT INTO directs (low, high, conversation_id) VALUES (?1, ?2, ?3)")?.execute([
        sender.min(other).0,
        sender.max(other).0,
        conversation.0,
    ])?;
    groups::join(tx, conversation, sender, Role::Member, at)?;
    groups::join(tx, conversation, other, Role::Member, at)?;
    Ok(conversation)
}

/// A page, oldest first. `recipient_of` gives the pointers of the one to whom a sender's messages go.
fn history(
    db: &Connection,
    conversation: ConversationId,
    page: Page,
    recipient_of: impl Fn(UserId) -> Pointers,
) -> fault::Result<Vec<Message>> {
    // Ids and seqs grow together in a conversation, so a page begins at the seq of the largest id below `before`;
    // a `before` from elsewhere has none here and is looked for.
    let sql = "SELECT id, conversation_id, seq, rev, sender_id, recipient_id, group_id, kind, content, media_url,
                      client_msg_id, sent_at
               FROM messages WHERE conversation_id = ?1 AND id < ?2
                 AND seq < coalesce((SELECT seq FROM messages WHERE id = ?2 AND conversation_id = ?1), 1 << 62)
               ORDER BY seq DESC LIMIT ?3";
    let before = page.before.map_or(i64::MAX, |id| id.0);
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement
        .query_map(params![conversation.0, before, page.limit], |row| message(row, &recipient_of))?;
    let mut messages: Vec<Message> = rows.collect::<rusqlite::Result<_>>()?;
    messages.reverse();
    Ok(messages)
}

fn message(row: &Row<'_>, recipient_of: impl Fn(UserId) -> Pointers) -> rusqlite::Result<Message> {
    let (seq, sender) = (Seq(row.get(2)?), UserId(row.get(4)?));
    let to = match row.get(6)? {
        0 => Recipient::User(UserId(row.get(5)?)),
        group => Recipient::Group(GroupId(group)),
    };
    let kind = row.get_ref(7)?.as_str()?;
    Ok(Message {
        id: MessageId(row.get(0)?),
        conversation: ConversationId(row.get(1)?),
        seq,
        rev: Rev(row.get(3)?),
        sender,
        to,
        kind: MessageKind::parse(kind).unwrap_or(MessageKind::Text),
        content: row.get(8)?,
        media_url: row.get(9)?,
        client_msg_id: row.get(10)?,
        sent_at: Timestamp(row.get(11)?),
        status: status_of(to, seq, recipient_of(sender)),
    })
}

fn status_of(to: Recipient, seq: Seq, recipient: Pointers) -> Status {
    match to {
        Recipient::User(_) => Status::of_direct(seq, recipient),
        Recipient::Group(_) => Status::Sent,
    }
}
