//! Where something changed for a user after a place in the log, and what; only places and numbers are read here.
//!
//! Every source gives its first changes in the order of their places, one more than a page holds. Once a page is full,
//! nothing beyond its end is looked for: that is the horizon, which only comes nearer.

use chat_core::changes::MessageEvent;
use chat_core::conversations::Departure;
use chat_core::ids::{ConversationId, MessageId, Position, Rev, Seq, UserId};
use chat_core::receipts::{MAX_TOLD_MEMBERS, Pointers};
use rusqlite::{Connection, Row, params};

/// Something to tell, and where it stands in the log.
pub(super) struct Item {
    pub(super) position: Position,
    pub(super) what: What,
}

/// What there is to tell.
pub(super) enum What {
    /// The conversation itself, or the user's own part of it, is another.
    Seen(ConversationId),
    Posted(MessageId),
    Changed(MessageId, MessageEvent),
    /// These members' pointers moved.
    Moved(ConversationId, Vec<(UserId, Pointers)>),
    Hidden(ConversationId, MessageId),
    Saved(MessageId, bool),
    /// The user is no longer a member; how it was then, where that is known.
    Left(ConversationId, Option<Departure>),
}

impl Item {
    /// The message that has to be read to tell of it.
    pub(super) fn message(&self) -> Option<MessageId> {
        match self.what {
            What::Posted(id) | What::Changed(id, _) => Some(id),
            _ => None,
        }
    }
}

/// What was found, in the order of places.
pub(super) struct Gathered {
    /// The first things that changed: all of them if there are no more than the limit, else more than the limit.
    pub(super) items: Vec<Item>,
    /// Conversations that the user is to forget, all at the first of all places.
    pub(super) left: Vec<Item>,
}

/// What changed for the user after one place and up to another.
pub(super) fn gather(
    db: &Connection,
    user: UserId,
    (after, end): (Position, Position),
    limit: usize,
) -> rusqlite::Result<Gathered> {
    let mut gatherer = Gatherer { db, user, after, horizon: end, limit, items: Vec::new() };
    gatherer.own()?;
    for conversation in concerned(db, user, after)? {
        gatherer.conversation(&conversation)?;
        gatherer.narrow();
    }
    gatherer.narrow();
    let items = gatherer.items;
    let mut left = left(db, user, after)?;
    // Of what such a conversation has had since, nothing is told. Were the client cut before it hears that it is to
    // forget it, and the user a member again when it comes back, it would have a hole: so it hears of that first.
    let first = items.iter().chain(&left).map(|item| item.position).min();
    for (item, first) in left.iter_mut().zip(first.into_iter().cycle()) {
        item.position = first;
    }
    Ok(Gathered { items, left })
}

/// The conversations of which the user ceased to be a member and is none now.
fn left(db: &Connection, user: UserId, after: Position) -> rusqlite::Result<Vec<Item>> {
    // A release that does not know these columns moves but the place of a departure.
    let sql = "SELECT d.position, d.conversation_id, CASE d.as_of WHEN d.position THEN d.rev END, d.owner_id
               FROM departures d
               WHERE d.user_id = ?1 AND d.position > ?2 AND NOT EXISTS (
                   SELECT 1 FROM members m WHERE m.conversation_id = d.conversation_id AND m.user_id = d.user_id)";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([user.0, after.0], |row| {
        let what = What::Left(ConversationId(row.get(1)?), departure(row)?);
        Ok(Item { position: Position(row.get(0)?), what })
    })?;
    rows.collect()
}

fn departure(row: &Row<'_>) -> rusqlite::Result<Option<Departure>> {
    let (rev, owner) = (row.get::<_, Option<i64>>(2)?, row.get::<_, Option<i64>>(3)?);
    Ok(rev.zip(owner).map(|(rev, owner)| Departure { rev: Rev(rev), owner: UserId(owner) }))
}

/// A conversation of the user's in which something changed.
struct Concerned {
    id: ConversationId,
    last: Seq,
    n_members: u32,
    /// The last change of any kind but receipts.
    changed: Position,
    /// The last change of what all members see of the conversation itself.
    meta: Position,
    receipts: Position,
    joined: Position,
    /// The last change of the user's own part.
    state: Position,
    /// Whether the user was a member, was none, and is one again.
    is_back: bool,
}

fn concerned(db: &Connection, user: UserId, after: Position) -> rusqlite::Result<Vec<Concerned>> {
    let sql = "SELECT c.id, c.last_seq, c.n_members, c.position, c.meta_position, c.receipts_position,
                      me.joined_position, me.state_position, d.position IS NOT NULL
               FROM members me CROSS JOIN conversations c ON c.id = me.conversation_id
               LEFT JOIN departures d ON d.user_id = me.user_id AND d.conversation_id = me.conversation_id
               WHERE me.user_id = ?1 AND (c.position > ?2 OR c.receipts_position > ?2
                                          OR me.state_position > ?2 OR me.joined_position > ?2)";
    let position = |row: &Row<'_>, column| row.get(column).map(Position);
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([user.0, after.0], |row| {
        Ok(Concerned {
            id: ConversationId(row.get(0)?),
            last: Seq(row.get(1)?),
            n_members: row.get(2)?,
            changed: position(row, 3)?,
            meta: position(row, 4)?,
            receipts: position(row, 5)?,
            joined: position(row, 6)?,
            state: position(row, 7)?,
            is_back: row.get(8)?,
        })
    })?;
    rows.collect()
}

struct Gatherer<'a> {
    db: &'a Connection,
    user: UserId,
    after: Position,
    /// Nothing beyond this place is wanted.
    horizon: Position,
    limit: usize,
    items: Vec<Item>,
}

impl Gatherer<'_> {
    /// How much is asked of each source.
    fn enough(&self) -> i64 {
        i64::try_from(self.limit + 1).unwrap_or(i64::MAX)
    }

    /// Lets go of what is beyond the page that is full, and looks no further than its end from now on.
    fn narrow(&mut self) {
        // A stable order: of what shares a place, the conversation comes before what is in it.
        self.items.sort_by_key(|item| item.position);
        if let Some(beyond) = self.items.get(self.limit) {
            self.horizon = beyond.position;
            self.items.truncate(self.items.partition_point(|item| item.position <= self.horizon));
        }
    }

    fn conversation(&mut self, conversation: &Concerned) -> rusqlite::Result<()> {
        let Concerned { id, meta, joined, state, .. } = *conversation;
        // At the first of the places, so that it is known before what is in it; it is told again from between two.
        if let Some(position) = [meta, joined, state].into_iter().filter(|&place| place > self.after).min() {
            self.items.push(Item { position, what: What::Seen(id) });
        }
        if conversation.changed > self.after {
            // Who joins loads what is there, and is told of what comes after. Not so who was a member before: perhaps
            // the client has slept through both leaving and joining, and knows everything but what came in between.
            let from = if conversation.is_back { self.after } else { self.after.max(joined) };
            self.posted(conversation, from)?;
            self.changed(id, from)?;
        }
        if conversation.receipts > self.after {
            self.moved(conversation)?;
        }
        Ok(())
    }

    /// Messages that were added after `from`.
    fn posted(&mut self, conversation: &Concerned, from: Position) -> rusqlite::Result<()> {
        let first = self.first_after(conversation, from)?;
        let sql = "SELECT m.position, m.id FROM messages m
                   WHERE m.conversation_id = ?1 AND m.seq >= ?2 AND m.position <= ?3 AND NOT EXISTS (
                       SELECT 1 FROM hidden_messages h WHERE h.user_id = ?4 AND h.message_id = m.id)
                   ORDER BY m.seq LIMIT ?5";
        let mut statement = self.db.prepare_cached(sql)?;
        let params = params![conversation.id.0, first.0, self.horizon.0, self.user.0, self.enough()];
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            let what = What::Posted(MessageId(row.get(1)?));
            self.items.push(Item { position: Position(row.get(0)?), what });
        }
        Ok(())
    }

    /// The first message after a place. There is no index by place, since each message would have to be written into
    /// it; but in a conversation places grow with numbers, of which there is one.
    fn first_after(&self, conversation: &Concerned, from: Position) -> rusqlite::Result<Seq> {
        if conversation.changed <= from {
            return Ok(Seq(conversation.last.0 + 1));
        }
        let sql = "SELECT position FROM messages WHERE conversation_id = ?1 AND seq = ?2";
        let mut statement = self.db.prepare_cached(sql)?;
        first_where(conversation.last.0, |seq| {
            let position: i64 = statement.query_row([conversation.id.0, seq], |row| row.get(0))?;
            Ok(position > from.0)
        })
        .map(Seq)
    }

    /// Messages that changed, but for those that were added after `from`, which are told of as they are now.
    fn changed(&mut self, id: ConversationId, from: Position) -> rusqlite::Result<()> {
        let sql = "SELECT ch.position, ch.message_id, ch.event FROM message_changes ch
                   CROSS JOIN messages m ON m.id = ch.message_id
                   WHERE ch.conversation_id = ?1 AND ch.position > ?2 AND ch.position <= ?3 AND m.position <= ?4
                     AND NOT EXISTS (
                         SELECT 1 FROM hidden_messages h WHERE h.user_id = ?5 AND h.message_id = m.id)
                   ORDER BY ch.position LIMIT ?6";
        let mut statement = self.db.prepare_cached(sql)?;
        let params = params![id.0, self.after.0, self.horizon.0, from.0, self.user.0, self.enough()];
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            let event = MessageEvent::parse(row.get_ref(2)?.as_str()?).unwrap_or(MessageEvent::Edited);
            let what = What::Changed(MessageId(row.get(1)?), event);
            self.items.push(Item { position: Position(row.get(0)?), what });
        }
        Ok(())
    }

    /// Pointers that moved; in a large group only the user's own are told of.
    fn moved(&mut self, conversation: &Concerned) -> rusqlite::Result<()> {
        let sql = "SELECT pointers_position, user_id, delivered_seq, read_seq FROM members
                   WHERE conversation_id = ?1 AND pointers_position > ?2 AND pointers_position <= ?3
                   ORDER BY pointers_position, user_id";
        let own = "SELECT pointers_position, user_id, delivered_seq, read_seq FROM members
                   WHERE conversation_id = ?1 AND pointers_position > ?2 AND pointers_position <= ?3
                     AND user_id = ?4";
        let (id, range) = (conversation.id, (self.after.0, self.horizon.0));
        let is_told = conversation.n_members <= MAX_TOLD_MEMBERS;
        let mut statement = self.db.prepare_cached(if is_told { sql } else { own })?;
        let mut rows = if is_told {
            statement.query([id.0, range.0, range.1])?
        } else {
            statement.query([id.0, range.0, range.1, self.user.0])?
        };
        let mut runs: Vec<(Position, Vec<(UserId, Pointers)>)> = Vec::new();
        while let Some(row) = rows.next()? {
            let position = Position(row.get(0)?);
            let pointers = Pointers { delivered: Seq(row.get(2)?), read: Seq(row.get(3)?) };
            let member = (UserId(row.get(1)?), pointers);
            match runs.last_mut() {
                Some((place, members)) if *place == position => members.push(member),
                _ => runs.push((position, vec![member])),
            }
        }
        let items =
            runs.into_iter().map(|(position, members)| Item { position, what: What::Moved(id, members) });
        self.items.extend(items);
        Ok(())
    }

    /// What the user did to messages for themselves.
    fn own(&mut self) -> rusqlite::Result<()> {
        let hidden = "SELECT position, conversation_id, message_id FROM hidden_messages
                      WHERE user_id = ?1 AND position > ?2 ORDER BY position LIMIT ?3";
        self.own_of(hidden, |row| Ok(What::Hidden(ConversationId(row.get(1)?), MessageId(row.get(2)?))))?;
        let saved = "SELECT position, message_id, saved FROM saved_messages
                     WHERE user_id = ?1 AND position > ?2 ORDER BY position LIMIT ?3";
        self.own_of(saved, |row| Ok(What::Saved(MessageId(row.get(1)?), row.get(2)?)))
    }

    fn own_of(
        &mut self,
        sql: &'static str,
        what: impl Fn(&Row<'_>) -> rusqlite::Result<What>,
    ) -> rusqlite::Result<()> {
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([self.user.0, self.after.0, self.enough()])?;
        while let Some(row) = rows.next()? {
            self.items.push(Item { position: Position(row.get(0)?), what: what(row)? });
        }
        Ok(())
    }
}

/// The first number from 1 to `last` that is late, or the one after `last`; once one is late, so are all after it. Looks
/// back from the end in growing steps, since little is late as a rule.
fn first_where<E>(last: i64, mut is_late: impl FnMut(i64) -> Result<bool, E>) -> Result<i64, E> {
    let (mut early, mut late, mut step) = (0, last + 1, 1);
    while late - early > 1 {
        let is_bounded = early > 0 || late - step <= early;
        let at = if is_bounded { early + (late - early) / 2 } else { late - step };
        if is_late(at)? {
            late = at;
            step *= 2;
        } else {
            early = at;
        }
    }
    Ok(late)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn found(last: i64, first_late: i64) -> (i64, u32) {
        let mut looks = 0;
        let found = first_where(last, |number| {
            assert!((1..=last).contains(&number), "{number} is not there");
            looks += 1;
            Ok::<_, Infallible>(number >= first_late)
        });
        (found.unwrap(), looks)
    }

    #[test]
    fn the_first_late_number_is_found_wherever_it_is() {
        for last in 0..40 {
            for first_late in 1..=last + 1 {
                assert_eq!(found(last, first_late).0, first_late, "of {last}");
            }
        }
    }

    #[test]
    fn few_numbers_are_looked_at() {
        const LAST: i64 = 1_000_000;
        assert_eq!(found(LAST, LAST + 1), (LAST + 1, 1));
        for first_late in [1, 2, 500_000, 750_001, LAST - 100, LAST - 3, LAST] {
            let (number, looks) = found(LAST, first_late);
            let missed = LAST + 1 - first_late;
            assert_eq!(number, first_late);
            assert!(looks <= 2 * missed.ilog2() + 3, "{looks} looks for {missed} numbers");
        }
    }
}
