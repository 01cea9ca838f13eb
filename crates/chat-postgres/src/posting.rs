//! Posting: one transaction that finds where a message goes, checks what it refers to, numbers it and writes it down.

use async_trait::async_trait;
use chat_codec::extra;
use chat_core::changes::MessageEvent;
use chat_core::conversations::{Conversation, ConversationKind};
use chat_core::error::Kind;
use chat_core::ids::{ConversationId, MessageId, Position, Rev, Seq, UserId};
use chat_core::intention::{self, Again, First, Intention};
use chat_core::messages::{Message, Quote, Recipient};
use chat_core::policy::{Action, allowed};
use chat_core::posting::{Destination, Forward, NewMessage, Posted, PostingStore, draft};
use chat_core::{Error, Result, failpoints};

use crate::db::Db;
use crate::load::{Stored, load, one};
use crate::messages::direct;
use crate::writer::{Batched, Tx};
use crate::{Postgres, accounts, fault, groups, in_place, membership};

mod insert;
mod together;

impl Batched for NewMessage {
    type Outcome = Posted;

    /// Whether nothing else has to be looked up for it than where it goes.
    fn goes_together(&self) -> bool {
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
        together::post_all(tx, new)
    }
}

/// Where a message goes; the conversation is missing before a pair's first message.
struct Place {
    conversation: Option<ConversationId>,
    to: Recipient,
}

#[async_trait]
impl PostingStore for Postgres {
    async fn post(&self, mut new: NewMessage) -> Result<Posted> {
        if failpoints::is_broken("no_dedupe") {
            new.client_msg_id = None;
        }
        self.writer.store(new).await
    }

    async fn posted_before(&self, new: NewMessage) -> Result<Option<Posted>> {
        if failpoints::is_broken("no_dedupe") {
            return Ok(None);
        }
        self.readers
            .read(move |db| posted_before(db, new.sender, new.client_msg_id.as_deref(), new.again()))
            .await
    }

    async fn forwarded_before(&self, sender: UserId, command: Forward) -> Result<Option<Posted>> {
        if failpoints::is_broken("no_dedupe") {
            return Ok(None);
        }
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
    let place = place(tx, new)?;
    check_mentions(tx, new, &place)?;
    check_root(tx, new, &place)?;
    let reply_to = quoted(tx, new, &place)?;
    // From here on nothing is refused.
    let (conversation, made) = settle(tx, new, &place)?;
    let position = Position(tx.position().0 + i64::from(made.is_some()));
    let draft = Message { reply_to, ..draft(new, conversation, place.to) };
    let (message, root) = write(tx, draft, new.intention.as_ref(), position)?;
    let made = made.map(|made| Conversation { rev: message.rev, last_seq: message.seq, ..made });
    Ok(Posted::New { conversation: made, message, root })
}

/// What a post is answered whose sender has used its key before.
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

/// What a post is answered that repeats the key of this message of the same sender.
fn repeated(db: &Db, sender: UserId, first: MessageId, again: Again<'_>) -> fault::Result<Option<Posted>> {
    let Some(message) = load(db, &[first], Some(sender))?.pop() else { return Ok(None) };
    let intention = db.row("SELECT intention FROM messages WHERE id = $1", &[&first.0])?.try_get(0)?;
    let access = membership::access(db, sender, message.conversation)?;
    Ok(Some(intention::again(again, First { message, intention, access })?))
}

fn place(db: &Db, new: &NewMessage) -> fault::Result<Place> {
    match new.to {
        Destination::To(to @ Recipient::User(other)) => {
            let conversation = direct(db, new.sender, other)?;
            if conversation.is_none() {
                check_pair(db, new.sender, other)?;
            }
            Ok(Place { conversation, to })
        }
        Destination::To(to @ Recipient::Group(group)) => {
            let conversation = groups::conversation_for(db, group, new.sender, Action::Post)?;
            Ok(Place { conversation: Some(conversation), to })
        }
        Destination::Conversation(conversation) => {
            let (access, to) = membership::with_recipient(db, new.sender, conversation)?;
            allowed(access, Action::Post)?;
            Ok(Place { conversation: Some(conversation), to })
        }
    }
}

fn check_pair(db: &Db, sender: UserId, other: UserId) -> fault::Result<()> {
    if !accounts::exists(db, sender)? {
        return Err(Error::UnknownCaller.into());
    }
    if !accounts::exists(db, other)? {
        return Err(Error::NotFound(Kind::User).into());
    }
    Ok(())
}

/// Whoever is called upon has to be there to hear it.
fn check_mentions(db: &Db, new: &NewMessage, place: &Place) -> fault::Result<()> {
    for &user in &new.body.mentions.users {
        let is_member = match place.conversation {
            Some(conversation) => membership::is_member(db, user, conversation)?,
            None => user == new.sender || place.to == Recipient::User(user),
        };
        if !is_member {
            return Err(Error::invalid("mentions", "must be members of the conversation").into());
        }
    }
    Ok(())
}

fn check_root(db: &Db, new: &NewMessage, place: &Place) -> fault::Result<()> {
    let Some(root) = new.body.thread else { return Ok(()) };
    match here(db, root, place)?.message.thread {
        None => Ok(()),
        Some(_) => {
            Err(Error::conflict("in_thread", "This message is in a thread and cannot begin one").into())
        }
    }
}

/// The message replied to, in brief. In a thread its messages may be answered, and those outside of threads anywhere.
fn quoted(db: &Db, new: &NewMessage, place: &Place) -> fault::Result<Option<Quote>> {
    let Some(id) = new.body.reply_to else { return Ok(None) };
    let answered = here(db, id, place)?.message;
    if answered.thread.is_some() && answered.thread != new.body.thread {
        return Err(Error::conflict("in_thread", "This message is in a thread; answer it there").into());
    }
    Ok(Some(Quote {
        message: id,
        sender: answered.sender,
        content: Quote::excerpt(&answered.content),
        deleted: answered.deleted_at.is_some(),
    }))
}

/// A message of the same conversation.
fn here(db: &Db, id: MessageId, place: &Place) -> fault::Result<Stored> {
    let found = one(db, id)?.filter(|found| Some(found.message.conversation) == place.conversation);
    Ok(found.ok_or(Error::NotFound(Kind::Message))?)
}

/// The conversation, and the same once more if it is made now, as this write's first change.
fn settle(
    tx: &Tx<'_>,
    new: &NewMessage,
    place: &Place,
) -> fault::Result<(ConversationId, Option<Conversation>)> {
    match (place.conversation, place.to) {
        (Some(conversation), _) => Ok((conversation, None)),
        (None, Recipient::User(other)) => {
            let made = make_direct(tx, new, other, tx.position())?;
            Ok((made.id, Some(made)))
        }
        (None, Recipient::Group(_)) => Err(Error::internal("a group without a conversation").into()),
    }
}

/// Makes the conversation of a pair, at that place in the log.
fn make_direct(
    tx: &Tx<'_>,
    new: &NewMessage,
    other: UserId,
    position: Position,
) -> fault::Result<Conversation> {
    let (low, high) = (new.sender.min(other), new.sender.max(other));
    let sql = "INSERT INTO conversations (rev, n_members, created_at, position, meta_position)
               VALUES (0, 2, $1, $2, $2) RETURNING id";
    let id = ConversationId(tx.row(sql, &[&new.at.0, &position.0])?.try_get(0)?);
    let sql = "INSERT INTO directs (low, high, conversation_id) VALUES ($1, $2, $3)";
    tx.execute(sql, &[&low.0, &high.0, &id.0])?;
    let sql = "INSERT INTO members (conversation_id, user_id, role, joined_at, joined_position)
               VALUES ($1, $2, 'member', $4, $5), ($1, $3, 'member', $4, $5)";
    tx.execute(sql, &[&id.0, &low.0, &high.0, &new.at.0, &position.0])?;
    let kind = ConversationKind::Direct(low, high);
    Ok(Conversation { id, kind, rev: Rev(0), last_seq: Seq(0), n_members: 2, created_at: new.at })
}

/// Numbers the message and writes it down, with what follows from it. The second is its thread's root as that is then.
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
        Some(root) => lengthen_thread(tx, root, &message, position)?.map(Box::new),
        None => None,
    };
    Ok((message, root))
}

fn insert_mentions(tx: &Tx<'_>, message: &Message) -> fault::Result<()> {
    let users: Vec<i64> = extra::mentioned(&message.mentions).collect();
    if users.is_empty() {
        return Ok(());
    }
    // The domain gives each user once; a row too many would undo the whole post.
    let sql = "INSERT INTO mentions (conversation_id, user_id, seq) SELECT $1, unnest($2::bigint[]), $3
               ON CONFLICT DO NOTHING";
    tx.execute(sql, &[&message.conversation.0, &users, &message.seq.0]).map(drop)
}

/// Brings a thread's root up to date with a reply, whose changes of the conversation follow its own.
fn lengthen_thread(
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
