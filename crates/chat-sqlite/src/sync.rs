//! Finds what changed for a user since a log position: first what changed and where, by positions alone
//! (`sync/gather.rs`), then the present state of what fits into the page. The core decides what a page contains.

mod gather;

use async_trait::async_trait;
use chat_core::Result;
use chat_core::ids::{Position, UserId};
use chat_core::sync::page::Present;
use chat_core::sync::{Changes, Cursor, Epoch, PageStart, SyncStore};
use chat_store::Lane;
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

    async fn n_missed(&self, user: UserId, after: Position) -> Result<u64> {
        self.readers
            .read_in(Lane::CatchUp, move |db| {
                Ok(gather::n_missed(&*db.unchecked_transaction()?, user, after)?)
            })
            .await
    }

    async fn changes(&self, user: UserId, start: PageStart, limit: u16) -> Result<Changes> {
        let lane = Lane::of_page(start.is_first());
        self.readers.read_in(lane, move |db| changes(db, user, start, limit)).await
    }
}

fn changes(db: &Connection, user: UserId, start: PageStart, limit: u16) -> fault::Result<Changes> {
    let end = end(db)?;
    if start.after >= end {
        return Ok(Changes::nothing(end));
    }
    let snapshot = db.unchecked_transaction()?;
    let end = self::end(&snapshot)?;
    let (page, survey) = gather::gather(&snapshot, user, (start, end), limit)?;
    let present = Present {
        messages: load::load(&snapshot, &page.messages(), Some(user))?,
        views: load_each(page.seen(), |id| view::view(&snapshot, user, id))?,
        places: load_each(page.moved(), |id| receipts::place(&snapshot, id))?,
        counted: load_each(page.counted(user), |id| {
            Ok(view::counted_of_member(&snapshot, user, id)?.map(|counted| (id, counted)))
        })?,
        left: load_each(page.left(), |id| view::load(&snapshot, id).map(Some))?,
    };
    Ok(Changes { survey, ..page.changes(user, present) })
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
