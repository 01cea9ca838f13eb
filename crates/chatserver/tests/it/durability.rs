//! `kill -9` under load: what was answered is there, once, in its place (README, promises 1, 2 and 3).
//!
//! `CRASHES=200` crashes so often; without it, twenty times.

use std::time::{Duration, Instant};

use crate::proof::from_environment;
use crate::proof::ledger::{Cast, Entry, Load, Retried, retry};
use crate::proof::verdict::Verdict;
use crate::support::Server;

const CYCLES: usize = 20;
/// Acknowledged for each crash, on average; shorter runs would prove nothing.
const MIN_ACKED: usize = 50;

/// Milliseconds until the crash.
fn random_delay() -> Duration {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    Duration::from_millis(200 + u64::from_le_bytes(bytes) % 601)
}

/// What so many crashes under load have come to.
pub struct Crashes {
    pub verdict: Verdict,
    pub ledger: Vec<Entry>,
    pub acked: usize,
    pub retried: Retried,
    pub slowest_start: Duration,
}

/// Kills a server under load again and again, and starts it anew each time.
pub async fn crashes(mut server: Server, cycles: usize) -> Crashes {
    let cast = Cast::of(&server).await;
    let (mut ledger, mut acked, mut retried) = (Vec::new(), 0, Retried::default());
    let mut slowest_start = Duration::ZERO;
    for number in 0..cycles {
        let load = Load::start(&server, &cast, number).await;
        // The moment of the crash is what is random here, not what is waited for.
        tokio::time::sleep(random_delay()).await;
        server.kill();
        let mut entries = load.end().await;
        acked += entries.iter().filter(|entry| entry.told.is_some()).count();
        let began = Instant::now();
        server = server.setup.clone().start();
        slowest_start = slowest_start.max(began.elapsed());
        let again = retry(&server, &cast, &mut entries, false).await;
        retried.sent += again.sent;
        retried.known += again.known;
        ledger.extend(entries);
    }
    let verdict = Verdict::on(&server, &cast, &ledger).await;
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
