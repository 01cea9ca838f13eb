//! Tests of how much a message writes.

use std::path::Path;

use chat_core::messages::Recipient;
use chat_core::posting::NewMessage;
use rusqlite::Connection;

use crate::support::SqliteStore;
use chat_contract::{message, under};

/// Bytes of a page in the write-ahead log, with its header (<https://sqlite.org/fileformat.html#the_write_ahead_log>).
const FRAME_BYTES: u64 = 24 + 4096;

fn length(log: &Path) -> u64 {
    std::fs::metadata(log).unwrap().len()
}

/// The row of the message, the conversation, the log's end and two indexes: each in one page, unless a page is split.
#[tokio::test]
async fn a_lone_message_writes_five_pages() {
    let node = SqliteStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let log = node.path.with_file_name("chat.db-wal");
    let mut pages = Vec::new();
    for number in 0..60 {
        let text = message(tom, Recipient::User(jerry), &"word ".repeat(18));
        let before = length(&log);
        node.store.post(under(&format!("{number:064}"), NewMessage { ..text })).await.unwrap();
        pages.push((length(&log) - before) / FRAME_BYTES);
    }
    // The first messages create the conversation.
    let mut pages = pages.split_off(20);
    pages.sort_unstable();
    assert_eq!(pages[pages.len() / 2], 5, "{pages:?}");
}

#[tokio::test]
async fn an_id_is_not_used_again_when_its_message_is_gone() {
    let node = SqliteStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let mut last = node.post(message(tom, Recipient::User(jerry), "one")).await.id.0;
    let node = node.reopen().await;
    for text in ["two", "three"] {
        let db = Connection::open(&node.path).unwrap();
        db.execute("DELETE FROM messages", ()).unwrap();
        let id = node.post(message(jerry, Recipient::User(tom), text)).await.id.0;
        assert_eq!(id, last + 1);
        last = id;
    }
    let db = Connection::open(&node.path).unwrap();
    let check: String = db.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}
