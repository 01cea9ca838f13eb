//! The one statement that inserts messages, any number of them.

use chat_codec::extra;
use chat_core::Error;
use chat_core::ids::Position;
use chat_core::intention::Intention;
use chat_core::messages::{Message, Recipient, Streaming};

use crate::fault::Result;
use crate::writer::Tx;

/// A message to be inserted.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) message: &'a Message,
    pub(super) intention: Option<&'a Intention>,
    /// Log position of the message.
    pub(super) position: Position,
}

/// The columns of a batch.
#[derive(Default)]
struct Columns<'a> {
    numbers: [Vec<i64>; 9],
    texts: [Vec<&'a str>; 3],
    keys: Vec<Option<&'a str>>,
    references: [Vec<Option<i64>>; 2],
    streaming: Vec<Option<&'static str>>,
    extras: Vec<Option<String>>,
    intentions: Vec<Option<&'a [u8]>>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, Row { message, intention, position }: Row<'a>) -> Result<()> {
        let (recipient, group) = match message.to {
            Recipient::User(user) => (user.0, 0),
            Recipient::Group(group) => (0, group.0),
        };
        let numbers = [
            message.id.0,
            message.conversation.0,
            message.seq.0,
            message.rev.0,
            position.0,
            message.sender.0,
            recipient,
            group,
            message.sent_at.0,
        ];
        self.numbers.iter_mut().zip(numbers).for_each(|(column, number)| column.push(number));
        let texts = [message.kind.as_str(), &message.content, message.media_url()];
        self.texts.iter_mut().zip(texts).for_each(|(column, text)| column.push(text));
        self.keys.push(message.client_msg_id.as_deref());
        let answered = message.reply_to.as_ref().map(|quote| quote.message.0);
        let references = [answered, message.thread.map(|root| root.0)];
        self.references.iter_mut().zip(references).for_each(|(column, id)| column.push(id));
        self.streaming.push(message.streaming.map(Streaming::as_str));
        self.extras.push(extra::encode(message).map_err(Error::internal)?);
        self.intentions.push(intention.map(Intention::as_bytes));
        Ok(())
    }
}

/// Inserts messages.
pub(super) fn insert(tx: &Tx<'_>, messages: &[Row<'_>]) -> Result<()> {
    let mut columns = Columns::default();
    for row in messages {
        columns.push(*row)?;
    }
    let Columns { numbers, texts, keys, references, streaming, extras, intentions } = &columns;
    let [id, conversation, seq, rev, position, sender, recipient, group, sent_at] = numbers;
    let ([kind, content, media_url], [reply_to, thread]) = (texts, references);
    let sql = "INSERT INTO messages (id, conversation_id, seq, rev, position, sender_id, recipient_id, group_id,
                   sent_at, kind, content, media_url, client_msg_id, reply_to, thread_id, streaming, extra,
                   intention)
               SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
                   $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::text[],
                   $13::text[], $14::bigint[], $15::bigint[], $16::text[], $17::text[],
                   $18::bytea[])";
    tx.execute(
        sql,
        &[
            id,
            conversation,
            seq,
            rev,
            position,
            sender,
            recipient,
            group,
            sent_at,
            kind,
            content,
            media_url,
            keys,
            reply_to,
            thread,
            streaming,
            extras,
            intentions,
        ],
    )
    .map(drop)
}
