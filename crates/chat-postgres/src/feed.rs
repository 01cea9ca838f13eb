//! Statements about the feed and its readers. The core (`feed.rs` there) decides who may do what with it.
//!
//! Nodes of the previous release write no entries. Every transaction begins with the log's row, so the next
//! one of this release sees how far the feed goes. It first makes the missing entries from the journal, in
//! which old nodes have recorded the same events (`catch_up`). Changes that the journal does not hold any
//! more are lost to the feed: readers behind them must reload.

use std::ops::Deref;
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
use tokio_postgres::Row;

use crate::db::Db;
use crate::fault::{self, Fault};
use crate::load::{Columns, all};
use crate::tx::Tx;
use crate::{Postgres, journal, lineage};

mod admin;

pub use admin::FeedAdmin;

/// Upper bound for the changes of old nodes whose entries one transaction makes, while all nodes wait for it.
const CATCH_UP_LIMIT: i64 = 20_000;

#[async_trait]
impl FeedStore for Postgres {
    async fn add_reader(&self, name: ReaderName, start: Start, now: Timestamp) -> Result<Reader> {
        self.writer.write(move |tx| feed::add(&Rows(tx), name.clone(), start, now)).await
    }

    async fn remove_reader(&self, name: ReaderName) -> Result<()> {
        self.writer.write(move |tx| feed::remove(&Rows(tx), &name)).await
    }

    async fn feed_readers(&self) -> Result<Vec<Progress>> {
        self.catch_up().await?;
        let read = |db: &Db| Ok((snapshot(db, |rows| feed::list(rows))?, now(db)?));
        let (progress, now) = self.readers.read(read).await?;
        self.metrics.feed.set(progress.iter().map(|it| it.counted(now)));
        Ok(progress)
    }

    async fn read_feed(&self, name: ReaderName, limit: u16) -> Result<Page> {
        self.catch_up().await?;
        self.readers.read(move |db| snapshot(db, |rows| feed::page(rows, &name, limit))).await
    }

    async fn acknowledge(&self, name: ReaderName, up_to: Cursor) -> Result<Reader> {
        self.writer.write(move |tx| feed::acknowledge(&Rows(tx), &name, up_to)).await
    }

    async fn prune_feed(&self, keep: Keep, now: Timestamp) -> Result<Pruned> {
        match self.readers.read(move |db| snapshot(db, |rows| feed::has_expired(rows, keep, now))).await? {
            true => self.writer.write(move |tx| feed::prune(&Rows(tx), keep, now)).await,
            false => Ok(Pruned { has_more: false }),
        }
    }
}

impl Postgres {
    /// Makes the missing entries if nodes of the previous release have written since the last one, in a
    /// transaction.
    async fn catch_up(&self) -> Result<()> {
        match self.readers.read(lacks_entries).await? {
            true => self.writer.write(|_| Ok(())).await,
            false => Ok(()),
        }
    }
}

/// Returns whether nodes of the previous release have written since the last entry.
fn lacks_entries(db: &Db) -> fault::Result<bool> {
    let sql = "SELECT feed_readers > 0 AND feed_noted < position FROM log";
    Ok(db.row(sql, &[])?.try_get(0)?)
}

/// Reads in a snapshot, from the log of this server's lineage.
fn snapshot<T>(db: &Db, read: impl FnOnce(&Rows<'_, &Db>) -> fault::Result<T>) -> fault::Result<T> {
    lineage::end(db)?;
    db.snapshot(|db| read(&Rows(&db)))
}

fn now(db: &Db) -> fault::Result<Timestamp> {
    let row = db.row("SELECT (extract(epoch FROM now()) * 1000000)::bigint", &[])?;
    Ok(Timestamp(row.try_get(0)?))
}

/// The feed's rows, within a transaction: a snapshot or one of the writer.
struct Rows<'a, D>(&'a D);

impl<D: Deref<Target = Db>> FeedRows for Rows<'_, D> {
    type Fault = Fault;

    fn feed(&self) -> fault::Result<Feed> {
        // Without a reader, no entries are written.
        let sql =
            "SELECT epoch, CASE WHEN feed_readers > 0 THEN feed_noted ELSE position END, feed_from FROM log";
        let row = self.0.row(sql, &[])?;
        Ok(Feed { end: row::cursor(&Columns(&row), 0)?, kept_from: Position(row.try_get(2)?) })
    }

    fn readers(&self) -> fault::Result<Vec<Reader>> {
        let sql = "SELECT name, epoch, position, added_at FROM feed_readers ORDER BY name";
        all(self.0, sql, &[], |row| row::feed_reader(row))
    }

    fn entries(&self, after: Position, limit: u16) -> fault::Result<Vec<Entry>> {
        let sql = "SELECT position, at, kind, conversation_id, message_id, user_id, actor_id FROM feed
                   WHERE position > $1 ORDER BY position LIMIT $2";
        all(self.0, sql, &[&after.0, &i64::from(limit)], |row| row::feed_entry(row))
    }

    fn next_times(&self, after: &[Position]) -> fault::Result<Vec<Option<Timestamp>>> {
        let sql = "SELECT (SELECT at FROM feed WHERE position > after_position ORDER BY position LIMIT 1)
                   FROM UNNEST($1::bigint[]) WITH ORDINALITY AS positions (after_position, n) ORDER BY n";
        let positions: Vec<_> = after.iter().map(|position| position.0).collect();
        let time = |row: &Row| Ok(row.try_get::<_, Option<i64>>(0)?.map(Timestamp));
        self.0.rows(sql, &[&positions])?.iter().map(time).collect()
    }

    fn oldest(&self, limit: u16) -> fault::Result<Vec<(Position, Timestamp)>> {
        let sql = "SELECT position, at FROM feed ORDER BY position LIMIT $1";
        all(self.0, sql, &[&i64::from(limit)], |row| row::feed_time(row))
    }
}

impl FeedTables for Rows<'_, Tx<'_>> {
    fn begin(&self, at: Position) -> fault::Result<()> {
        self.0.execute("UPDATE log SET feed_from = $1, feed_noted = $1", &[&at.0]).map(drop)
    }

    fn put(&self, reader: &Reader) -> fault::Result<()> {
        let sql = "INSERT INTO feed_readers (name, epoch, position, added_at) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, position = excluded.position";
        let Cursor { epoch, position } = reader.at;
        let row: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&reader.name.as_str(), &i64::from(epoch.0), &position.0, &reader.added_at.0];
        self.0.execute(sql, &row)?;
        self.count_readers()
    }

    fn remove_reader(&self, name: &ReaderName) -> fault::Result<()> {
        self.0.execute("DELETE FROM feed_readers WHERE name = $1", &[&name.as_str()])?;
        self.count_readers()
    }

    fn forget(&self, up_to: Position) -> fault::Result<()> {
        self.0.execute("DELETE FROM feed WHERE position <= $1", &[&up_to.0])?;
        self.0.execute("UPDATE log SET feed_from = greatest(feed_from, $1)", &[&up_to.0]).map(drop)
    }
}

impl Rows<'_, Tx<'_>> {
    fn count_readers(&self) -> fault::Result<()> {
        let sql = "UPDATE log SET feed_readers = (SELECT count(*) FROM feed_readers) RETURNING feed_readers";
        self.0.has_feed_readers(self.0.row(sql, &[])?.try_get::<_, i64>(0)? > 0);
        Ok(())
    }
}

/// A batch as the journal holds it.
pub(crate) struct Batch<'a> {
    pub(crate) first: Position,
    pub(crate) last: Position,
    pub(crate) body: &'a [u8],
}

/// Entries to be written, one list for each column.
#[derive(Default)]
struct Lists<'a> {
    positions: Vec<i64>,
    times: Vec<i64>,
    kinds: Vec<&'a str>,
    conversations: Vec<Option<i64>>,
    messages: Vec<Option<i64>>,
    users: Vec<Option<i64>>,
    actors: Vec<Option<i64>>,
}

impl<'a> Lists<'a> {
    fn of(entries: &'a [Entry]) -> Self {
        let mut columns = Self::default();
        for entry in entries {
            columns.positions.push(entry.position.0);
            columns.times.push(entry.at.0);
            columns.kinds.push(&entry.kind);
            columns.conversations.push(entry.conversation.map(|id| id.0));
            columns.messages.push(entry.message.map(|id| id.0));
            columns.users.push(entry.user.map(|id| id.0));
            columns.actors.push(entry.actor.map(|id| id.0));
        }
        columns
    }
}

macro_rules! insert {
    () => {
        "INSERT INTO feed (position, at, kind, conversation_id, message_id, user_id, actor_id)
         SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                              $7::bigint[])"
    };
}

/// Writes the entries of a transaction's changes, the same changes into the journal, and then runs the
/// statement that ends the transaction: all in one round trip.
pub(crate) fn note(
    db: &Db,
    (events, at): (&[Arc<Event>], Timestamp),
    batch: &Batch<'_>,
    then: &str,
) -> fault::Result<()> {
    let entries: Vec<_> = events.iter().map(|event| Entry::of(event, at)).collect();
    let it = Lists::of(&entries);
    let sql = concat!(
        "WITH noted AS (",
        insert!(),
        ") INSERT INTO journal (first, last, body) VALUES ($8, $9, $10)"
    );
    db.execute_then(
        sql,
        &[
            &it.positions,
            &it.times,
            &it.kinds,
            &it.conversations,
            &it.messages,
            &it.users,
            &it.actors,
            &batch.first.0,
            &batch.last.0,
            &batch.body,
        ],
        then,
    )
}

/// Makes the entries of the changes that old nodes have written after the last entry. The caller holds the
/// log's lock.
pub(crate) fn catch_up(db: &Db, noted: i64, end: i64) -> fault::Result<()> {
    if noted >= end {
        return Ok(());
    }
    let entries = if end - noted > CATCH_UP_LIMIT { None } else { entries_from_journal(db, noted, end)? };
    let Some(entries) = entries else {
        tracing::warn!(
            after = noted,
            up_to = end,
            "nodes of an earlier release have written more than the journal has: readers of the feed have to reload"
        );
        return db.execute("UPDATE log SET feed_noted = $1, feed_from = $1", &[&end]).map(drop);
    };
    let it = Lists::of(&entries);
    db.execute(
        insert!(),
        &[&it.positions, &it.times, &it.kinds, &it.conversations, &it.messages, &it.users, &it.actors],
    )?;
    db.execute("UPDATE log SET feed_noted = $1", &[&end]).map(drop)
}

/// Reads the entries of the changes after one log position and up to another from the journal. Returns `None`
/// if any of them is missing.
fn entries_from_journal(db: &Db, after: i64, end: i64) -> fault::Result<Option<Vec<Entry>>> {
    let sql = "SELECT first, body, (extract(epoch FROM at) * 1000000)::bigint FROM journal
               WHERE last > $1 AND last <= $2 ORDER BY last";
    let mut entries = Vec::new();
    for row in db.rows(sql, &[&after, &end])? {
        let Some(events) = journal::decode(row.try_get(0)?, row.try_get(1)?) else { return Ok(None) };
        let at = Timestamp(row.try_get(2)?);
        entries.extend(events.iter().map(|event| Entry::of(event, at)));
    }
    entries.retain(|entry| entry.position.0 > after);
    let is_whole = entries.iter().map(|entry| entry.position.0).eq(after + 1..=end);
    Ok(is_whole.then_some(entries))
}
