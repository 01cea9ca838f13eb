//! A database from the release before the `chatserver` schema: it is served where it is, with all its data,
//! and nodes of that release can still write to it.

use chat_core::ids::{ConversationId, MessageId, UserId};
use chat_core::messages::Recipient;
use chat_engines::Database;
use chat_postgres::{Options, Postgres};
use tokio::task::{block_in_place, spawn_blocking};

use crate::support::PostgresStore;
use chat_contract::ALL;

const DATABASE: &str = include_str!("other_release/database.sql");
/// Statements of that release.
const WRITES: &str = include_str!("other_release/writes.sql");
const EPOCH: u32 = 305_419_896;
const TOM: UserId = UserId(1);
const JERRY: UserId = UserId(2);

fn database_of_that_release() -> Database {
    let made = chat_engines::shared().database();
    let database = made.unwrap_or_else(|error| panic!("no PostgreSQL: {error:#}"));
    database.execute(DATABASE).unwrap();
    database
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_that_release_is_served_where_it_is() {
    let database = block_in_place(database_of_that_release);
    let options = Options { url: database.url(), readers: 1, ..Options::default() };
    let (epoch, key) = spawn_blocking(move || {
        let prepared = Postgres::prepare(&options).unwrap();
        assert!(!prepared.is_new);
        (prepared.epoch(), prepared.kept_secret("another").unwrap())
    })
    .await
    .unwrap();
    assert_eq!((epoch.0, key.as_str()), (EPOCH, "of-the-earlier-release-and-kept-by-this-one"));
    assert_eq!(
        block_in_place(|| database.execute("SELECT to_regnamespace('chatserver') IS NULL").unwrap()),
        "t"
    );

    let node = PostgresStore::on_database(database).await;
    let history = node.store.direct_history(TOM, JERRY, ALL).await.unwrap();
    let contents: Vec<_> = history.iter().map(|it| (it.id.0, it.seq.0, it.content.as_str())).collect();
    assert_eq!(contents, [(1, 1, "Is there any cheese?"), (2, 2, "There is.")]);
    assert_eq!(history[0].reactions.len(), 1);
    assert!(history[0].edited_at.is_some() && history[0].pin.is_some());
    let sent = node.say(JERRY, Recipient::User(TOM), "from a new node").await;
    assert_eq!((sent.id, sent.seq.0, sent.conversation), (MessageId(6), 3, ConversationId(1)));
    assert_eq!(node.user("nibbles").await, UserId(4));
    node.close().await;
}

/// While nodes are replaced one after the other, both releases write.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_that_release_can_still_write() {
    let node = PostgresStore::on_database(block_in_place(database_of_that_release)).await;
    let db = node.connect().await;
    db.batch_execute(WRITES).await.unwrap();
    let nibbles = UserId(4);
    let history = node.store.direct_history(TOM, nibbles, ALL).await.unwrap();
    let contents: Vec<_> = history.iter().map(|it| it.content.as_str()).collect();
    assert_eq!(contents, ["from an earlier node"]);
    let answer = node.say(TOM, Recipient::User(nibbles), "from a new node").await;
    assert_eq!((answer.id, answer.seq.0), (MessageId(7), 2));
    // This value lets nodes of that release start on it again.
    let sql = "SELECT works_from FROM public.schema_version";
    assert_eq!(db.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 1);
    node.close().await;
}
