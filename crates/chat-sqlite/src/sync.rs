//! Finds what changed for a user since a log position: first what changed and where, by positions alone
//! (`sync/gather.rs`), then the present state of what fits into the page. The core decides what a page contains.

mod gather;

use async_trait::async_trait;
use chat_core::Result;
use chat_core::ids::{Position, UserId};
use chat_core::sync::page::{PageBuilder, Present};
use chat_core::sync::{Changes, Cursor, Epoch, SyncStore};
use rusqlite::Connection;

use crate::conversations::view;
use crate::{Sqlite, fault, load, receipts};

#[async_trait]
impl SyncStore for Sqlite {
    async fn log_end(&self) -> Result<Cursor> {
        self.readers
            .read(|db| {
                let sql = "SELECT epoch, position FROM log";
                Ok(db.prepare_cached(sql)?.query_row((), |row| {
                    Ok(Cursor { epoch: Epoch(row.get(0)?), position: Position(row.get(1)?) })
                })?)
            })
            .await
    }

    async fn changes(&self, user: UserId, after: Position, limit: u16) -> Result<Changes> {
        self.readers.read(move |db| changes(db, user, after, limit)).await
    }
}

fn changes(db: &Connection, user: UserId, after: Position, limit: u16) -> fault::Result<Changes> {
    let end = end(db)?;
    if after >= end {
        return Ok(Changes { events: Vec::new(), up_to: end, complete: true });
    }
    let snapshot = db.unchecked_transaction()?;
    let page = gather::gather(&snapshot, user, PageBuilder::new(after, self::end(&snapshot)?, limit))?;
    let present = Present {
        messages: load::load(&snapshot, &page.messages(), Some(user))?,
        views: load_each(page.seen(), |id| view::view(&snapshot, user, id))?,
        places: load_each(page.moved(), |id| receipts::place(&snapshot, id))?,
        counts: load_each(page.readings(user), |(user, id, read)| {
            view::counts(&snapshot, user, id, read).map(Some)
        })?,
        left: load_each(page.left(), |id| view::load(&snapshot, id).map(Some))?,
    };
    Ok(page.changes(user, present))
}

/// The present state of these objects.
fn load_each<I, T>(
    wanted: Vec<I>,
    read: impl FnMut(I) -> rusqlite::Result<Option<T>>,
) -> rusqlite::Result<Vec<T>> {
    wanted.into_iter().map(read).filter_map(rusqlite::Result::transpose).collect()
}

fn end(db: &Connection) -> rusqlite::Result<Position> {
    db.prepare_cached("SELECT position FROM log")?.query_row((), |row| row.get(0).map(Position))
}

#[cfg(test)]
mod steps;
