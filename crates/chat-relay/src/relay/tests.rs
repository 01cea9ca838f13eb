//! Two running relays over a bus and a journal in memory.

mod memory;

use std::sync::atomic::Ordering;
use std::time::Duration;

use chat_core::ids::Position;
use chat_core::sync::{Cursor, Epoch};
use chat_core::time::Timestamp;

use super::*;
use memory::{Cluster, JERRY, Node, TOM, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_reaches_the_node_that_its_user_is_connected_to() {
    let cluster = Cluster::with_bus();
    let (one, other) = (cluster.node(1).await, cluster.node(2).await);
    other.local_members.user(TOM, true);
    eventually(|| one.peers().link() == Some(Link::Up) && other.peers().link() == Some(Link::Up)).await;
    cluster.commit(&one, &[TOM, JERRY, TOM]);
    eventually(|| one.given() == [1, 2, 3] && other.given() == [1, 3]).await;
    // An event was not published to a node without subscribers for it.
    assert_eq!(cluster.n_published(Subject::User(TOM)), 1);
    eventually(|| other.peers().lag() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_the_bus_loses_are_read_from_the_journal() {
    let cluster = Cluster::with_bus();
    let (one, other) = (cluster.node(1).await, cluster.node(2).await);
    other.local_members.user(TOM, true);
    eventually(|| one.peers().link() == Some(Link::Up)).await;
    cluster.lose_all.store(true, Ordering::Relaxed);
    cluster.commit(&one, &[TOM, JERRY]);
    eventually(|| other.given() == [1]).await;
    cluster.lose_all.store(false, Ordering::Relaxed);
    cluster.commit(&other, &[JERRY]);
    eventually(|| one.given() == [1, 2] && other.given() == [1, 3]).await;
    // The last event of all is lost, so no later one reveals the gap.
    one.local_members.user(JERRY, true);
    cluster.lose_all.store(true, Ordering::Relaxed);
    cluster.commit(&other, &[JERRY]);
    eventually(|| one.given().ends_with(&[4])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_without_a_bus_read_the_journal() {
    let cluster = Cluster::without_bus();
    let (one, other) = (cluster.node(1).await, cluster.node(2).await);
    other.local_members.user(TOM, true);
    cluster.commit(&one, &[TOM]);
    cluster.commit(&one, &[TOM]);
    eventually(|| one.given() == [1, 2] && other.given() == [1, 2]).await;
    assert_eq!(one.peers().link(), None, "no bus, so no link");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_fails_is_tried_again() {
    let cluster = Cluster::without_bus();
    let (one, other) = (cluster.node(1).await, cluster.node(2).await);
    other.local_members.user(TOM, true);
    cluster.journal.fails.store(true, Ordering::Relaxed);
    cluster.commit(&one, &[TOM]);
    eventually(|| cluster.journal.n_failed.load(Ordering::Relaxed) >= 2).await;
    assert!(other.given().is_empty());
    cluster.journal.fails.store(false, Ordering::Relaxed);
    eventually(|| other.given() == [1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_clients_resume_if_the_journal_is_too_short() {
    let cluster = Cluster::without_bus();
    let (one, other) = (cluster.node(1).await, cluster.node(2).await);
    other.local_members.user(TOM, true);
    cluster.journal.fails.store(true, Ordering::Relaxed);
    cluster.commit(&one, &[TOM, TOM, TOM]);
    cluster.journal.trim(Position(2));
    cluster.journal.fails.store(false, Ordering::Relaxed);
    eventually(|| other.resumes.load(Ordering::Relaxed) == 1).await;
    cluster.commit(&one, &[TOM]);
    eventually(|| other.given() == [4]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_behind_does_not_block_writers() {
    let cluster = Cluster::without_bus();
    let one = cluster.node(1).await;
    one.hub.is_stuck.store(true, Ordering::Release);
    let n_batches = 20_000_i64;
    let sink = one.relay.sink();
    let began = std::time::Instant::now();
    for _ in 0..n_batches {
        sink.publish(&cluster.journal.append(&[TOM]));
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    one.hub.is_stuck.store(false, Ordering::Release);
    one.local_members.user(TOM, true);
    // More than the queue holds: the rest comes from the journal, in log order.
    eventually(|| one.given().len() == usize::try_from(n_batches).unwrap()).await;
    assert!(one.given().is_sorted_by(|a, b| a < b));
    assert!(one.metrics.dropped.get() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_reach_subscribed_nodes_and_none_twice() {
    let cluster = Cluster::with_bus();
    let (one, other) = (cluster.node(1).await, cluster.node(2).await);
    eventually(|| one.peers().link() == Some(Link::Up)).await;
    let typing = Signal::TypingToUser { from: TOM, to: JERRY, conversation: None, at: Timestamp(1) };
    one.relay.sink().signal(typing.clone());
    assert_eq!(one.signals(), 1);
    other.local_members.user(JERRY, true);
    one.relay.sink().signal(typing);
    eventually(|| other.signals() == 1).await;
    assert_eq!(one.signals(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_know_the_users_connected_to_the_others() {
    let cluster = Cluster::with_bus();
    let one = cluster.node(1).await;
    one.presence_registry.connect(TOM);
    eventually(|| one.peers().link() == Some(Link::Up)).await;
    assert!(!one.relay.has_met_the_others(), "there is no other node");
    let other = cluster.node(2).await;
    eventually(|| other.presence_registry.at(NodeId(1)) == [TOM]).await;
    eventually(|| other.relay.has_met_the_others()).await;
    other.presence_registry.connect(JERRY);
    other.local_members.presence(JERRY, Some(PresenceStatus::Online));
    eventually(|| one.presence_registry.at(NodeId(2)) == [JERRY]).await;
    other.relay.close().await;
    eventually(|| one.presence_registry.at(NodeId(2)).is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_link_is_reported_and_missed_events_arrive() {
    let cluster = Cluster::with_bus();
    let (one, other) = (cluster.node(1).await, cluster.node(2).await);
    other.local_members.user(TOM, true);
    eventually(|| other.peers().link() == Some(Link::Up)).await;
    cluster.break_link();
    eventually(|| other.peers().link() == Some(Link::Down)).await;
    cluster.commit(&one, &[TOM]);
    eventually(|| other.given() == [1]).await;
    cluster.mend_link();
    cluster.commit(&one, &[TOM]);
    eventually(|| other.given() == [1, 2] && other.peers().link() == Some(Link::Up)).await;
}

/// The database lost everything after the second event, and its log has a new epoch.
#[tokio::test(flavor = "multi_thread")]
async fn all_nodes_follow_another_log_and_deliver_nothing_of_the_previous_one() {
    let cluster = Cluster::with_bus();
    let (one, other) = (cluster.node(1).await, cluster.node(2).await);
    for node in [&one, &other] {
        node.local_members.user(TOM, true);
    }
    let is_up = |node: &Node| node.peers().link() == Some(Link::Up);
    eventually(|| is_up(&one) && is_up(&other)).await;
    cluster.commit(&one, &[TOM, TOM]);
    eventually(|| one.given() == [1, 2] && other.given() == [1, 2]).await;
    // When this node learns of the switch, the first of its later commits is on its way to the hub, and the second is
    // queued.
    other.hub.is_stuck.store(true, Ordering::Release);
    cluster.lose_all.store(true, Ordering::Relaxed);
    let lost = cluster.journal.append(&[TOM, TOM]);
    cluster.journal.truncate(2);
    other.relay.sink().publish(&lost[..1]);
    eventually(|| other.hub.waits.load(Ordering::Acquire)).await;
    other.relay.sink().publish(&lost[1..]);
    let to = Cursor { epoch: Epoch(2), position: Position(2) };
    let sink = other.relay.sink();
    let switch = tokio::task::spawn_blocking(move || sink.log_replaced(to));
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!switch.is_finished(), "it waits until the clients have to resume");
    other.hub.is_stuck.store(false, Ordering::Release);
    switch.await.unwrap();
    assert_eq!((*other.epoch.lock().unwrap(), other.resumes.load(Ordering::Relaxed)), (Epoch(2), 1));
    let sink = one.relay.sink();
    tokio::task::spawn_blocking(move || sink.log_replaced(to)).await.unwrap();
    cluster.lose_all.store(false, Ordering::Relaxed);
    cluster.commit(&other, &[TOM]);
    eventually(|| one.given() == [1, 2, 3] && other.given() == [1, 2, 3, 3]).await;
    cluster.commit(&one, &[TOM]);
    eventually(|| one.given() == [1, 2, 3, 4] && other.given() == [1, 2, 3, 3, 4]).await;
    // A second report of the same switch, from another database session, changes nothing.
    one.relay.sink().log_replaced(to);
    assert_eq!((one.resumes.load(Ordering::Relaxed), one.metrics.switches.get()), (1, 1));
}

impl Node {
    fn peers(&self) -> Arc<dyn Peers> {
        self.relay.peers()
    }
}
