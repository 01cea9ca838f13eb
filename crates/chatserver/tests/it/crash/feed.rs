//! `kill -9` under load while a reader follows the feed: every acknowledged message is in it, once and in order.

use crate::durability::{Crashes, crashes};
use crate::support::Server;
use crate::support::feed::{assert_whole, done, posted, rest};

const CYCLES: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_of_a_server_that_is_killed_has_every_message_once_and_in_order() {
    let server = Server::start();
    let setup = server.setup.clone();
    done(&setup, &["add", "a"]);
    let Crashes { ledger, acked, .. } = crashes(server, CYCLES).await;
    assert!(acked > 0);
    // The last server was killed, too.
    let entries = rest(&setup, "a");
    assert_whole(&entries);
    let mut acked: Vec<_> = ledger.iter().filter_map(|entry| entry.acked).map(|(id, _)| id).collect();
    assert_eq!(acked.len(), ledger.len(), "each was sent again until it was answered");
    acked.sort_unstable();
    assert_eq!(posted(&entries), acked);
    // Reading and acknowledging works while a server runs.
    let server = setup.start();
    server.get("/readyz").await.expect(200);
}
