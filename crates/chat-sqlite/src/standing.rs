//! What a user is to a conversation, for the core's policy. Decides nothing itself.

use chat_core::Error;
use chat_core::error::Kind;
use chat_core::groups::Role;
use chat_core::ids::{ConversationId, UserId};
use chat_core::policy::Standing;
use rusqlite::{Connection, OptionalExtension};

use crate::fault;

/// What the user is to the conversation, with no message in question; without a role in one that is not there.
pub(crate) fn standing(
    db: &Connection,
    user: UserId,
    conversation: ConversationId,
) -> rusqlite::Result<Standing> {
    let sql = "SELECT m.role, g.id IS NULL FROM members m
               LEFT JOIN groups g ON g.conversation_id = m.conversation_id
               WHERE m.conversation_id = ?1 AND m.user_id = ?2";
    let found = db.prepare_cached(sql)?.query_row([conversation.0, user.0], |row| {
        let role = Role::parse(row.get_ref(0)?.as_str()?);
        Ok(Standing { role, is_direct: row.get(1)?, is_author: false })
    });
    Ok(found.optional()?.unwrap_or(Standing { role: None, is_direct: false, is_author: false }))
}

/// The same for a member; to others the conversation is not there.
pub(crate) fn of_member(
    db: &Connection,
    user: UserId,
    conversation: ConversationId,
) -> fault::Result<Standing> {
    let standing = standing(db, user, conversation)?;
    match standing.role {
        Some(_) => Ok(standing),
        None => Err(Error::NotFound(Kind::Conversation).into()),
    }
}
