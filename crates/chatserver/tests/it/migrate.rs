//! Moving a server from its SQLite file to PostgreSQL: clients notice only the pause, an interruption costs only time,
//! and no existing data is overwritten.

mod interrupted;
mod refused;
mod sample;

use std::process::Output;

use chat_engines::Database;
use serde_json::{Value, json};
use tokio::task::{block_in_place, spawn_blocking};

use crate::support::people::p2p;
use crate::support::v2::to_user;
use crate::support::{Request, Server, Setup, Stream, User, eventually, feed};
use sample::SampleData;

/// Exit status: a server still writes to the file.
const STILL_SERVED: i32 = 3;

fn new_database() -> Database {
    chat_engines::shared().database().unwrap_or_else(|error| panic!("no PostgreSQL: {error:#}"))
}

/// Moves the server's file to a database.
fn migrate(setup: &Setup, url: &str) -> Output {
    setup.tool(&["migrate", "--to", url]).output().unwrap()
}

#[track_caller]
fn ended_with(output: &Output, status: i32) -> String {
    let printed = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (said, complained) = (printed(&output.stdout), printed(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{said}\n{complained}");
    said
}

/// Returns a server on the database in a folder of its own, so that all its data comes from the database.
fn on(database: &Database) -> Setup {
    Setup::new().env("DATABASE_URL", &database.url())
}

/// Sends messages without pause until stopped. Returns the ids of the acknowledged ones.
async fn write_on(from: User, to: i64, mut stop: tokio::sync::oneshot::Receiver<()>) -> Vec<Value> {
    let mut acknowledged = Vec::new();
    while stop.try_recv().is_err() {
        let body = json!({ "content": format!("meanwhile {}", acknowledged.len()) });
        acknowledged.push(from.post(&p2p(to), &body).await.expect(201)["id"].clone());
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_moves_with_all_that_its_clients_know() {
    let mut server = Setup::new().start();
    feed::done(&server.setup, &["add", "mirror"]);
    let mut sample = SampleData::fill(&server).await;
    let database = block_in_place(new_database);
    let url = database.url();

    // While the server is in use.
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let writing = tokio::spawn(write_on(sample.tom.clone(), sample.spike.id, stopped));
    let (setup, to) = (server.setup.clone(), url.clone());
    let copied = spawn_blocking(move || migrate(&setup, &to)).await.unwrap();
    let said = ended_with(&copied, STILL_SERVED);
    assert!(said.contains("a server runs on") && said.contains("Next: stop that server"), "{said}");
    stop.send(()).unwrap();
    let written = writing.await.unwrap();
    assert!(!written.is_empty());
    let refusal = block_in_place(|| on(&database).refuse());
    refusal.says("chatserver migrate");

    // Later changes and deletions are moved too.
    sample.change_again().await;
    let before = sample.seen(&server).await;
    let missed = sample.missed_by_jerry(&server).await;
    server.stop();
    let said = ended_with(&block_in_place(|| migrate(&server.setup, &url)), 0);
    assert!(said.contains("read back and compared") && said.contains("Next: start servers"), "{said}");

    let moved = block_in_place(|| on(&database).start());
    let there = feed::rest(&server.setup, "mirror");
    assert_eq!(feed::rest(&moved.setup, "mirror"), there, "the feed and its readers come too");
    feed::assert_whole(&there);
    assert_eq!(feed::posted(&there).last(), Some(&sample.last_message));
    assert_eq!(sample.seen(&moved).await, before);
    assert_eq!(sample.missed_by_jerry(&moved).await, missed);
    let gone = Request::get("/v1/test-auth").bearer(&sample.logged_out);
    moved.send(gone).await.refused(401, "unauthenticated");
    goes_on(&sample, &server, &moved, written.len()).await;

    assert_eq!(feed::posted(&feed::rest(&moved.setup, "mirror")), [sample.last_message + 1]);

    // A second run would undo later changes, so it is refused.
    let again = block_in_place(|| migrate(&server.setup, &url));
    ended_with(&again, 1);
    assert!(String::from_utf8_lossy(&again.stderr).contains("nothing was done"), "{again:?}");
    sample.tom.at(&moved).message(&json!(sample.last_message + 1)).await;
}

/// The numbering goes on without a gap, and search finds old messages.
async fn goes_on(sample: &SampleData, from: &Server, to: &Server, n_meanwhile: usize) {
    let rows = rusqlite::Connection::open(from.setup.database()).unwrap();
    let last = |sql: &str| rows.query_row(sql, (), |row| row.get::<_, i64>(0)).unwrap();
    let (tom, jerry) = (sample.tom.at(to), sample.jerry.at(to));
    assert_eq!(last("SELECT max(id) FROM messages"), sample.last_message);
    let mut stream = Stream::connect(to, &jerry).await;
    let seq = last(
        "SELECT last_seq FROM conversations WHERE id = (SELECT conversation_id FROM directs WHERE high = 2)",
    );
    let sent = tom.write(&jerry, "after").await;
    assert_eq!((&sent["id"], &sent["seq"]), (&json!(sample.last_message + 1), &json!(seq + 1)));
    stream.received_until("after").await;
    let position = |cursor: &str| cursor.split_once('-').unwrap().1.parse::<i64>().unwrap();
    assert_eq!(position(&stream.cursor), last("SELECT position FROM log") + 1);
    let newcomer = to.register("newcomer").await;
    assert_eq!(newcomer.id, last("SELECT seq FROM sqlite_sequence WHERE name = 'users'") + 1);
    let group = tom.group("New", &[]).await;
    assert_eq!(group, last("SELECT seq FROM sqlite_sequence WHERE name = 'groups'") + 1);
    eventually(20, "old messages are found", async || {
        let found = tom.get("/v1/search?q=meanwhile&limit=100").await.expect(200);
        found["messages"].as_array().unwrap().len() == n_meanwhile.min(100)
    })
    .await;
    let mut again = to_user(&jerry);
    again["op"] = json!("send");
    again["content"] = json!("once");
    again["client_msg_id"] = json!("once");
    let answer = Stream::connect(to, &tom).await.ok(again).await;
    assert_eq!(answer["message"]["id"], sample.sent_once, "a retry from before finds its message");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_postgresql_cannot_hold_is_replaced_and_said() {
    let mut server = Setup::new().start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = tom.write(&jerry, "cheese").await["id"].clone();
    server.stop();
    let rows = rusqlite::Connection::open(server.setup.database()).unwrap();
    rows.execute("UPDATE messages SET content = ?1", ["che\0ese\0"]).unwrap();
    drop(rows);
    let database = block_in_place(new_database);
    let said = ended_with(&block_in_place(|| migrate(&server.setup, &database.url())), 0);
    assert!(said.contains("1 texts had characters that PostgreSQL cannot store"), "{said}");
    let moved = block_in_place(|| on(&database).start());
    assert_eq!(jerry.at(&moved).message(&sent).await["content"], "che\u{fffd}ese\u{fffd}");
}
