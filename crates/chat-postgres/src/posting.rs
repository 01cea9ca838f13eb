//! Posting: one transaction that finds a message's destination, checks its references, numbers it and stores
//! it.

use async_trait::async_trait;
use chat_codec::extra;
use chat_core::Result;
use chat_core::changes::MessageEvent;
use chat_core::conversations::{Conversation, ConversationAccess, pair};
use chat_core::ids::{ConversationId, MessageId, Position, Rev, Seq, UserId};
use chat_core::intention::{self, Again, First, Intention};
use chat_core::messages::{Message, Recipient};
use chat_core::posting::{
    Destination, Forward, Found, NewMessage, PostTarget, Posted, PostingStore, References, check_references,
    destination, draft,
};

use crate::db::Db;
use crate::load::{load, one};
use crate::writer::{Batched, Tx};
use crate::{Postgres, accounts, fault, in_place, membership};

mod batch;
mod insert;

impl Batched for NewMessage {
    type Outcome = Posted;

    /// Returns whether the message needs no look-ups besides its destination.
    fn can_be_batched(&self) -> bool {
        let body = &self.body;
        body.reply_to.is_none()
            && body.thread.is_none()
            && body.mentions.users.is_empty()
            && !body.mentions.all
    }

    fn store(&self, tx: &Tx<'_>) -> fault::Result<Posted> {
        post(tx, self)
    }

    fn store_all(tx: &Tx<'_>, new: &[&Self]) -> fault::Result<Vec<fault::Result<Posted>>> {
        batch::post_all(tx, new)
    }
}

#[async_trait]
impl PostingStore for Postgres {
    async fn post(&self, new: NewMessage) -> Result<Posted> {
        self.writer.store(new).await
    }

    async fn posted_before(&self, new: NewMessage) -> Result<Option<Posted>> {
        self.readers
            .read(move |db| posted_before(db, new.sender, new.client_msg_id.as_deref(), new.again()))
            .await
    }

    async fn forwarded_before(&self, sender: UserId, command: Forward) -> Result<Option<Posted>> {
        self.readers
            .read(move |db| {
                let intention = Intention::of_forward(command.message);
                let again = Again { to: command.to, intention: Some(&intention), new: None };
                posted_before(db, sender, command.client_msg_id.as_deref(), again)
            })
            .await
    }
}

/// Stores a message, once for each key of its sender.
fn post(tx: &Tx<'_>, new: &NewMessage) -> fault::Result<Posted> {
    if let Some(posted) = posted_before(tx, new.sender, new.client_msg_id.as_deref(), new.again())? {
        return Ok(posted);
    }
    let place = destination(new.to, found(tx, new)?)?;
    let reply_to = check_references(new, &place, references(tx, new, &place)?)?;
    // Nothing may be refused after this line.
    let (at, made) = ensure_conversation(tx, new, place, tx.position())?;
    let position = Position(tx.position().0 + i64::from(made.is_some()));
    let (message, root) = write(tx, draft(new, at, reply_to), new.intention.as_ref(), position)?;
    Ok(Posted::new(made, message, root))
}

/// Returns the answer to a post whose sender has used its key before.
pub(crate) fn posted_before(
    db: &Db,
    sender: UserId,
    key: Option<&str>,
    again: Again<'_>,
) -> fault::Result<Option<Posted>> {
    let Some(key) = key else { return Ok(None) };
    let sql = "SELECT id FROM messages WHERE client_msg_id = $1 AND sender_id = $2";
    match db.opt(sql, &[&key, &sender.0])? {
        Some(row) => repeated(db, sender, MessageId(row.try_get(0)?), again),
        None => Ok(None),
    }
}

/// Returns the answer to a post that repeats the key of this message of the same sender.
fn repeated(db: &Db, sender: UserId, first: MessageId, again: Again<'_>) -> fault::Result<Option<Posted>> {
    let Some(message) = load(db, &[first], Some(sender))?.pop() else { return Ok(None) };
    let intention = db.row("SELECT intention FROM messages WHERE id = $1", &[&first.0])?.try_get(0)?;
    let access = membership::access(db, sender, message.conversation)?;
    Ok(Some(intention::again(again, First { message, intention, access })?))
}

/// Looks up the destination.
fn found(db: &Db, new: &NewMessage) -> fault::Result<Found> {
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

/// Loads the messages and members that the message refers to. Most messages refer to nothing and cause no
/// look-up.
fn references(db: &Db, new: &NewMessage, place: &PostTarget) -> fault::Result<References> {
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

/// Returns the conversation. If it must be created at that log position, also returns the new one.
fn ensure_conversation(
    tx: &Tx<'_>,
    new: &NewMessage,
    place: PostTarget,
    position: Position,
) -> fault::Result<(ConversationAccess, Option<Conversation>)> {
    match place {
        PostTarget::Conversation(reached) => Ok((reached, None)),
        PostTarget::NewPair(other) => {
            let made = make_pair(tx, new, other, position)?;
            Ok((ConversationAccess::new_pair(made.id, other), Some(made)))
        }
    }
}

/// Creates the conversation of a pair, at that log position.
fn make_pair(
    tx: &Tx<'_>,
    new: &NewMessage,
    other: UserId,
    position: Position,
) -> fault::Result<Conversation> {
    let (low, high) = pair(new.sender, other);
    let sql = "INSERT INTO conversations (rev, n_members, created_at, position, meta_position)
               VALUES (0, 2, $1, $2, $2) RETURNING id";
    let id = ConversationId(tx.row(sql, &[&new.at.0, &position.0])?.try_get(0)?);
    let sql = "INSERT INTO directs (low, high, conversation_id) VALUES ($1, $2, $3)";
    tx.execute(sql, &[&low.0, &high.0, &id.0])?;
    let sql = "INSERT INTO members (conversation_id, user_id, role, joined_at, joined_position)
               VALUES ($1, $2, 'member', $4, $5), ($1, $3, 'member', $4, $5)";
    tx.execute(sql, &[&id.0, &low.0, &high.0, &new.at.0, &position.0])?;
    Ok(Conversation::of_new_pair(id, (low, high), new.at))
}

/// Numbers and stores the message with its consequences. Also returns its thread's root in its new state.
fn write(
    tx: &Tx<'_>,
    mut message: Message,
    intention: Option<&Intention>,
    position: Position,
) -> fault::Result<(Message, Option<Box<Message>>)> {
    let n_further_changes = i64::from(message.thread.is_some());
    let sql =
        "UPDATE conversations SET last_seq = last_seq + 1, rev = rev + 1 + $2, position = $3 WHERE id = $1
               RETURNING last_seq, rev - $2";
    let last = position.0 + n_further_changes;
    let numbers = tx.row(sql, &[&message.conversation.0, &n_further_changes, &last])?;
    (message.seq, message.rev) = (Seq(numbers.try_get(0)?), Rev(numbers.try_get(1)?));
    message.id = tx.next_message_id();
    insert::insert(tx, &[insert::Row { message: &message, intention, position }])?;
    insert_mentions(tx, &message)?;
    let root = match message.thread {
        Some(root) => extend_thread(tx, root, &message, position)?.map(Box::new),
        None => None,
    };
    Ok((message, root))
}

fn insert_mentions(tx: &Tx<'_>, message: &Message) -> fault::Result<()> {
    let users: Vec<i64> = extra::mentioned(&message.mentions).collect();
    if users.is_empty() {
        return Ok(());
    }
    // The domain gives each user once. A duplicate row would undo the whole post.
    let sql = "INSERT INTO mentions (conversation_id, user_id, seq) SELECT $1, unnest($2::bigint[]), $3
               ON CONFLICT DO NOTHING";
    tx.execute(sql, &[&message.conversation.0, &users, &message.seq.0]).map(drop)
}

/// Updates a thread's root for a reply. The root's change of the conversation follows the reply's own.
fn extend_thread(
    tx: &Tx<'_>,
    root: MessageId,
    reply: &Message,
    position: Position,
) -> fault::Result<Option<Message>> {
    let sql = "UPDATE messages SET n_replies = n_replies + 1, last_reply_at = $2, rev = $3 WHERE id = $1";
    tx.execute(sql, &[&root.0, &reply.sent_at.0, &(reply.rev.0 + 1)])?;
    let position = Position(position.0 + 1);
    in_place::note(tx, (root, reply.conversation), position, MessageEvent::Thread)?;
    Ok(load(tx, &[root], None)?.pop())
}
