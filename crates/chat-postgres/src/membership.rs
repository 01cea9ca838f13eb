//! What a user is to a conversation and to a message: facts, for the core's policy, which decides what is not there for
//! whom.

use chat_core::groups::Role;
use chat_core::ids::{ConversationId, GroupId, MessageId, UserId};
use chat_core::messages::{self, Recipient};
use chat_core::policy::{self, Access, Between, Membership};

use crate::db::Db;
use crate::fault::Result;
use crate::load::{Stored, one};

/// What the user is to the conversation, with no message in question; nothing to one that is not there.
pub(crate) fn access(db: &Db, user: UserId, conversation: ConversationId) -> Result<Access> {
    let sql = "SELECT m.role, g.id IS NULL FROM members m
               LEFT JOIN groups g ON g.conversation_id = m.conversation_id
               WHERE m.conversation_id = $1 AND m.user_id = $2";
    let Some(row) = db.opt(sql, &[&conversation.0, &user.0])? else { return Ok(Access::of(None)) };
    let between = if row.try_get(1)? { Between::Pair } else { Between::Group };
    Ok(Access::of(Role::parse(row.try_get(0)?).map(|role| Membership::new(role, between))))
}

/// The same for a member; to others the conversation is not there.
pub(crate) fn of_member(db: &Db, user: UserId, conversation: ConversationId) -> Result<Access> {
    Ok(access(db, user, conversation)?.of_member()?)
}

/// The same, and to whom a message there goes.
pub(crate) fn with_recipient(
    db: &Db,
    user: UserId,
    conversation: ConversationId,
) -> Result<(Access, Recipient)> {
    let access = of_member(db, user, conversation)?;
    let recipient = if access.between() == Some(Between::Pair) {
        let sql = "SELECT user_id FROM members WHERE conversation_id = $1 AND user_id <> $2";
        Recipient::User(UserId(db.row(sql, &[&conversation.0, &user.0])?.try_get(0)?))
    } else {
        let sql = "SELECT id FROM groups WHERE conversation_id = $1";
        Recipient::Group(GroupId(db.row(sql, &[&conversation.0])?.try_get(0)?))
    };
    Ok((access, recipient))
}

/// Whether the user is a member of the conversation.
pub(crate) fn is_member(db: &Db, user: UserId, conversation: ConversationId) -> Result<bool> {
    let sql = "SELECT 1 FROM members WHERE conversation_id = $1 AND user_id = $2";
    db.exists(sql, &[&conversation.0, &user.0])
}

/// A message and what the user is to it and its conversation; to those who are not members it is not there.
pub(crate) fn to_message(db: &Db, user: UserId, message: MessageId) -> Result<(Stored, Access)> {
    let stored = messages::found(one(db, message)?)?;
    let access = access(db, user, stored.message.conversation)?.to(&stored.message, user)?;
    Ok((stored, access))
}

/// A message for somebody who wants to see it; for those who have hidden it, it is not there either.
pub(crate) fn shown(db: &Db, reader: UserId, message: MessageId) -> Result<Stored> {
    let (stored, _) = to_message(db, reader, message)?;
    Ok(policy::shown(stored, is_hidden(db, reader, message)?)?)
}

/// Whether the user has deleted the message for themselves.
pub(crate) fn is_hidden(db: &Db, user: UserId, message: MessageId) -> Result<bool> {
    let sql = "SELECT 1 FROM hidden_messages WHERE user_id = $1 AND message_id = $2";
    db.exists(sql, &[&user.0, &message.0])
}
