//! `kill -9` under load: every acknowledged message is stored once, with the acknowledged id and `seq` (README,
//! promises 1, 2 and 3).
//!
//! `CRASHES=200` sets the number of crashes. The default is twenty.

use std::time::{Duration, Instant};

use crate::proof::from_environment;
use crate::proof::ledger::{Entry, Load, Participants, Retried, retry};
use crate::proof::verdict::Verdict;
use crate::support::Server;

const CYCLES: usize = 20;
/// Minimum of acknowledged messages for each crash, on average. Shorter runs would prove nothing.
const MIN_ACKED: usize = 50;

/// Draws the milliseconds until the crash.
fn random_delay() -> Duration {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    Duration::from_millis(200 + u64::from_le_bytes(bytes) % 601)
}

/// Result of a series of crashes under load.
pub struct Crashes {
    pub verdict: Verdict,
    pub ledger: Vec<Entry>,
    pub acked: usize,
    pub retried: Retried,
    pub slowest_start: Duration,
}

/// Kills a server under load and restarts it, again and again.
pub async fn crashes(mut server: Server, cycles: usize) -> Crashes {
    let participants = Participants::of(&server).await;
    let (mut ledger, mut acked, mut retried) = (Vec::new(), 0, Retried::default());
    let mut slowest_start = Duration::ZERO;
    for number in 0..cycles {
        let load = Load::start(&server, &participants, number).await;
        // The time of the crash is random on purpose: nothing is waited for here.
        tokio::time::sleep(random_delay()).await;
        server.kill();
        let mut entries = load.end().await;
        acked += entries.iter().filter(|entry| entry.acked.is_some()).count();
        let began = Instant::now();
        server = server.setup.clone().start();
        slowest_start = slowest_start.max(began.elapsed());
        let again = retry(&server, &participants, &mut entries, false).await;
        retried.sent += again.sent;
        retried.known += again.known;
        ledger.extend(entries);
    }
    let verdict = Verdict::on(&server, &participants, &ledger).await;
    Crashes { verdict, ledger, acked, retried, slowest_start }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_crashes_under_load_lose_double_and_misplace_nothing() {
    let cycles = from_environment("CRASHES", CYCLES);
    let Crashes { verdict, ledger, acked, retried, slowest_start } = crashes(Server::start(), cycles).await;
    eprintln!(
        "{cycles} crashes, {acked} acknowledged, {retried:?}, slowest start {slowest_start:?}: {verdict:?}"
    );
    assert_eq!(verdict, Verdict::clean(&ledger));
    assert!(acked >= MIN_ACKED * cycles, "only {acked} were acknowledged");
}
