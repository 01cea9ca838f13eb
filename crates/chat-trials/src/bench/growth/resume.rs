//! Resuming on the v2 stream from far back, by the user who is in all groups: how long until the client has everything.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::sends::workers;
use crate::bench::fill::Filled;
use crate::bench::load::{ConnectedWorkers, Until};
use crate::bench::repeat;
use crate::bench::report::{Fault, Figure, Measured, Run};
use crate::bench::samples::Samples;
use crate::bench::testbed::{Testbed, User};
use crate::bench::v2_stream::V2Connection;

/// Names of the rows, and the numbers of messages that the client has missed at least. The last one is left out of a
/// debug build, which would need minutes.
const ROWS: [(&str, usize); 3] = [
    ("growth-resume, nothing missed", 0),
    ("growth-resume, 1,000 messages missed", 1_000),
    ("growth-resume, 100,000 messages missed", 100_000),
];
const SENDERS: usize = 64;

pub(super) async fn measure(
    testbed: &mut Testbed,
    filled: &Filled,
    measured: &mut Vec<Measured>,
) -> Result<()> {
    let user = &filled.unread;
    let rows = if cfg!(debug_assertions) { ROWS.get(..2).unwrap_or(&ROWS) } else { &ROWS };
    for (name, missed) in rows {
        let mut connection =
            V2Connection::open(testbed.server.url(), user, None).await.context("no connection")?;
        let (cursor, _) = connection.live().await?;
        drop(connection);
        if *missed > 0 {
            let sending = ConnectedWorkers::connect(testbed.server.url(), workers(testbed, filled, SENDERS)?);
            sending.await?.work(Until::count(*missed)).await;
        }
        let missed = *missed as u64;
        let row = repeat(testbed, name, "ms p50", async |testbed| run(testbed, user, &cursor, missed).await);
        measured.push(row.await?);
    }
    Ok(())
}

/// Resumes again and again, once at least, from the same cursor.
async fn run(testbed: &Testbed, user: &User, cursor: &str, missed: u64) -> Result<Run> {
    let meter = testbed.meter();
    let until = Instant::now() + Duration::from_secs(testbed.settings.seconds);
    let (mut times, mut all, mut missing) = (Samples::default(), 0, 0);
    while times.len() == 0 || Instant::now() < until {
        let began = Instant::now();
        let mut connection = V2Connection::open(testbed.server.url(), user, Some(cursor.to_owned())).await?;
        let (_, messages) = connection.live().await?;
        times.push(began.elapsed());
        missing += missed.saturating_sub(messages);
        all += messages;
    }
    let effort = meter.stop();
    // The server's work is for each message, or for each connection if there are none.
    let units = if missed == 0 { times.len() } else { usize::try_from(all)? };
    let (count, times) = (times.len() as f64, times.sorted());
    let main = times.percentile_ms(50);
    let mut details = vec![Figure::new("max", "ms", times.max_ms())];
    if missed > 0 {
        details.push(Figure::new("messages", "/s", all as f64 / count * 1000.0 / main.max(0.001)));
    }
    let faults = vec![Fault::new("missing messages", missing)];
    Ok(Run { main, details, faults, effort: effort.for_units(units) })
}
