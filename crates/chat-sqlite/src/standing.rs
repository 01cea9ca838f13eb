//! What a user is to a conversation and to a message, for the core's policy. Decides nothing but what is not there for
//! whom.

use chat_core::Error;
use chat_core::error::Kind;
use chat_core::groups::Role;
use chat_core::ids::{ConversationId, GroupId, MessageId, UserId};
use chat_core::messages::Recipient;
use chat_core::policy::Standing;
use rusqlite::{Connection, OptionalExtension};

use crate::fault;
use crate::load::{Stored, one};

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

/// The same, and to whom a message there goes.
pub(crate) fn with_recipient(
    db: &Connection,
    user: UserId,
    conversation: ConversationId,
) -> fault::Result<(Standing, Recipient)> {
    let standing = of_member(db, user, conversation)?;
    let recipient = if standing.is_direct {
        let sql = "SELECT user_id FROM members WHERE conversation_id = ?1 AND user_id <> ?2";
        let other = db.prepare_cached(sql)?.query_row([conversation.0, user.0], |row| row.get(0));
        Recipient::User(UserId(other?))
    } else {
        let sql = "SELECT id FROM groups WHERE conversation_id = ?1";
        let group = db.prepare_cached(sql)?.query_row([conversation.0], |row| row.get(0));
        Recipient::Group(GroupId(group?))
    };
    Ok((standing, recipient))
}

/// Whether the user is a member of the conversation.
pub(crate) fn is_member(
    db: &Connection,
    user: UserId,
    conversation: ConversationId,
) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM members WHERE conversation_id = ?1 AND user_id = ?2";
    db.prepare_cached(sql)?.exists([conversation.0, user.0])
}

/// A message and what the user is to it and its conversation; to those who are not members it is not there.
pub(crate) fn to_message(
    db: &Connection,
    user: UserId,
    message: MessageId,
) -> fault::Result<(Stored, Standing)> {
    let not_found = Error::NotFound(Kind::Message);
    let Some(stored) = one(db, message)? else { return Err(not_found.into()) };
    let standing = standing(db, user, stored.message.conversation)?;
    if standing.role.is_none() {
        return Err(not_found.into());
    }
    let is_author = stored.message.sender == user;
    Ok((stored, Standing { is_author, ..standing }))
}

/// A message for somebody who wants to see it; it is not there for whoever has hidden it either.
pub(crate) fn shown(db: &Connection, reader: UserId, message: MessageId) -> fault::Result<Stored> {
    let (stored, _) = to_message(db, reader, message)?;
    if is_hidden(db, reader, message)? {
        return Err(Error::NotFound(Kind::Message).into());
    }
    Ok(stored)
}

/// Whether the user has deleted the message for themselves.
pub(crate) fn is_hidden(db: &Connection, user: UserId, message: MessageId) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM hidden_messages WHERE user_id = ?1 AND message_id = ?2";
    db.prepare_cached(sql)?.exists([user.0, message.0])
}
