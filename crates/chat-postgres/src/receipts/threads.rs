//! Members' read pointers in threads, which are read separately from their conversations.

use chat_core::ids::{MessageId, Seq, UserId};
use chat_core::receipts::ThreadView;

use crate::db::Db;
use crate::writer::Tx;
use crate::{fault, load, membership};

/// Returns the thread of a root, as this member sees it.
pub(super) fn view(db: &Db, reader: UserId, root: MessageId) -> fault::Result<ThreadView> {
    let stored = membership::shown(db, reader, root)?;
    let sql = concat!(
        "SELECT p.read_seq, (
             SELECT count(*) FROM messages m
             WHERE m.thread_id = $2 AND m.seq > p.read_seq AND m.sender_id <> $1 AND m.deleted_at IS NULL AND ",
        load::is_shown!(),
        ")
         FROM (SELECT coalesce((
             SELECT read_seq FROM thread_pointers WHERE user_id = $1 AND thread_id = $2), 0) AS read_seq) p"
    );
    let row = db.row(sql, &[&reader.0, &root.0])?;
    let (read, unread) = (Seq(row.try_get(0)?), load::count(&row, 1)?);
    Ok(ThreadView { root: load::complete(db, stored, Some(reader))?, read, unread })
}

/// Moves the member's pointer, never back and never past the conversation's end.
pub(super) fn read(tx: &Tx<'_>, reader: UserId, root: MessageId, seq: Seq) -> fault::Result<()> {
    let (stored, _) = membership::to_message(tx, reader, root)?;
    let sql = "INSERT INTO thread_pointers AS p (user_id, thread_id, read_seq)
               SELECT $1, $2, least($3, last_seq) FROM conversations WHERE id = $4
               ON CONFLICT (user_id, thread_id) DO UPDATE SET read_seq = greatest(p.read_seq, excluded.read_seq)";
    tx.execute(sql, &[&reader.0, &root.0, &seq.0, &stored.message.conversation.0]).map(drop)
}
