//! What unread counts cost in rows that PostgreSQL reads and writes, and that writes of nodes of the previous release, and
//! of roles that do not own the tables, count in them.

use chat_contract::{TestStore, command, message};
use chat_core::conversations::{ConversationPage, Counts};
use chat_core::ids::{ConversationId, GroupId, Seq, UserId};
use chat_core::messages::{Mentions, Message, Recipient};
use chat_core::posting::{Body, NewMessage};
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

/// Posts a message to the group that mentions these users.
async fn mention(node: &TestStore, sender: UserId, users: &[UserId]) -> Message {
    let body = Body {
        mentions: Mentions { users: users.into(), all: false },
        content: "hi".into(),
        ..Body::default()
    };
    node.post(NewMessage { body, ..message(sender, Recipient::Group(GroupId(1)), "") }).await
}

#[tokio::test]
async fn mentioning_a_hundred_members_writes_a_row_for_each() {
    const MESSAGES: i64 = 200;
    let node = PostgresStore::fresh().await;
    let [tom] = node.users(["tom"]).await;
    let db = node.connect().await;
    db.batch_execute(NEW_GROUP).await.unwrap();
    let members = "INSERT INTO members (conversation_id, user_id, role, joined_at)
                   SELECT 1, u, 'member', 0 FROM generate_series(11, 110) u";
    db.batch_execute(members).await.unwrap();
    let users: Vec<_> = (11..=110).map(UserId).collect();
    let first = mention(&node, tom, &users).await;
    for _ in 1..MESSAGES {
        mention(&node, tom, &users).await;
    }
    node.store.delete(command(tom, &first)).await.unwrap();
    let own = node.store.conversation(UserId(50), GROUP).await.unwrap().own;
    assert_eq!(own.counts, Counts { unread: 199, mentions: 199 });
    drop(db);
    let db = node.connect_for_statistics().await;
    let written = async |table: &str| -> (i64, i64) {
        let sql = "SELECT n_tup_ins, n_tup_upd FROM pg_stat_user_tables WHERE relname = $1";
        let row = db.query_one(sql, &[&table]).await.unwrap();
        (row.get(0), row.get(1))
    };
    assert_eq!(written("mentions").await, (100 * MESSAGES, 0));
    // Three blocks of 64 have been counted for each member, and the first has been corrected.
    assert_eq!(written("mention_counts").await, (3 * 100, 100));
    assert_eq!(
        written("unread_corrections").await,
        (8, 0),
        "the deleted message, for everybody and its sender"
    );
}

/// Jerry reads all, and then messages that mention him are posted, one is deleted, and he hides one.
async fn mention_delete_and_hide(node: &TestStore) {
    let [tom, jerry] = [UserId(1), JERRY];
    let last = node.store.conversation(jerry, GROUP).await.unwrap().conversation.last_seq;
    node.store.move_pointers(jerry, GROUP, Pointers { delivered: last, read: last }).await.unwrap();
    mention(node, tom, &[jerry]).await;
    let deleted = mention(node, tom, &[tom, jerry]).await;
    node.store.delete(command(tom, &deleted)).await.unwrap();
    let hidden = mention(node, tom, &[jerry]).await;
    node.store.hide(command(jerry, &hidden)).await.unwrap();
    let own = node.store.conversation(jerry, GROUP).await.unwrap().own;
    assert_eq!(own.counts, Counts { unread: 1, mentions: 1 });
}

#[tokio::test]
async fn a_role_that_owns_nothing_writes_what_counts() {
    let node = PostgresStore::fresh().await;
    node.users(["tom", "jerry", "tyke"]).await;
    let db = node.connect().await;
    db.batch_execute(NEW_GROUP).await.unwrap();
    // The tables of the previous release only. Without rights on the others, a server of this release does not start.
    let role = node.new_role();
    let old = format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA chatserver TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON log, conversations, messages, mentions, hidden_messages TO {role}"
    );
    db.batch_execute(&old).await.unwrap();
    let app = node.connect_as(&role).await;
    app.batch_execute(&write(1, 600)).await.unwrap();
    app.execute("DELETE FROM mentions WHERE seq = 15", &[]).await.unwrap();
    app.execute("UPDATE messages SET deleted_at = 1 WHERE seq = 15", &[]).await.unwrap();
    let refused = app.execute("DELETE FROM mention_counts", &[]).await;
    assert!(refused.is_err(), "it has rights on the new tables");
    drop(app);
    compare(&node, (0..=600).step_by(53)).await;
    let all = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA chatserver TO {role}");
    db.batch_execute(&all).await.unwrap();
    let second = node.second_as(&role, "chatserver").await;
    mention_delete_and_hide(&second).await;
    second.close().await;
    compare(&node, (0..=600).step_by(53)).await;
    db.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
}

#[tokio::test]
async fn writes_count_after_the_schema_was_renamed() {
    let node = PostgresStore::fresh().await;
    node.users(["tom", "jerry", "tyke"]).await;
    let db = node.connect().await;
    db.batch_execute(NEW_GROUP).await.unwrap();
    mention_delete_and_hide(&node).await;
    node.close().await;
    db.batch_execute("ALTER SCHEMA chatserver RENAME TO \"else\"").await.unwrap();
    let second = node.second_as("postgres", "else").await;
    mention_delete_and_hide(&second).await;
    second.close().await;
    let sql = "SELECT DISTINCT unnest(proconfig) FROM pg_proc WHERE prosecdef";
    let paths: Vec<String> = db.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(paths, ["search_path=\"else\", pg_temp"], "a temporary table could take a table's place");
}
