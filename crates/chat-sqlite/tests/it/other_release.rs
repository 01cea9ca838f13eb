//! Rows that another release may have written.

use chat_core::media::MessageKind;
use chat_core::messages::{Mentions, Recipient};
use rusqlite::Connection;

use crate::support::SqliteStore;
use chat_contract::ALL;
use chat_contract::rich;

/// A message stays readable even if this release cannot read all of its row.
#[tokio::test]
async fn an_unreadable_column_never_hides_a_message() {
    let node = SqliteStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = node.post(rich(tom, Recipient::User(jerry), &[jerry])).await;
    let rows = Connection::open(&node.path).unwrap();
    for broken in ["not JSON", "[1]", "{\"media\":7}"] {
        let sql = "UPDATE messages SET extra = ?1, streaming = 'hovering', kind = 'hologram'";
        rows.execute(sql, [broken]).unwrap();
        let read = node.store.direct_history(jerry, tom, ALL).await.unwrap().pop().unwrap();
        assert_eq!((read.id, read.content.as_str(), read.kind), (sent.id, "look", MessageKind::Text));
        assert_eq!(read.media_url(), sent.media_url(), "the column has the first one's address");
        assert_eq!((read.mentions, read.custom, read.streaming), (Mentions::default(), None, None));
    }
}
