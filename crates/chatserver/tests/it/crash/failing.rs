//! Full and failing disks: writes that cannot be stored are refused, stored ones stay, and the server recovers as soon
//! as the disk does (README, promises 1 and 8). A limit to the size of files imitates a full disk; `strace` injects
//! errors in place of a call.
//!
//! `IO_ERRORS=200` lets each kind of call fail at this many places, one after the other. By default, at a few.

use std::time::Duration;

use rusqlite::Connection;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::power::load::strace;
use crate::proof::from_environment;
use crate::proof::ledger::{Entry, Load, Participants, retry};
use crate::proof::verdict::Verdict;
use crate::support::people::p2p;
use crate::support::{Server, Setup, eventually};

const PLACES: usize = 4;
/// Upper bound of the calls of either kind that a start and the cast make.
const FIRST_PLACE: usize = 200;

/// Sets the largest size of a file that the server may write. `None` lifts the limit.
fn limit_files(server: &Server, bytes: Option<u64>) {
    let id = Pid::from_raw(i32::try_from(server.id()).unwrap());
    prlimit(id, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

/// Restarts the server and checks that everything acknowledged is there and that the file is sound.
async fn kept(mut server: Server, setup: &Setup, participants: &Participants, mut ledger: Vec<Entry>) {
    server.kill();
    let server = setup.start();
    let retried = retry(&server, participants, &mut ledger, true).await;
    assert_eq!(retried.moved, 0);
    assert_eq!(Verdict::on(&server, participants, &ledger).await, Verdict::clean(&ledger));
    let db = Connection::open(setup.database()).unwrap();
    let sound: String = db.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_serves_reads_and_heals_without_a_restart() {
    let setup = Setup::new();
    // The signal that comes with the limit is not part of a full disk.
    let server = setup.clone().through(&["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).start();
    let participants = Participants::of(&server).await;
    let log = setup.path("chatserver.db-wal");
    limit_files(&server, Some(std::fs::metadata(log).unwrap().len() + 512 * 1024));
    let load = Load::start(&server, &participants, "full").await;
    eventually(30, "the disk is full", async || load.refused() >= 20).await;
    // A short write may still fit where a longer one did not. With 0 bytes none does.
    limit_files(&server, Some(0));
    let refused = load.refused();
    eventually(10, "nobody is served", async || load.refused() >= refused + 20).await;

    let acked = load.acked();
    assert!(acked > 0, "there was room for some");
    let ann = &participants.users[0];
    let body = serde_json::json!({"content": "no room", "client_msg_id": "no room"});
    let refusal = ann.post(&p2p(participants.users[1].id), &body).await;
    refusal.refused(503, "storage_unavailable");
    assert!(refusal.header("retry-after").is_some());
    server.get("/readyz").await.refused(503, "storage_unavailable");
    assert_eq!(server.get("/healthz").await.status, 200);
    assert!(!ann.history(&participants.users[1]).await.is_empty());
    assert_eq!(load.acked(), acked, "nothing is acknowledged meanwhile");

    limit_files(&server, None);
    let began = std::time::Instant::now();
    eventually(10, "ready again", async || server.get("/readyz").await.status == 200).await;
    load.acks(50).await;
    let healed = began.elapsed();
    assert!(healed < Duration::from_secs(5), "{healed:?}");
    let refused = load.refused();
    let ledger = load.end().await;
    eprintln!("full: {refused} refused, {} sent, healed after {healed:?}", ledger.len());
    kept(server, &setup, &participants, ledger).await;
}

/// Lets the n-th call and the one after it fail, for several n.
async fn fails(call: &str, error: &str) {
    let places = from_environment("IO_ERRORS", PLACES);
    let (mut acked, mut refused) = (0, 0);
    for place in 0..places {
        let first = FIRST_PLACE + place * 7;
        let setup = Setup::new();
        let inject = format!("inject={call}:error={error}:when={first}..{}", first + 1);
        let trace = format!("trace={call}");
        let server = strace(&setup, &["--seccomp-bpf", "-s", "0", "-e", &trace, "-e", &inject]).start();
        let participants = Participants::of(&server).await;
        let load = Load::start(&server, &participants, place).await;
        eventually(60, "a refusal", async || load.refused() > 0).await;
        load.acks(50).await;
        assert_eq!(server.get("/readyz").await.status, 200, "it goes on after {call} failed at {first}");
        acked += load.acked();
        refused += load.refused();
        let ledger = load.end().await;
        kept(server, &setup, &participants, ledger).await;
    }
    eprintln!("{call} fails with {error} at {places} places: {acked} acknowledged, {refused} refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_of_a_sync_refuses_its_writes_and_loses_nothing() {
    fails("fdatasync", "EIO").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_of_a_write_refuses_its_writes_and_loses_nothing() {
    fails("pwrite64", "EIO").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_space_for_a_write_refuses_its_writes_and_loses_nothing() {
    fails("pwrite64", "ENOSPC").await;
}
