//! Copies the messages in the order of their ids: each keeps its id and gets the next `seq` of its conversation and
//! the next position of the log. One row is in memory at a time.

use chat_core::ids::{ConversationId, MessageId, Position, Seq, UserId};
use chat_core::media::MessageKind;
use chat_core::time::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::tally::Tally;
use super::times::Times;
use super::{each, select, users, values};

/// A pointer for which no message has been found yet that it must stay before.
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

/// Where a message belongs.
struct Place {
    conversation: ConversationId,
    sender: UserId,
    /// 0 in a group.
    recipient_id: i64,
    /// 0 in a direct conversation.
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
        let Some(place) = self.place(UserId(sender), recipient, at)? else {
            self.tally.messages_to_oneself += 1;
            return Ok(());
        };
        let seq = self.insert(id, &place, row)?;
        if place.group_id == 0 {
            self.note_progress(&place, seq, &Progress::of(row.get_ref(7)?))?;
        }
        Ok(())
    }

    /// A group if one of that id exists and the sender is its member, else a user; `None` for the sender's own id.
    fn place(&mut self, sender: UserId, recipient: i64, at: Timestamp) -> rusqlite::Result<Option<Place>> {
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
        Ok(Some(Place { conversation, sender, recipient_id, group_id, at }))
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

    fn insert(&mut self, id: MessageId, place: &Place, row: &Row<'_>) -> rusqlite::Result<Seq> {
        self.position.0 += 1;
        let sql = "UPDATE conversations SET last_seq = last_seq + 1, rev = rev + 1 WHERE id = ?1
                   RETURNING last_seq";
        let seq = self.db.prepare_cached(sql)?.query_row([place.conversation.0], |row| row.get(0))?;
        let media_url = values::text(row.get_ref(5)?).unwrap_or_default();
        let sql = "INSERT INTO messages (id, conversation_id, seq, rev, position, sender_id, recipient_id,
                                         group_id, kind, content, media_url, sent_at)
                   VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        self.db.prepare_cached(sql)?.execute(params![
            id.0,
            place.conversation.0,
            seq,
            self.position.0,
            place.sender.0,
            place.recipient_id,
            place.group_id,
            kind(row.get_ref(3)?, &media_url).as_str(),
            values::text(row.get_ref(4)?).unwrap_or_default(),
            media_url,
            place.at.0
        ])?;
        self.tally.messages += 1;
        Ok(Seq(seq))
    }

    /// A pointer says "everything up to here", so it stops before the first message to its user that has not come so
    /// far; a user's own messages do not hold it up.
    fn note_progress(&self, place: &Place, seq: Seq, progress: &Progress) -> rusqlite::Result<()> {
        let key = [place.conversation.0, place.recipient_id, seq.0 - 1, UNSET];
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

/// Pointers that nothing holds up are at the end. So are all those of groups, of whose messages the earlier server
/// did not keep who has them: to deliver years of them anew would help nobody.
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

/// How far a direct message has come.
enum Progress {
    Pending,
    Delivered,
    Read,
}

impl Progress {
    /// A status that is missing or unknown counts as delivered: the message stays in the history either way, while
    /// "pending" would send the whole history again to whoever connects first.
    fn of(status: ValueRef<'_>) -> Self {
        match values::text(status).unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "pending" => Self::Pending,
            "read" | "seen" => Self::Read,
            _ => Self::Delivered,
        }
    }
}

/// The old column also says how a message was sent (`p2p_message`), or nothing at all; then the media decides.
fn kind(value: ValueRef<'_>, media_url: &str) -> MessageKind {
    let text = values::text(value).unwrap_or_default().trim().to_ascii_lowercase();
    MessageKind::parse(&text).unwrap_or(if media_url.is_empty() {
        MessageKind::Text
    } else {
        MessageKind::Image
    })
}
