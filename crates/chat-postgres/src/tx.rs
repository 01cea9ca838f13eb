//! The open transaction that writes work with, and the numbers that it gives out.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use chat_core::event::{Change, Event};
use chat_core::failpoints;
use chat_core::ids::{MessageId, Position};
use chat_core::sync::Epoch;
use chat_core::time::Timestamp;

use crate::db::Db;
use crate::fault::Result;
use crate::feed::{self, Batch};
use crate::lineage::{self, End, LOOKS, Lineage, Mark};

/// A transaction that has the log's row to itself.
pub(crate) struct Tx<'a> {
    db: &'a Db,
    position: Cell<i64>,
    message_id: Cell<i64>,
    events: RefCell<Vec<Arc<Event>>>,
    epoch: Epoch,
    /// When it began, by the database's clock.
    at: i64,
    /// Whether entries of the feed are to be written.
    has_feed_readers: Cell<bool>,
}

/// What was committed, and in which log.
pub(crate) struct Committed {
    pub(crate) events: Vec<Arc<Event>>,
    pub(crate) epoch: Epoch,
    pub(crate) mark: Mark,
}

impl std::ops::Deref for Tx<'_> {
    type Target = Db;

    fn deref(&self) -> &Db {
        self.db
    }
}

impl<'a> Tx<'a> {
    /// Waits for its turn, but no longer than that. Begins in no other log than the one that clients are told of.
    pub(crate) fn begin(db: &'a Db, wait_ms: u32) -> Result<Self> {
        let begin = format!("BEGIN; SET LOCAL lock_timeout = {wait_ms}");
        let sql = "SELECT epoch, position, tableoid::bigint, message_id,
                          (extract(epoch FROM now()) * 1000000)::bigint, feed_readers > 0, feed_noted
                   FROM log FOR UPDATE";
        for _ in 0..LOOKS {
            let before = db.lineage().map(Lineage::before);
            let log = db.batch_then_row(&begin, sql)?;
            let end = End::of(&log, 0)?;
            if before.is_none_or(|before| before.agrees(&end)) {
                let has_feed_readers = log.try_get(5)?;
                if has_feed_readers {
                    feed::catch_up(db, log.try_get(6)?, end.cursor.position.0)?;
                }
                return Ok(Self {
                    db,
                    position: Cell::new(end.cursor.position.0),
                    message_id: Cell::new(log.try_get(3)?),
                    events: RefCell::default(),
                    epoch: end.cursor.epoch,
                    at: log.try_get(4)?,
                    has_feed_readers: Cell::new(has_feed_readers),
                });
            }
            db.batch("ROLLBACK")?;
            db.meet()?;
        }
        Err(lineage::unsettled())
    }

    /// The place in the log that this write's first change will have; further ones of the same write have the next.
    pub(crate) fn position(&self) -> Position {
        Position(self.position.get() + 1)
    }

    /// The number of the next message; whoever takes it has to use it.
    pub(crate) fn next_message_id(&self) -> MessageId {
        self.message_id.set(self.message_id.get() + 1);
        MessageId(self.message_id.get())
    }

    /// When it began, by the database's clock.
    pub(crate) fn began_at(&self) -> Timestamp {
        Timestamp(self.at)
    }

    /// From now on entries of the feed are to be written, or not.
    pub(crate) fn has_feed_readers(&self, has: bool) {
        self.has_feed_readers.set(has);
    }

    /// What a write changed, each change at the next place.
    pub(crate) fn announce(&self, changes: Vec<Change>) {
        for change in changes {
            let position = self.position();
            self.position.set(position.0);
            self.events.borrow_mut().push(Arc::new(Event { position, change }));
            failpoints::pass("after_insert");
        }
    }

    /// Writes down what happened, for the other nodes, and ends the transaction.
    pub(crate) fn commit(self) -> Result<Committed> {
        let (epoch, mark) = (self.epoch, Mark { position: self.position.get(), at: self.at });
        let events = self.events.into_inner();
        let (Some(first), Some(last)) = (events.first(), events.last()) else {
            self.db.batch("COMMIT")?;
            return Ok(Committed { events, epoch, mark });
        };
        let (position, message_id) = (self.position.get(), self.message_id.get());
        let body = chat_codec::event::encode(&events);
        if self.has_feed_readers.get() {
            let end = format!(
                "UPDATE log SET position = {position}, message_id = {message_id}, feed_noted = {position}; COMMIT"
            );
            let batch = Batch { first: first.position, last: last.position, body: &body };
            feed::note(self.db, (&events, Timestamp(self.at)), &batch, &end)?;
        } else {
            let end = format!("UPDATE log SET position = {position}, message_id = {message_id}; COMMIT");
            let sql = "INSERT INTO journal (first, last, body) VALUES ($1, $2, $3)";
            self.db.execute_then(sql, &[&first.position.0, &last.position.0, &body], &end)?;
        }
        Ok(Committed { events, epoch, mark })
    }
}
