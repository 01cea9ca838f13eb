//! A move that is killed and run again.

use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tokio::task::block_in_place;

use super::{ended_with, migrate, new_database, on};
use crate::support::Setup;

const MESSAGES: i64 = 60_000;

/// Makes a file with many messages, and no server on it.
async fn filled() -> Setup {
    let mut server = Setup::new().start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "the first").await;
    server.stop();
    let rows = Connection::open(server.setup.database()).unwrap();
    let sql = format!(
        "WITH RECURSIVE n (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < {MESSAGES})
         INSERT INTO messages (conversation_id, seq, rev, position, sender_id, recipient_id, group_id, kind, content,
                               media_url, sent_at)
         SELECT 1, n, n, n, 1, 2, 0, 'text', 'message ' || n, '', n FROM n;
         UPDATE conversations SET last_seq = {MESSAGES}, rev = {MESSAGES}, position = {MESSAGES};
         UPDATE log SET position = {MESSAGES}"
    );
    rows.execute_batch(&sql).unwrap();
    server.setup.clone()
}

const COLUMNS: &str =
    "id, conversation_id, seq, rev, position, sender_id, content, coalesce(client_msg_id, '')";

/// Returns the messages of the file, in the form in which psql prints those of the database.
fn messages_of(setup: &Setup) -> Vec<String> {
    let rows = Connection::open(setup.database()).unwrap();
    let mut statement = rows.prepare(&format!("SELECT {COLUMNS} FROM messages ORDER BY id")).unwrap();
    let line = |row: &rusqlite::Row<'_>| {
        let cell = |index| match row.get_ref(index).unwrap() {
            ValueRef::Integer(number) => number.to_string(),
            other => other.as_str().unwrap().to_owned(),
        };
        Ok((0..8).map(cell).collect::<Vec<_>>().join("|"))
    };
    statement.query_map((), line).unwrap().map(Result::unwrap).collect()
}

fn is_whole(setup: &Setup, database: &chat_engines::Database) {
    let moved = database.execute(&format!("SELECT {COLUMNS} FROM messages ORDER BY id")).unwrap();
    let (moved, original) = (moved.lines().collect::<Vec<_>>(), messages_of(setup));
    assert_eq!(moved.len(), original.len());
    assert!(moved == original, "the messages differ");
}

fn n_moved(database: &chat_engines::Database) -> i64 {
    let sql = "SELECT to_regclass('messages') IS NOT NULL";
    if database.execute(sql).unwrap() == "f" {
        return 0;
    }
    database.execute("SELECT count(*) FROM messages").unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_killed_goes_on_where_it_was() {
    let setup = filled().await;
    let database = block_in_place(new_database);
    let url = database.url();
    let mut command = setup.tool(&["migrate", "--to", &url]);
    let mut killed = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    block_in_place(|| {
        while n_moved(&database) == 0 {
            assert!(Instant::now() < deadline, "nothing is copied");
        }
    });
    killed.kill().unwrap();
    killed.wait().unwrap();
    let progress = BufReader::new(killed.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(progress.into_iter().any(|line| line.contains(": copied ")), "it says how far it is");
    let so_far = n_moved(&database);
    assert!((1..MESSAGES).contains(&so_far), "it was to be killed in the middle: {so_far}");
    block_in_place(|| on(&database).refuse()).says("chatserver migrate");
    let said = ended_with(&block_in_place(|| migrate(&setup, &url)), 0);
    let line = said.lines().find(|line| line.starts_with("messages ")).unwrap();
    let numbers: Vec<i64> = line.split_whitespace().skip(1).filter_map(|cell| cell.parse().ok()).collect();
    assert_eq!(numbers[0], MESSAGES);
    // A batch that is under way when a client dies may be committed after the last count.
    assert!(numbers[1] <= MESSAGES - so_far, "what was there already is not copied again: {line}");
    is_whole(&setup, &database);
}

/// At the first range that is written, in the middle, and at the last ones.
#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_it_ends_the_next_one_makes_it_whole() {
    let setup = filled().await;
    let database = block_in_place(new_database);
    let url = database.url();
    for pass in [1, 2, 1, 5] {
        let dying = setup.clone().env("CHATSERVER_FAILPOINTS", &format!("in_transfer={pass}"));
        let output = block_in_place(|| migrate(&dying, &url));
        assert_eq!(output.status.code(), None, "it was to be aborted: {output:?}");
        block_in_place(|| on(&database).refuse()).says("chatserver migrate");
    }
    ended_with(&block_in_place(|| migrate(&setup, &url)), 0);
    is_whole(&setup, &database);
    block_in_place(|| on(&database).start());
}
