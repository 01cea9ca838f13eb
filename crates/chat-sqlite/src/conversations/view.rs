//! Reads a conversation's state: the part for all members and the part for one of them. Nothing is written here.

use chat_core::conversations::{Conversation, ConversationKind, ConversationView, Counts, OwnPart};
use chat_core::groups::Role;
use chat_core::ids::{ConversationId, GroupId, Rev, Seq, UserId};
use chat_core::receipts::Pointers;
use chat_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

/// The part of an existing conversation that all members see.
pub(crate) fn load(db: &Connection, id: ConversationId) -> rusqlite::Result<Conversation> {
    let sql = "SELECT c.rev, c.last_seq, c.n_members, c.created_at, g.id, g.name, g.owner_id
               FROM conversations c LEFT JOIN groups g ON g.conversation_id = c.id WHERE c.id = ?1";
    let (mut conversation, is_group) = db.prepare_cached(sql)?.query_row([id.0], |row| {
        let group = row.get::<_, Option<i64>>(4)?.map(GroupId);
        let kind = match group {
            Some(id) => ConversationKind::Group { id, name: row.get(5)?, owner: UserId(row.get(6)?) },
            None => ConversationKind::Direct(UserId(0), UserId(0)),
        };
        let conversation = Conversation {
            id,
            kind,
            rev: Rev(row.get(0)?),
            last_seq: Seq(row.get(1)?),
            n_members: row.get(2)?,
            created_at: Timestamp(row.get(3)?),
        };
        Ok((conversation, group.is_some()))
    })?;
    if !is_group {
        let (low, high) = pair(db, id)?;
        conversation.kind = ConversationKind::Direct(low, high);
    }
    Ok(conversation)
}

/// The two members of a direct conversation, the smaller id first. They never leave it.
pub(crate) fn pair(db: &Connection, id: ConversationId) -> rusqlite::Result<(UserId, UserId)> {
    let sql = "SELECT min(user_id), max(user_id) FROM members WHERE conversation_id = ?1";
    let ids = |row: &Row<'_>| -> rusqlite::Result<_> {
        let id = |column| row.get::<_, Option<i64>>(column).map(Option::unwrap_or_default).map(UserId);
        Ok((id(0)?, id(1)?))
    };
    db.prepare_cached(sql)?.query_row([id.0], ids)
}

/// The conversation's state for this user; `None` if the user is not a member.
pub(crate) fn own_part(
    db: &Connection,
    user: UserId,
    id: ConversationId,
) -> rusqlite::Result<Option<OwnPart>> {
    let sql = "SELECT me.role, me.delivered_seq, me.read_seq, me.marked_unread, me.muted_until, me.archived,
                      me.pinned, d.content
               FROM members me
               LEFT JOIN drafts d ON d.user_id = me.user_id AND d.conversation_id = me.conversation_id
               WHERE me.conversation_id = ?1 AND me.user_id = ?2";
    let found = db.prepare_cached(sql)?.query_row([id.0, user.0], |row| {
        Ok(OwnPart {
            role: Some(Role::parse(row.get_ref(0)?.as_str()?).unwrap_or(Role::Member)),
            pointers: Pointers { delivered: Seq(row.get(1)?), read: Seq(row.get(2)?) },
            counts: Counts::default(),
            marked_unread: row.get(3)?,
            muted_until: row.get::<_, Option<i64>>(4)?.map(Timestamp),
            archived: row.get(5)?,
            pinned: row.get(6)?,
            draft: row.get(7)?,
        })
    });
    let Some(mut own) = found.optional()? else { return Ok(None) };
    own.counts = counts(db, user, id, own.pointers.read)?;
    Ok(Some(own))
}

/// The conversation as this user sees it, without its last message; `None` if the user is not a member.
pub(crate) fn view(
    db: &Connection,
    user: UserId,
    id: ConversationId,
) -> rusqlite::Result<Option<ConversationView>> {
    let Some(own) = own_part(db, user, id)? else { return Ok(None) };
    Ok(Some(ConversationView { conversation: load(db, id)?, own, last_message: None }))
}

/// Unread messages of a member who has read up to `read`.
pub(crate) fn counts(
    db: &Connection,
    user: UserId,
    id: ConversationId,
    read: Seq,
) -> rusqlite::Result<Counts> {
    // The first count reads nothing but the index, and deleted messages are few. Without the names of the indexes,
    // SQLite might plan the second count as a scan of the table.
    let of_others = "SELECT count(*) FROM messages INDEXED BY messages_in_order
                     WHERE conversation_id = ?1 AND seq > ?2 AND sender_id <> ?3";
    let count = |sql: &str| -> rusqlite::Result<u32> {
        db.prepare_cached(sql)?.query_row([id.0, read.0, user.0], |row| row.get(0))
    };
    let waiting = count(of_others)?;
    if waiting == 0 {
        return Ok(Counts::default());
    }
    let deleted = "SELECT count(*) FROM messages INDEXED BY messages_deleted
                   WHERE conversation_id = ?1 AND seq > ?2 AND sender_id <> ?3 AND deleted_at IS NOT NULL";
    let mentions = "SELECT count(DISTINCT n.seq) FROM mentions n
                    WHERE n.conversation_id = ?1 AND n.user_id IN (0, ?3) AND n.seq > ?2 AND EXISTS (
                        SELECT 1 FROM messages m WHERE m.conversation_id = ?1 AND m.seq = n.seq
                        AND m.sender_id <> ?3 AND m.deleted_at IS NULL)";
    Ok(Counts { unread: waiting.saturating_sub(count(deleted)?), mentions: count(mentions)? })
}
