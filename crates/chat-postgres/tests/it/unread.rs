//! What unread counts cost in rows that PostgreSQL reads, and that writes of nodes of the previous release count in them.

use chat_core::conversations::{ConversationPage, Counts};
use chat_core::ids::{ConversationId, Seq, UserId};
use chat_core::receipts::Pointers;
use chat_core::time::Timestamp;
use tokio_postgres::Client;

use crate::old_nodes::old_node;
use crate::support::PostgresStore;

const JERRY: UserId = UserId(2);
const GROUP: ConversationId = ConversationId(1);
const MANY: i64 = 10_000;
/// Number of times that each kind of answer is requested.
const ROUNDS: i64 = 10;
/// Upper bound for the rows read for one answer. Counting one by one takes 10,000 at least.
const ROWS: i64 = 2000;

/// A group of three members who have read nothing.
const NEW_GROUP: &str = "INSERT INTO conversations (id, n_members) VALUES (1, 3);
    INSERT INTO groups (id, conversation_id, name, owner_id, created_at) VALUES (1, 1, 'mice', 1, 0);
    INSERT INTO members (conversation_id, user_id, role, joined_at) SELECT 1, u, 'member', 0 FROM generate_series(1, 3) u";

/// Writes messages of the members in turn to the group, with the columns of the previous release. Some of each block
/// mention everybody or Jerry, are deleted, or hidden by him, or several of these.
fn write(first: i64, last: i64) -> String {
    let new = format!("seq BETWEEN {first} AND {last}");
    format!(
        "UPDATE conversations SET last_seq = {last};
         INSERT INTO messages (id, conversation_id, seq, rev, position, sender_id, recipient_id, group_id, kind,
                               content, media_url, sent_at)
         SELECT n, 1, n, n, n, n % 3 + 1, 0, 1, 'text', 'hi', '', 0 FROM generate_series({first}, {last}) n;
         INSERT INTO mentions SELECT 1, unnest(CASE seq % 3 WHEN 0 THEN ARRAY[2, 3] WHEN 1 THEN ARRAY[2, 0]
                                               ELSE ARRAY[0] END), seq FROM messages WHERE {new} AND seq % 5 = 0;
         INSERT INTO hidden_messages SELECT 2, id, 1, 1 FROM messages WHERE {new} AND seq % 7 = 0;
         DELETE FROM mentions WHERE {new} AND seq % 11 = 0;
         UPDATE messages SET content = '', deleted_at = 1 WHERE {new} AND seq % 11 = 0;
         UPDATE log SET position = {last}, message_id = {last}"
    )
}

/// Counts Jerry's unread messages one by one.
async fn counted(db: &Client, read: i64) -> Counts {
    let sql = "SELECT count(*), count(*) FILTER (WHERE EXISTS (
                   SELECT 1 FROM mentions n WHERE n.conversation_id = 1 AND n.seq = m.seq AND n.user_id IN (0, 2)))
               FROM messages m WHERE m.seq > $1 AND m.sender_id <> 2 AND m.deleted_at IS NULL AND NOT EXISTS (
                   SELECT 1 FROM hidden_messages h WHERE h.user_id = 2 AND h.message_id = m.id)";
    let row = db.query_one(sql, &[&read]).await.unwrap();
    let count = |column| u32::try_from(row.get::<_, i64>(column)).unwrap();
    Counts { unread: count(0), mentions: count(1) }
}

/// Compares the counts with each pointer.
async fn compare(node: &PostgresStore, reads: impl Iterator<Item = i64>) {
    let db = node.connect().await;
    for read in reads {
        db.execute("UPDATE members SET read_seq = $1", &[&read]).await.unwrap();
        let own = node.store.conversation(JERRY, GROUP).await.unwrap().own;
        assert_eq!(own.counts, counted(&db, read).await, "after {read}");
    }
}

/// Closes the store. Returns how many entries of indexes and rows without an index were read so far.
async fn rows_read(node: &PostgresStore) -> i64 {
    let db = node.connect_for_statistics().await;
    let sql = "SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)::bigint
                    + (SELECT sum(seq_tup_read) FROM pg_stat_user_tables)::bigint";
    db.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn very_many_unread_messages_are_counted_with_few_rows() {
    let node = PostgresStore::fresh().await;
    node.users(["tom", "jerry", "tyke"]).await;
    let db = node.connect().await;
    db.batch_execute(NEW_GROUP).await.unwrap();
    db.batch_execute(&write(1, MANY)).await.unwrap();
    drop(db);
    let before = rows_read(&node).await;
    let node = node.reopen().await;
    for _ in 0..ROUNDS {
        let own = node.store.conversation(JERRY, GROUP).await.unwrap().own;
        assert!(i64::from(own.counts.unread) > MANY / 3);
        node.store.conversations(JERRY, ConversationPage { after: None, limit: 50 }).await.unwrap();
        node.store.totals(JERRY, Timestamp(0)).await.unwrap();
    }
    for seq in 1..=ROUNDS {
        let to = Pointers { delivered: Seq(seq), read: Seq(seq) };
        assert_eq!(node.store.move_pointers(JERRY, GROUP, to).await.unwrap().0.len(), 1);
    }
    let rows = rows_read(&node).await - before;
    assert!((1..ROWS * 4 * ROUNDS).contains(&rows), "{rows} rows for {} answers", 4 * ROUNDS);
    let node = node.reopen().await;
    compare(&node, [0, 1, 255, 256, 257, 5000, MANY - 257, MANY - 1, MANY].into_iter()).await;
}

#[tokio::test]
async fn writes_of_the_previous_release_count_before_and_after_the_first_start() {
    let users = [("tom", "tom@temp.com", 1), ("jerry", "jerry@temp.com", 2), ("tyke", "tyke@temp.com", 3)];
    let node = old_node(&users, &format!("{NEW_GROUP}; {}", write(1, 1000))).await;
    compare(&node, (0..=1000).step_by(97)).await;
    let db = node.connect().await;
    db.batch_execute(&write(1001, 1700)).await.unwrap();
    // An old node deletes what was hidden and mentioned long before.
    for seq in [14_i64, 15, 700, 1400] {
        db.execute("DELETE FROM mentions WHERE seq = $1", &[&seq]).await.unwrap();
        let sql = "UPDATE messages SET content = '', deleted_at = 1, rev = rev + 1 WHERE seq = $1";
        db.execute(sql, &[&seq]).await.unwrap();
    }
    compare(&node, (0..=1700).step_by(83)).await;
    // A program that restores rows may have no path.
    let sql = "SET search_path = ''; UPDATE public.messages SET deleted_at = 2 WHERE seq IN (16, 1601)";
    db.batch_execute(sql).await.unwrap();
    compare(&node, (0..=1700).step_by(331)).await;
}
