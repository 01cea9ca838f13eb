//! A user's relation to a conversation and to a message: the facts of memberships, for the core's policy.
//! Nothing is decided here.

use chat_core::conversations::{ConversationAccess, pair};
use chat_core::groups::Role;
use chat_core::ids::{ConversationId, GroupId, MessageId, UserId};
use chat_core::messages::{self, Recipient};
use chat_core::policy::{self, Access, Between, Membership};

use tokio_postgres::Row;

use crate::db::Db;
use crate::fault::Result;
use crate::load::{Stored, one};

/// Returns the user's access to the conversation, without regard to a message. Access to a conversation that
/// does not exist grants nothing.
pub(crate) fn access(db: &Db, user: UserId, conversation: ConversationId) -> Result<Access> {
    let sql = "SELECT m.role, g.id IS NULL FROM members m
               LEFT JOIN groups g ON g.conversation_id = m.conversation_id
               WHERE m.conversation_id = $1 AND m.user_id = $2";
    let Some(row) = db.opt(sql, &[&conversation.0, &user.0])? else { return Ok(Access::of(None)) };
    read(&row, 0, if row.try_get(1)? { Between::Pair } else { Between::Group })
}

/// Returns a member's access to the conversation. For other users the conversation does not exist.
pub(crate) fn of_member(db: &Db, user: UserId, conversation: ConversationId) -> Result<Access> {
    Ok(access(db, user, conversation)?.of_member()?)
}

/// Returns the conversation with the user's access to it; `None` if the user is not a member.
pub(crate) fn in_conversation(
    db: &Db,
    user: UserId,
    id: ConversationId,
) -> Result<Option<ConversationAccess>> {
    let sql = "SELECT m.role, g.id, CASE WHEN g.id IS NULL THEN (
                   SELECT o.user_id FROM members o WHERE o.conversation_id = m.conversation_id AND o.user_id <> m.user_id
               ) END
               FROM members m LEFT JOIN groups g ON g.conversation_id = m.conversation_id
               WHERE m.conversation_id = $1 AND m.user_id = $2";
    let Some(row) = db.opt(sql, &[&id.0, &user.0])? else { return Ok(None) };
    let to = match row.try_get(1)? {
        Some(group) => Recipient::Group(GroupId(group)),
        None => Recipient::User(UserId(row.try_get(2)?)),
    };
    Ok(Some(ConversationAccess { id, to, access: read(&row, 0, to.into())? }))
}

/// Returns the conversation of this pair of users with the first one's access; `None` if they have none.
pub(crate) fn in_pair(db: &Db, user: UserId, other: UserId) -> Result<Option<ConversationAccess>> {
    let (low, high) = pair(user, other);
    let sql = "SELECT m.role, d.conversation_id FROM directs d
               LEFT JOIN members m ON m.conversation_id = d.conversation_id AND m.user_id = $3
               WHERE d.low = $1 AND d.high = $2";
    let Some(row) = db.opt(sql, &[&low.0, &high.0, &user.0])? else { return Ok(None) };
    let (id, to) = (ConversationId(row.try_get(1)?), Recipient::User(other));
    Ok(Some(ConversationAccess { id, to, access: read(&row, 0, Between::Pair)? }))
}

/// Returns a group's conversation with the user's access, also if the user is not a member; `None` if there
/// is no such group.
pub(crate) fn in_group(db: &Db, user: UserId, group: GroupId) -> Result<Option<ConversationAccess>> {
    let sql = "SELECT m.role, g.conversation_id FROM groups g
               LEFT JOIN members m ON m.conversation_id = g.conversation_id AND m.user_id = $2 WHERE g.id = $1";
    let Some(row) = db.opt(sql, &[&group.0, &user.0])? else { return Ok(None) };
    let (id, to) = (ConversationId(row.try_get(1)?), Recipient::Group(group));
    Ok(Some(ConversationAccess { id, to, access: read(&row, 0, Between::Group)? }))
}

/// Returns the access that a row of `members` grants. An unknown role grants none.
pub(crate) fn read(row: &Row, role: usize, between: Between) -> Result<Access> {
    let role = row.try_get::<_, Option<&str>>(role)?.and_then(Role::parse);
    Ok(Access::of(role.map(|role| Membership::new(role, between))))
}

/// Returns whether the user is a member of the conversation.
pub(crate) fn is_member(db: &Db, user: UserId, conversation: ConversationId) -> Result<bool> {
    let sql = "SELECT 1 FROM members WHERE conversation_id = $1 AND user_id = $2";
    db.exists(sql, &[&conversation.0, &user.0])
}

/// Returns those of the users who are members of the conversation.
pub(crate) fn members_among(db: &Db, conversation: ConversationId, users: &[UserId]) -> Result<Vec<UserId>> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = users.iter().map(|user| user.0).collect();
    let sql = "SELECT user_id FROM members WHERE conversation_id = $1 AND user_id = ANY ($2)";
    db.rows(sql, &[&conversation.0, &ids])?.iter().map(|row| Ok(UserId(row.try_get(0)?))).collect()
}

/// Returns a message and the user's access to it. For users who are not members it does not exist.
pub(crate) fn to_message(db: &Db, user: UserId, message: MessageId) -> Result<(Stored, Access)> {
    let stored = messages::found(one(db, message)?)?;
    let access = access(db, user, stored.message.conversation)?.to(&stored.message, user)?;
    Ok((stored, access))
}

/// Returns a message for a user who wants to see it. For users who have hidden it, it does not exist either.
pub(crate) fn shown(db: &Db, reader: UserId, message: MessageId) -> Result<Stored> {
    let (stored, _) = to_message(db, reader, message)?;
    Ok(policy::shown(stored, is_hidden(db, reader, message)?)?)
}

/// Returns whether the user has deleted the message for themselves.
pub(crate) fn is_hidden(db: &Db, user: UserId, message: MessageId) -> Result<bool> {
    let sql = "SELECT 1 FROM hidden_messages WHERE user_id = $1 AND message_id = $2";
    db.exists(sql, &[&user.0, &message.0])
}
