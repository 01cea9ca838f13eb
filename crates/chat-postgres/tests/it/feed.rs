//! The readers of the feed as an operator sees to them beside nodes that write.

use chat_core::feed::{Desk, Page, Start};
use chat_core::messages::Recipient;

use crate::support::PostgresStore;
use chat_contract::{add_reader, reader_name};

#[tokio::test]
async fn whoever_looks_at_readers_waits_for_no_writer() {
    let node = PostgresStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    for reader in ["a", "b"] {
        add_reader(&*node.store, reader, Start::End).await;
        node.say(tom, Recipient::User(jerry), "something").await;
    }
    let mut db = node.connect().await;
    let writer = db.transaction().await.unwrap();
    writer.execute("SELECT 1 FROM log FOR UPDATE", &[]).await.unwrap();
    let found = node.at_desk(|desk| desk.list()).await;
    let found: Vec<_> = found.iter().map(|it| (it.reader.name.to_string(), it.lag)).collect();
    assert!(found[0].1 > found[1].1 && found[1].1 > 0, "{found:?}");
    let page = node.at_desk(|desk| desk.page(&reader_name("b"), 10)).await;
    let wanted = usize::try_from(found[1].1).unwrap();
    assert!(matches!(&page, Page::Entries { entries, .. } if entries.len() == wanted), "{page:?}");
    writer.rollback().await.unwrap();
}
