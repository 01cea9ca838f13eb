//! Moves the pointers of many members at once: one statement reads them, the core decides, and one statement
//! writes the result. A member who moves several times is written once, with the final state.

use std::collections::HashMap;

use chat_codec::row;
use chat_core::ids::{ConversationId, Seq, UserId};
use chat_core::receipts::{self, Delivered, MarkedRead, Moved, Pointers, Progress, Receipt};

use super::place_columns;
use crate::conversations::view::{self, join_kind};
use crate::db::Db;
use crate::fault::{self, Fault};
use crate::load::Columns;
use crate::writer::{Batched, Tx};

/// The pointers to which a member wants to move.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Move {
    pub(crate) user: UserId,
    pub(crate) conversation: ConversationId,
    pub(crate) to: Pointers,
}

impl Batched for Move {
    type Outcome = Moved;

    fn store(&self, tx: &Tx<'_>) -> fault::Result<Moved> {
        move_all(tx, &[self])?.pop().unwrap_or_else(|| Ok(Moved::default()))
    }

    fn store_all(tx: &Tx<'_>, moves: &[&Self]) -> fault::Result<Vec<fault::Result<Moved>>> {
        move_all(tx, moves)
    }
}

/// A member's state after the moves so far.
struct Member {
    progress: Progress,
    /// Log positions of the last move and of the removal of the unread mark, if there were such.
    moved_at: Option<i64>,
    unmarked_at: Option<i64>,
}

type Members = HashMap<(UserId, ConversationId), Member>;

/// Moves pointers in this order. Each move makes one change or none, and a refused move changes nothing.
fn move_all(tx: &Tx<'_>, moves: &[&Move]) -> fault::Result<Vec<fault::Result<Moved>>> {
    let mut members = load(tx, moves.iter().map(|one| (one.user, one.conversation)))?;
    let mut results = Vec::with_capacity(moves.len());
    let mut readings = Vec::new();
    let mut position = tx.position().0;
    for &&Move { user, conversation, to } in moves {
        let mut member = members.get_mut(&(user, conversation));
        let decided = receipts::decide(member.as_deref_mut().map(|member| &mut member.progress), to);
        match (decided, member) {
            (Ok(Some(advance)), Some(member)) => {
                member.moved_at = Some(position);
                if advance.unmarks {
                    member.unmarked_at = Some(position);
                }
                position += 1;
                if advance.is_reading {
                    let reading = (user, conversation, advance.receipt.pointers.read);
                    readings.push((results.len(), reading));
                }
                results.push(Ok(Moved(vec![advance.receipt])));
            }
            (Ok(_), _) => results.push(Ok(Moved::default())),
            (Err(refusal), _) => results.push(Err(refusal.into())),
        }
    }
    count(tx, &readings, &mut results)?;
    store(tx, &members)?;
    Ok(results)
}

/// Marks conversations as read up to their last messages, each as a change of its own.
pub(super) fn mark_read(
    tx: &Tx<'_>,
    user: UserId,
    conversations: &[ConversationId],
) -> fault::Result<MarkedRead> {
    let one = |&conversation: &ConversationId| Move { user, conversation, to: Pointers::END };
    let moves: Vec<Move> = conversations.iter().map(one).collect();
    let results = move_all(tx, &moves.iter().collect::<Vec<_>>())?;
    let mut marked = MarkedRead::default();
    for (conversation, result) in conversations.iter().zip(results) {
        match result {
            Ok(Moved(receipts)) => marked.moved.0.extend(receipts),
            // The only refusal of a move.
            Err(Fault::Refused(_)) => marked.not_found.push(*conversation),
            Err(fault) => return Err(fault),
        }
    }
    Ok(marked)
}

/// Moves the pointers of the users who have received something. Users who are not members are left out.
pub(super) fn mark_delivered(tx: &Tx<'_>, receipts: &[Delivered]) -> fault::Result<Moved> {
    let mut members = load(tx, receipts.iter().map(|receipt| (receipt.user, receipt.conversation)))?;
    let mut moved = Vec::new();
    for receipt in receipts {
        if let Some(member) = members.get_mut(&(receipt.user, receipt.conversation)) {
            moved.extend(member.progress.advance(receipt.pointers()).map(|advance| advance.receipt));
        }
    }
    let moved = Moved(moved);
    for (run, position) in moved.runs().zip(tx.position().0..) {
        for Receipt { user, conversation, .. } in run {
            if let Some(member) = members.get_mut(&(*user, *conversation)) {
                member.moved_at = Some(position);
            }
        }
    }
    store(tx, &members)?;
    Ok(moved)
}

/// Loads those of them who are members.
fn load(db: &Db, who: impl Iterator<Item = (UserId, ConversationId)>) -> fault::Result<Members> {
    let sql = concat!(
        "SELECT ",
        place_columns!(),
        ", me.user_id, me.delivered_seq, me.read_seq, me.marked_unread
         FROM UNNEST($1::bigint[], $2::bigint[]) AS x (user_id, conversation_id)
         JOIN members me ON me.conversation_id = x.conversation_id AND me.user_id = x.user_id
         JOIN conversations c ON c.id = x.conversation_id ",
        join_kind!()
    );
    let (users, conversations): (Vec<i64>, Vec<i64>) =
        who.map(|(user, conversation)| (user.0, conversation.0)).unzip();
    let mut members = Members::new();
    for row in db.rows(sql, &[&users, &conversations])? {
        let columns = Columns(&row);
        let ((user, pointers), place) = (row::member(&columns, 6)?, row::place(&columns)?);
        let progress = Progress { user, place, pointers, marked_unread: row.try_get(9)? };
        members.insert((user, place.conversation), Member { progress, moved_at: None, unmarked_at: None });
    }
    Ok(members)
}

/// Adds the unread counts of the members who have read. Each reading comes with the index of its result.
fn count(
    db: &Db,
    readings: &[(usize, (UserId, ConversationId, Seq))],
    results: &mut [fault::Result<Moved>],
) -> fault::Result<()> {
    if readings.is_empty() {
        return Ok(());
    }
    let counts = view::counted_of_all(db, readings.iter().map(|(_, reading)| *reading))?;
    for ((index, _), counts) in readings.iter().zip(counts) {
        if let Some(Ok(Moved(receipts))) = results.get_mut(*index) {
            receipts.iter_mut().for_each(|receipt| receipt.counts = Some(counts));
        }
    }
    Ok(())
}

/// Writes the pointers that have moved, each with the log position of its change.
fn store(tx: &Tx<'_>, members: &Members) -> fault::Result<()> {
    let mut columns: [Vec<i64>; 5] = Default::default();
    let mut unmarked = Vec::new();
    for ((user, conversation), member) in members {
        let Some(moved_at) = member.moved_at else { continue };
        let Pointers { delivered, read } = member.progress.pointers;
        for (column, value) in columns.iter_mut().zip([conversation.0, user.0, delivered.0, read.0, moved_at])
        {
            column.push(value);
        }
        unmarked.push(member.unmarked_at);
    }
    if unmarked.is_empty() {
        return Ok(());
    }
    let [conversations, users, delivered, read, moved_at] = &columns;
    let sql = "WITH moved AS (
                   SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
                                        $6::bigint[])
                       AS x (conversation_id, user_id, delivered_seq, read_seq, moved_at, unmarked_at)),
               of_members AS (
                   UPDATE members me SET delivered_seq = x.delivered_seq, read_seq = x.read_seq,
                          pointers_position = x.moved_at,
                          marked_unread = me.marked_unread AND x.unmarked_at IS NULL,
                          state_position = coalesce(x.unmarked_at, me.state_position)
                   FROM moved x WHERE me.conversation_id = x.conversation_id AND me.user_id = x.user_id)
               UPDATE conversations c SET receipts_position = x.moved_at
               FROM (SELECT conversation_id, max(moved_at) AS moved_at FROM moved GROUP BY conversation_id) x
               WHERE c.id = x.conversation_id";
    tx.execute(sql, &[conversations, users, delivered, read, moved_at, &unmarked]).map(drop)
}
