//! Tests that deleted content is gone: it is in no byte of the files, and its words are in no part of the index.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chat_core::conversations::OwnChange;
use chat_core::live_text::Finish;
use chat_core::media::Media;
use chat_core::messages::{Message, Recipient, Streaming};
use chat_core::posting::{Body, NewMessage};
use rusqlite::{Connection, OpenFlags};

use crate::support::SqliteStore;
use chat_contract::settle;
use chat_contract::{command, message};

/// Longest wait for something that takes a second or two.
const PATIENCE: Duration = Duration::from_secs(30);

fn beside(path: &Path, suffix: &str) -> PathBuf {
    path.with_file_name(format!("{}{suffix}", path.file_name().unwrap().to_str().unwrap()))
}

/// Prefix of all words in these tests.
const BEGINNING: &str = "forgetme-";

/// Which of the words are in the database's file or in its log. Reads each byte once, since there may be hundreds of
/// words.
fn found(path: &Path, words: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for suffix in ["", "-wal"] {
        let bytes = std::fs::read(beside(path, suffix)).unwrap_or_default();
        let beginnings = bytes.iter().enumerate().filter(|(_, byte)| **byte == BEGINNING.as_bytes()[0]);
        let from: Vec<_> = beginnings
            .map(|(at, _)| &bytes[at..])
            .filter(|from| from.starts_with(BEGINNING.as_bytes()))
            .collect();
        let is_there = |word: &str| from.iter().any(|from| from.starts_with(word.as_bytes()));
        found.extend(words.iter().filter(|word| is_there(word)).map(|word| format!("{word} in {suffix:?}")));
    }
    found
}

/// Waits until none of the words is there.
async fn gone(path: &Path, words: &[String]) {
    let begun = Instant::now();
    loop {
        let asked = begun.elapsed();
        let there = found(path, words);
        if there.is_empty() {
            return;
        }
        assert!(asked < PATIENCE, "still there: {there:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A distinct word for each thing that is deleted, too long to be in a page by chance.
fn word(what: &str) -> String {
    format!("{BEGINNING}{what}-{}", "x".repeat(8))
}

#[tokio::test]
async fn deleted_text_is_in_no_file_a_moment_later() {
    let node = SqliteStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let to = Recipient::User(jerry);
    let body = Body {
        content: word("text"),
        media: vec![Media { url: format!("https://example.com/{}", word("media")), ..Media::default() }],
        custom: Some(format!("{{\"a\":\"{}\"}}", word("custom"))),
        ..Body::default()
    };
    // One message shares a page with others, and one takes pages of its own.
    let sent = node.post(NewMessage { body, ..message(tom, to, "") }).await;
    let long = node.say(tom, to, &word("long").repeat(2000)).await;
    let kept = node.say(tom, to, &word("kept")).await;
    let growing = NewMessage { streaming: Some(Streaming::Growing), ..message(tom, to, &word("begun")) };
    let growing = node.post(growing).await;
    node.store.edit(command(tom, &sent), word("edited")).await.unwrap();
    node.store.react(command(jerry, &kept), word("reaction"), true).await.unwrap();
    let draft = |draft: Option<String>| OwnChange { draft: Some(draft), ..OwnChange::default() };
    node.store.change_own_part(tom, sent.conversation, draft(Some(word("draft")))).await.unwrap();
    let words = ["text", "media", "custom", "long", "begun", "edited", "reaction", "draft"].map(word);
    assert_eq!(
        found(&node.path, &words).len(),
        words.len(),
        "the words must be there before they can be gone"
    );

    node.store.delete(command(tom, &sent)).await.unwrap();
    node.store.delete(command(tom, &long)).await.unwrap();
    let finish = Finish { state: Streaming::Finished, content: Some("all".into()) };
    node.store.finish(command(tom, &growing), finish).await.unwrap();
    node.store.react(command(jerry, &kept), word("reaction"), false).await.unwrap();
    node.store.change_own_part(tom, sent.conversation, draft(None)).await.unwrap();
    gone(&node.path, &words).await;
    assert_eq!(found(&node.path, &[word("kept")]), [format!("{} in \"\"", word("kept"))]);
}

/// A growing text moves others to other pages, where copies could stay behind.
#[tokio::test]
async fn no_copy_of_a_deleted_text_stays_behind_on_pages_that_were_divided() {
    let node = SqliteStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let to = Recipient::User(jerry);
    let text = |number: usize, round: usize| {
        format!("{} {}", word(&format!("{number}:{round}")), "y".repeat(150 * round))
    };
    let mut sent: Vec<Message> = Vec::new();
    for number in 0..120 {
        sent.push(node.say(tom, to, &text(number, 0)).await);
    }
    for round in 1..4 {
        for (number, message) in sent.iter().enumerate().filter(|(number, _)| number % (round + 1) == 0) {
            node.store.edit(command(tom, message), text(number, round)).await.unwrap();
        }
    }
    for message in &sent {
        node.store.delete(command(tom, message)).await.unwrap();
    }
    let words: Vec<_> =
        (0..120).flat_map(|number| (0..4).map(move |round| word(&format!("{number}:{round}")))).collect();
    gone(&node.path, &words).await;
}

#[tokio::test]
async fn a_reader_keeps_deleted_text_in_the_log_only_while_it_reads() {
    let node = SqliteStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = node.say(tom, Recipient::User(jerry), &word("held")).await;
    let reader = Connection::open_with_flags(&node.path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let content = || reader.query_row("SELECT content FROM messages", (), |row| row.get::<_, String>(0));
    assert_eq!(content().unwrap(), word("held"));
    node.store.delete(command(tom, &sent)).await.unwrap();
    // Other writes are not delayed meanwhile.
    for number in 0..20 {
        node.say(tom, Recipient::User(jerry), &format!("message {number}")).await;
    }
    assert_eq!(content().unwrap(), word("held"));
    reader.execute_batch("COMMIT").unwrap();
    gone(&node.path, &[word("held")]).await;
}

#[tokio::test]
async fn deleted_text_in_a_killed_servers_log_goes_after_the_next_start() {
    let node = SqliteStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = node.say(tom, Recipient::User(jerry), &word("left")).await;
    let reader = Connection::open_with_flags(&node.path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM messages").unwrap();
    node.store.delete(command(tom, &sent)).await.unwrap();
    // Copies the files as they are at this moment.
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("chat.db");
    for suffix in ["", "-wal"] {
        std::fs::copy(beside(&node.path, suffix), beside(&copy, suffix)).unwrap();
    }
    assert!(!found(&copy, &[word("left")]).is_empty(), "the words must be there before they can be gone");
    let _node = SqliteStore::open(&copy).unwrap();
    gone(&copy, &[word("left")]).await;
}

/// Whether a word is in the index, deleted or not. FTS5 stores a prefix that a word shares with the previous one only
/// once, but these words share none.
fn is_in(index: &Path, word: &str) -> bool {
    let db = Connection::open(index).unwrap();
    let sql = "SELECT 1 FROM texts_data WHERE instr(block, CAST(?1 AS BLOB)) > 0";
    db.prepare(sql).unwrap().exists([word]).unwrap()
}

/// The words that the index lists.
fn vocabulary(index: &Path) -> Vec<String> {
    let db = Connection::open(index).unwrap();
    db.execute_batch("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, texts, row)").unwrap();
    let mut statement = db.prepare("SELECT term FROM temp.words").unwrap();
    let words = statement.query_map((), |row| row.get(0)).unwrap();
    words.map(Result::unwrap).collect()
}

#[tokio::test]
async fn the_words_of_a_deleted_message_leave_the_index_when_it_is_time() {
    let node = SqliteStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let to = Recipient::User(jerry);
    let index = beside(&node.path, "-search");
    settle(&node).await;
    // Keeps the deleted words in their part of the index, as happens with large parts.
    let options = "INSERT INTO texts (texts, rank) VALUES ('automerge', 0), ('deletemerge', 0)";
    Connection::open(&index).unwrap().execute_batch(options).unwrap();
    let mut sent = Vec::new();
    for text in ["alpha kept", "bravo secret", "charlie kept", "delta secret", "echo kept"] {
        sent.push(node.say(tom, to, text).await);
        settle(&node).await;
    }
    let has = |word: &str| is_in(&index, word);
    assert!(has("bravo") && has("delta") && has("secret"));
    for number in [1, 3] {
        node.store.delete(command(tom, &sent[number])).await.unwrap();
    }
    settle(&node).await;
    assert!(has("bravo"), "the purge is not due yet");
    let db = Connection::open(&index).unwrap();
    let since = || db.query_row("SELECT since FROM forgotten", (), |row| row.get::<_, i64>(0));
    assert!(since().unwrap() > 0, "the time is kept over restarts");
    // Moves the deletion half a day into the past.
    db.execute("UPDATE forgotten SET since = since - 12 * 3600", ()).unwrap();
    drop(db);
    let node = node.reopen().await;
    let begun = Instant::now();
    while has("bravo") || has("delta") || has("secret") {
        assert!(begun.elapsed() < PATIENCE, "the words are still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let known = vocabulary(&index);
    let knows = |word: &str| known.iter().any(|known| known == word);
    assert!(["alpha", "charlie", "echo", "kept"].into_iter().all(knows));
    assert!(!["bravo", "delta", "secret"].into_iter().any(knows));
    let found = chat_contract::texts(&node, jerry, "kept").await;
    assert_eq!(found, ["echo kept", "charlie kept", "alpha kept"]);
}
