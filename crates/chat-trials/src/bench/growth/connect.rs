//! Connecting to the v2 stream without having missed anything, one client after the other: from opening the connection
//! until it is live.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::bench::fill::Filled;
use crate::bench::repeat;
use crate::bench::report::{Figure, Measured, Run};
use crate::bench::samples::Samples;
use crate::bench::testbed::{Testbed, User};
use crate::bench::v2_stream::V2Connection;

pub(super) async fn measure(
    testbed: &mut Testbed,
    filled: &Filled,
    measured: &mut Vec<Measured>,
) -> Result<()> {
    for (name, user) in [
        ("growth-connect, in all groups", &filled.unread),
        ("growth-connect, in very many conversations", &filled.busy),
    ] {
        let row = repeat(testbed, name, "ms p50", async |testbed| run(testbed, user).await);
        measured.push(row.await?);
    }
    Ok(())
}

async fn run(testbed: &Testbed, user: &User) -> Result<Run> {
    // The first connection of a user costs more: the server learns their groups.
    let mut first = V2Connection::open(testbed.server.url(), user, None).await.context("no connection")?;
    first.live().await?;
    let meter = testbed.meter();
    let until = Instant::now() + Duration::from_secs(testbed.settings.seconds);
    let mut times = Samples::default();
    while Instant::now() < until {
        let began = Instant::now();
        let mut connection = V2Connection::open(testbed.server.url(), user, None).await?;
        connection.live().await?;
        times.push(began.elapsed());
    }
    let effort = meter.stop().for_units(times.len());
    let times = times.sorted();
    let details =
        vec![Figure::new("p99", "ms", times.percentile_ms(99)), Figure::new("max", "ms", times.max_ms())];
    Ok(Run { main: times.percentile_ms(50), details, faults: Vec::new(), effort })
}
