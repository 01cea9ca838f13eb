//! Statements about the feed and its readers. The core decides who may do what with it (`feed.rs` there).

use std::sync::Arc;

use async_trait::async_trait;
use chat_codec::row;
use chat_core::Result;
use chat_core::event::Event;
use chat_core::feed::{
    self, Entry, Feed, FeedRows, FeedStore, FeedTables, Keep, Page, Progress, Pruned, Reader, ReaderName,
    Start,
};
use chat_core::ids::Position;
use chat_core::sync::Cursor;
use chat_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::Sqlite;
use crate::fault::{self, Fault};
use crate::load::{Columns, all};

mod admin;

pub use admin::FeedAdmin;

#[async_trait]
impl FeedStore for Sqlite {
    async fn add_reader(&self, name: ReaderName, start: Start, now: Timestamp) -> Result<Reader> {
        self.writer.write(move |tx| feed::add(&Rows(tx), name.clone(), start, now)).await
    }

    async fn remove_reader(&self, name: ReaderName) -> Result<()> {
        self.writer.write(move |tx| feed::remove(&Rows(tx), &name)).await
    }

    async fn feed_readers(&self) -> Result<Vec<Progress>> {
        let read = |db: &Connection| Ok((snapshot(db, |rows| feed::list(rows))?, now(db)?));
        let (progress, now) = self.readers.read(read).await?;
        self.metrics.feed.set(progress.iter().map(|it| it.counted(now)));
        Ok(progress)
    }

    async fn read_feed(&self, name: ReaderName, limit: u16) -> Result<Page> {
        self.readers.read(move |db| snapshot(db, |rows| feed::page(rows, &name, limit))).await
    }

    async fn acknowledge(&self, name: ReaderName, up_to: Cursor) -> Result<Reader> {
        self.writer.write(move |tx| feed::acknowledge(&Rows(tx), &name, up_to)).await
    }

    async fn prune_feed(&self, keep: Keep, now: Timestamp) -> Result<Pruned> {
        let ask = move |db: &Connection| snapshot(db, |rows| feed::has_expired(rows, keep, now));
        match self.readers.read(ask).await? {
            true => self.writer.write(move |tx| feed::prune(&Rows(tx), keep, now)).await,
            false => Ok(Pruned { has_more: false }),
        }
    }
}

fn snapshot<T>(db: &Connection, read: impl FnOnce(&Rows<'_>) -> fault::Result<T>) -> fault::Result<T> {
    read(&Rows(&*db.unchecked_transaction()?))
}

/// Writes a transaction's changes into the feed, as part of that transaction.
pub(crate) fn note(db: &Connection, events: &[Arc<Event>]) -> rusqlite::Result<()> {
    let sql = "INSERT INTO feed (position, at, kind, conversation_id, message_id, user_id, actor_id)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let (mut statement, at) = (db.prepare_cached(sql)?, now(db)?);
    for event in events {
        let it = Entry::of(event, at);
        statement.execute(params![
            it.position.0,
            it.at.0,
            it.kind,
            it.conversation.map(|id| id.0),
            it.message.map(|id| id.0),
            it.user.map(|id| id.0),
            it.actor.map(|id| id.0),
        ])?;
    }
    Ok(())
}

/// The database's clock. SQLite's resolution is one millisecond.
fn now(db: &Connection) -> rusqlite::Result<Timestamp> {
    let sql = "SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000";
    db.prepare_cached(sql)?.query_row((), |row| row.get(0)).map(Timestamp)
}

/// The feed's rows, within a transaction.
struct Rows<'a>(&'a Connection);

impl FeedRows for Rows<'_> {
    type Fault = Fault;

    fn feed(&self) -> fault::Result<Feed> {
        let sql = "SELECT epoch, position, feed_from FROM log WHERE only_row = 1";
        let feed = |row: &Row<'_>| {
            Ok(Feed { end: row::cursor(&Columns(row), 0)?, kept_from: Position(row.get(2)?) })
        };
        Ok(self.0.prepare_cached(sql)?.query_row((), feed)?)
    }

    fn readers(&self) -> fault::Result<Vec<Reader>> {
        let sql = "SELECT name, epoch, position, added_at FROM feed_readers ORDER BY name";
        Ok(all(self.0, sql, (), |row| row::feed_reader(row))?)
    }

    fn entries(&self, after: Position, limit: u16) -> fault::Result<Vec<Entry>> {
        let sql = "SELECT position, at, kind, conversation_id, message_id, user_id, actor_id FROM feed
                   WHERE position > ?1 ORDER BY position LIMIT ?2";
        Ok(all(self.0, sql, params![after.0, limit], |row| row::feed_entry(row))?)
    }

    fn next_times(&self, after: &[Position]) -> fault::Result<Vec<Option<Timestamp>>> {
        let sql = "SELECT at FROM feed WHERE position > ?1 ORDER BY position LIMIT 1";
        let mut statement = self.0.prepare_cached(sql)?;
        let mut next = |position: &Position| {
            statement.query_row([position.0], |row| row.get(0).map(Timestamp)).optional()
        };
        Ok(after.iter().map(&mut next).collect::<rusqlite::Result<_>>()?)
    }

    fn oldest(&self, limit: u16) -> fault::Result<Vec<(Position, Timestamp)>> {
        let sql = "SELECT position, at FROM feed ORDER BY position LIMIT ?1";
        Ok(all(self.0, sql, [limit], |row| row::feed_time(row))?)
    }
}

impl FeedTables for Rows<'_> {
    fn begin(&self, at: Position) -> fault::Result<()> {
        self.0.prepare_cached("UPDATE log SET feed_from = ?1")?.execute([at.0])?;
        Ok(())
    }

    fn put(&self, reader: &Reader) -> fault::Result<()> {
        let sql = "INSERT INTO feed_readers (name, epoch, position, added_at) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, position = excluded.position";
        let Cursor { epoch, position } = reader.at;
        let row = params![reader.name.as_str(), epoch.0, position.0, reader.added_at.0];
        self.0.prepare_cached(sql)?.execute(row)?;
        self.count()
    }

    fn remove_reader(&self, name: &ReaderName) -> fault::Result<()> {
        self.0.prepare_cached("DELETE FROM feed_readers WHERE name = ?1")?.execute([name.as_str()])?;
        self.count()
    }

    fn forget(&self, up_to: Position) -> fault::Result<()> {
        self.0.prepare_cached("DELETE FROM feed WHERE position <= ?1")?.execute([up_to.0])?;
        let sql = "UPDATE log SET feed_from = max(feed_from, ?1)";
        self.0.prepare_cached(sql)?.execute([up_to.0])?;
        Ok(())
    }
}

impl Rows<'_> {
    fn count(&self) -> fault::Result<()> {
        let sql = "UPDATE log SET feed_readers = (SELECT count(*) FROM feed_readers)";
        self.0.prepare_cached(sql)?.execute(())?;
        Ok(())
    }
}
