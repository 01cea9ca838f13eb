//! Writes the mentions of messages, and counts them in blocks. The core's `unread.rs` says what for.

use chat_codec::extra;
use chat_core::ids::{ConversationId, Seq, UserId};
use chat_core::messages::Message;
use chat_core::unread::{MENTION_BLOCK, MENTION_LEVELS, counted_at, mention_blocks};
use rusqlite::{Connection, OptionalExtension, params};

/// Writes the mentions of a new message, which must be the newest of its conversation.
pub(crate) fn insert(db: &Connection, message: &Message) -> rusqlite::Result<()> {
    let conversation = message.conversation;
    for user in extra::mentioned(&message.mentions) {
        if let Some(previous) = last(db, conversation, user)? {
            for (level, block) in counted_at(previous, message.seq) {
                count_block(db, (conversation, user), level, block)?;
            }
        }
        // The core lists each user once. Without `OR IGNORE`, a duplicate would undo the whole post.
        let sql = "INSERT OR IGNORE INTO mentions (conversation_id, user_id, seq) VALUES (?1, ?2, ?3)";
        db.prepare_cached(sql)?.execute([conversation.0, user, message.seq.0])?;
    }
    if message.mentions.all || message.mentions.users.contains(&message.sender) {
        // No mention counts for its sender.
        let sql = "INSERT INTO recount VALUES (?1, ?2, ?3)";
        db.prepare_cached(sql)?.execute([conversation.0, message.sender.0, message.seq.0])?;
    }
    Ok(())
}

/// Deletes the mentions of a message that is about to be deleted.
pub(crate) fn delete(db: &Connection, message: &Message) -> rusqlite::Result<()> {
    let key = |user| [message.conversation.0, user, message.seq.0];
    for user in extra::mentioned(&message.mentions) {
        let sql = "DELETE FROM mentions WHERE conversation_id = ?1 AND user_id = ?2 AND seq = ?3";
        if db.prepare_cached(sql)?.execute(key(user))? == 0 {
            continue;
        }
        let sql = "UPDATE mention_counts SET n = n - 1
                   WHERE conversation_id = ?1 AND user_id = ?2 AND level = ?4 AND block = ?3 / ?5";
        for level in 1..=MENTION_LEVELS {
            let [conversation, user, seq] = key(user);
            let row = params![conversation, user, seq, level, MENTION_BLOCK.pow(level)];
            if db.prepare_cached(sql)?.execute(row)? == 0 {
                // A larger block is counted later.
                break;
            }
        }
    }
    Ok(())
}

/// Returns how many stored messages after `read` mention the member or everybody.
pub(crate) fn count_after(
    db: &Connection,
    conversation: ConversationId,
    member: UserId,
    read: Seq,
) -> rusqlite::Result<i64> {
    let mut n = 0;
    for user in [0, member.0] {
        let Some(last) = last(db, conversation, user)? else { continue };
        for (level, blocks) in mention_blocks(read, last) {
            n += sum(db, (conversation, user), level, (blocks.start, blocks.end))?;
        }
    }
    Ok(n)
}

/// Returns the last message that mentions this user; 0 stands for everybody.
fn last(db: &Connection, conversation: ConversationId, user: i64) -> rusqlite::Result<Option<Seq>> {
    let sql =
        "SELECT seq FROM mentions WHERE conversation_id = ?1 AND user_id = ?2 ORDER BY seq DESC LIMIT 1";
    db.prepare_cached(sql)?.query_row([conversation.0, user], |row| row.get(0).map(Seq)).optional()
}

fn count_block(db: &Connection, of: (ConversationId, i64), level: u32, block: i64) -> rusqlite::Result<()> {
    let n = sum(db, of, level - 1, (block * MENTION_BLOCK, (block + 1) * MENTION_BLOCK))?;
    let sql = "INSERT OR REPLACE INTO mention_counts (conversation_id, user_id, level, block, n)
               VALUES (?1, ?2, ?3, ?4, ?5)";
    db.prepare_cached(sql)?.execute(params![of.0.0, of.1, level, block, n])?;
    Ok(())
}

/// Returns the number of mentions of a user in these blocks of a level.
fn sum(
    db: &Connection,
    (conversation, user): (ConversationId, i64),
    level: u32,
    (first, end): (i64, i64),
) -> rusqlite::Result<i64> {
    if level == 0 {
        let sql = "SELECT count(*) FROM mentions
                   WHERE conversation_id = ?1 AND user_id = ?2 AND seq >= ?3 AND seq < ?4";
        return db.prepare_cached(sql)?.query_row([conversation.0, user, first, end], |row| row.get(0));
    }
    let sql = "SELECT coalesce(sum(n), 0) FROM mention_counts
               WHERE conversation_id = ?1 AND user_id = ?2 AND level = ?3 AND block >= ?4 AND block < ?5";
    db.prepare_cached(sql)?.query_row(params![conversation.0, user, level, first, end], |row| row.get(0))
}
