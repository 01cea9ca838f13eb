//! Tests of the readiness check: it writes as much as the longest message, and nothing of it stays.

use std::path::Path;

use chat_core::ids::UserId;
use chat_core::media::Media;
use chat_core::messages::Recipient;
use chat_core::posting::{Body, NewMessage};
use rusqlite::Connection;

use crate::support::SqliteStore;
use chat_contract::{message, under};

fn number(path: &Path, pragma: &str) -> i64 {
    Connection::open(path).unwrap().pragma_query_value(None, pragma, |row| row.get(0)).unwrap()
}

/// Empties the write-ahead log, so that it starts from the beginning.
fn empty_log(path: &Path) {
    let busy: i64 = Connection::open(path)
        .unwrap()
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0))
        .unwrap();
    assert_eq!(busy, 0);
}

/// The longest message that is allowed, as the first of a conversation.
fn longest(sender: UserId, to: UserId) -> NewMessage {
    let media = Media { url: "u".repeat(2048), name: Some("n".repeat(255)), ..Media::default() };
    let body = Body {
        content: "c".repeat(16 * 1024),
        media: vec![media; 10],
        custom: Some(format!("{{\"a\":\"{}\"}}", "b".repeat(4000))),
        ..Body::default()
    };
    under(&format!("{:064}", to.0), NewMessage { body, ..message(sender, Recipient::User(to), "") })
}

#[tokio::test]
async fn if_the_check_succeeds_the_longest_message_fits() {
    let node = SqliteStore::fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let log = node.path.with_file_name("chat.db-wal");
    let length = || std::fs::metadata(&log).unwrap().len();
    for to in [jerry, spike] {
        empty_log(&node.path);
        node.store.probe_write().await.unwrap();
        let room = length();
        node.store.post(longest(tom, to)).await.unwrap();
        assert_eq!(length(), room, "the message needed more space than the check had reserved");
        // The same must hold if the log is not empty.
        node.store.probe_write().await.unwrap();
        let room = length();
        let again = NewMessage { client_msg_id: None, intention: None, ..longest(tom, to) };
        node.store.post(again).await.unwrap();
        assert_eq!(length(), room);
    }
}

#[tokio::test]
async fn each_check_writes_and_nothing_grows() {
    let node = SqliteStore::fresh().await;
    let probed = || {
        let sql = "SELECT probed_at FROM log";
        Connection::open(&node.path).unwrap().query_row(sql, (), |row| row.get::<_, i64>(0)).unwrap()
    };
    let (pages, free) = (number(&node.path, "page_count"), number(&node.path, "freelist_count"));
    let log = node.path.with_file_name("chat.db-wal");
    empty_log(&node.path);
    let mut last = probed();
    for _ in 0..20 {
        node.store.probe_write().await.unwrap();
        assert!(probed() > last, "a value that stays as it is writes nothing");
        last = probed();
    }
    // Each check leaves one page in the log until that starts again, and the last one also the pages that it rolled
    // back.
    let length = std::fs::metadata(&log).unwrap().len();
    assert!(length <= 50 * 4200, "{length} bytes");
    assert_eq!((number(&node.path, "page_count"), number(&node.path, "freelist_count")), (pages, free));
    let kept: i64 = Connection::open(&node.path)
        .unwrap()
        .query_row("SELECT max(count) FROM probe", (), |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 1000, "what was rolled back is not stored");
}
