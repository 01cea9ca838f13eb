//! Reads conversations, as all members see them and as one of them does. Nothing is written here.

use chat_core::conversations::{Conversation, ConversationKind, ConversationView, Counted, Counts, OwnPart};
use chat_core::groups::Role;
use chat_core::ids::{ConversationId, GroupId, Rev, Seq, UserId};
use chat_core::receipts::Pointers;
use chat_core::time::Timestamp;
use chat_core::unread::{Correction, UnreadFacts};
use tokio_postgres::Row;

use crate::db::Db;
use crate::{fault, load};

/// The columns of `c`, `g` and `d` that `read_conversation` reads.
macro_rules! conversation_columns {
    () => {
        "c.id, c.rev, c.last_seq, c.n_members, c.created_at, g.id, g.name, g.owner_id, d.low, d.high"
    };
}

/// Joins the tables that tell whether a conversation `c` is a group or direct.
macro_rules! join_kind {
    () => {
        "LEFT JOIN groups g ON g.conversation_id = c.id LEFT JOIN directs d ON d.conversation_id = c.id "
    };
}

/// Number of the own messages of `me` up to this one: of the full blocks before its own, and of its own block.
macro_rules! own_until {
    ($seq:literal) => {
        concat!(
            "(coalesce((SELECT o.n FROM own_counts o WHERE o.conversation_id = me.conversation_id
                  AND o.user_id = me.user_id AND o.block < ",
            $seq,
            " / 256 ORDER BY o.block DESC LIMIT 1), 0)
             + (SELECT count(*) FROM messages m WHERE m.conversation_id = me.conversation_id AND m.seq >= ",
            $seq,
            " / 256 * 256 AND m.seq <= ",
            $seq,
            " AND m.sender_id = me.user_id))"
        )
    };
}

/// The facts about the unread messages of `me`, a member who has read up to a `seq`: the columns that
/// [`read_counted`] reads. Needs [`join_unread!`].
macro_rules! select_counts {
    () => {
        concat!(
            "unread_after.last_seq, me.read_seq,
             CASE WHEN unread_after.last_seq <= me.read_seq THEN 0
                  WHEN unread_after.last_seq - me.read_seq <= 256 THEN (
                      SELECT count(*) FROM messages m WHERE m.conversation_id = me.conversation_id
                          AND m.seq > me.read_seq AND m.seq <= unread_after.last_seq AND m.sender_id = me.user_id)
                  ELSE ",
            crate::conversations::view::own_until!("unread_after.last_seq"),
            " - ",
            crate::conversations::view::own_until!("me.read_seq"),
            " END, corrected.unread, corrected.mentions, unread_after.rev, mentioned.n "
        )
    };
}

/// Joins the conversation's end, the sum of the corrections after the pointer of `me` (the rest of its block of each
/// size, and all blocks of the largest size), and the number of mentions after it, in the blocks of the core's
/// `mention_blocks`. Without OFFSET, PostgreSQL could read all of a member's rows.
macro_rules! join_unread {
    () => {
        "CROSS JOIN LATERAL (
             SELECT last_seq, rev FROM conversations WHERE id = me.conversation_id OFFSET 0) unread_after
         CROSS JOIN LATERAL (
             SELECT coalesce(sum(x.unread), 0)::bigint AS unread, coalesce(sum(x.mentions), 0)::bigint AS mentions
             FROM (VALUES (0, 1::bigint), (1, 256), (2, 65536), (3, 16777216)) l (level, size)
             CROSS JOIN LATERAL (
                 SELECT x.unread, x.mentions FROM unread_corrections x
                 WHERE x.conversation_id = me.conversation_id AND x.user_id IN (0, me.user_id)
                     AND x.level = l.level AND x.block > me.read_seq / l.size
                     AND x.block < CASE l.level WHEN 3 THEN 9223372036854775807
                                       ELSE (me.read_seq / l.size / 256 + 1) * 256 END
                 OFFSET 0) x
             WHERE unread_after.last_seq > me.read_seq) corrected
         CROSS JOIN LATERAL (
             SELECT coalesce(sum(x.n), 0)::bigint AS n
             FROM (VALUES (0::bigint), (me.user_id)) w (user_id)
             CROSS JOIN LATERAL (
                 SELECT a.seq FROM mentions a WHERE a.conversation_id = me.conversation_id AND a.user_id = w.user_id
                 ORDER BY a.seq DESC LIMIT 1) newest
             CROSS JOIN LATERAL (
                 SELECT count(*) AS n FROM mentions a
                 WHERE a.conversation_id = me.conversation_id AND a.user_id = w.user_id
                     AND a.seq > me.read_seq AND a.seq < (me.read_seq / 64 + 1) * 64
                 UNION ALL SELECT count(*) FROM mentions a
                 WHERE a.conversation_id = me.conversation_id AND a.user_id = w.user_id
                     AND a.seq >= greatest((me.read_seq / 64 + 1) * 64, newest.seq / 64 * 64)
                 UNION ALL SELECT sum(s.n)
                 FROM (VALUES (1, 64::bigint, true), (1, 64, false), (2, 4096, true), (2, 4096, false),
                              (3, 262144, true)) l (level, size, is_of_read)
                 CROSS JOIN LATERAL (
                     SELECT s.n FROM mention_counts s
                     WHERE s.conversation_id = me.conversation_id AND s.user_id = w.user_id AND s.level = l.level
                         AND s.block < newest.seq / l.size
                         AND s.block >= CASE WHEN l.is_of_read THEN me.read_seq / l.size + 1
                             ELSE greatest((me.read_seq / l.size / 64 + 1) * 64, newest.seq / l.size / 64 * 64) END
                         AND s.block < CASE WHEN l.is_of_read AND l.level < 3
                             THEN (me.read_seq / l.size / 64 + 1) * 64 ELSE 9223372036854775807 END
                     OFFSET 0) s) x
             WHERE newest.seq > me.read_seq AND unread_after.last_seq > me.read_seq) mentioned "
    };
}
pub(crate) use {join_kind, join_unread, own_until, select_counts};

/// The columns of `me` that [`read_own_part`] reads.
macro_rules! own_part_columns {
    () => {
        concat!(
            "me.role, me.delivered_seq, me.read_seq, me.marked_unread, me.muted_until, me.archived, me.pinned,
             (SELECT t.content FROM drafts t
              WHERE t.user_id = me.user_id AND t.conversation_id = me.conversation_id), ",
            select_counts!()
        )
    };
}

/// Loads the part of an existing conversation that all members see.
pub(crate) fn load(db: &Db, id: ConversationId) -> fault::Result<Conversation> {
    let sql = concat!(
        "SELECT ",
        conversation_columns!(),
        " FROM conversations c ",
        join_kind!(),
        "WHERE c.id = $1"
    );
    read_conversation(&db.row(sql, &[&id.0])?)
}

/// Loads this user's per-member state; `None` if the user is not a member.
pub(crate) fn own_part(db: &Db, user: UserId, id: ConversationId) -> fault::Result<Option<OwnPart>> {
    let sql = concat!(
        "SELECT ",
        own_part_columns!(),
        "FROM members me ",
        join_unread!(),
        "WHERE me.conversation_id = $1 AND me.user_id = $2"
    );
    db.opt(sql, &[&id.0, &user.0])?.map(|row| read_own_part(&row, 0)).transpose()
}

/// Loads the conversation as this user sees it, without its last message; `None` if the user is not a member.
pub(crate) fn view(db: &Db, user: UserId, id: ConversationId) -> fault::Result<Option<ConversationView>> {
    let sql = concat!(
        "SELECT ",
        conversation_columns!(),
        ", ",
        own_part_columns!(),
        "FROM members me JOIN conversations c ON c.id = me.conversation_id ",
        join_kind!(),
        join_unread!(),
        "WHERE me.conversation_id = $1 AND me.user_id = $2"
    );
    db.opt(sql, &[&id.0, &user.0])?.as_ref().map(read_view).transpose()
}

/// Loads several conversations in this order, without those of which the user is not a member.
pub(crate) fn views(db: &Db, user: UserId, ids: &[ConversationId]) -> fault::Result<Vec<ConversationView>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    // With LIMIT, each conversation is looked up. Otherwise PostgreSQL might read all conversations of the
    // user, and there may be many more.
    let sql = concat!(
        "SELECT ",
        conversation_columns!(),
        ", ",
        own_part_columns!(),
        "FROM UNNEST($2::bigint[]) WITH ORDINALITY AS x (id, ordinal)
         JOIN LATERAL (SELECT * FROM members WHERE conversation_id = x.id AND user_id = $1 LIMIT 1) me ON true
         JOIN conversations c ON c.id = me.conversation_id ",
        join_kind!(),
        join_unread!(),
        "ORDER BY x.ordinal"
    );
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    db.rows(sql, &[&user.0, &ids])?.iter().map(read_view).collect()
}

/// Returns the unread counts of this user in these conversations, without those of which the user is not a member.
pub(crate) fn counted_of_member(
    db: &Db,
    user: UserId,
    ids: &[ConversationId],
) -> fault::Result<Vec<(ConversationId, Counted)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    // With LIMIT, each conversation is looked up, as for `views`.
    let sql = concat!(
        "SELECT me.conversation_id, ",
        select_counts!(),
        "FROM UNNEST($2::bigint[]) AS x (id)
         JOIN LATERAL (SELECT * FROM members WHERE conversation_id = x.id AND user_id = $1 LIMIT 1) me ON true ",
        join_unread!()
    );
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let read = |row: &Row| Ok((ConversationId(row.try_get(0)?), read_counted(row, 1)?));
    db.rows(sql, &[&user.0, &ids])?.iter().map(read).collect()
}

/// Returns the unread counts of these members, who have read up to these `seq`s, in their order.
pub(crate) fn counted_of_all(
    db: &Db,
    readers: impl Iterator<Item = (UserId, ConversationId, Seq)>,
) -> fault::Result<Vec<Counted>> {
    let sql = concat!(
        "SELECT ",
        select_counts!(),
        "FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY
             AS me (user_id, conversation_id, read_seq, ordinal) ",
        join_unread!(),
        "ORDER BY me.ordinal"
    );
    let (mut users, mut ids, mut read) = (Vec::new(), Vec::new(), Vec::new());
    for (user, id, seq) in readers {
        users.push(user.0);
        ids.push(id.0);
        read.push(seq.0);
    }
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    db.rows(sql, &[&users, &ids, &read])?.iter().map(|row| read_counted(row, 0)).collect()
}

/// Reads the columns of [`select_counts!`], from this column on.
pub(crate) fn read_counted(row: &Row, first: usize) -> fault::Result<Counted> {
    let (last, read) = (Seq(row.try_get(first)?), Seq(row.try_get(first + 1)?));
    let corrections = Correction { unread: row.try_get(first + 3)?, mentions: row.try_get(first + 4)? };
    let (own, mentions) = (row.try_get(first + 2)?, row.try_get(first + 6)?);
    let counts = Counts::derive(UnreadFacts { last, read, own, mentions, corrections });
    Ok(Counted { counts, read, last, rev: Rev(row.try_get(first + 5)?) })
}

/// Reads the two users of a direct conversation, the smaller id first, from this column on.
pub(crate) fn read_pair(row: &Row, first: usize) -> fault::Result<(UserId, UserId)> {
    let (low, high): (Option<i64>, Option<i64>) = (row.try_get(first)?, row.try_get(first + 1)?);
    Ok((UserId(low.unwrap_or_default()), UserId(high.unwrap_or_default())))
}

fn read_view(row: &Row) -> fault::Result<ConversationView> {
    let (conversation, own) = (read_conversation(row)?, read_own_part(row, 10)?);
    Ok(ConversationView { conversation, own, last_message: None })
}

fn read_conversation(row: &Row) -> fault::Result<Conversation> {
    let kind = match row.try_get::<_, Option<i64>>(5)? {
        Some(id) => {
            ConversationKind::Group { id: GroupId(id), name: row.try_get(6)?, owner: UserId(row.try_get(7)?) }
        }
        None => {
            let (low, high) = read_pair(row, 8)?;
            ConversationKind::Direct(low, high)
        }
    };
    Ok(Conversation {
        id: ConversationId(row.try_get(0)?),
        kind,
        rev: Rev(row.try_get(1)?),
        last_seq: Seq(row.try_get(2)?),
        n_members: load::count(row, 3)?,
        created_at: Timestamp(row.try_get(4)?),
    })
}

fn read_own_part(row: &Row, first: usize) -> fault::Result<OwnPart> {
    Ok(OwnPart {
        role: Some(Role::parse(row.try_get(first)?).unwrap_or(Role::Member)),
        pointers: Pointers { delivered: Seq(row.try_get(first + 1)?), read: Seq(row.try_get(first + 2)?) },
        marked_unread: row.try_get(first + 3)?,
        muted_until: row.try_get::<_, Option<i64>>(first + 4)?.map(Timestamp),
        archived: row.try_get(first + 5)?,
        pinned: row.try_get(first + 6)?,
        draft: row.try_get(first + 7)?,
        counts: read_counted(row, first + 8)?.counts,
    })
}
