//! A database of the previous release, and nodes of that release beside one of this. They still write rows
//! without the columns and keys that this release adds.

use std::sync::Arc;

use chat_core::accounts::{AccountQuery, LoginName, NewAccount};
use chat_core::event::{Change, Event};
use chat_core::feed::{Page, ReaderAdmin, Start, Why};
use chat_core::groups::RemoveMember;
use chat_core::ids::{MessageId, Position, UserId};
use chat_core::messages::Recipient;
use chat_core::sync::Cursor;
use tokio_postgres::Client;

use crate::support::PostgresStore;
use chat_contract::{
    TestStore, account, add_reader, assert_entries, code, must_reload, read_rest, reader_name,
};

const FIRST: &str = include_str!("../../migrations/0001_initial.sql");

/// Registers a user as a node of the previous release does.
async fn register(db: &Client, name: &str, email: &str, at: i64) {
    let sql = "INSERT INTO users (username, username_key, email, email_key, password_hash, created_at)
               VALUES ($1, lower($1), $2, lower($2), 'x', $3)";
    db.execute(sql, &[&name, &email, &at]).await.unwrap();
}

/// Creates a database of the previous release with these users, runs statements of that release, and opens it; `seconds`
/// is the time of each registration.
pub(crate) async fn old_node(users: &[(&str, &str, i64)], statements: &str) -> PostgresStore {
    let database = tokio::task::spawn_blocking(|| chat_engines::shared().database()).await.unwrap().unwrap();
    let (db, connection) = tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    db.batch_execute(FIRST).await.unwrap();
    let version = "CREATE TABLE schema_version (
                       only_row bigint PRIMARY KEY CHECK (only_row = 1), version bigint NOT NULL,
                       works_from bigint NOT NULL);
                   INSERT INTO schema_version VALUES (1, 1, 1)";
    db.batch_execute(version).await.unwrap();
    for (name, email, seconds) in users {
        register(&db, name, email, 1_000_000 * seconds).await;
    }
    db.batch_execute(statements).await.unwrap();
    drop(db);
    driver.await.unwrap().unwrap();
    PostgresStore::on_database(database).await
}

async fn found(node: &TestStore, typed: &str) -> Vec<String> {
    let query = AccountQuery { prefix: Some(typed.into()), after: UserId(0), limit: 10 };
    node.store.accounts(query).await.unwrap().into_iter().map(|account| account.username).collect()
}

#[tokio::test]
async fn the_previous_release_keeps_working_and_its_writes_count() {
    let node = old_node(&[("Zoë", "zoe@temp.com", 1), ("bob\u{200b}", "bob@temp.com", 2)], "").await;
    let db = node.connect().await;
    let versions = db.query_one("SELECT version, works_from FROM schema_version", &[]).await.unwrap();
    assert_eq!((versions.get::<_, i64>(0), versions.get::<_, i64>(1)), (2, 1));
    assert_eq!(found(&node, "zoe").await, ["Zoë"]);
    assert_eq!(code(node.store.create_account(account("bob")).await), "username_taken", "an old name counts");
    let old = node.store.credentials(LoginName::Username("BOB\u{200b}".into())).await.unwrap();
    assert_eq!(old.map(|old| old.account.id), Some(UserId(2)), "and still logs in");

    register(&db, "Zoé Dupont", "dupont@temp.com", 3).await;
    assert_eq!(found(&node, "zoe").await, ["Zoë", "Zoé Dupont"], "before it has keys");
    assert_eq!(found(&node, "dup").await, ["Zoé Dupont"]);
    let alike = NewAccount { email: "x@temp.com".into(), ..account("Zоé Dupont") };
    assert_eq!(code(node.store.create_account(alike.clone()).await), "username_taken");
    node.user("spike").await;
    assert_eq!(found(&node, "dup").await, ["Zoé Dupont"], "and when it has them");
    assert_eq!(code(node.store.create_account(alike).await), "username_taken");
    register(&db, "late", "late@temp.com", 4).await;
    let keyed = async || {
        db.query_one("SELECT count(DISTINCT user_id) FROM name_keys", &[]).await.unwrap().get::<_, i64>(0)
    };
    assert_eq!(keyed().await, 4);
    let second = node.second().await;
    assert_eq!(keyed().await, 5, "the next start fills in the rest");
    assert_eq!(found(&second, "la").await, ["late"]);
}

/// Removes a member from a group as a node of the previous release does.
async fn remove(db: &Client, conversation: i64, user: i64) {
    let sql = "UPDATE log SET position = position + 1 RETURNING position";
    let position: i64 = db.query_one(sql, &[]).await.unwrap().get(0);
    let sql = "DELETE FROM members WHERE conversation_id = $1 AND user_id = $2";
    db.execute(sql, &[&conversation, &user]).await.unwrap();
    let sql = "INSERT INTO departures (user_id, conversation_id, position) VALUES ($1, $2, $3)
               ON CONFLICT (user_id, conversation_id) DO UPDATE SET position = excluded.position";
    db.execute(sql, &[&user, &conversation, &position]).await.unwrap();
    let sql = "UPDATE conversations SET rev = rev + 1, n_members = n_members - 1, position = $2,
                      meta_position = $2 WHERE id = $1";
    db.execute(sql, &[&conversation, &position]).await.unwrap();
}

#[tokio::test]
async fn a_member_who_left_through_an_old_node_sees_no_change_after_the_next_start() {
    let node = PostgresStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let group = node.group(tom, &[jerry]).await;
    let db = node.connect().await;
    let start = node.store.log_end().await.unwrap().position;
    let removal_rev = async |node: &TestStore| {
        let changes = node.store.changes(jerry, start.into(), 100).await.unwrap().events;
        let [Event { change: Change::MemberRemoved { conversation, .. }, .. }] = &changes[..] else {
            panic!("{changes:?}")
        };
        conversation.rev
    };
    // The member leaves once through this release and, after joining again, through the previous one: the
    // first departure no longer counts.
    node.store.remove_member(RemoveMember { actor: tom, group: group.id, user: jerry }).await.unwrap();
    let first = removal_rev(&node).await;
    node.add(tom, group.id, jerry).await.unwrap();
    remove(&db, group.conversation.0, jerry.0).await;
    assert!(removal_rev(&node).await > first);
    let second = node.second().await;
    let rev = removal_rev(&second).await;
    second.say(tom, Recipient::Group(group.id), "since then").await;
    assert_eq!(removal_rev(&second).await, rev);
}

#[tokio::test]
async fn the_demo_users_of_the_previous_release_are_recognised() {
    let [tom, jerry] = [("tom", "tom@temp.com"), ("jerry", "jerry@temp.com")];
    for (users, n_demo) in [
        (vec![(tom.0, tom.1, 100), (jerry.0, jerry.1, 101)], 2),
        (vec![(tom.0, tom.1, 100), (jerry.0, jerry.1, 200)], 0),
        (vec![("spike", "spike@temp.com", 99), (tom.0, tom.1, 100), (jerry.0, jerry.1, 101)], 0),
        (vec![(tom.0, tom.1, 100), ("jerry", "other@temp.com", 101)], 0),
        (vec![(tom.0, tom.1, 100)], 0),
    ] {
        let node = old_node(&users, "").await;
        assert_eq!(node.store.demo_accounts().await.unwrap().len(), n_demo, "{users:?}");
        node.close().await;
    }
}

/// Commits as a node of the previous release does: with a batch in the journal, but no entry of the feed.
async fn commit_as_before(db: &Client, count: i64) -> Vec<Arc<Event>> {
    let end: i64 = db.query_one("SELECT position FROM log", &[]).await.unwrap().get(0);
    let saved = |n| Change::MessageSaved { user: UserId(n), message: MessageId(1), saved: n % 2 == 0 };
    let event = |n| Arc::new(Event { position: Position(end + n), change: saved(n) });
    let events: Vec<_> = (1..=count).map(event).collect();
    let sql = "WITH moved AS (UPDATE log SET position = $2)
               INSERT INTO journal (first, last, body) VALUES ($1, $2, $3)";
    db.execute(sql, &[&(end + 1), &(end + count), &chat_codec::event::encode(&events)]).await.unwrap();
    events
}

#[tokio::test]
async fn readers_get_the_writes_of_the_previous_release() {
    let node = PostgresStore::fresh().await;
    let db = node.connect().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    node.say(tom, Recipient::User(jerry), "before").await;
    commit_as_before(&db, 1).await;
    let start = add_reader(&*node.store, "a", Start::End).await.at.position;
    assert_eq!(start, node.store.log_end().await.unwrap().position);
    let mut all = commit_as_before(&db, 3).await;
    all.extend(commit_as_before(&db, 2).await);
    assert_entries(&read_rest(&*node.store, "a", 2).await, &all);
    // Now a node of this release is the next to write.
    let mut more = commit_as_before(&db, 2).await;
    node.say(tom, Recipient::User(jerry), "after").await;
    more.extend(node.sink.events().last().cloned());
    more.extend(commit_as_before(&db, 1).await);
    let second = node.second().await;
    assert_eq!(second.store.feed_readers().await.unwrap()[0].lag, 4);
    // An operator gets the same.
    let page = node.with_admin(|admin| admin.page(&reader_name("a"), 10)).await;
    let Page::Entries { entries, .. } = page else { panic!("{page:?}") };
    assert_entries(&entries, &more);
    assert_entries(&read_rest(&*second.store, "a", 10).await, &more);
    more = commit_as_before(&db, 2).await;
    assert_eq!(node.with_admin(|admin| admin.list()).await[0].lag, 2);
    assert_entries(&read_rest(&*second.store, "a", 10).await, &more);
}

#[tokio::test]
async fn readers_reload_if_the_journal_lacks_writes_of_the_previous_release() {
    let node = PostgresStore::fresh().await;
    let db = node.connect().await;
    let start = add_reader(&*node.store, "a", Start::End).await.at;
    let whole = commit_as_before(&db, 1).await;
    assert_entries(&read_rest(&*node.store, "a", 10).await, &whole);
    commit_as_before(&db, 2).await;
    db.execute("DELETE FROM journal", &[]).await.unwrap();
    commit_as_before(&db, 2).await;
    let end = Cursor { position: Position(start.position.0 + 5), ..start };
    assert_eq!(must_reload(&*node.store, "a").await, (Why::TooOld, end));
    node.store.acknowledge(reader_name("a"), end).await.unwrap();
    let after = commit_as_before(&db, 1).await;
    assert_entries(&read_rest(&*node.store, "a", 10).await, &after);
}
