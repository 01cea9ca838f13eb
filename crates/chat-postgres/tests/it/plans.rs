//! Query plans: they are made while the tables are still empty and then kept, so they must also be good for
//! large tables.

use std::time::{Duration, Instant};

use chat_core::accounts::AccountQuery;
use chat_core::conversations::ConversationPage;
use chat_core::ids::UserId;
use chat_core::messages::{Page, Recipient};
use chat_core::reactions::ReactionStore;
use tokio_postgres::Client;

use crate::support::PostgresStore;
use chat_contract::command;

const DEADLINE: Duration = Duration::from_secs(60);
/// Number of repetitions of each operation.
const ROUNDS: i64 = 300;
/// The tables that grow with the number of messages.
const GROWING: [&str; 5] = ["messages", "conversations", "members", "reactions", "message_changes"];
/// Number of users in the test of searching by name.
const USERS: i64 = 3000;

#[tokio::test]
async fn no_statement_reads_a_growing_table_from_end_to_end() {
    let node = PostgresStore::fresh().await;
    let [tom, jerry, butch] = node.users(["tom", "jerry", "butch"]).await;
    let group = node.group(tom, &[jerry, butch]).await;
    for round in 0..ROUNDS {
        let said = node.say(tom, Recipient::User(jerry), "Is there cheese?").await;
        node.say(jerry, Recipient::Group(group.id), "There is.").await;
        node.confirm(jerry, said.conversation, said.seq.0).await;
        node.postgres.react(command(jerry, &said), "+1".into(), true).await.unwrap();
        if round % 10 == 0 {
            let page = Page { before: None, limit: 20 };
            node.store.direct_history(jerry, tom, page).await.unwrap();
            node.store.conversations(jerry, ConversationPage { after: None, limit: 20 }).await.unwrap();
        }
    }
    node.close().await;
    let read = rows_read_in_sequence(&node.connect().await).await;
    // Rows that are read before the first page of a table is full do not matter.
    assert!(read.iter().all(|(_, rows)| *rows <= ROUNDS), "rows read in sequence: {read:?}");
}

/// Returns how many rows of each table were read sequentially, once the server's statistics include these
/// sessions.
async fn rows_read_in_sequence(db: &Client) -> Vec<(String, i64)> {
    let began = Instant::now();
    let tables = GROWING.as_slice();
    while began.elapsed() < DEADLINE {
        let counted = "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'messages'";
        if db.query_one(counted, &[]).await.unwrap().get::<_, i64>(0) >= 2 * ROUNDS {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let sql = "SELECT relname::text, seq_tup_read FROM pg_stat_user_tables WHERE relname = ANY($1)";
    let rows = db.query(sql, &[&tables]).await.unwrap();
    assert_eq!(rows.len(), tables.len());
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn a_search_for_a_name_reads_about_as_many_rows_as_it_returns() {
    let node = PostgresStore::fresh().await;
    let search = async |wanted: &str, after| {
        let query = AccountQuery { prefix: Some(wanted.into()), after: UserId(after), limit: 10 };
        node.store.accounts_with_last_message(UserId(1), query).await.unwrap().len()
    };
    // Each session keeps the plan that it makes now.
    for _ in 0..30 {
        assert_eq!(search("user", 0).await, 0);
    }
    let db = node.connect().await;
    let sql = "INSERT INTO users (username, username_key, email, email_key, password_hash, created_at)
               SELECT name, name, name, name, 'x', 0 FROM (
                   SELECT 'user' || n || CASE WHEN n <= $1 / 2 THEN '-early' ELSE '-late' END AS name
                   FROM generate_series(1, $1::bigint) n ORDER BY n) AS names";
    db.execute(sql, &[&USERS]).await.unwrap();
    // Starting, a node stores the keys by which they are found, and reads all names for that.
    node.second().await.close().await;
    until(async || rows_read(&db).await >= USERS).await;
    let rows_before = rows_read(&db).await;
    let searches =
        [("u", 0, 10), ("user", USERS - 3, 3), ("early", USERS / 2, 0), ("late", 1, 10), ("x", 0, 0)];
    for (wanted, after, expected) in searches {
        for _ in 0..20 {
            assert_eq!(search(wanted, after).await, expected, "{wanted:?} after {after}");
        }
    }
    node.close().await;
    // A session that has ended has reported what it read: for each user that was found at least the key and the user.
    until(async || sessions(&db).await == 0).await;
    until(async || rows_read(&db).await - rows_before >= 2 * 460).await;
    let read = rows_read(&db).await - rows_before;
    // The sessions of the second node may have reported late. One of the searches, each time reading all, is 60,000.
    assert!(read < 20_000, "{read} rows for 460 that were found");
}

async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < DEADLINE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Returns the number of other sessions in this database.
async fn sessions(db: &Client) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
               AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    db.query_one(sql, &[]).await.unwrap().get(0)
}

/// Returns how many rows and index entries of users and their keys were read, as far as sessions have reported it.
async fn rows_read(db: &Client) -> i64 {
    let sql = "SELECT (
                   SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname IN ('users', 'name_keys')
               )::bigint + (
                   SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname IN ('users', 'name_keys')
               )::bigint";
    db.query_one(sql, &[]).await.unwrap().get(0)
}
