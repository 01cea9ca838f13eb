//! Idle connections: how much of the server's memory each takes, and whether all are still there afterwards.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::audience::{Audience, Protocol};
use super::line::Line;
use super::posts::number_of;
use super::process::resident_bytes;
use super::report::{Fault, Figure, Measured, Run};
use super::stage::{LISTENERS, Stage};
use super::tally::Tally;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// So many looks must find it unchanged.
const SAME: usize = 4;
/// Unchanged is what differs by less than one part in so many.
const TOLERANCE: u64 = 200;
/// Memory that has not come to rest by then is taken as it is.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn measure(
    stage: &mut Stage,
    measured: &mut Vec<Measured>,
    protocol: Protocol,
) -> Result<()> {
    let Some(pid) = stage.server.pid() else {
        stage.note("idle: left out, because without --pid the server's memory cannot be read");
        return Ok(());
    };
    resident_bytes(pid).context("the server's memory cannot be read")?;
    let group = stage.group(LISTENERS).await?;
    let scenario = if protocol == Protocol::V2 { "idle v2" } else { "idle" };
    let connections = super::table::number(f64::from(stage.settings.connections));
    let name = format!("{scenario}, {connections} connections");
    let unit = "bytes/connection";
    stage.note(
        "idle: resident memory of the server's process; that of the sockets in the kernel is not in it",
    );
    if stage.server.database().is_some() {
        measured
            .push(super::repeat(stage, &name, unit, async |stage| run(stage, group, protocol).await).await?);
        return Ok(());
    }
    // What an allocator has once taken it keeps, so only the first run on a process says what connections take.
    stage.note("idle: one run, because a server that cannot be restarted shows its growth only once");
    measured.push(Measured { scenario: name, unit, runs: vec![run(stage, group, protocol).await?] });
    Ok(())
}

async fn run(stage: &mut Stage, group: i64, protocol: Protocol) -> Result<Run> {
    if stage.server.database().is_some() {
        stage.server.stop().await?;
        stage.server.resume().await?;
    }
    let pid = stage.server.pid().context("the server's process is not known")?;
    let wanted = usize::try_from(stage.settings.connections)?;
    let before = settled_memory(pid).await?;
    let meter = stage.meter();
    let opening = Instant::now();
    let listeners = (protocol, stage.listeners.as_slice());
    let audience = Audience::gather(stage.server.url(), listeners, wanted, Tally::default).await?;
    let opened_in = opening.elapsed().as_secs_f64();
    if audience.len() == 0 {
        bail!("no connection could be opened");
    }
    let after = settled_memory(pid).await?;
    let effort = meter.stop();
    let closed = audience.n_closed();
    // A connection is proved by what it is for: a message that all must get.
    let sender = stage.listeners.first().context("there are no users")?;
    let mut line = Line::open(stage.server.url()).await.context("cannot reach the server")?;
    let request = stage.message_to_group(sender, group);
    let message = number_of(&line.exchange(&request).await.context("the server does not answer")?)?;
    let reached = audience.start_after(message).await;
    Ok(Run {
        main: after.saturating_sub(before) as f64 / audience.len() as f64,
        details: vec![
            Figure::new("before", "MB", before as f64 / 1e6),
            Figure::new("after", "MB", after as f64 / 1e6),
            Figure::new("held", "", reached as f64),
            Figure::new("opened", "/s", audience.len() as f64 / opened_in),
        ],
        faults: vec![
            Fault::new("not connected", audience.refused()),
            Fault::new("closed", closed as u64),
            Fault::new("not reached by a message", audience.len().saturating_sub(reached) as u64),
        ],
        effort,
    })
}

/// The process's resident memory, once it has come to rest.
async fn settled_memory(pid: u32) -> Result<u64> {
    let start = Instant::now();
    let mut same = 0;
    let mut last = 0;
    while same < SAME && start.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK).await;
        let now = resident_bytes(pid).context("the server's memory cannot be read")?;
        same = if now.abs_diff(last) <= now / TOLERANCE { same + 1 } else { 0 };
        last = now;
    }
    Ok(last)
}
