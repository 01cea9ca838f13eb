//! Posts many messages at once: the common case of `posting.rs`, messages without references, in two
//! statements and the insertion for a whole batch. The answers are exactly those of posting one after the
//! other.

use std::collections::HashMap;

use chat_core::Error;
use chat_core::conversations::{Conversation, ConversationAccess, pair};
use chat_core::ids::{ConversationId, GroupId, MessageId, Position, Rev, Seq, UserId};
use chat_core::intention::{self, First, Intention};
use chat_core::messages::{Message, Recipient};
use chat_core::policy::Access;
use chat_core::posting::{Destination, Found, NewMessage, Posted, destination, draft};
use tokio_postgres::Row;

use super::{ensure_conversation, insert, repeated};
use crate::fault::{self, Fault, Result};
use crate::membership;
use crate::writer::Tx;

/// The facts about a message's sender and destination that are needed to store it.
#[derive(Clone, Copy)]
struct Facts {
    /// The message that the sender has already posted under the same key.
    first: Option<MessageId>,
    /// The destination, if it exists.
    reached: Option<ConversationAccess>,
    sender_exists: bool,
    other_exists: bool,
    /// `last_seq` of the conversation, before this batch.
    last_seq: i64,
    rev: i64,
}

/// Result for one of the messages.
enum Decision {
    Refused(Error),
    /// The sender posted it before: in an earlier transaction, or (`Err`) as the message of this batch with
    /// that index.
    Duplicate(std::result::Result<MessageId, usize>),
    New {
        at: ConversationAccess,
        made: Option<Conversation>,
    },
}

/// Stores messages in their order, each once for each key of its sender.
///
/// # Errors
/// If nothing can be stored. Refusals of single messages are among the answers.
pub(crate) fn post_all(tx: &Tx<'_>, new: &[&NewMessage]) -> Result<Vec<Result<Posted>>> {
    let facts = gather(tx, new)?;
    let mut batch = Batch::new(tx);
    let mut decisions = Vec::with_capacity(new.len());
    for (index, (new, facts)) in new.iter().zip(facts).enumerate() {
        let decision = batch.decide(index, new, facts)?;
        if let Decision::New { at, made } = &decision {
            let (message, intention) = (draft(new, *at, None), new.intention.clone());
            let written =
                Written { message, intention, access: at.access, position: Position(batch.position) };
            batch.number(index, written, facts, made.is_some());
        }
        decisions.push(decision);
    }
    batch.write()?;
    batch.answer(new, decisions)
}

/// A new message of the batch.
struct Written {
    message: Message,
    intention: Option<Intention>,
    /// The sender's access to the conversation.
    access: Access,
    /// Log position of the message.
    position: Position,
}

/// The new messages of a batch, and the numbers given out so far in each conversation.
struct Batch<'a> {
    tx: &'a Tx<'a>,
    /// The next log position.
    position: i64,
    /// By conversation: the last `seq`, `rev` and log position given out.
    numbers: HashMap<ConversationId, (i64, i64, i64)>,
    /// Index of the message of the batch with this key of its sender.
    keys: HashMap<(UserId, String), usize>,
    /// Direct conversations that the batch has created.
    made: HashMap<(UserId, UserId), ConversationId>,
    messages: Vec<Written>,
    /// By index in the batch: the index in `messages`.
    indexes: HashMap<usize, usize>,
}

impl<'a> Batch<'a> {
    fn new(tx: &'a Tx<'a>) -> Self {
        Self {
            tx,
            position: tx.position().0,
            numbers: HashMap::new(),
            keys: HashMap::new(),
            made: HashMap::new(),
            messages: Vec::new(),
            indexes: HashMap::new(),
        }
    }

    fn decide(&mut self, index: usize, new: &NewMessage, facts: Facts) -> Result<Decision> {
        if let Some(first) = facts.first {
            return Ok(Decision::Duplicate(Ok(first)));
        }
        let key = new.client_msg_id.clone().map(|key| (new.sender, key));
        if let Some(first) = key.as_ref().and_then(|key| self.keys.get(key)) {
            return Ok(Decision::Duplicate(Err(*first)));
        }
        let place = match destination(new.to, self.found(new, facts)) {
            Ok(place) => place,
            Err(refusal) => return Ok(Decision::Refused(refusal)),
        };
        let (at, made) = ensure_conversation(self.tx, new, place, Position(self.position))?;
        if let (Recipient::User(other), Some(made)) = (at.to, &made) {
            self.position += 1;
            self.made.insert(pair(new.sender, other), made.id);
        }
        if let Some(key) = key {
            self.keys.insert(key, index);
        }
        Ok(Decision::New { at, made })
    }

    /// Looks up the destination, with the effect of earlier messages of the batch.
    fn found(&self, new: &NewMessage, facts: Facts) -> Found {
        let Facts { reached, sender_exists, other_exists, .. } = facts;
        match (reached, new.to) {
            (Some(reached), _) => Found::Conversation(reached),
            (None, Destination::To(Recipient::User(other))) => {
                match self.made.get(&pair(new.sender, other)) {
                    Some(&id) => Found::Conversation(ConversationAccess::new_pair(id, other)),
                    None => Found::Pair { sender_exists, other_exists },
                }
            }
            (None, _) => Found::Nothing,
        }
    }

    /// Gives the message its id, `seq` and `rev`.
    fn number(&mut self, index: usize, mut written: Written, facts: Facts, is_made: bool) {
        let start = if is_made { (0, 0, 0) } else { (facts.last_seq, facts.rev, 0) };
        let numbers = self.numbers.entry(written.message.conversation).or_insert(start);
        *numbers = (numbers.0 + 1, numbers.1 + 1, self.position);
        written.message.id = self.tx.next_message_id();
        (written.message.seq, written.message.rev) = (Seq(numbers.0), Rev(numbers.1));
        self.indexes.insert(index, self.messages.len());
        self.messages.push(written);
        self.position += 1;
    }

    fn write(&self) -> Result<()> {
        if self.messages.is_empty() {
            return Ok(());
        }
        let mut columns: [Vec<i64>; 4] = Default::default();
        for (conversation, (seq, rev, position)) in &self.numbers {
            let row = [conversation.0, *seq, *rev, *position];
            columns.iter_mut().zip(row).for_each(|(column, number)| column.push(number));
        }
        let [conversation, seq, rev, position] = &columns;
        let sql = "UPDATE conversations c SET last_seq = n.seq, rev = n.rev, position = n.position
                   FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) n (id, seq, rev, position)
                   WHERE c.id = n.id";
        self.tx.execute(sql, &[conversation, seq, rev, position])?;
        let rows = self.messages.iter().map(|written| insert::Row {
            message: &written.message,
            intention: written.intention.as_ref(),
            position: written.position,
        });
        insert::insert(self.tx, &rows.collect::<Vec<_>>())
    }

    fn answer(&self, new: &[&NewMessage], decisions: Vec<Decision>) -> Result<Vec<Result<Posted>>> {
        let mut answers = Vec::with_capacity(decisions.len());
        for (index, (decision, new)) in decisions.into_iter().zip(new).enumerate() {
            answers.push(match decision {
                Decision::Refused(refusal) => Err(refusal.into()),
                Decision::Duplicate(Ok(first)) => match repeated(self.tx, new.sender, first, new.again()) {
                    Ok(posted) => posted.ok_or_else(missing_message),
                    Err(refusal @ Fault::Refused(_)) => Err(refusal),
                    // The transaction has failed as a whole.
                    Err(fault) => return Err(fault),
                },
                Decision::Duplicate(Err(first)) => self.repeated(first, new),
                Decision::New { made, .. } => {
                    self.written(index).map(|written| Posted::new(made, written.message.clone(), None))
                }
            });
        }
        Ok(answers)
    }

    /// Returns the new message of this index in the batch.
    fn written(&self, index: usize) -> Result<&Written> {
        self.indexes.get(&index).and_then(|index| self.messages.get(*index)).ok_or_else(missing_message)
    }

    /// Returns the answer to a post that repeats the key of another message of the batch.
    fn repeated(&self, first: usize, new: &NewMessage) -> Result<Posted> {
        let Written { message, intention, access, .. } = self.written(first)?;
        let intention = intention.as_ref().map(|intention| intention.as_bytes().to_vec());
        let first = First { message: message.clone(), intention, access: *access };
        Ok(intention::again(new.again(), first)?)
    }
}

fn missing_message() -> fault::Fault {
    Error::internal("a message of the batch is gone").into()
}

/// Looks up the facts for all messages, in one statement.
fn gather(tx: &Tx<'_>, new: &[&NewMessage]) -> Result<Vec<Facts>> {
    let senders: Vec<i64> = new.iter().map(|new| new.sender.0).collect();
    let keys: Vec<Option<&str>> = new.iter().map(|new| new.client_msg_id.as_deref()).collect();
    let mut destinations: [Vec<i64>; 3] = Default::default();
    for new in new {
        let [user, group, conversation] = match new.to {
            Destination::To(Recipient::User(user)) => [user.0, 0, 0],
            Destination::To(Recipient::Group(group)) => [0, group.0, 0],
            Destination::Conversation(conversation) => [0, 0, conversation.0],
        };
        let row = [user, group, conversation];
        destinations.iter_mut().zip(row).for_each(|(column, number)| column.push(number));
    }
    let [users, groups, conversations] = &destinations;
    // Each part is looked up by a key of its own, which is 0 if it does not apply.
    let sql = "SELECT f.id, c.id, g.id, coalesce(d.low + d.high - n.sender, 0), m.role, s.id IS NOT NULL,
                      o.id IS NOT NULL, c.last_seq, c.rev
               FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
                   WITH ORDINALITY n (sender, key, user_id, group_id, conversation, ordinal)
               LEFT JOIN messages f ON f.sender_id = n.sender AND f.client_msg_id = n.key
               LEFT JOIN users s ON s.id = n.sender
               LEFT JOIN users o ON o.id = n.user_id
               LEFT JOIN directs p ON p.low = least(n.sender, n.user_id) AND p.high = greatest(n.sender, n.user_id)
               LEFT JOIN groups q ON q.id = n.group_id
               LEFT JOIN conversations c
                   ON c.id = coalesce(p.conversation_id, q.conversation_id, n.conversation)
               LEFT JOIN groups g ON g.conversation_id = c.id
               LEFT JOIN directs d ON d.conversation_id = c.id
               LEFT JOIN members m ON m.conversation_id = c.id AND m.user_id = n.sender
               ORDER BY n.ordinal";
    tx.rows(sql, &[&senders, &keys, users, groups, conversations])?.iter().map(facts).collect()
}

fn facts(row: &Row) -> Result<Facts> {
    let group = row.try_get::<_, Option<i64>>(2)?.map(|id| Recipient::Group(GroupId(id)));
    let other = Some(row.try_get::<_, i64>(3)?).filter(|&id| id != 0).map(|id| Recipient::User(UserId(id)));
    let there = row.try_get::<_, Option<i64>>(1)?.map(ConversationId).zip(group.or(other));
    let reached = |(id, to): (_, Recipient)| {
        Ok::<_, Fault>(ConversationAccess { id, to, access: membership::read(row, 4, to.into())? })
    };
    Ok(Facts {
        first: row.try_get::<_, Option<i64>>(0)?.map(MessageId),
        reached: there.map(reached).transpose()?,
        sender_exists: row.try_get(5)?,
        other_exists: row.try_get(6)?,
        last_seq: row.try_get::<_, Option<i64>>(7)?.unwrap_or(0),
        rev: row.try_get::<_, Option<i64>>(8)?.unwrap_or(0),
    })
}
