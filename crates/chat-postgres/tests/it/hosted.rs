//! Databases as hosting providers run them: with other settings, few permissions, behind a pooler, read only,
//! or one of several. A node either works with it, or refuses it in one sentence that says what to change.

use chat_core::messages::Recipient;
use chat_engines::{Database, Pooler, Postgres as Server};
use chat_postgres::{Options, Postgres};
use tokio::task::spawn_blocking;

use crate::support::PostgresStore;
use chat_contract::message;

const EARLIER: &str = include_str!("../../migrations/0001_initial.sql");

fn new_database() -> Database {
    chat_engines::shared().database().unwrap_or_else(|error| panic!("no PostgreSQL: {error:#}"))
}

fn prepared(url: String) -> Result<(), String> {
    let options = Options { url, readers: 1, ..Options::default() };
    Postgres::prepare(&options).map(drop).map_err(|error| error.to_string())
}

/// Checks that the database is refused by one sentence with each of these words once.
#[track_caller]
fn is_refused(url: String, words: &[&str]) {
    let refusal = prepared(url).expect_err("it was opened");
    for word in words {
        assert_eq!(refusal.matches(word).count(), 1, "{word:?}: {refusal}");
    }
    assert!(!refusal.contains('\n') && !refusal.contains("db error"), "{refusal}");
}

/// Returns the URL of the same database for another user.
fn as_user(database: &Database, user: &str) -> String {
    let url = database.url();
    let (_, host) = url.split_once('@').unwrap();
    format!("postgres://{user}@{host}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_work_with_any_default_isolation_level() {
    for level in ["serializable", "repeatable read"] {
        let database = spawn_blocking(new_database).await.unwrap();
        let name = database.name();
        let set = format!("ALTER DATABASE {name} SET default_transaction_isolation = '{level}'");
        database.execute(&set).unwrap();
        let one = PostgresStore::on_database(database).await;
        let other = one.second().await;
        let (tom, jerry) = (one.user("tom").await, one.user("jerry").await);
        let mut sending = tokio::task::JoinSet::new();
        for number in 0..60 {
            let store = [&one, &other][number % 2].store.clone();
            let new = message(tom, Recipient::User(jerry), &format!("{number}"));
            sending.spawn(async move { store.post(new).await.map(drop) });
        }
        let sent = sending.join_all().await;
        let refused: Vec<_> = sent.iter().filter_map(|result| result.as_ref().err()).collect();
        assert!(refused.is_empty(), "{level}: {} of 60 refused: {:?}", refused.len(), refused.first());
    }
}

#[test]
fn a_database_that_cannot_store_every_text_is_refused() {
    let database = new_database();
    let make = |encoding: &str| {
        let name = format!("{}_{}", database.name(), encoding.to_lowercase());
        let like = format!("TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'");
        database.execute(&format!("CREATE DATABASE {name} {like}")).unwrap();
        database.url().replace(database.name(), &name)
    };
    let (latin, none) = (make("LATIN1"), make("SQL_ASCII"));
    is_refused(latin.clone(), &["LATIN1", "ENCODING 'UTF8'"]);
    is_refused(none.clone(), &["SQL_ASCII", "ENCODING 'UTF8'"]);
    // A database that already has all tables is still served.
    let databases = chat_engines::shared().databases().unwrap();
    let name = none.rsplit('/').next().unwrap();
    let version = "CREATE TABLE schema_version (only_row bigint PRIMARY KEY CHECK (only_row = 1), \
                   version bigint NOT NULL, works_from bigint NOT NULL); INSERT INTO schema_version VALUES (1, 1, 1)";
    databases.execute(name, &format!("SET search_path = public; {version}; {EARLIER}")).unwrap();
    prepared(none.clone()).unwrap();
    for url in [latin, none] {
        databases.drop(url.rsplit('/').next().unwrap()).unwrap();
    }
}

#[test]
fn missing_rights_are_named_and_the_minimum_is_enough() {
    let database = new_database();
    let role = format!("user_{}", database.name());
    database.execute(&format!("CREATE ROLE {role} LOGIN; CREATE SCHEMA chatserver")).unwrap();
    let url = as_user(&database, &role);
    is_refused(url.clone(), &["USAGE and CREATE", "owner of the schema"]);

    prepared(database.url()).unwrap();
    is_refused(url.clone(), &["the schema itself", "GRANT USAGE ON SCHEMA chatserver"]);
    database.execute(&format!("GRANT USAGE ON SCHEMA chatserver TO {role}")).unwrap();
    database.execute(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA chatserver TO {role}")).unwrap();
    is_refused(url.clone(), &["its table", "GRANT SELECT, INSERT, UPDATE, DELETE"]);
    let all = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA chatserver TO {role}");
    database.execute(&all).unwrap();
    prepared(url).unwrap();
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
}

#[test]
fn a_read_only_database_is_refused_and_among_several_hosts_the_writable_one_is_used() {
    let database = new_database();
    let name = database.name();
    database.execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).unwrap();
    is_refused(database.url(), &["set to be read only", "default_transaction_read_only"]);
    let databases = chat_engines::shared().databases().unwrap();
    databases.execute("postgres", &format!("ALTER DATABASE {name} RESET ALL")).unwrap();

    // A server that waits for a standby which never connects.
    let mut standby = Server::start().unwrap();
    standby.create_database(name).unwrap();
    let mark = "COPY (SELECT) TO PROGRAM 'cat > standby.signal'";
    standby.databases().execute(name, mark).unwrap();
    standby.crash().unwrap();
    standby.start_again().unwrap();
    is_refused(standby.url(name), &["is a standby", "put the primary"]);
    for attributes in ["", "?target_session_attrs=primary", "?target_session_attrs=read-write"] {
        let port = standby.port();
        let both = database.url().replace("@127.0.0.1:", &format!("@127.0.0.1:{port},127.0.0.1:"));
        prepared(format!("{both}{attributes}")).unwrap();
    }
    is_refused(format!("{}?target_session_attrs=standby", database.url()), &["standby", "a node writes"]);
}

#[test]
fn a_pooler_must_pool_by_session() {
    let server = Server::start().unwrap();
    server.create_database("chat").unwrap();
    let behind = |mode: &str, more: &str| Pooler::start(server.port(), mode, more).unwrap();
    for (mode, more) in [
        ("transaction", ""),
        ("transaction", "default_pool_size = 1"),
        ("transaction", "server_round_robin = 1\nmin_pool_size = 2"),
        ("statement", ""),
    ] {
        let pooler = behind(mode, more);
        // As a first node, and in a database that other nodes have used.
        for _ in 0..2 {
            is_refused(pooler.url("chat"), &["pools by transaction or statement", "pool_mode = session"]);
        }
    }
    let tables = "SELECT count(*) FROM pg_namespace WHERE nspname = 'chatserver'";
    assert_eq!(server.databases().execute("chat", tables).unwrap(), "0", "nothing was made");
    prepared(behind("session", "").url("chat")).unwrap();
}
