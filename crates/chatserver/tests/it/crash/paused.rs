//! A server that is stopped for seconds in the middle of its work, as on a sleeping machine or a busy host: its clients
//! get their answers when it goes on, and nothing is lost or doubled.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::proof::ledger::{Load, Participants, retry};
use crate::proof::verdict::Verdict;
use crate::support::Server;

const PAUSES: usize = 2;
const PAUSE: Duration = Duration::from_millis(2500);

fn signal(server: &Server, signal: Signal) {
    for id in server.ids() {
        kill_process(Pid::from_raw(i32::try_from(id).unwrap()).unwrap(), signal).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_keeps_clients_waiting_and_loses_nothing() {
    let server = Server::start();
    let participants = Participants::of(&server).await;
    let load = Load::start(&server, &participants, "paused").await;
    for _ in 0..PAUSES {
        load.acks(50).await;
        signal(&server, Signal::STOP);
        let stopped = Instant::now();
        // The length of the pause is the test's subject.
        tokio::time::sleep(PAUSE).await;
        assert!(stopped.elapsed() >= PAUSE);
        signal(&server, Signal::CONT);
    }
    load.acks(50).await;
    assert_eq!(load.refused(), 0);
    let mut ledger = load.end().await;
    assert!(ledger.iter().all(|entry| entry.acked.is_some()), "everybody was answered in the end");
    let retried = retry(&server, &participants, &mut ledger, true).await;
    assert_eq!((retried.known, retried.moved), (ledger.len(), 0));
    let verdict = Verdict::on(&server, &participants, &ledger).await;
    eprintln!("{PAUSES} pauses of {PAUSE:?}, {} acknowledged: {verdict:?}", ledger.len());
    assert_eq!(verdict, Verdict::clean(&ledger));
}
