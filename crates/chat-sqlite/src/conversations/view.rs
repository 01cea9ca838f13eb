//! Reads a conversation's state: the part for all members and the part for one of them. Nothing is written here.

use chat_core::conversations::{Conversation, ConversationKind, ConversationView, Counted, Counts, OwnPart};
use chat_core::groups::Role;
use chat_core::ids::{ConversationId, GroupId, Rev, Seq, UserId};
use chat_core::receipts::Pointers;
use chat_core::time::Timestamp;
use chat_core::unread::{BLOCK, Correction, UnreadFacts};
use rusqlite::{Connection, OptionalExtension, Row};

use super::mentions;

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

/// Unread messages of a member who has read up to `read`. Reads the same number of rows however many there are.
pub(crate) fn counts(
    db: &Connection,
    user: UserId,
    id: ConversationId,
    read: Seq,
) -> rusqlite::Result<Counts> {
    Ok(counted(db, user, id, read)?.counts)
}

/// The same, with the state of the conversation in which the counts hold.
pub(crate) fn counted(
    db: &Connection,
    user: UserId,
    id: ConversationId,
    read: Seq,
) -> rusqlite::Result<Counted> {
    let sql = "SELECT last_seq, rev FROM conversations WHERE id = ?1";
    let end = |row: &Row<'_>| Ok((Seq(row.get(0)?), Rev(row.get(1)?)));
    let (last, rev) = db.prepare_cached(sql)?.query_row([id.0], end)?;
    let mut counts = Counts::default();
    if last > read {
        let own = own_after(db, (id, user), read, last)?;
        let mentions = mentions::count_after(db, id, user, read)?;
        let corrections = corrections(db, (id, user), read)?;
        counts = Counts::derive(UnreadFacts { last, read, own, mentions, corrections });
    }
    Ok(Counted { counts, read, last, rev })
}

/// Unread messages of this user after the stored pointer; `None` if the user is not a member.
pub(crate) fn counted_of_member(
    db: &Connection,
    user: UserId,
    id: ConversationId,
) -> rusqlite::Result<Option<Counted>> {
    let sql = "SELECT read_seq FROM members WHERE conversation_id = ?1 AND user_id = ?2";
    let read = db.prepare_cached(sql)?.query_row([id.0, user.0], |row| row.get(0).map(Seq)).optional()?;
    read.map(|read| counted(db, user, id, read)).transpose()
}

/// A conversation and one of its members.
type Membership = (ConversationId, UserId);

/// The number of the member's own messages after `read` and up to the conversation's end.
fn own_after(db: &Connection, member: Membership, read: Seq, last: Seq) -> rusqlite::Result<i64> {
    if last.0 - read.0 <= BLOCK {
        return own_between(db, member, read.0 + 1, last);
    }
    Ok(own_until(db, member, last)? - own_until(db, member, read)?)
}

/// The number of the member's own messages up to this one: of the full blocks before its own, and of its own block.
fn own_until(db: &Connection, member: Membership, seq: Seq) -> rusqlite::Result<i64> {
    let (block, (id, user)) = (seq.0 / BLOCK, member);
    let sql = "SELECT n FROM own_counts WHERE conversation_id = ?1 AND user_id = ?2 AND block < ?3
               ORDER BY block DESC LIMIT 1";
    let before: Option<i64> =
        db.prepare_cached(sql)?.query_row([id.0, user.0, block], |row| row.get(0)).optional()?;
    Ok(before.unwrap_or(0) + own_between(db, member, block * BLOCK, seq)?)
}

/// The number of the member's own messages from `first` to `last`, which are at most [`BLOCK`] apart.
fn own_between(db: &Connection, (id, user): Membership, first: i64, last: Seq) -> rusqlite::Result<i64> {
    let sql = "SELECT count(*) FROM messages INDEXED BY messages_in_order
               WHERE conversation_id = ?1 AND seq >= ?2 AND seq <= ?3 AND sender_id = ?4";
    db.prepare_cached(sql)?.query_row([id.0, first, last.0, user.0], |row| row.get(0))
}

/// The sum of the corrections after `read`: the rest of its block of each size, and all blocks of the largest size.
fn corrections(db: &Connection, (id, user): Membership, read: Seq) -> rusqlite::Result<Correction> {
    let sql = "SELECT coalesce(sum(c.unread), 0), coalesce(sum(c.mentions), 0)
               FROM (SELECT 0 AS level, 1 AS size UNION ALL SELECT 1, 256 UNION ALL SELECT 2, 65536
                     UNION ALL SELECT 3, 16777216) l
               CROSS JOIN unread_corrections c
               WHERE c.conversation_id = ?1 AND c.user_id IN (0, ?2) AND c.level = l.level
                   AND c.block > ?3 / l.size
                   AND c.block < iif(l.level = 3, 9223372036854775807, (?3 / l.size / 256 + 1) * 256)";
    db.prepare_cached(sql)?.query_row([id.0, user.0, read.0], |row| {
        Ok(Correction { unread: row.get(0)?, mentions: row.get(1)? })
    })
}

#[cfg(test)]
mod tests;
