//! Where something changed for a user after a place in the log, and what; only places and numbers are read here.
//!
//! Every source is one statement over all of the user's conversations and gives its first changes in the order of their
//! places, one more than a page holds.

use chat_core::changes::MessageEvent;
use chat_core::conversations::Departure;
use chat_core::ids::{ConversationId, MessageId, Position, Rev, Seq, UserId};
use chat_core::receipts::{MAX_TOLD_MEMBERS, Pointers};
use tokio_postgres::Row;

use crate::db::Db;
use crate::fault::Result;
use crate::load::count;

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
    db: &Db,
    user: UserId,
    (after, end): (Position, Position),
    limit: usize,
) -> Result<Gathered> {
    let mut gatherer = Gatherer { db, user, after, horizon: end, limit, items: Vec::new() };
    gatherer.own()?;
    let concerned = concerned(db, user, after)?;
    gatherer.conversations(&concerned);
    gatherer.posted(&concerned)?;
    gatherer.changed(&concerned)?;
    gatherer.narrow();
    gatherer.moved(&concerned)?;
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
fn left(db: &Db, user: UserId, after: Position) -> Result<Vec<Item>> {
    // A release that does not know these columns moves but the place of a departure.
    let sql = "SELECT d.position, d.conversation_id, CASE d.as_of WHEN d.position THEN d.rev END, d.owner_id
               FROM departures d
               WHERE d.user_id = $1 AND d.position > $2 AND NOT EXISTS (
                   SELECT 1 FROM members m WHERE m.conversation_id = d.conversation_id AND m.user_id = d.user_id)";
    let item = |row: &Row| {
        let what = What::Left(ConversationId(row.try_get(1)?), departure(row)?);
        Ok(Item { position: Position(row.try_get(0)?), what })
    };
    db.rows(sql, &[&user.0, &after.0])?.iter().map(item).collect()
}

fn departure(row: &Row) -> Result<Option<Departure>> {
    let (rev, owner): (Option<i64>, Option<i64>) = (row.try_get(2)?, row.try_get(3)?);
    Ok(rev.zip(owner).map(|(rev, owner)| Departure { rev: Rev(rev), owner: UserId(owner) }))
}

/// A conversation of the user's in which something changed.
struct Concerned {
    id: ConversationId,
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

impl Concerned {
    /// After which place messages are told of.
    fn from(&self, after: Position) -> Position {
        // Who joins loads what is there, and is told of what comes after. Not so who was a member before: perhaps the
        // client has slept through both leaving and joining, and knows everything but what came in between.
        if self.is_back { after } else { after.max(self.joined) }
    }
}

fn concerned(db: &Db, user: UserId, after: Position) -> Result<Vec<Concerned>> {
    let sql = "SELECT c.id, c.n_members, c.position, c.meta_position, c.receipts_position,
                      me.joined_position, me.state_position, d.position IS NOT NULL
               FROM members me JOIN conversations c ON c.id = me.conversation_id
               LEFT JOIN departures d ON d.user_id = me.user_id AND d.conversation_id = me.conversation_id
               WHERE me.user_id = $1 AND (c.position > $2 OR c.receipts_position > $2
                                          OR me.state_position > $2 OR me.joined_position > $2)";
    let concerned = |row: &Row| {
        Ok(Concerned {
            id: ConversationId(row.try_get(0)?),
            n_members: count(row, 1)?,
            changed: Position(row.try_get(2)?),
            meta: Position(row.try_get(3)?),
            receipts: Position(row.try_get(4)?),
            joined: Position(row.try_get(5)?),
            state: Position(row.try_get(6)?),
            is_back: row.try_get(7)?,
        })
    };
    db.rows(sql, &[&user.0, &after.0])?.iter().map(concerned).collect()
}

struct Gatherer<'a> {
    db: &'a Db,
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

    fn conversations(&mut self, concerned: &[Concerned]) {
        for Concerned { id, meta, joined, state, .. } in concerned {
            // At the first of the places, so that it is known before what is in it; it is told again from between two.
            let place = [*meta, *joined, *state].into_iter().filter(|&place| place > self.after).min();
            if let Some(position) = place {
                self.items.insert(0, Item { position, what: What::Seen(*id) });
            }
        }
    }

    /// Those in which something other than a receipt changed, and the place after which each is told of.
    fn active(&self, concerned: &[Concerned]) -> (Vec<i64>, Vec<i64>) {
        let active = concerned.iter().filter(|conversation| conversation.changed > self.after);
        active.map(|conversation| (conversation.id.0, conversation.from(self.after).0)).unzip()
    }

    /// Messages that were added.
    fn posted(&mut self, concerned: &[Concerned]) -> Result<()> {
        let (ids, from) = self.active(concerned);
        if ids.is_empty() {
            return Ok(());
        }
        let sql = "SELECT x.position, x.id FROM unnest($1::bigint[], $2::bigint[]) c (id, after)
                   CROSS JOIN LATERAL (
                       SELECT m.position, m.id FROM messages m
                       WHERE m.conversation_id = c.id AND m.position > c.after AND m.position <= $3
                         AND NOT EXISTS (
                             SELECT 1 FROM hidden_messages h WHERE h.user_id = $4 AND h.message_id = m.id)
                       ORDER BY m.position LIMIT $5) x
                   ORDER BY x.position LIMIT $5";
        for row in self.db.rows(sql, &[&ids, &from, &self.horizon.0, &self.user.0, &self.enough()])? {
            let what = What::Posted(MessageId(row.try_get(1)?));
            self.items.push(Item { position: Position(row.try_get(0)?), what });
        }
        Ok(())
    }

    /// Messages that changed, but for those that were added meanwhile, which are told of as they are now.
    fn changed(&mut self, concerned: &[Concerned]) -> Result<()> {
        let (ids, from) = self.active(concerned);
        if ids.is_empty() {
            return Ok(());
        }
        let sql =
            "SELECT x.position, x.message_id, x.event FROM unnest($1::bigint[], $2::bigint[]) c (id, after)
                   CROSS JOIN LATERAL (
                       SELECT ch.position, ch.message_id, ch.event FROM message_changes ch
                       JOIN messages m ON m.id = ch.message_id
                       WHERE ch.conversation_id = c.id AND ch.position > $3 AND ch.position <= $4
                         AND m.position <= c.after AND NOT EXISTS (
                             SELECT 1 FROM hidden_messages h WHERE h.user_id = $5 AND h.message_id = m.id)
                       ORDER BY ch.position LIMIT $6) x
                   ORDER BY x.position LIMIT $6";
        let (after, horizon) = (self.after.0, self.horizon.0);
        for row in self.db.rows(sql, &[&ids, &from, &after, &horizon, &self.user.0, &self.enough()])? {
            let event = MessageEvent::parse(row.try_get(2)?).unwrap_or(MessageEvent::Edited);
            let what = What::Changed(MessageId(row.try_get(1)?), event);
            self.items.push(Item { position: Position(row.try_get(0)?), what });
        }
        Ok(())
    }

    /// Pointers that moved; in a large group only the user's own are told of.
    fn moved(&mut self, concerned: &[Concerned]) -> Result<()> {
        let moved = concerned.iter().filter(|conversation| conversation.receipts > self.after);
        let (ids, told): (Vec<i64>, Vec<bool>) =
            moved.map(|conversation| (conversation.id.0, conversation.n_members <= MAX_TOLD_MEMBERS)).unzip();
        if ids.is_empty() {
            return Ok(());
        }
        let sql = "SELECT m.pointers_position, m.conversation_id, m.user_id, m.delivered_seq, m.read_seq
                   FROM unnest($1::bigint[], $2::boolean[]) c (id, told)
                   JOIN members m ON m.conversation_id = c.id AND (c.told OR m.user_id = $3)
                   WHERE m.pointers_position > $4 AND m.pointers_position <= $5
                   ORDER BY m.pointers_position, m.user_id";
        let rows = self.db.rows(sql, &[&ids, &told, &self.user.0, &self.after.0, &self.horizon.0])?;
        let mut last = None;
        for row in rows {
            let (position, conversation) = (Position(row.try_get(0)?), ConversationId(row.try_get(1)?));
            let pointers = Pointers { delivered: Seq(row.try_get(3)?), read: Seq(row.try_get(4)?) };
            let member = (UserId(row.try_get(2)?), pointers);
            match self.items.last_mut() {
                // A run of receipts shares a place.
                Some(Item { what: What::Moved(_, members), .. }) if last == Some(position) => {
                    members.push(member)
                }
                _ => self.items.push(Item { position, what: What::Moved(conversation, vec![member]) }),
            }
            last = Some(position);
        }
        Ok(())
    }

    /// What the user did to messages for themselves.
    fn own(&mut self) -> Result<()> {
        let sql = "SELECT position, conversation_id, message_id FROM hidden_messages
                   WHERE user_id = $1 AND position > $2 ORDER BY position LIMIT $3";
        for row in self.db.rows(sql, &[&self.user.0, &self.after.0, &self.enough()])? {
            let what = What::Hidden(ConversationId(row.try_get(1)?), MessageId(row.try_get(2)?));
            self.items.push(Item { position: Position(row.try_get(0)?), what });
        }
        let sql = "SELECT position, message_id, saved FROM saved_messages
                   WHERE user_id = $1 AND position > $2 ORDER BY position LIMIT $3";
        for row in self.db.rows(sql, &[&self.user.0, &self.after.0, &self.enough()])? {
            let what = What::Saved(MessageId(row.try_get(1)?), row.try_get(2)?);
            self.items.push(Item { position: Position(row.try_get(0)?), what });
        }
        Ok(())
    }
}
