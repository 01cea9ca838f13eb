//! What resuming costs in rows that PostgreSQL reads: no more for a change however far a client is behind.

use chat_core::ids::{Position, UserId};
use chat_core::sync::{CHANGES_PAGE, PageStart};
use tokio_postgres::Client;

use crate::support::PostgresStore;

const JERRY: UserId = UserId(2);
const GROUPS: i64 = 100;
const MESSAGES: i64 = 20_000;
/// Upper bound for the rows of `messages` and `message_changes` read to find one change, and the row beyond each page of
/// a conversation.
const ROWS: i64 = 4;

/// Stores messages of Tom's to Jerry in groups that take turns. One in ten was edited, some time later.
async fn fill(db: &Client) {
    let end = 2 * MESSAGES;
    let sql = format!(
        "INSERT INTO conversations (id, last_seq, n_members, position)
         SELECT n + 1, {MESSAGES} / {GROUPS}, 2, {end} FROM generate_series(0, {GROUPS} - 1) n;
         INSERT INTO groups (id, conversation_id, name, owner_id, created_at)
         SELECT n, n, 'mice', 1, 0 FROM generate_series(1, {GROUPS}) n;
         INSERT INTO members (conversation_id, user_id, role, joined_at)
         SELECT n, u, 'member', 0 FROM generate_series(1, {GROUPS}) n, generate_series(1, 2) u;
         INSERT INTO messages (id, conversation_id, seq, rev, position, sender_id, recipient_id, group_id, kind,
                               content, media_url, sent_at)
         SELECT n + 1, n % {GROUPS} + 1, n / {GROUPS} + 1, 1, 2 * n + 1, 1, 0, n % {GROUPS} + 1, 'text', 'hi', '', 0
         FROM generate_series(0, {MESSAGES} - 1) n;
         INSERT INTO message_changes (message_id, conversation_id, position, event)
         SELECT n - 299, (n - 300) % {GROUPS} + 1, 2 * n + 2, 'edited'
         FROM generate_series(300, {MESSAGES} - 1, 10) n;
         UPDATE log SET position = {end}"
    );
    db.batch_execute(&sql).await.unwrap();
}

/// Closes the store. Returns how many entries were read so far from the indexes by log position, and how many rows from
/// the tables without an index.
async fn rows_read(node: &PostgresStore) -> i64 {
    let db = node.connect_for_statistics().await;
    let sql = "SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes
                       WHERE indexrelname IN ('messages_by_place', 'message_changes_in_order'))::bigint
                    + (SELECT sum(seq_tup_read) FROM pg_stat_user_tables
                       WHERE relname IN ('messages', 'message_changes'))::bigint";
    db.query_one(sql, &[]).await.unwrap().get(0)
}

/// Resumes from a log position. Returns the number of events and of rows read.
async fn resume(node: PostgresStore, after: i64) -> (PostgresStore, i64, i64) {
    let before = rows_read(&node).await;
    let node = node.reopen().await;
    let (mut start, mut events) = (PageStart::from(Position(after)), 0);
    loop {
        let mut page = node.store.changes(JERRY, start, CHANGES_PAGE).await.unwrap();
        events += i64::try_from(page.events.len()).unwrap();
        if page.complete {
            break;
        }
        start = page.next_start();
    }
    let rows = rows_read(&node).await - before;
    (node, events, rows)
}

#[tokio::test]
async fn a_change_takes_few_rows_however_far_behind_the_client_is() {
    let node = PostgresStore::fresh().await;
    node.users(["tom", "jerry"]).await;
    fill(&node.connect().await).await;
    let (node, events, near) = resume(node, 2 * MESSAGES - 2000).await;
    assert!(events >= 1000);
    assert!(near > 0, "nothing was counted");
    assert!(near <= ROWS * events, "{near} rows for {events} events nearby");
    let (_node, events, far) = resume(node, 0).await;
    assert!(events >= MESSAGES);
    assert!(far <= ROWS * events, "{far} rows for {events} events");
}
