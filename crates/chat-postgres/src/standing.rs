//! What a user is to a conversation and to a message, for the core's policy. Decides nothing but what is not there for
//! whom.

use chat_core::Error;
use chat_core::error::Kind;
use chat_core::groups::Role;
use chat_core::ids::{ConversationId, GroupId, MessageId, UserId};
use chat_core::messages::Recipient;
use chat_core::policy::Standing;

use crate::db::Db;
use crate::fault::Result;
use crate::load::{Stored, one};

const NOBODY: Standing = Standing { role: None, is_direct: false, is_author: false };

/// What the user is to the conversation, with no message in question; without a role in one that is not there.
pub(crate) fn standing(db: &Db, user: UserId, conversation: ConversationId) -> Result<Standing> {
    let sql = "SELECT m.role, g.id IS NULL FROM members m
               LEFT JOIN groups g ON g.conversation_id = m.conversation_id
               WHERE m.conversation_id = $1 AND m.user_id = $2";
    let Some(row) = db.opt(sql, &[&conversation.0, &user.0])? else { return Ok(NOBODY) };
    Ok(Standing { role: Role::parse(row.try_get(0)?), is_direct: row.try_get(1)?, is_author: false })
}

/// The same for a member; to others the conversation is not there.
pub(crate) fn of_member(db: &Db, user: UserId, conversation: ConversationId) -> Result<Standing> {
    let standing = standing(db, user, conversation)?;
    match standing.role {
        Some(_) => Ok(standing),
        None => Err(Error::NotFound(Kind::Conversation).into()),
    }
}

/// The same, and to whom a message there goes.
pub(crate) fn with_recipient(
    db: &Db,
    user: UserId,
    conversation: ConversationId,
) -> Result<(Standing, Recipient)> {
    let standing = of_member(db, user, conversation)?;
    let recipient = if standing.is_direct {
        let sql = "SELECT user_id FROM members WHERE conversation_id = $1 AND user_id <> $2";
        Recipient::User(UserId(db.row(sql, &[&conversation.0, &user.0])?.try_get(0)?))
    } else {
        let sql = "SELECT id FROM groups WHERE conversation_id = $1";
        Recipient::Group(GroupId(db.row(sql, &[&conversation.0])?.try_get(0)?))
    };
    Ok((standing, recipient))
}

/// Whether the user is a member of the conversation.
pub(crate) fn is_member(db: &Db, user: UserId, conversation: ConversationId) -> Result<bool> {
    let sql = "SELECT 1 FROM members WHERE conversation_id = $1 AND user_id = $2";
    db.exists(sql, &[&conversation.0, &user.0])
}

/// A message and what the user is to it and its conversation; to those who are not members it is not there.
pub(crate) fn to_message(db: &Db, user: UserId, message: MessageId) -> Result<(Stored, Standing)> {
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
pub(crate) fn shown(db: &Db, reader: UserId, message: MessageId) -> Result<Stored> {
    let (stored, _) = to_message(db, reader, message)?;
    if is_hidden(db, reader, message)? {
        return Err(Error::NotFound(Kind::Message).into());
    }
    Ok(stored)
}

/// Whether the user has deleted the message for themselves.
pub(crate) fn is_hidden(db: &Db, user: UserId, message: MessageId) -> Result<bool> {
    let sql = "SELECT 1 FROM hidden_messages WHERE user_id = $1 AND message_id = $2";
    db.exists(sql, &[&user.0, &message.0])
}
