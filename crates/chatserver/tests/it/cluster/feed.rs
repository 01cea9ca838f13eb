//! Two nodes write one feed: what either acknowledges is in it, whichever of them is killed.

use tokio::task::block_in_place;

use super::nodes::Nodes;
use crate::proof::ledger::{Cast, Load, retry};
use crate::support::feed::{assert_whole, done, first_page, posted, rest};

/// Acknowledged by each node between two happenings.
const ACKS: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_has_what_both_nodes_acknowledge_though_one_is_killed() {
    let mut nodes = Nodes::start(2);
    let setup = nodes.servers[0].setup.clone();
    block_in_place(|| done(&setup, &["add", "a"]));
    let cast = Cast::of(&nodes.servers[0]).await;
    let one = Load::start(&nodes.servers[0], &cast, "one").await;
    let two = Load::start(&nodes.servers[1], &cast.at(&nodes.servers[1]), "two").await;
    one.acks(ACKS).await;
    two.acks(ACKS).await;
    // While both write.
    let mut entries = block_in_place(|| first_page(&setup, "a"));
    nodes.servers[1].kill();
    let mut ledger = two.end().await;
    one.acks(ACKS).await;
    ledger.extend(one.end().await);
    retry(&nodes.servers[0], &cast, &mut ledger, false).await;
    entries.extend(block_in_place(|| rest(&setup, "a")));
    assert_whole(&entries);
    let mut told: Vec<_> = ledger.iter().filter_map(|entry| entry.told).map(|(id, _)| id).collect();
    told.sort_unstable();
    assert_eq!(posted(&entries), told);
    assert!(told.len() >= 3 * ACKS);
}
