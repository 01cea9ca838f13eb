//! Finds the changes for a user after a log position: first what changed and where, by positions alone
//! (`sync/gather.rs`), then the current content of what fits in the page. The core decides what a page holds.

mod gather;

use async_trait::async_trait;
use chat_core::ids::{Position, UserId};
use chat_core::sync::page::Present;
use chat_core::sync::{Changes, Cursor, PageStart, SyncStore};
use chat_core::{Result, failpoints};
use chat_store::Lane;

use crate::conversations::view;
use crate::db::Db;
use crate::{Postgres, fault, lineage, load, receipts};

#[async_trait]
impl SyncStore for Postgres {
    async fn log_end(&self) -> Result<Cursor> {
        self.readers.read(lineage::end).await
    }

    async fn n_missed(&self, user: UserId, after: Position) -> Result<u64> {
        let read = move |db: &Db| db.snapshot(|db| gather::n_missed(db, user, after));
        self.readers.read(read).await
    }

    async fn changes(&self, user: UserId, start: PageStart, limit: u16) -> Result<Changes> {
        let lane = Lane::of_page(start.is_first());
        self.readers
            .read_in(lane, move |db| {
                let end = lineage::end(db)?.position;
                if start.after >= end {
                    return Ok(Changes::nothing(end));
                }
                if failpoints::is_broken("slow_pages") {
                    std::thread::sleep(std::time::Duration::from_millis(50));
                }
                db.snapshot(|db| changes(db, user, start, limit))
            })
            .await
    }
}

fn changes(db: &Db, user: UserId, start: PageStart, limit: u16) -> fault::Result<Changes> {
    let (page, survey) = gather::gather(db, user, (start, end(db)?), limit)?;
    let left = page.left().into_iter().map(|id| view::load(db, id));
    let present = Present {
        messages: load::load(db, &page.messages(), Some(user))?,
        views: view::views(db, user, &page.seen())?,
        places: receipts::places(db, &page.moved())?,
        counted: view::counted_of_member(db, user, &page.counted(user))?,
        left: left.collect::<fault::Result<_>>()?,
    };
    Ok(Changes { survey, ..page.changes(user, present) })
}

fn end(db: &Db) -> fault::Result<Position> {
    Ok(Position(db.row("SELECT position FROM log", &[])?.try_get(0)?))
}
