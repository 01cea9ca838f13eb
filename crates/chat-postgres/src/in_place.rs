//! The common part of all changes that modify a message in place: the conversation counts them, and the log
//! records the position of the last one of each message. The statements that make the change are with each
//! feature.

use chat_core::Error;
use chat_core::changes::{Changed, MessageEvent};
use chat_core::command::{Decision, MessageCommand};
use chat_core::ids::{ConversationId, MessageId, Position, Rev};
use chat_core::messages::Message;
use chat_core::policy::Access;

use crate::fault::Result;
use crate::load::{Stored, complete, load};
use crate::membership;
use crate::writer::Tx;

/// Changes a message in place: asks for the decision, counts and records the change, and applies the
/// decision. `apply` receives the message as it was, and its next `rev`.
pub(crate) fn change<T>(
    tx: &Tx<'_>,
    (command, event): (MessageCommand, MessageEvent),
    decide: impl FnOnce(&Stored, Access) -> Result<Decision<T>>,
    apply: impl FnOnce(&Message, Rev, T) -> Result<()>,
) -> Result<Changed> {
    let (stored, access) = membership::to_message(tx, command.actor, command.message)?;
    let Decision::Apply(what) = decide(&stored, access)? else {
        return Ok(Changed::Already(complete(tx, stored, Some(command.actor))?));
    };
    let rev = count(tx, &stored.message, event)?;
    apply(&stored.message, rev, what)?;
    let message = load(tx, &[command.message], None)?.pop();
    Ok(Changed::Now(message.ok_or_else(|| Error::internal("a message that was changed is gone"))?, event))
}

/// Counts a change of a message, the first of this write, and records it. Returns the new `rev` of the
/// message.
pub(crate) fn count(tx: &Tx<'_>, message: &Message, event: MessageEvent) -> Result<Rev> {
    let sql = "UPDATE conversations SET rev = rev + 1, position = $2 WHERE id = $1 RETURNING rev";
    let rev = Rev(tx.row(sql, &[&message.conversation.0, &tx.position().0])?.try_get(0)?);
    note(tx, (message.id, message.conversation), tx.position(), event)?;
    Ok(rev)
}

/// Records in the log that a message changed.
pub(crate) fn note(
    tx: &Tx<'_>,
    (message, conversation): (MessageId, ConversationId),
    position: Position,
    event: MessageEvent,
) -> Result<()> {
    let sql =
        "INSERT INTO message_changes (message_id, conversation_id, position, event) VALUES ($1, $2, $3, $4)
               ON CONFLICT (message_id) DO UPDATE SET position = excluded.position, event = excluded.event";
    tx.execute(sql, &[&message.0, &conversation.0, &position.0, &event.as_str()]).map(drop)
}
