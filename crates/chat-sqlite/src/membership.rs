//! A user's relation to a conversation and to a message: the facts that the core's policy needs. Nothing is decided
//! here.

use chat_core::conversations::{ConversationAccess, pair};
use chat_core::groups::Role;
use chat_core::ids::{ConversationId, GroupId, MessageId, UserId};
use chat_core::messages::{self, Recipient};
use chat_core::policy::{self, Access, Between, Membership};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::fault;
use crate::load::{Stored, one};

/// The user's access to the conversation, without a message. A conversation that does not exist gives no access.
pub(crate) fn access(
    db: &Connection,
    user: UserId,
    conversation: ConversationId,
) -> rusqlite::Result<Access> {
    let sql = "SELECT m.role, g.id IS NULL FROM members m
               LEFT JOIN groups g ON g.conversation_id = m.conversation_id
               WHERE m.conversation_id = ?1 AND m.user_id = ?2";
    let found = db.prepare_cached(sql)?.query_row([conversation.0, user.0], |row| {
        read(row, 0, if row.get(1)? { Between::Pair } else { Between::Group })
    });
    Ok(found.optional()?.unwrap_or(Access::of(None)))
}

/// As [`access`], for a member. Other users get the error for a conversation that does not exist.
pub(crate) fn of_member(
    db: &Connection,
    user: UserId,
    conversation: ConversationId,
) -> fault::Result<Access> {
    Ok(access(db, user, conversation)?.of_member()?)
}

/// The conversation with the user's access to it; `None` if the user is not a member.
pub(crate) fn in_conversation(
    db: &Connection,
    user: UserId,
    id: ConversationId,
) -> rusqlite::Result<Option<ConversationAccess>> {
    let sql = "SELECT m.role, g.id, CASE WHEN g.id IS NULL THEN (
                   SELECT o.user_id FROM members o WHERE o.conversation_id = m.conversation_id AND o.user_id <> m.user_id
               ) END
               FROM members m LEFT JOIN groups g ON g.conversation_id = m.conversation_id
               WHERE m.conversation_id = ?1 AND m.user_id = ?2";
    let found = db.prepare_cached(sql)?.query_row([id.0, user.0], |row| {
        let to = match row.get(1)? {
            Some(group) => Recipient::Group(GroupId(group)),
            None => Recipient::User(UserId(row.get(2)?)),
        };
        Ok(ConversationAccess { id, to, access: read(row, 0, to.into())? })
    });
    found.optional()
}

/// As [`in_conversation`], for the conversation of the user and another one; `None` if they have none.
pub(crate) fn in_pair(
    db: &Connection,
    user: UserId,
    other: UserId,
) -> rusqlite::Result<Option<ConversationAccess>> {
    let (low, high) = pair(user, other);
    let sql = "SELECT m.role, d.conversation_id FROM directs d
               LEFT JOIN members m ON m.conversation_id = d.conversation_id AND m.user_id = ?3
               WHERE d.low = ?1 AND d.high = ?2";
    let found = db.prepare_cached(sql)?.query_row([low.0, high.0, user.0], |row| {
        let access = read(row, 0, Between::Pair)?;
        Ok(ConversationAccess { id: ConversationId(row.get(1)?), to: Recipient::User(other), access })
    });
    found.optional()
}

/// As [`in_conversation`], for a group's conversation, also for a user who is not a member; `None` if there is no such
/// group.
pub(crate) fn in_group(
    db: &Connection,
    user: UserId,
    group: GroupId,
) -> rusqlite::Result<Option<ConversationAccess>> {
    let sql = "SELECT m.role, g.conversation_id FROM groups g
               LEFT JOIN members m ON m.conversation_id = g.conversation_id AND m.user_id = ?2 WHERE g.id = ?1";
    let found = db.prepare_cached(sql)?.query_row([group.0, user.0], |row| {
        let access = read(row, 0, Between::Group)?;
        Ok(ConversationAccess { id: ConversationId(row.get(1)?), to: Recipient::Group(group), access })
    });
    found.optional()
}

/// The access that a row of `members` gives. An unknown role gives none.
fn read(row: &Row<'_>, role: usize, between: Between) -> rusqlite::Result<Access> {
    let role = row.get_ref(role)?.as_str_or_null()?.and_then(Role::parse);
    Ok(Access::of(role.map(|role| Membership::new(role, between))))
}

pub(crate) fn is_member(
    db: &Connection,
    user: UserId,
    conversation: ConversationId,
) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM members WHERE conversation_id = ?1 AND user_id = ?2";
    db.prepare_cached(sql)?.exists([conversation.0, user.0])
}

/// Those of the users who are members of the conversation.
pub(crate) fn members_among(
    db: &Connection,
    conversation: ConversationId,
    users: &[UserId],
) -> rusqlite::Result<Vec<UserId>> {
    let mut members = Vec::new();
    for &user in users {
        if is_member(db, user, conversation)? {
            members.push(user);
        }
    }
    Ok(members)
}

/// A message, and the user's access to it and its conversation. For users who are not members, the message does not
/// exist.
pub(crate) fn to_message(
    db: &Connection,
    user: UserId,
    message: MessageId,
) -> fault::Result<(Stored, Access)> {
    let stored = messages::found(one(db, message)?)?;
    let access = access(db, user, stored.message.conversation)?.to(&stored.message, user)?;
    Ok((stored, access))
}

/// A message for a user who wants to read it. For users who have hidden it, it does not exist either.
pub(crate) fn shown(db: &Connection, reader: UserId, message: MessageId) -> fault::Result<Stored> {
    let (stored, _) = to_message(db, reader, message)?;
    Ok(policy::shown(stored, is_hidden(db, reader, message)?)?)
}

/// Whether the user has hidden the message.
pub(crate) fn is_hidden(db: &Connection, user: UserId, message: MessageId) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM hidden_messages WHERE user_id = ?1 AND message_id = ?2";
    db.prepare_cached(sql)?.exists([user.0, message.0])
}
