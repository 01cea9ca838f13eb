//! Readers of the feed as another release has left them.

use chat_core::feed::Start;
use chat_core::messages::Recipient;
use rusqlite::Connection;

use crate::support::SqliteStore;
use chat_contract::{add_reader, read_rest, reader_name};

#[tokio::test]
async fn a_name_of_a_later_release_breaks_no_other_reader() {
    let node = SqliteStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    add_reader(&*node.store, "a", Start::End).await;
    let sql = "INSERT INTO feed_readers SELECT 'tom & jerry', epoch, position, 0 FROM log;
               UPDATE log SET feed_readers = 2";
    Connection::open(&node.path).unwrap().execute_batch(sql).unwrap();
    node.say(tom, Recipient::User(jerry), "for both").await;
    let read = read_rest(&*node.store, "a", 10).await;
    let found = node.store.feed_readers().await.unwrap();
    let found: Vec<_> = found.iter().map(|it| (it.reader.name.as_str(), it.lag)).collect();
    assert_eq!(found, [("a", 0), ("tom & jerry", read.len() as u64)]);
    node.store.remove_reader(reader_name("a")).await.unwrap();
    node.say(tom, Recipient::User(jerry), "for the other").await;
    assert!(node.rows().await.feed.len() > read.len(), "it is still a reader");
}
