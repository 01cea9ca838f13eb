//! A PostgreSQL store in a database of its own, as the shared contract needs it, with access to its database.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chat_contract::{
    Backend, ChangeRow, ConversationRow, MessageRow, Recorder, Rows, SharedBackend, Stores, TestStore,
};
use chat_core::Result;
use chat_core::cluster::Journal;
use chat_core::ids::MessageId;
use chat_core::ports::EventSink;
use chat_core::unread::Correction;
use chat_engines::Database;
use chat_postgres::{FeedAdmin, Options, Postgres};
use tokio::task::spawn_blocking;
use tokio_postgres::{Client, NoTls, Row};

const DEADLINE: Duration = Duration::from_secs(60);

/// Creates stores of this adapter.
pub struct PostgresStores;

#[async_trait]
impl Stores for PostgresStores {
    fn engine(&self) -> &'static str {
        "postgres"
    }

    async fn fresh(&self) -> TestStore {
        PostgresStore::fresh().await.test
    }

    async fn fresh_with(&self, sink: Arc<dyn EventSink>) -> TestStore {
        PostgresStore::open(new_database().await, true, Arc::default(), sink).await.test
    }
}

/// A store under test, and its database.
pub struct PostgresStore {
    pub postgres: Arc<Postgres>,
    test: TestStore,
    // Declared after the store, because it must exist until the store is closed.
    database: Arc<Database>,
}

impl PostgresStore {
    /// Creates a store in a new database, which is removed with it.
    pub async fn fresh() -> Self {
        Self::on(new_database().await, true).await
    }

    /// Opens a store in a database of the test.
    pub async fn on_database(database: Database) -> Self {
        Self::on(Arc::new(database), true).await
    }

    async fn on(database: Arc<Database>, search: bool) -> Self {
        let sink = Arc::new(Recorder::default());
        Self::open(database, search, sink.clone(), sink).await
    }

    async fn open(
        database: Arc<Database>,
        search: bool,
        recorder: Arc<Recorder>,
        sink: Arc<dyn EventSink>,
    ) -> Self {
        let options = Options { url: database.url(), readers: 2, search, ..Options::default() };
        Self::with_options(database, options, recorder, sink).await
    }

    async fn with_options(
        database: Arc<Database>,
        options: Options,
        recorder: Arc<Recorder>,
        sink: Arc<dyn EventSink>,
    ) -> Self {
        let opened = spawn_blocking(move || Postgres::prepare(&options)?.open(sink)).await.unwrap();
        let postgres = Arc::new(opened.unwrap_or_else(|error| panic!("{error}")));
        let backend = PostgresBackend { postgres: postgres.clone(), database: database.clone() };
        let test = TestStore { store: postgres.clone(), sink: recorder, backend: Box::new(backend) };
        Self { postgres, test, database }
    }

    /// Closes the store and opens its database again.
    pub async fn reopen(self) -> Self {
        self.close().await;
        Self::on(self.database.clone(), true).await
    }

    /// Starts another server on the database, as this role and with the tables in this schema.
    pub async fn second_as(&self, role: &str, schema: &str) -> Self {
        let options = Options {
            url: self.url_of(role),
            schema: Some(schema.into()),
            readers: 1,
            search: true,
            ..Options::default()
        };
        let sink = Arc::new(Recorder::default());
        Self::with_options(self.database.clone(), options, sink.clone(), sink).await
    }

    /// Opens a session of this role.
    pub async fn connect_as(&self, role: &str) -> Client {
        connect_to(&self.url_of(role)).await
    }

    fn url_of(&self, role: &str) -> String {
        let url = self.database.url();
        let (_, host) = url.split_once('@').unwrap();
        format!("postgres://{role}@{host}")
    }

    /// A name for a role of this test. Roles belong to all databases.
    pub fn new_role(&self) -> String {
        format!("user_{}", self.database.name())
    }

    /// Opens a session for the test.
    pub async fn connect(&self) -> Client {
        connect(&self.database).await
    }

    /// Closes the store, and opens a session that sees what all others have read: the statistics of a session are
    /// complete when it has ended.
    pub async fn connect_for_statistics(&self) -> Client {
        self.close().await;
        let db = self.connect().await;
        let sessions = "SELECT count(*) FROM pg_stat_activity
                        WHERE datname = current_database() AND backend_type = 'client backend'
                          AND pid <> pg_backend_pid()";
        let began = Instant::now();
        while db.query_one(sessions, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            assert!(began.elapsed() < DEADLINE, "a session does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        db
    }

    /// Works with the feed's readers as an operator does.
    pub async fn with_admin<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut FeedAdmin) -> Result<T> + Send + 'static,
    ) -> T {
        let options = Options { url: self.database.url(), ..Options::default() };
        let done = spawn_blocking(move || {
            let mut admin = FeedAdmin::open(&options).unwrap_or_else(|error| panic!("{error}"));
            work(&mut admin)
        });
        done.await.unwrap().unwrap()
    }
}

impl Deref for PostgresStore {
    type Target = TestStore;

    fn deref(&self) -> &TestStore {
        &self.test
    }
}

async fn new_database() -> Arc<Database> {
    let made = spawn_blocking(|| chat_engines::shared().database());
    Arc::new(made.await.unwrap().unwrap_or_else(|error| panic!("no PostgreSQL: {error:#}")))
}

async fn connect(database: &Database) -> Client {
    connect_to(&database.url()).await
}

async fn connect_to(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("SET search_path = chatserver, public").await.unwrap();
    client
}

/// The server and the database of a store.
struct PostgresBackend {
    postgres: Arc<Postgres>,
    database: Arc<Database>,
}

#[async_trait]
impl Backend for PostgresBackend {
    async fn close(&self) {
        let postgres = self.postgres.clone();
        spawn_blocking(move || postgres.close()).await.unwrap();
    }

    async fn reopen(self: Box<Self>, search: bool) -> TestStore {
        self.close().await;
        PostgresStore::on(self.database.clone(), search).await.test
    }

    async fn rows(&self) -> Rows {
        let db = &connect(&self.database).await;
        let conversation = |row: &Row| {
            (row.get(0), ConversationRow { rev: row.get(1), position: row.get(2), meta_position: row.get(3) })
        };
        let message = |row: &Row| (row.get(0), MessageRow { position: row.get(1), rev: row.get(2) });
        let change = |row: &Row| {
            (row.get(0), ChangeRow { conversation: row.get(1), position: row.get(2), event: row.get(3) })
        };
        let position = |row: &Row| ((row.get(0), row.get(1)), row.get(2));
        let hidden = |row: &Row| ((row.get(0), row.get(1)), (row.get(2), row.get(3)));
        let saved = |row: &Row| ((row.get(0), row.get(1)), (row.get(2), row.get(3)));
        let mention = |row: &Row| (row.get(0), row.get(1), row.get(2));
        let block = |row: &Row| (row.get(0), row.get(1), row.get::<_, i16>(2).into(), row.get(3));
        let correction = |row: &Row| (block(row), Correction { unread: row.get(4), mentions: row.get(5) });
        let versions: Vec<i64> = all(db, "SELECT count(*) FROM message_versions", |row| row.get(0)).await;
        let ends: Vec<i64> = all(db, "SELECT position FROM log", |row| row.get(0)).await;
        Rows {
            log_end: ends[0],
            n_versions: versions[0],
            conversations: all(
                db,
                "SELECT id, rev, position, meta_position FROM conversations",
                conversation,
            )
            .await,
            messages: all(db, "SELECT id, position, rev FROM messages", message).await,
            changes: all(
                db,
                "SELECT message_id, conversation_id, position, event FROM message_changes",
                change,
            )
            .await,
            joined: all(db, "SELECT conversation_id, user_id, joined_position FROM members", position).await,
            left: all(db, "SELECT conversation_id, user_id, position FROM departures", position).await,
            hidden: all(
                db,
                "SELECT user_id, message_id, conversation_id, position FROM hidden_messages",
                hidden,
            )
            .await,
            saved: all(db, "SELECT user_id, message_id, saved, position FROM saved_messages", saved).await,
            mentions: all(db, "SELECT conversation_id, user_id, seq FROM mentions", mention).await,
            corrections: all(
                db,
                "SELECT conversation_id, user_id, level, block, unread, mentions FROM unread_corrections
                 WHERE unread <> 0 OR mentions <> 0",
                correction,
            )
            .await,
            mention_counts: all(
                db,
                "SELECT conversation_id, user_id, level, block, n FROM mention_counts",
                |row| (block(row), row.get(4)),
            )
            .await,
            feed: all(db, "SELECT position FROM feed ORDER BY position", |row| row.get(0)).await,
        }
    }

    async fn add_reactions(&self, message: MessageId, emoji: &str, count: u32) {
        let (db, count) = (connect(&self.database).await, i64::from(count));
        let sql = "INSERT INTO reactions (message_id, emoji, user_id, at, position)
                   SELECT $1, $2, n + 1000, 0, -n FROM generate_series(1, $3::bigint) n";
        db.execute(sql, &[&message.0, &emoji, &count]).await.unwrap();
        let sql = "UPDATE messages SET n_reactions = $2 WHERE id = $1";
        db.execute(sql, &[&message.0, &count]).await.unwrap();
    }

    async fn add_second_reader(&self, name: &str) {
        let db = connect(&self.database).await;
        let sql = "INSERT INTO feed_readers SELECT $1, epoch, position, 0 FROM log";
        db.execute(sql, &[&name]).await.unwrap();
        db.execute("UPDATE log SET feed_readers = 2", &[]).await.unwrap();
    }

    fn shared(&self) -> Option<&dyn SharedBackend> {
        Some(self)
    }
}

#[async_trait]
impl SharedBackend for PostgresBackend {
    async fn second(&self) -> TestStore {
        PostgresStore::on(self.database.clone(), true).await.test
    }

    async fn journal(&self) -> Arc<dyn Journal> {
        let options = Options { url: self.database.url(), readers: 1, search: true, ..Options::default() };
        let journal = spawn_blocking(move || Postgres::prepare(&options)?.journal()).await.unwrap();
        Arc::new(journal.unwrap_or_else(|error| panic!("{error}")))
    }
}

async fn all<T, C: FromIterator<T>>(db: &Client, sql: &str, row: impl Fn(&Row) -> T) -> C {
    db.query(sql, &[]).await.unwrap().iter().map(row).collect()
}
