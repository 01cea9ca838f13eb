//! Tests of the tests: servers that are broken on purpose, each in one way, and the routines that have to notice.

use super::power::cut;
use super::power::load::record;
use crate::durability::crashes;
use crate::proof::slow::{MAX_GROWN_MIB, never_reads};
use crate::support::Setup;

const CRASHES: usize = 6;
const CUTS: usize = 12;

fn broken(way: &str) -> Setup {
    Setup::new().env("CHATSERVER_FAILPOINTS", way)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashes_notice_an_ack_before_the_commit() {
    let found = crashes(broken("ack_before_commit").start(), CRASHES).await.verdict;
    eprintln!("ack_before_commit: {found:?}");
    assert!(found.lost > 0, "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashes_notice_that_keys_are_not_looked_at() {
    let found = crashes(broken("no_dedupe").start(), CRASHES).await.verdict;
    eprintln!("no_dedupe: {found:?}");
    assert!(found.doubled > 0, "{found:?}");
    assert_eq!(found.lost, 0, "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_reads_notices_a_queue_without_a_bound() {
    let found = never_reads(&broken("no_queue_bound").start()).await;
    eprintln!("no_queue_bound: {found:?}");
    assert!(found.grown_mib > MAX_GROWN_MIB && !found.closed, "{found:?}");
}

/// With `synchronous=NORMAL` SQLite syncs at checkpoints only: a process crash does no harm, a power cut does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_cuts_notice_commits_that_are_not_synced() {
    let recording = record(&broken("sync_normal")).await;
    let (syncs, found) = (recording.syncs(), cut(&recording, CUTS));
    eprintln!("sync_normal: {syncs:?} {found:?}");
    assert!(syncs.announced_too_early > 0, "{syncs:?}");
    assert!(found.lost > 0, "{found:?}");
    assert_eq!((found.damaged, found.doubled), (0, 0), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_cuts_notice_an_ack_before_the_commit() {
    let recording = record(&broken("ack_before_commit")).await;
    let (syncs, found) = (recording.syncs(), cut(&recording, CUTS));
    eprintln!("ack_before_commit: {syncs:?} {found:?}");
    assert!(syncs.announced_too_early > 0 && found.lost > 0, "{syncs:?} {found:?}");
}
