//! Idle connections: how much of the server's memory each takes, and whether all are still open afterwards.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::http::HttpConnection;
use super::process::resident_bytes;
use super::report::{Fault, Figure, Measured, Run};
use super::streams::{Protocol, Streams};
use super::tally::Tally;
use super::testbed::{LISTENERS, Testbed};
use super::timed_sends::sent_id;

/// How often memory is read.
const POLL: Duration = Duration::from_millis(500);
/// Number of consecutive reads that must find it unchanged.
const SAME: usize = 4;
/// Memory counts as unchanged if it differs by at most 1/200.
const TOLERANCE: u64 = 200;
/// Upper bound for the wait until memory no longer changes.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn measure(
    testbed: &mut Testbed,
    measured: &mut Vec<Measured>,
    protocol: Protocol,
) -> Result<()> {
    let Some(pid) = testbed.server.pid() else {
        testbed.note("idle: left out, because without --pid the server's memory cannot be read");
        return Ok(());
    };
    resident_bytes(pid).context("the server's memory cannot be read")?;
    let group = testbed.group(LISTENERS).await?;
    let scenario = if protocol == Protocol::V2 { "idle v2" } else { "idle" };
    let connections = super::table::number(f64::from(testbed.settings.connections));
    let name = format!("{scenario}, {connections} connections");
    let unit = "bytes/connection";
    testbed.note(
        "idle: resident memory of the server's process; that of the sockets in the kernel is not in it",
    );
    if testbed.server.database().is_some() {
        measured.push(
            super::repeat(testbed, &name, unit, async |testbed| run(testbed, group, protocol).await).await?,
        );
        return Ok(());
    }
    // The allocator keeps memory that it has once taken, so only the first run on a process shows what connections
    // take.
    testbed.note("idle: one run, because a server that cannot be restarted shows its growth only once");
    let once =
        super::repeat_times(testbed, 1, (&name, unit), async |testbed| run(testbed, group, protocol).await);
    measured.push(once.await?);
    Ok(())
}

async fn run(testbed: &mut Testbed, group: i64, protocol: Protocol) -> Result<Run> {
    if testbed.server.database().is_some() {
        testbed.server.stop().await?;
        testbed.server.resume().await?;
    }
    let pid = testbed.server.pid().context("the server's process is not known")?;
    let wanted = usize::try_from(testbed.settings.connections)?;
    let before = settled_memory(pid).await?;
    let meter = testbed.meter();
    let opening = Instant::now();
    let listeners = (protocol, testbed.listeners.as_slice());
    let streams = Streams::open(testbed.server.url(), listeners, wanted, Tally::default).await?;
    let opened_in = opening.elapsed().as_secs_f64();
    if streams.len() == 0 {
        bail!("no connection could be opened");
    }
    let after = settled_memory(pid).await?;
    let effort = meter.stop();
    let closed = streams.n_closed();
    // Checks the connections with a message that all must receive.
    let sender = testbed.listeners.first().context("there are no users")?;
    let mut connection =
        HttpConnection::open(testbed.server.url()).await.context("cannot reach the server")?;
    let request = testbed.message_to_group(sender, group);
    let message = sent_id(&connection.exchange(&request).await.context("the server does not answer")?)?;
    let reached = streams.start_after(message).await;
    Ok(Run {
        main: after.saturating_sub(before) as f64 / streams.len() as f64,
        details: vec![
            Figure::new("before", "MB", before as f64 / 1e6),
            Figure::new("after", "MB", after as f64 / 1e6),
            Figure::new("held", "", reached as f64),
            Figure::new("opened", "/s", streams.len() as f64 / opened_in),
        ],
        faults: vec![
            Fault::new("not connected", streams.refused()),
            Fault::new("closed", closed as u64),
            Fault::new("not reached by a message", streams.len().saturating_sub(reached) as u64),
        ],
        effort,
    })
}

/// The process's resident memory in bytes, when it no longer changes.
async fn settled_memory(pid: u32) -> Result<u64> {
    let start = Instant::now();
    let mut same = 0;
    let mut last = 0;
    while same < SAME && start.elapsed() < PATIENCE {
        tokio::time::sleep(POLL).await;
        let now = resident_bytes(pid).context("the server's memory cannot be read")?;
        same = if now.abs_diff(last) <= now / TOLERANCE { same + 1 } else { 0 };
        last = now;
    }
    Ok(last)
}
