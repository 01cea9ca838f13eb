//! A PostgreSQL store in a database of its own, as the shared contract asks for it, and what is behind it.

use std::sync::Arc;

use chat_core::cluster::Journal;
use chat_core::ids::MessageId;
use chat_core::ports::{EventSink, Store};
use chat_engines::Database;
use chat_postgres::{Options, Postgres};
use tokio::task::spawn_blocking;
use tokio_postgres::{Client, NoTls, Row};

use crate::contract::house::Recorder;
use crate::contract::ledger::{ChangeRow, ConversationRow, MessageRow, Rows};

/// A store of its own.
pub struct House {
    pub store: Arc<dyn Store>,
    pub postgres: Arc<Postgres>,
    pub sink: Arc<Recorder>,
    /// Below the stores, since it has to be there until they are closed.
    database: Arc<Database>,
}

impl House {
    pub const ENGINE: &str = "postgres";

    /// A new store in a new database, which is gone when the house is.
    pub async fn fresh() -> Self {
        Self::on(Self::new_database().await, true).await
    }

    /// A new store that tells another sink than its own; once it is reopened, its own.
    pub async fn fresh_with(sink: Arc<dyn EventSink>) -> Self {
        Self::open(Self::new_database().await, true, Arc::default(), sink).await
    }

    /// A store in a database of the test's own.
    pub async fn on_database(database: Database) -> Self {
        Self::on(Arc::new(database), true).await
    }

    async fn new_database() -> Arc<Database> {
        let made = spawn_blocking(|| chat_engines::shared().database());
        Arc::new(made.await.unwrap().unwrap_or_else(|error| panic!("no PostgreSQL: {error:#}")))
    }

    async fn on(database: Arc<Database>, search: bool) -> Self {
        let sink = Arc::new(Recorder::default());
        Self::open(database, search, sink.clone(), sink).await
    }

    async fn open(
        database: Arc<Database>,
        search: bool,
        recorder: Arc<Recorder>,
        told: Arc<dyn EventSink>,
    ) -> Self {
        let options = Options { url: database.url(), readers: 2, search, ..Options::default() };
        let opened = spawn_blocking(move || Postgres::prepare(&options)?.open(told)).await.unwrap();
        let postgres = Arc::new(opened.unwrap_or_else(|error| panic!("{error}")));
        Self { store: postgres.clone(), postgres, sink: recorder, database }
    }

    /// Another server on the same database.
    pub async fn second(&self) -> Self {
        Self::on(self.database.clone(), true).await
    }

    /// What servers read of what others committed.
    pub async fn journal(&self) -> Arc<dyn Journal> {
        let options = Options { url: self.database.url(), readers: 1, search: true, ..Options::default() };
        let journal = spawn_blocking(move || Postgres::prepare(&options)?.journal()).await.unwrap();
        Arc::new(journal.unwrap_or_else(|error| panic!("{error}")))
    }

    pub async fn close(&self) {
        let postgres = self.postgres.clone();
        spawn_blocking(move || postgres.close()).await.unwrap();
    }

    /// Closes the store and opens its database again.
    pub async fn reopen(self) -> Self {
        self.close().await;
        Self::on(self.database.clone(), true).await
    }

    pub async fn reopen_without_search(self) -> Self {
        self.close().await;
        Self::on(self.database.clone(), false).await
    }

    /// A session of the test's own.
    pub async fn connect(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.database.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("SET search_path = chatserver, public").await.unwrap();
        client
    }

    /// As if many strangers had reacted to a message.
    pub async fn crowd(&self, message: MessageId, emoji: &str, count: u32) {
        let (db, count) = (self.connect().await, i64::from(count));
        let sql = "INSERT INTO reactions (message_id, emoji, user_id, at, position)
                   SELECT $1, $2, n + 1000, 0, -n FROM generate_series(1, $3::bigint) n";
        db.execute(sql, &[&message.0, &emoji, &count]).await.unwrap();
        let sql = "UPDATE messages SET n_reactions = $2 WHERE id = $1";
        db.execute(sql, &[&message.0, &count]).await.unwrap();
    }

    /// What is stored and no answer tells.
    pub async fn rows(&self) -> Rows {
        let db = &self.connect().await;
        let conversation = |row: &Row| {
            (row.get(0), ConversationRow { rev: row.get(1), position: row.get(2), meta_position: row.get(3) })
        };
        let message = |row: &Row| (row.get(0), MessageRow { position: row.get(1), rev: row.get(2) });
        let change = |row: &Row| {
            (row.get(0), ChangeRow { conversation: row.get(1), position: row.get(2), event: row.get(3) })
        };
        let place = |row: &Row| ((row.get(0), row.get(1)), row.get(2));
        let hidden = |row: &Row| ((row.get(0), row.get(1)), (row.get(2), row.get(3)));
        let saved = |row: &Row| ((row.get(0), row.get(1)), (row.get(2), row.get(3)));
        let mention = |row: &Row| (row.get(0), row.get(1), row.get(2));
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
            joined: all(db, "SELECT conversation_id, user_id, joined_position FROM members", place).await,
            left: all(db, "SELECT conversation_id, user_id, position FROM departures", place).await,
            hidden: all(
                db,
                "SELECT user_id, message_id, conversation_id, position FROM hidden_messages",
                hidden,
            )
            .await,
            saved: all(db, "SELECT user_id, message_id, saved, position FROM saved_messages", saved).await,
            mentions: all(db, "SELECT conversation_id, user_id, seq FROM mentions", mention).await,
        }
    }
}

async fn all<T, C: FromIterator<T>>(db: &Client, sql: &str, row: impl Fn(&Row) -> T) -> C {
    db.query(sql, &[]).await.unwrap().iter().map(row).collect()
}
