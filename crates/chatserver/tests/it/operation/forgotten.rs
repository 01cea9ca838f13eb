//! Deleted text is gone: from the database's file, from its log and from the words in the search index.

use std::path::Path;

use rusqlite::Connection;
use serde_json::json;

use crate::support::server::bytes_of;
use crate::support::{Setup, eventually};

fn has(path: &Path, word: &str) -> bool {
    path.exists() && bytes_of(path).windows(word.len()).any(|window| window == word.as_bytes())
}

/// Whether a word is in the index, visible or as a deleted remainder.
fn index_knows(path: &Path, word: &str) -> bool {
    let index = Connection::open(path).unwrap();
    index.execute_batch("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, texts, row)").unwrap();
    let admitted = index.prepare("SELECT 1 FROM temp.words WHERE term = ?1").unwrap().exists([word]).unwrap();
    let sql = "SELECT 1 FROM texts_data WHERE instr(block, CAST(?1 AS BLOB)) > 0";
    admitted || index.prepare(sql).unwrap().exists([word]).unwrap()
}

#[tokio::test]
async fn a_deleted_text_is_in_no_file_and_no_index_a_moment_later() {
    // Deletion normally waits half a minute, in the index half a day. Here it begins at once.
    let mut server = Setup::new().env("CHATSERVER_FAILPOINTS", "forgets_at_once").start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let [database, log, index] =
        ["", "-wal", "-search"].map(|suffix| server.setup.path(&format!("chatserver.db{suffix}")));
    let sent = tom.write(&jerry, "cardnumber4711").await;
    let path = format!("/v1/messages/{}", sent["id"]);
    tom.patch(&path, &json!({ "content": "cardnumber4712" })).await.expect(200);
    let state = format!("/v1/conversations/{}/state", sent["conversation_id"]);
    tom.patch(&state, &json!({ "draft": "cardnumber4713" })).await.expect(200);
    eventually(20, "the text is in the index", async || index_knows(&index, "cardnumber4712")).await;
    assert!(["4711", "4712", "4713"].into_iter().all(|number| {
        let word = format!("cardnumber{number}");
        has(&database, &word) || has(&log, &word)
    }));

    tom.delete(&path).await.expect(200);
    tom.patch(&state, &json!({ "draft": null })).await.expect(200);
    eventually(20, "the texts are gone from the files", async || {
        !has(&database, "cardnumber471") && !has(&log, "cardnumber471")
    })
    .await;
    eventually(20, "the words are gone from the index", async || {
        !index_knows(&index, "cardnumber4711") && !index_knows(&index, "cardnumber4712")
    })
    .await;
    server.stop();
    assert!(!has(&database, "cardnumber471") && !has(&log, "cardnumber471"));
}
