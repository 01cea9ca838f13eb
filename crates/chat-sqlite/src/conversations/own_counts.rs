//! Writes how many messages each user had sent until the end of a full block. The core's `unread.rs` says what for.
//! Counts are read in `view.rs`.

use chat_core::ids::ConversationId;
use chat_core::unread::BLOCK;
use rusqlite::{Connection, params};

/// Counts the messages of a block that is full, for each of its senders.
pub(crate) fn note_full_block(
    db: &Connection,
    conversation: ConversationId,
    block: i64,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO own_counts (conversation_id, user_id, block, n)
               SELECT ?1, b.sender_id, ?2, b.n + coalesce((
                   SELECT o.n FROM own_counts o WHERE o.conversation_id = ?1 AND o.user_id = b.sender_id
                       AND o.block < ?2 ORDER BY o.block DESC LIMIT 1), 0)
               FROM (SELECT sender_id, count(*) AS n FROM messages INDEXED BY messages_in_order
                     WHERE conversation_id = ?1 AND seq >= ?2 * ?3 AND seq < ?2 * ?3 + ?3
                     GROUP BY sender_id) b";
    db.prepare_cached(sql)?.execute(params![conversation.0, block, BLOCK])?;
    Ok(())
}
