//! Two nodes write one feed: it has whatever either acknowledges, whichever of them is killed.

use tokio::task::block_in_place;

use super::nodes::Nodes;
use crate::proof::ledger::{Load, Participants, retry};
use crate::support::feed::{assert_whole, done, first_page, posted, rest};

/// Acknowledged messages of each node between two steps.
const ACKS: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_has_what_both_nodes_acknowledge_though_one_is_killed() {
    let mut nodes = Nodes::start(2);
    let setup = nodes.servers[0].setup.clone();
    block_in_place(|| done(&setup, &["add", "a"]));
    let participants = Participants::of(&nodes.servers[0]).await;
    let one = Load::start(&nodes.servers[0], &participants, "one").await;
    let two = Load::start(&nodes.servers[1], &participants.at(&nodes.servers[1]), "two").await;
    one.acks(ACKS).await;
    two.acks(ACKS).await;
    // While both nodes write.
    let mut entries = block_in_place(|| first_page(&setup, "a"));
    nodes.servers[1].kill();
    let mut ledger = two.end().await;
    one.acks(ACKS).await;
    ledger.extend(one.end().await);
    retry(&nodes.servers[0], &participants, &mut ledger, false).await;
    entries.extend(block_in_place(|| rest(&setup, "a")));
    assert_whole(&entries);
    let mut acked: Vec<_> = ledger.iter().filter_map(|entry| entry.acked).map(|(id, _)| id).collect();
    acked.sort_unstable();
    assert_eq!(posted(&entries), acked);
    assert!(acked.len() >= 3 * ACKS);
}
