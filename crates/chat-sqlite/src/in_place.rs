//! What all changes of a message in place share: the conversation counts them, and the log knows the place of the last
//! one of each message. What is changed stands with each feature.

use chat_core::changes::{Changed, MessageEvent};
use chat_core::ids::{ConversationId, MessageId, Position, Rev, UserId};
use chat_core::messages::Message;
use rusqlite::{Connection, params};

use crate::fault;
use crate::load::{Stored, complete, load};
use crate::writer::Tx;

/// Counts a change of a message, this write's first, and notes it; the answer is the `rev` that the message has now.
pub(crate) fn count(tx: &Tx<'_>, message: &Message, event: MessageEvent) -> rusqlite::Result<Rev> {
    let sql = "UPDATE conversations SET rev = rev + 1, position = ?2 WHERE id = ?1 RETURNING rev";
    let rev = tx
        .prepare_cached(sql)?
        .query_row([message.conversation.0, tx.position.0], |row| row.get(0).map(Rev))?;
    note(tx, (message.id, message.conversation), tx.position, event)?;
    Ok(rev)
}

/// Notes in the log that a message changed.
pub(crate) fn note(
    tx: &Tx<'_>,
    (message, conversation): (MessageId, ConversationId),
    position: Position,
    event: MessageEvent,
) -> rusqlite::Result<()> {
    let sql =
        "INSERT INTO message_changes (message_id, conversation_id, position, event) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (message_id) DO UPDATE SET position = excluded.position, event = excluded.event";
    let row = params![message.0, conversation.0, position.0, event.as_str()];
    tx.prepare_cached(sql)?.execute(row).map(drop)
}

/// The message that was changed, as everybody is told of it.
pub(crate) fn changed(tx: &Tx<'_>, message: MessageId, event: MessageEvent) -> fault::Result<Changed> {
    let message = load(tx, &[message], None)?.pop();
    Ok(Changed::Now(message.ok_or(rusqlite::Error::QueryReturnedNoRows)?, event))
}

/// The answer to whoever asked for what is so already.
pub(crate) fn already(db: &Connection, stored: Stored, actor: UserId) -> fault::Result<Changed> {
    Ok(Changed::Already(complete(db, stored, Some(actor))?))
}
