//! Copies the messages in the order of their ids: each keeps its id, and gets the next `seq` of its conversation and
//! the next log position. One row is in memory at a time.

use chat_core::ids::{ConversationId, MessageId, Position, Seq, UserId};
use chat_core::media::MessageKind;
use chat_core::time::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::tally::Tally;
use super::times::Times;
use super::{each, select, users, values};

/// Value of a pointer until a message is found that it must stay before.
pub(super) const UNSET: i64 = -1;

const COLUMNS: [&str; 8] =
    ["id", "sender_id", "recipient_id", "type", "content", "media_url", "timestamp", "status"];

pub(super) fn copy(db: &Connection, tally: &mut Tally) -> rusqlite::Result<()> {
    let times = Times::of_column(db, &select(db, "messages", &["timestamp"], "id")?)?;
    let mut copier = Copier { db, times, position: Position(0), tally };
    let without_id =
        each(db, &select(db, "messages", &COLUMNS, "id")?, |id, row| copier.take(MessageId(id), row))?;
    let Copier { times, position, .. } = copier;
    tally.without_id += without_id;
    tally.unreadable_times += times.unreadable;
    db.execute("UPDATE log SET position = ?1 WHERE only_row = 1", [position.0])?;
    finish_pointers(db)
}

/// The conversation of a message, and its row's columns.
struct Target {
    conversation: ConversationId,
    sender: UserId,
    /// 0 for a group.
    recipient_id: i64,
    /// 0 for a direct conversation.
    group_id: i64,
    at: Timestamp,
}

struct Copier<'a> {
    db: &'a Connection,
    times: Times,
    position: Position,
    tally: &'a mut Tally,
}

impl Copier<'_> {
    fn take(&mut self, id: MessageId, row: &Row<'_>) -> rusqlite::Result<()> {
        let at = self.times.read(row, 6)?;
        let (sender, recipient) = (values::id(row.get_ref(1)?), values::id(row.get_ref(2)?));
        let (Some(sender), Some(recipient)) = (sender, recipient) else {
            self.tally.messages_of_nobody += 1;
            return Ok(());
        };
        let Some(target) = self.target(UserId(sender), recipient, at)? else {
            self.tally.messages_to_oneself += 1;
            return Ok(());
        };
        let seq = self.insert(id, &target, row)?;
        if target.group_id == 0 {
            self.note_progress(&target, seq, &Progress::of(row.get_ref(7)?))?;
        }
        Ok(())
    }

    /// Takes the recipient for a group if a group with that id exists and the sender could write to it, otherwise for
    /// a user. Returns `None` for the sender's own id.
    fn target(&mut self, sender: UserId, recipient: i64, at: Timestamp) -> rusqlite::Result<Option<Target>> {
        let sql = "SELECT g.conversation_id FROM groups g
                   JOIN senders s ON s.group_id = g.id AND s.user_id = ?2 WHERE g.id = ?1";
        let group = self
            .db
            .prepare_cached(sql)?
            .query_row([recipient, sender.0], |row| row.get(0).map(ConversationId))
            .optional()?;
        if group.is_none() && recipient == sender.0 {
            return Ok(None);
        }
        users::ensure(self.db, sender.0, at, self.tally)?;
        let (conversation, recipient_id, group_id) = match group {
            Some(conversation) => (conversation, 0, recipient),
            None => {
                users::ensure(self.db, recipient, at, self.tally)?;
                (self.direct(sender, UserId(recipient), at)?, recipient, 0)
            }
        };
        Ok(Some(Target { conversation, sender, recipient_id, group_id, at }))
    }

    fn direct(&self, one: UserId, other: UserId, at: Timestamp) -> rusqlite::Result<ConversationId> {
        if let Some(conversation) = crate::messages::direct(self.db, one, other)? {
            return Ok(conversation);
        }
        self.db.prepare_cached("INSERT INTO conversations (last_seq, rev) VALUES (0, 0)")?.execute(())?;
        let conversation = ConversationId(self.db.last_insert_rowid());
        let pair = [one.min(other).0, one.max(other).0];
        let sql = "INSERT INTO directs (low, high, conversation_id) VALUES (?1, ?2, ?3)";
        self.db.prepare_cached(sql)?.execute([pair[0], pair[1], conversation.0])?;
        let sql = "INSERT INTO members (conversation_id, user_id, role, delivered_seq, read_seq, joined_at)
                   VALUES (?1, ?2, 'member', ?3, ?3, ?4)";
        for user in pair {
            self.db.prepare_cached(sql)?.execute([conversation.0, user, UNSET, at.0])?;
        }
        Ok(conversation)
    }

    fn insert(&mut self, id: MessageId, target: &Target, row: &Row<'_>) -> rusqlite::Result<Seq> {
        self.position.0 += 1;
        let sql = "UPDATE conversations SET last_seq = last_seq + 1, rev = rev + 1 WHERE id = ?1
                   RETURNING last_seq";
        let seq = self.db.prepare_cached(sql)?.query_row([target.conversation.0], |row| row.get(0))?;
        let media_url = values::text(row.get_ref(5)?).unwrap_or_default();
        let sql = "INSERT INTO messages (id, conversation_id, seq, rev, position, sender_id, recipient_id,
                                         group_id, kind, content, media_url, sent_at)
                   VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        self.db.prepare_cached(sql)?.execute(params![
            id.0,
            target.conversation.0,
            seq,
            self.position.0,
            target.sender.0,
            target.recipient_id,
            target.group_id,
            kind(row.get_ref(3)?, &media_url).as_str(),
            values::text(row.get_ref(4)?).unwrap_or_default(),
            media_url,
            target.at.0
        ])?;
        self.tally.messages += 1;
        Ok(Seq(seq))
    }

    /// Limits a pointer, which means "everything up to here": it stops before the first message to its user that has
    /// not progressed so far. A user's own messages do not limit it.
    fn note_progress(&self, target: &Target, seq: Seq, progress: &Progress) -> rusqlite::Result<()> {
        let key = [target.conversation.0, target.recipient_id, seq.0 - 1, UNSET];
        if matches!(progress, Progress::Pending) {
            let sql = "UPDATE members SET delivered_seq = ?3
                       WHERE conversation_id = ?1 AND user_id = ?2 AND delivered_seq = ?4";
            self.db.prepare_cached(sql)?.execute(key)?;
        }
        if !matches!(progress, Progress::Read) {
            let sql = "UPDATE members SET read_seq = ?3
                       WHERE conversation_id = ?1 AND user_id = ?2 AND read_seq = ?4";
            self.db.prepare_cached(sql)?.execute(key)?;
        }
        Ok(())
    }
}

/// Moves pointers without a limit to the end. This includes all pointers in groups, because the earlier server did not
/// store who had their messages: delivering years of messages again would help nobody.
fn finish_pointers(db: &Connection) -> rusqlite::Result<()> {
    for pointer in ["delivered_seq", "read_seq"] {
        let sql = format!(
            "UPDATE members SET {pointer} = (SELECT last_seq FROM conversations c WHERE c.id = conversation_id)
             WHERE {pointer} = ?1"
        );
        db.execute(&sql, [UNSET])?;
    }
    Ok(())
}

/// Progress of a direct message.
enum Progress {
    Pending,
    Delivered,
    Read,
}

impl Progress {
    /// A missing or unknown status counts as delivered. The message stays in the history either way, and "pending"
    /// would send the whole history again to the first client that connects.
    fn of(status: ValueRef<'_>) -> Self {
        match values::text(status).unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "pending" => Self::Pending,
            "read" | "seen" => Self::Read,
            _ => Self::Delivered,
        }
    }
}

/// The old column may also hold how a message was sent (`p2p_message`), or nothing. Then the media decides.
fn kind(value: ValueRef<'_>, media_url: &str) -> MessageKind {
    let text = values::text(value).unwrap_or_default().trim().to_ascii_lowercase();
    MessageKind::parse(&text).unwrap_or(if media_url.is_empty() {
        MessageKind::Text
    } else {
        MessageKind::Image
    })
}
