//! SQLite stores in temporary folders, for the tests of `chat-contract`, with access to their files.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use chat_contract::{Backend, ChangeRow, ConversationRow, MessageRow, Recorder, Rows, Stores, TestStore};
use chat_core::ids::MessageId;
use chat_core::ports::EventSink;
use chat_core::unread::Correction;
use chat_sqlite::{OpenError, Opened, Options, Sqlite};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

/// Creates stores of this adapter.
pub struct SqliteStores;

#[async_trait]
impl Stores for SqliteStores {
    fn engine(&self) -> &'static str {
        "sqlite3"
    }

    async fn fresh(&self) -> TestStore {
        SqliteStore::fresh().await.test
    }

    async fn fresh_with(&self, sink: Arc<dyn EventSink>) -> TestStore {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chat.db");
        let opened = open_with(&path, sink).unwrap();
        SqliteStore::of(opened, &path, Arc::default(), Some(Arc::new(folder))).test
    }
}

/// A store under test, and its file.
pub struct SqliteStore {
    pub sqlite: Arc<Sqlite>,
    pub backup: Option<PathBuf>,
    pub path: PathBuf,
    test: TestStore,
    /// Declared after the stores, since it must exist until they are closed. `None` if the test has a folder of its
    /// own.
    folder: Option<Arc<TempDir>>,
}

impl SqliteStore {
    /// A new store in a new folder, which is removed with it.
    pub async fn fresh() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sink = Arc::new(Recorder::default());
        let path = folder.path().join("chat.db");
        let opened = open_with(&path, sink.clone()).unwrap();
        Self::of(opened, &path, sink, Some(Arc::new(folder)))
    }

    /// Opens the store in this file.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let sink = Arc::new(Recorder::default());
        let opened = open_with(path, sink.clone())?;
        Ok(Self::of(opened, path, sink, None))
    }

    fn of(opened: Opened, path: &Path, sink: Arc<Recorder>, folder: Option<Arc<TempDir>>) -> Self {
        let Opened { store, backup, .. } = opened;
        let (sqlite, path) = (Arc::new(store), path.to_owned());
        let backend = File { sqlite: sqlite.clone(), path: path.clone(), folder: folder.clone() };
        let test = TestStore { store: sqlite.clone(), sink, backend: Box::new(backend) };
        Self { sqlite, backup, path, test, folder }
    }

    /// Closes the store and opens its file again.
    pub async fn reopen(self) -> Self {
        let Self { sqlite, path, folder, test, .. } = self;
        drop(test);
        Self::again(sqlite, &path, folder, true)
    }

    fn again(sqlite: Arc<Sqlite>, path: &Path, folder: Option<Arc<TempDir>>, search: bool) -> Self {
        sqlite.close();
        // Releases the lock on the file.
        drop(sqlite);
        let sink = Arc::new(Recorder::default());
        let options = Options { path: path.to_owned(), readers: 2, search };
        Self::of(Sqlite::open(&options, sink.clone()).unwrap(), path, sink, folder)
    }
}

impl Deref for SqliteStore {
    type Target = TestStore;

    fn deref(&self) -> &TestStore {
        &self.test
    }
}

/// The file of a store.
struct File {
    sqlite: Arc<Sqlite>,
    path: PathBuf,
    folder: Option<Arc<TempDir>>,
}

#[async_trait]
impl Backend for File {
    async fn close(&self) {
        self.sqlite.close();
    }

    async fn reopen(self: Box<Self>, search: bool) -> TestStore {
        let Self { sqlite, path, folder } = *self;
        SqliteStore::again(sqlite, &path, folder, search).test
    }

    async fn rows(&self) -> Rows {
        rows_of(&self.path).unwrap()
    }

    async fn add_reactions(&self, message: MessageId, emoji: &str, count: u32) {
        let mut rows = Connection::open(&self.path).unwrap();
        let tx = rows.transaction().unwrap();
        let sql = "WITH RECURSIVE crowd (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM crowd WHERE n < ?3)
                   INSERT INTO reactions (message_id, emoji, user_id, at, position)
                   SELECT ?1, ?2, n + 1000, 0, -n FROM crowd";
        tx.execute(sql, (message.0, emoji, count)).unwrap();
        tx.execute("UPDATE messages SET n_reactions = ?2 WHERE id = ?1", (message.0, count)).unwrap();
        tx.commit().unwrap();
    }

    async fn add_second_reader(&self, name: &str) {
        let db = Connection::open(&self.path).unwrap();
        db.execute("INSERT INTO feed_readers SELECT ?1, epoch, position, 0 FROM log", [name]).unwrap();
        db.execute("UPDATE log SET feed_readers = 2", ()).unwrap();
    }
}

pub fn open_with(path: &Path, sink: Arc<dyn EventSink>) -> Result<Opened, OpenError> {
    Sqlite::open(&Options { path: path.to_owned(), readers: 2, search: true }, sink)
}

fn rows_of(path: &Path) -> rusqlite::Result<Rows> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let conversation = |row: &rusqlite::Row<'_>| {
        Ok((
            row.get(0)?,
            ConversationRow { rev: row.get(1)?, position: row.get(2)?, meta_position: row.get(3)? },
        ))
    };
    let message =
        |row: &rusqlite::Row<'_>| Ok((row.get(0)?, MessageRow { position: row.get(1)?, rev: row.get(2)? }));
    let change = |row: &rusqlite::Row<'_>| {
        Ok((row.get(0)?, ChangeRow { conversation: row.get(1)?, position: row.get(2)?, event: row.get(3)? }))
    };
    let position = |row: &rusqlite::Row<'_>| Ok(((row.get(0)?, row.get(1)?), row.get(2)?));
    let noted = |row: &rusqlite::Row<'_>| Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?)));
    let saved = |row: &rusqlite::Row<'_>| Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?)));
    let block = |row: &rusqlite::Row<'_>| -> rusqlite::Result<(i64, i64, i64, i64)> {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    };
    let three = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    Ok(Rows {
        log_end: db.query_row("SELECT position FROM log", (), |row| row.get(0))?,
        conversations: all(&db, "SELECT id, rev, position, meta_position FROM conversations", conversation)?,
        messages: all(&db, "SELECT id, position, rev FROM messages", message)?,
        changes: all(
            &db,
            "SELECT message_id, conversation_id, position, event FROM message_changes",
            change,
        )?,
        joined: all(&db, "SELECT conversation_id, user_id, joined_position FROM members", position)?,
        n_versions: db.query_row("SELECT count(*) FROM message_versions", (), |row| row.get(0))?,
        left: all(&db, "SELECT conversation_id, user_id, position FROM departures", position)?,
        hidden: all(
            &db,
            "SELECT user_id, message_id, conversation_id, position FROM hidden_messages",
            noted,
        )?,
        saved: all(&db, "SELECT user_id, message_id, saved, position FROM saved_messages", saved)?,
        mentions: all(&db, "SELECT conversation_id, user_id, seq FROM mentions", three)?,
        corrections: all(
            &db,
            "SELECT conversation_id, user_id, level, block, unread, mentions FROM unread_corrections
             WHERE unread <> 0 OR mentions <> 0",
            |row| Ok((block(row)?, Correction { unread: row.get(4)?, mentions: row.get(5)? })),
        )?,
        mention_counts: all(
            &db,
            "SELECT conversation_id, user_id, level, block, n FROM mention_counts",
            |row| Ok((block(row)?, row.get(4)?)),
        )?,
        feed: all(&db, "SELECT position FROM feed ORDER BY position", |row| row.get(0))?,
    })
}

fn all<T, C: FromIterator<T>>(
    db: &Connection,
    sql: &str,
    row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<C> {
    db.prepare(sql)?.query_map((), row)?.collect()
}
