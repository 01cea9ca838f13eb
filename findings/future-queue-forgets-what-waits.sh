#!/bin/bash
# future-queue 0.4.0 (crates.io), as in cargo-nextest 0.9.143, 2026-11-30.
# A stream whose futures have weights and groups, each with most weight at a time, is documented to run them all. It ends
# early: where a heavy one waits for its group while others outside of the group still come, what the group has left is
# never started, and nothing says so in a release build. In nextest: tests of a `test-group` of max-threads 3 of which some
# have `threads-required = 2` ("9/12 tests run", "3/12 tests were not run", and no reason).
# Seen: "group of 3, weight 2: 9 of 12 done" and "group of 4, weight 2: 12 of 12 done".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "trial"
version = "0.1.0"
edition = "2024"

[dependencies]
future-queue = "=0.4.0"
futures = "=0.3.34"
tokio = { version = "=1.54.1", features = ["macros", "rt", "time"] }

[workspace]
TOML
cat >src/main.rs <<'RUST'
use std::time::Duration;

use future_queue::{FutureQueueContext, StreamExt as _};
use futures::{StreamExt as _, stream};

/// How many are done of six in a group, of which the last three are heavier, and six that are in none.
async fn done(most: usize, weight: usize) -> usize {
    let futures = (0..12).map(move |number| {
        let weight = if (3..6).contains(&number) { weight } else { 1 };
        let group = (number < 6).then_some("group");
        (weight, group, |_: FutureQueueContext| tokio::time::sleep(Duration::from_millis(20)))
    });
    stream::iter(futures).future_queue_grouped(4, [("group", most)]).count().await
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let found = [done(3, 2).await, done(4, 2).await];
    println!("group of 3, weight 2: {} of 12 done", found[0]);
    println!("group of 4, weight 2: {} of 12 done", found[1]);
    assert_eq!(found, [9, 12]);
}
RUST
cargo run --quiet --release
