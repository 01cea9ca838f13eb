//! The part that all in-place changes of a message share: the conversation counts them, and the log stores the
//! position of the last change of each message. The changes themselves are in the files of their features.

use chat_core::changes::{Changed, MessageEvent};
use chat_core::command::{Decision, MessageCommand};
use chat_core::ids::{ConversationId, MessageId, Position, Rev};
use chat_core::messages::Message;
use chat_core::policy::Access;
use rusqlite::params;

use crate::load::{Stored, complete, load};
use crate::writer::Tx;
use crate::{fault, membership};

/// Changes a message in place: gets the decision, counts and records the change, and applies the decision. `apply`
/// receives the former message and its next `rev`.
pub(crate) fn change<T>(
    tx: &Tx<'_>,
    (command, event): (MessageCommand, MessageEvent),
    decide: impl FnOnce(&Stored, Access) -> fault::Result<Decision<T>>,
    apply: impl FnOnce(&Message, Rev, T) -> fault::Result<()>,
) -> fault::Result<Changed> {
    let (stored, access) = membership::to_message(tx, command.actor, command.message)?;
    let Decision::Apply(what) = decide(&stored, access)? else {
        return Ok(Changed::Already(complete(tx, stored, Some(command.actor))?));
    };
    let rev = count(tx, &stored.message, event)?;
    apply(&stored.message, rev, what)?;
    let message = load(tx, &[command.message], None)?.pop();
    Ok(Changed::Now(message.ok_or(rusqlite::Error::QueryReturnedNoRows)?, event))
}

/// Counts a change of a message, the first of this write, and records it. Returns the message's new `rev`.
pub(crate) fn count(tx: &Tx<'_>, message: &Message, event: MessageEvent) -> rusqlite::Result<Rev> {
    let sql = "UPDATE conversations SET rev = rev + 1, position = ?2 WHERE id = ?1 RETURNING rev";
    let rev = tx
        .prepare_cached(sql)?
        .query_row([message.conversation.0, tx.position.0], |row| row.get(0).map(Rev))?;
    note(tx, (message.id, message.conversation), tx.position, event)?;
    Ok(rev)
}

/// Records in the log that a message changed.
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
