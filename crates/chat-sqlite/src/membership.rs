//! What a user is to a conversation and to a message: facts, for the core's policy, which decides what is not there for
//! whom.

use chat_core::groups::Role;
use chat_core::ids::{ConversationId, GroupId, MessageId, UserId};
use chat_core::messages::{self, Recipient};
use chat_core::policy::{self, Access, Between, Membership};
use rusqlite::{Connection, OptionalExtension};

use crate::fault;
use crate::load::{Stored, one};

/// What the user is to the conversation, with no message in question; nothing to one that is not there.
pub(crate) fn access(
    db: &Connection,
    user: UserId,
    conversation: ConversationId,
) -> rusqlite::Result<Access> {
    let sql = "SELECT m.role, g.id IS NULL FROM members m
               LEFT JOIN groups g ON g.conversation_id = m.conversation_id
               WHERE m.conversation_id = ?1 AND m.user_id = ?2";
    let found = db.prepare_cached(sql)?.query_row([conversation.0, user.0], |row| {
        let between = if row.get(1)? { Between::Pair } else { Between::Group };
        Ok(Role::parse(row.get_ref(0)?.as_str()?).map(|role| Membership::new(role, between)))
    });
    Ok(Access::of(found.optional()?.flatten()))
}

/// The same for a member; to others the conversation is not there.
pub(crate) fn of_member(
    db: &Connection,
    user: UserId,
    conversation: ConversationId,
) -> fault::Result<Access> {
    Ok(access(db, user, conversation)?.of_member()?)
}

/// The same, and to whom a message there goes.
pub(crate) fn with_recipient(
    db: &Connection,
    user: UserId,
    conversation: ConversationId,
) -> fault::Result<(Access, Recipient)> {
    let access = of_member(db, user, conversation)?;
    let recipient = if access.between() == Some(Between::Pair) {
        let sql = "SELECT user_id FROM members WHERE conversation_id = ?1 AND user_id <> ?2";
        let other = db.prepare_cached(sql)?.query_row([conversation.0, user.0], |row| row.get(0));
        Recipient::User(UserId(other?))
    } else {
        let sql = "SELECT id FROM groups WHERE conversation_id = ?1";
        let group = db.prepare_cached(sql)?.query_row([conversation.0], |row| row.get(0));
        Recipient::Group(GroupId(group?))
    };
    Ok((access, recipient))
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
) -> fault::Result<(Stored, Access)> {
    let stored = messages::found(one(db, message)?)?;
    let access = access(db, user, stored.message.conversation)?.to(&stored.message, user)?;
    Ok((stored, access))
}

/// A message for somebody who wants to see it; for those who have hidden it, it is not there either.
pub(crate) fn shown(db: &Connection, reader: UserId, message: MessageId) -> fault::Result<Stored> {
    let (stored, _) = to_message(db, reader, message)?;
    Ok(policy::shown(stored, is_hidden(db, reader, message)?)?)
}

/// Whether the user has deleted the message for themselves.
pub(crate) fn is_hidden(db: &Connection, user: UserId, message: MessageId) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM hidden_messages WHERE user_id = ?1 AND message_id = ?2";
    db.prepare_cached(sql)?.exists([user.0, message.0])
}
