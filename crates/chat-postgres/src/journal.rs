//! The committed events of all nodes. The writer of each node records them in its transaction.

use std::sync::Arc;

use async_trait::async_trait;
use chat_core::Result;
use chat_core::cluster::{Journal, JournalPage};
use chat_core::event::Event;
use chat_core::ids::Position;
use chat_core::sync::Cursor;
use chat_store::ReaderMetrics;

use crate::connect::Address;
use crate::db::Db;
use crate::error::OpenError;
use crate::fault;
use crate::lineage::{self, Mark};
use crate::reader::Readers;

/// Time for which events are kept. The clients of a node that is further behind resume instead.
macro_rules! retention {
    () => {
        "interval '5 minutes'"
    };
}

/// The journal of a database. It has a connection of its own, so that a busy server still keeps up.
pub struct PostgresJournal {
    readers: Readers,
}

impl PostgresJournal {
    pub(crate) fn of(address: &Address, metrics: ReaderMetrics) -> std::result::Result<Self, OpenError> {
        Ok(Self { readers: Readers::start(address, 1, metrics)? })
    }
}

#[async_trait]
impl Journal for PostgresJournal {
    async fn end(&self) -> Result<Position> {
        self.readers.read(|db| Ok(lineage::end(db)?.position)).await
    }

    async fn read(&self, after: Position, limit: u16) -> Result<JournalPage> {
        self.readers.read(move |db| read(db, after, limit)).await
    }
}

fn read(db: &Db, after: Position, limit: u16) -> fault::Result<JournalPage> {
    // Read the log's end first, because this checks that the log is still the lineage's. If another log takes
    // its place after this, nobody writes to that one without giving it a new epoch, which makes all clients
    // reload.
    let end = lineage::end(db)?;
    // Batches hold up to a few hundred events each, and the first one may begin before the requested
    // position.
    let sql = "SELECT first, last, body, (extract(epoch FROM at) * 1000000)::bigint FROM journal
               WHERE last > $1 ORDER BY last LIMIT 32";
    let (mut up_to, mut mark) = (after, None);
    let mut events = Vec::new();
    for row in db.rows(sql, &[&after.0])? {
        let (first, last): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let batch = if first > up_to.0 + 1 { None } else { decode(first, row.try_get(2)?) };
        let Some(batch) = batch else {
            // Return the events before the gap first; a later call with their end gets the answer that the
            // rest is gone.
            return Ok(if up_to == after {
                JournalPage::Gone
            } else {
                JournalPage::Events { events, up_to }
            });
        };
        events.extend(batch.into_iter().filter(|event| event.position > after).map(Arc::new));
        up_to = Position(last);
        mark = Some(Mark { position: last, at: row.try_get(3)? });
        if events.len() >= usize::from(limit) {
            break;
        }
    }
    if up_to == after {
        // No batch after it: either nothing happened, or all of it has been trimmed.
        let is_gone =
            end.position > after && !db.exists("SELECT 1 FROM journal WHERE last > $1", &[&after.0])?;
        if is_gone {
            return Ok(JournalPage::Gone);
        }
    }
    if let Some(lineage) = db.lineage() {
        // Not the position that the caller asked from: it may belong to the old log, and this log may not
        // have reached it yet.
        let position = mark.map_or(end.position, |mark| Position(mark.position));
        lineage.observe(Cursor { position, ..end }, mark);
    }
    Ok(JournalPage::Events { events, up_to })
}

/// Decodes a batch, or returns `None` if its format is unknown. Such a batch stays unreadable, so the caller
/// treats it as gone: retrying would never get past it.
pub(crate) fn decode(first: i64, body: &[u8]) -> Option<Vec<Event>> {
    let batch = chat_codec::event::decode(body);
    let warn = |error| tracing::warn!(%error, position = first, "a batch of the journal cannot be read");
    batch.map_err(warn).ok()
}

/// Deletes some of the rows that are older than any node needs.
pub(crate) fn trim(db: &Db) -> fault::Result<()> {
    let sql = concat!(
        "DELETE FROM journal WHERE last IN (SELECT last FROM journal ORDER BY last LIMIT 2000) AND at < now() - ",
        retention!()
    );
    db.execute(sql, &[]).map(drop)
}
