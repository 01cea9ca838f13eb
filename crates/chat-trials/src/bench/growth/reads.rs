//! Reading over REST, one request after the other on one connection: how long an answer takes. What is read is in the
//! other files.

use std::sync::Arc;

use anyhow::Result;

use crate::bench::http;
use crate::bench::load::{ConnectedWorkers, Until, Worker};
use crate::bench::report::{Figure, Measured, Run};
use crate::bench::testbed::{Testbed, User};
use crate::bench::{fill::Filled, repeat};
use crate::rng::Rng;

/// What is read.
pub(super) struct Read<'a> {
    /// Name of the row.
    pub(super) name: &'static str,
    pub(super) user: &'a User,
    /// Paths that are requested in turn.
    pub(super) paths: Vec<String>,
}

impl<'a> Read<'a> {
    pub(super) fn of(name: &'static str, user: &'a User, path: impl Into<String>) -> Self {
        Self { name, user, paths: vec![path.into()] }
    }
}

/// Random numbers that are the same in each measurement.
pub(super) fn same_numbers(filled: &Filled) -> Rng {
    Rng::new(filled.written.messages, "growth", 0)
}

/// Measures each of these rows.
pub(super) async fn measure(
    testbed: &mut Testbed,
    measured: &mut Vec<Measured>,
    reads: Vec<Read<'_>>,
) -> Result<()> {
    for read in reads {
        let row = repeat(testbed, read.name, "ms p50", async |testbed| run(testbed, &read).await);
        measured.push(row.await?);
    }
    Ok(())
}

async fn run(testbed: &Testbed, read: &Read<'_>) -> Result<Run> {
    let url = testbed.server.url();
    let requests: Arc<[Vec<u8>]> =
        read.paths.iter().map(|path| http::get(url, path, Some(&read.user.token))).collect();
    let worker = Worker { requests, first: 0, is_good: |answer| answer.status == 200 };
    let connected = ConnectedWorkers::connect(url, [worker]).await?;
    let meter = testbed.meter();
    let results = connected.work(Until::seconds(testbed.settings.seconds)).await;
    let effort = meter.stop().for_units(results.times.len());
    let faults = results.faults();
    let times = results.times.sorted();
    let details =
        vec![Figure::new("p99", "ms", times.percentile_ms(99)), Figure::new("max", "ms", times.max_ms())];
    Ok(Run { main: times.percentile_ms(50), details, faults, effort })
}
