//! A cluster in one thread and in simulated time: three nodes with the real sequencer, presence and interest, twenty
//! clients, a bus and a store, on a network that turmoil breaks by seed. The promises to clients have to hold for every
//! seed, and a seed replays to the same trace.
//!
//! Hub, resuming and store are models of `hub/outbox.rs`, `ws/session.rs` and `ws/replay.rs` of the gateway. The
//! relay's thread and NATS have tests of their own with real threads and servers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints the seed"
)]

mod broker;
mod checks;
mod client;
mod database;
mod faults;
mod hub;
mod net;
mod node;
mod session;
mod store;
mod trace;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Seeds in a run unless `SIM_SEEDS` says otherwise; `SIM_SEED` runs one and prints its trace.
const N_SEEDS: u64 = 150;
/// One in this number of seeds is run twice, to compare the traces.
const REPLAYED: u64 = 25;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn the_promises_hold_under_every_fault() {
    if let Some(seed) = number("SIM_SEED") {
        let run = world::run(seed, true);
        println!("{}", run.trace.join("\n"));
        run.verdict.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        return;
    }
    let n_seeds = number("SIM_SEEDS").unwrap_or(N_SEEDS);
    let (next, began) = (AtomicU64::new(0), Instant::now());
    let failed = std::thread::scope(|scope| {
        let work = || {
            std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed))
                .take_while(|seed| *seed < n_seeds)
                .filter_map(|seed| failure(seed).map(|why| format!("seed {seed}: {why}")))
                .collect::<Vec<_>>()
        };
        let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    println!("{n_seeds} seeds in {:?}, {} failed", began.elapsed(), failed.len());
    assert!(failed.is_empty(), "repeat with SIM_SEED=<seed>:\n{}", failed.join("\n"));
}

/// Why a seed failed, if it did.
fn failure(seed: u64) -> Option<String> {
    let run = world::run(seed, false);
    if let Err(why) = run.verdict {
        return Some(why);
    }
    if seed.is_multiple_of(REPLAYED) && world::run(seed, false).hash != run.hash {
        return Some("it does not replay to the same trace".into());
    }
    None
}

#[test]
fn different_seeds_have_different_traces() {
    assert_ne!(world::run(1, false).hash, world::run(2, false).hash);
}
