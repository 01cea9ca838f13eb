//! Posting, in one transaction: finds the message's destination, checks its references, numbers it and inserts it.

use async_trait::async_trait;
use chat_codec::extra;
use chat_core::Result;
use chat_core::changes::MessageEvent;
use chat_core::conversations::{Conversation, ConversationAccess, pair};
use chat_core::ids::{ConversationId, MessageId, Position, Rev, Seq, UserId};
use chat_core::intention::{self, Again, First, Intention};
use chat_core::messages::{Message, Recipient, Streaming};
use chat_core::posting::{
    Destination, Forward, Found, NewMessage, PostTarget, Posted, PostingStore, References, check_references,
    destination, draft,
};
use chat_core::unread;
use rusqlite::{Connection, OptionalExtension, params};

use crate::conversations::{mentions, own_counts};
use crate::load::{complete, load, one, select_messages, stored};
use crate::writer::Tx;
use crate::{Sqlite, accounts, fault, in_place, membership};

#[async_trait]
impl PostingStore for Sqlite {
    async fn post(&self, new: NewMessage) -> Result<Posted> {
        self.writer.write(move |tx| post(tx, &new)).await
    }

    async fn posted_before(&self, new: NewMessage) -> Result<Option<Posted>> {
        self.readers
            .read(move |db| {
                let snapshot = db.unchecked_transaction()?;
                posted_before(&snapshot, new.sender, new.client_msg_id.as_deref(), new.again())
            })
            .await
    }

    async fn forwarded_before(&self, sender: UserId, command: Forward) -> Result<Option<Posted>> {
        self.readers
            .read(move |db| {
                let snapshot = db.unchecked_transaction()?;
                let intention = Intention::of_forward(command.message);
                let again = Again { to: command.to, intention: Some(&intention), new: None };
                posted_before(&snapshot, sender, command.client_msg_id.as_deref(), again)
            })
            .await
    }
}

/// Stores a message, once for each key of its sender.
pub(crate) fn post(tx: &Tx<'_>, new: &NewMessage) -> fault::Result<Posted> {
    if let Some(posted) = posted_before(tx, new.sender, new.client_msg_id.as_deref(), new.again())? {
        return Ok(posted);
    }
    let place = destination(new.to, found(tx, new)?)?;
    let reply_to = check_references(new, &place, references(tx, new, &place)?)?;
    // No refusal may follow from here on.
    let (at, made) = ensure_conversation(tx, new, place)?;
    let position = Position(tx.position.0 + i64::from(made.is_some()));
    let (message, root) = write(tx, draft(new, at, reply_to), new.intention.as_ref(), position)?;
    Ok(Posted::new(made, message, root))
}

/// The answer to a post whose sender has used its key before.
pub(crate) fn posted_before(
    db: &Connection,
    sender: UserId,
    key: Option<&str>,
    again: Again<'_>,
) -> fault::Result<Option<Posted>> {
    let Some(key) = key else { return Ok(None) };
    let sql = select_messages!("WHERE m.client_msg_id = ?1 AND m.sender_id = ?2");
    let found = db.prepare_cached(sql)?.query_row(params![key, sender.0], stored).optional()?;
    let Some(found) = found else { return Ok(None) };
    let message = complete(db, found, Some(sender))?;
    let sql = "SELECT intention FROM messages WHERE id = ?1";
    let intention = db.prepare_cached(sql)?.query_row([message.id.0], |row| row.get(0))?;
    let access = membership::access(db, sender, message.conversation)?;
    Ok(Some(intention::again(again, First { message, intention, access })?))
}

/// The destination of the message, if it exists.
fn found(db: &Connection, new: &NewMessage) -> fault::Result<Found> {
    let reached = match new.to {
        Destination::To(Recipient::User(other)) => membership::in_pair(db, new.sender, other)?,
        Destination::To(Recipient::Group(group)) => membership::in_group(db, new.sender, group)?,
        Destination::Conversation(id) => membership::in_conversation(db, new.sender, id)?,
    };
    match (reached, new.to) {
        (Some(reached), _) => Ok(Found::Conversation(reached)),
        (None, Destination::To(Recipient::User(other))) => {
            let sender_exists = accounts::exists(db, new.sender)?;
            Ok(Found::Pair { sender_exists, other_exists: accounts::exists(db, other)? })
        }
        (None, _) => Ok(Found::Nothing),
    }
}

/// The message that this one refers to. Most messages refer to none, and cost no look-up.
fn references(db: &Connection, new: &NewMessage, place: &PostTarget) -> fault::Result<References> {
    let message = |id: Option<MessageId>| -> fault::Result<Option<Message>> {
        let Some(id) = id else { return Ok(None) };
        Ok(one(db, id)?.map(|stored| stored.message))
    };
    let members = match place.conversation() {
        Some(conversation) => membership::members_among(db, conversation, &new.body.mentions.users)?,
        None => Vec::new(),
    };
    let (root, answered) = (message(new.body.thread)?, message(new.body.reply_to)?);
    Ok(References { members, root, answered })
}

/// The conversation, and its creation if this is the pair's first message: that is then this write's first change.
fn ensure_conversation(
    tx: &Tx<'_>,
    new: &NewMessage,
    place: PostTarget,
) -> fault::Result<(ConversationAccess, Option<Conversation>)> {
    match place {
        PostTarget::Conversation(reached) => Ok((reached, None)),
        PostTarget::NewPair(other) => {
            let made = make_pair(tx, new, other)?;
            Ok((ConversationAccess::new_pair(made.id, other), Some(made)))
        }
    }
}

fn make_pair(tx: &Tx<'_>, new: &NewMessage, other: UserId) -> rusqlite::Result<Conversation> {
    let (low, high) = pair(new.sender, other);
    let sql = "INSERT INTO conversations (rev, n_members, created_at, position, meta_position)
               VALUES (0, 2, ?1, ?2, ?2)";
    tx.prepare_cached(sql)?.execute([new.at.0, tx.position.0])?;
    let id = ConversationId(tx.last_insert_rowid());
    tx.prepare_cached("INSERT INTO directs (low, high, conversation_id) VALUES (?1, ?2, ?3)")?
        .execute([low.0, high.0, id.0])?;
    let sql = "INSERT INTO members (conversation_id, user_id, role, joined_at, joined_position)
               VALUES (?1, ?2, 'member', ?4, ?5), (?1, ?3, 'member', ?4, ?5)";
    tx.prepare_cached(sql)?.execute([id.0, low.0, high.0, new.at.0, tx.position.0])?;
    Ok(Conversation::of_new_pair(id, (low, high), new.at))
}

/// Numbers the message and inserts it, with everything that follows from it. The second part of the result is the
/// updated root of its thread.
fn write(
    tx: &Tx<'_>,
    mut message: Message,
    intention: Option<&Intention>,
    position: Position,
) -> fault::Result<(Message, Option<Box<Message>>)> {
    (message.seq, message.rev) = number(tx, &message, position)?;
    message.id = insert(tx, &message, intention, position)?;
    if let Some(block) = unread::filled_before(message.seq) {
        own_counts::note_full_block(tx, message.conversation, block)?;
    }
    mentions::insert(tx, &message)?;
    let root = match message.thread {
        Some(root) => extend_thread(tx, root, &message, position)?.map(Box::new),
        None => None,
    };
    Ok((message, root))
}

/// Takes the next `seq` and `rev` of the message's conversation. Reads and then writes, since no other connection
/// writes: for `RETURNING`, SQLite creates a temporary table each time, which took as long as inserting the message.
fn number(tx: &Tx<'_>, message: &Message, position: Position) -> rusqlite::Result<(Seq, Rev)> {
    let conversation = message.conversation.0;
    let sql = "SELECT last_seq + 1, rev + 1 FROM conversations WHERE id = ?1";
    let (seq, rev): (i64, i64) =
        tx.prepare_cached(sql)?.query_row([conversation], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let n_further_changes = i64::from(message.thread.is_some());
    let sql = "UPDATE conversations SET last_seq = ?2, rev = ?3, position = ?4 WHERE id = ?1";
    let numbers = [conversation, seq, rev + n_further_changes, position.0 + n_further_changes];
    tx.prepare_cached(sql)?.execute(numbers)?;
    Ok((Seq(seq), Rev(rev)))
}

fn insert(
    tx: &Tx<'_>,
    message: &Message,
    intention: Option<&Intention>,
    position: Position,
) -> rusqlite::Result<MessageId> {
    let (recipient, group) = match message.to {
        Recipient::User(user) => (user.0, 0),
        Recipient::Group(group) => (0, group.0),
    };
    // Without the log's, the id of a message whose row was removed could be used again.
    let sql = "INSERT INTO messages (id, conversation_id, seq, rev, position, sender_id, recipient_id, group_id, kind,
                                     content, media_url, client_msg_id, sent_at, reply_to, thread_id, streaming,
                                     extra, intention)
               VALUES ((SELECT max(last_message, coalesce((SELECT max(id) FROM messages), 0)) + 1 FROM log),
                       ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
    tx.prepare_cached(sql)?.execute(params![
        message.conversation.0,
        message.seq.0,
        message.rev.0,
        position.0,
        message.sender.0,
        recipient,
        group,
        message.kind.as_str(),
        message.content,
        message.media_url(),
        message.client_msg_id,
        message.sent_at.0,
        message.reply_to.as_ref().map(|quote| quote.message.0),
        message.thread.map(|root| root.0),
        message.streaming.map(Streaming::as_str),
        extra::encode(message).map_err(fault::unwritable)?,
        intention.map(Intention::as_bytes)
    ])?;
    Ok(MessageId(tx.last_insert_rowid()))
}

/// Updates a thread's root for a reply. Its change of the conversation follows the reply's own.
fn extend_thread(
    tx: &Tx<'_>,
    root: MessageId,
    reply: &Message,
    position: Position,
) -> fault::Result<Option<Message>> {
    let sql = "UPDATE messages SET n_replies = n_replies + 1, last_reply_at = ?2, rev = ?3 WHERE id = ?1";
    tx.prepare_cached(sql)?.execute([root.0, reply.sent_at.0, reply.rev.0 + 1])?;
    let position = Position(position.0 + 1);
    in_place::note(tx, (root, reply.conversation), position, MessageEvent::Thread)?;
    Ok(load(tx, &[root], None)?.pop())
}
