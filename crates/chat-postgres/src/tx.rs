//! The open transaction of the writer, and the numbers that it gives out.

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
use crate::lineage::{self, ATTEMPTS, End, Lineage, Mark};

/// A transaction that holds the lock on the log's row.
pub(crate) struct Tx<'a> {
    db: &'a Db,
    position: Cell<i64>,
    message_id: Cell<i64>,
    events: RefCell<Vec<Arc<Event>>>,
    epoch: Epoch,
    /// The time when it began, in microseconds by the database's clock.
    at: i64,
    /// Whether entries of the feed must be written.
    has_feed_readers: Cell<bool>,
}

/// The committed events, and the epoch of their log.
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
    /// Begins when the log's row is free; waits at most `wait_ms`. Never begins in another log than the
    /// one that clients know.
    pub(crate) fn begin(db: &'a Db, wait_ms: u32) -> Result<Self> {
        let begin = format!("BEGIN; SET LOCAL lock_timeout = {wait_ms}");
        let sql = "SELECT epoch, position, tableoid::bigint, message_id,
                          (extract(epoch FROM now()) * 1000000)::bigint, feed_readers > 0, feed_noted
                   FROM log FOR UPDATE";
        for _ in 0..ATTEMPTS {
            let before = db.lineage().map(Lineage::state);
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
            db.check_lineage()?;
        }
        Err(lineage::unsettled())
    }

    /// Returns the log position of this write's first change. Further changes of the same write get the
    /// following ones.
    pub(crate) fn position(&self) -> Position {
        Position(self.position.get() + 1)
    }

    /// Returns the id of the next message. The caller must use it.
    pub(crate) fn next_message_id(&self) -> MessageId {
        self.message_id.set(self.message_id.get() + 1);
        MessageId(self.message_id.get())
    }

    /// Returns the time when it began, by the database's clock.
    pub(crate) fn began_at(&self) -> Timestamp {
        Timestamp(self.at)
    }

    /// Sets whether entries of the feed must be written.
    pub(crate) fn has_feed_readers(&self, has: bool) {
        self.has_feed_readers.set(has);
    }

    /// Records the changes of a write, each at the next log position.
    pub(crate) fn announce(&self, changes: Vec<Change>) {
        for change in changes {
            let position = self.position();
            self.position.set(position.0);
            self.events.borrow_mut().push(Arc::new(Event { position, change }));
            failpoints::pass("after_insert");
        }
    }

    /// Writes the events into the journal, for the other nodes, and ends the transaction.
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
