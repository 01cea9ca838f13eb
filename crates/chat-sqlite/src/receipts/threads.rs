//! Statements about read pointers in threads, which are separate from those in conversations.

use chat_core::ids::{MessageId, Seq, UserId};
use chat_core::receipts::ThreadView;
use rusqlite::{Connection, OptionalExtension};

use crate::writer::Tx;
use crate::{fault, load, membership};

/// The thread below a root, as this member sees it.
pub(super) fn view(db: &Connection, reader: UserId, root: MessageId) -> fault::Result<ThreadView> {
    let stored = membership::shown(db, reader, root)?;
    let sql = "SELECT read_seq FROM thread_pointers WHERE user_id = ?1 AND thread_id = ?2";
    let read = db.prepare_cached(sql)?.query_row([reader.0, root.0], |row| row.get(0)).optional()?;
    let read = Seq(read.unwrap_or(0));
    let sql = concat!(
        "SELECT count(*) FROM messages m INDEXED BY messages_in_threads
         WHERE m.thread_id = ?2 AND m.seq > ?3 AND m.sender_id <> ?1 AND m.deleted_at IS NULL AND ",
        load::is_shown!()
    );
    let unread = db.prepare_cached(sql)?.query_row([reader.0, root.0, read.0], |row| row.get(0))?;
    Ok(ThreadView { root: load::complete(db, stored, Some(reader))?, read, unread })
}

/// Moves the member's pointer, never back and never past the conversation's end.
pub(super) fn read(tx: &Tx<'_>, reader: UserId, root: MessageId, seq: Seq) -> fault::Result<()> {
    let (stored, _) = membership::to_message(tx, reader, root)?;
    let sql = "INSERT INTO thread_pointers (user_id, thread_id, read_seq)
               SELECT ?1, ?2, min(?3, last_seq) FROM conversations WHERE id = ?4
               ON CONFLICT DO UPDATE SET read_seq = max(read_seq, excluded.read_seq)";
    tx.prepare_cached(sql)?.execute([reader.0, root.0, seq.0, stored.message.conversation.0])?;
    Ok(())
}
