//! The operator's access to the feed's readers while nodes write.

use chat_core::feed::{Page, ReaderAdmin, Start};
use chat_core::messages::Recipient;

use crate::support::PostgresStore;
use chat_contract::{add_reader, reader_name};

#[tokio::test]
async fn looking_at_readers_waits_for_no_writer() {
    let node = PostgresStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    for reader in ["a", "b"] {
        add_reader(&*node.store, reader, Start::End).await;
        node.say(tom, Recipient::User(jerry), "something").await;
    }
    let mut db = node.connect().await;
    let writer = db.transaction().await.unwrap();
    writer.execute("SELECT 1 FROM log FOR UPDATE", &[]).await.unwrap();
    let found = node.with_admin(|admin| admin.list()).await;
    let found: Vec<_> = found.iter().map(|it| (it.reader.name.to_string(), it.lag)).collect();
    assert!(found[0].1 > found[1].1 && found[1].1 > 0, "{found:?}");
    let page = node.with_admin(|admin| admin.page(&reader_name("b"), 10)).await;
    let wanted = usize::try_from(found[1].1).unwrap();
    assert!(matches!(&page, Page::Entries { entries, .. } if entries.len() == wanted), "{page:?}");
    writer.rollback().await.unwrap();
}
