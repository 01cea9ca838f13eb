//! `chatserver torture`: starts a server under load and kills it with `kill -9` at random moments, or starts a cluster
//! and injects faults into it. Cuts and delays the clients' connections, and compares what clients received with the
//! log. Below `torture/` are the clients, the faults, the records of the clients, and the verdict.

mod bad_clients;
mod clock;
mod engines;
mod failover;
mod fault;
mod inject;
mod link;
mod node;
mod proxy;
mod record;
mod report;
mod rest_client;
mod run;
mod stored_log;
mod stream_client;
mod target;
mod users;
mod verdict;
mod watch;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chat_engines::Clock;

use self::fault::{Fault, Plan};
use self::report::Report;
use self::run::Run;
use self::target::Setup;
use crate::Outcome;
use crate::child::interrupted;

/// Default for how often a single server is killed.
const CYCLES: u32 = 10;

/// Options of `chatserver torture`.
#[derive(clap::Args)]
pub struct Args {
    /// Number of times to kill the server, or of faults to inject into it or the cluster [default: 10, or each fault once]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    cycles: Option<u32>,
    /// Seconds for which to start new cycles, instead of a number of cycles
    #[arg(long, conflicts_with = "cycles")]
    seconds: Option<u64>,
    /// Milliseconds of load before each fault
    #[arg(long, default_value = "200..800", value_name = "LEAST..MOST", value_parser = range)]
    kill_after_ms: (u64, u64),
    /// Number of users that send and receive
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(2..=64))]
    clients: u8,
    /// Number of nodes to torture, with their own PostgreSQL and NATS, which must be installed
    #[arg(long, value_name = "NODES", value_parser = clap::value_parser!(u8).range(2..=8))]
    cluster: Option<u8>,
    /// Faults to inject, each once before any repeats [default: kill the server; for a cluster, all except those
    /// that clients cause]
    #[arg(long, value_enum, value_delimiter = ',')]
    faults: Vec<Fault>,
    /// Make faults last for 5 to 30 seconds instead of a few
    #[arg(long)]
    long: bool,
    /// Program of another release for the first and every second node; each node switches whenever it is
    /// restarted
    #[arg(long, requires = "cluster", value_name = "PROGRAM")]
    other_release: Option<PathBuf>,
    /// Program to torture instead of this one, for example another release
    #[arg(long, conflicts_with = "other_release", value_name = "PROGRAM")]
    program: Option<PathBuf>,
    /// Do not judge durations, for a machine with other work
    #[arg(long)]
    untimed: bool,
    /// Seed of an earlier run, to repeat its crashes or faults, cuts and actions
    #[arg(long)]
    seed: Option<u64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let wrong = || format!("{text} is not of the form 200..800");
    let (least, most) = text.split_once("..").ok_or_else(wrong)?;
    let bounds = (least.parse().map_err(|_| wrong())?, most.parse().map_err(|_| wrong())?);
    if bounds.0 > bounds.1 { Err(wrong()) } else { Ok(bounds) }
}

impl Args {
    fn faults(&self) -> Result<Vec<Fault>> {
        let faults = match (self.cluster, self.faults.as_slice()) {
            (None, []) => vec![Fault::KillNode],
            // Earlier releases do not notice that their database was restored to an earlier state.
            (Some(_), []) if self.other_release.is_some() => {
                Fault::OF_CLUSTER.into_iter().filter(|fault| !fault.loses_the_end()).collect()
            }
            (Some(_), []) => Fault::OF_CLUSTER.to_vec(),
            (_, chosen) => chosen.to_vec(),
        };
        if faults.contains(&Fault::StepClock) {
            Clock::is_to_be_had().context("step-clock cannot set a clock here")?;
        }
        match faults.iter().find(|fault| fault.needs_cluster()) {
            Some(fault) if self.cluster.is_none() => {
                bail!("{} needs a cluster: use --cluster", fault.name())
            }
            _ if self.cluster.is_some() && faults.contains(&Fault::FillDisk) => {
                bail!("fill-disk is for a single server: omit --cluster")
            }
            _ => Ok(faults),
        }
    }
}

/// Runs the cycles and reports the violations that were found.
///
/// # Errors
/// Fails if the run is impossible, for example because a server cannot be started or the terminal interrupts.
pub fn run(args: &Args) -> Result<Outcome> {
    // One thread for all clients: more would take cores from the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let report = runtime.block_on(async {
        tokio::select! {
            report = Box::pin(torture(args)) => report,
            interrupted = interrupted() => interrupted.and_then(|()| bail!("interrupted")),
        }
    })?;
    let passed = report.is_good();
    let report = if args.json { format!("{:#}", report.json()) } else { report.text() };
    Ok(Outcome { report, passed })
}

async fn torture(args: &Args) -> Result<Report> {
    let seed = match args.seed {
        Some(seed) => seed,
        None => getrandom::u64().context("the system provides no randomness")?,
    };
    let faults = args.faults()?;
    let is_chosen = args.cluster.is_some() || !args.faults.is_empty();
    let setup = Setup {
        n_nodes: args.cluster,
        other_release: args.other_release.clone(),
        program: args.program.clone(),
        has_bad_clients: faults.iter().any(|fault| fault.is_by_clients()),
        has_clocks: faults.contains(&Fault::StepClock),
    };
    let plan = Plan::new(seed, faults, args.long);
    let cycles = args.cycles.unwrap_or(if is_chosen { plan.round() } else { CYCLES });
    let mut run = Run::open(seed, args.clients.into(), &setup).await?.untimed(args.untimed);
    let began = Instant::now();
    let continues = |cycle| match args.seconds {
        Some(seconds) => cycle == 0 || began.elapsed() < Duration::from_secs(seconds),
        None => cycle < cycles,
    };
    let mut cycle = 0;
    // The first violation ends the run, so that the data stays as it was found.
    while continues(cycle) && run.is_good() {
        cycle += 1;
        run.cycle(cycle, args.kill_after_ms, plan.injection(cycle)).await?;
    }
    run.close(cycle).await
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges_are_parsed_or_refused() {
        assert_eq!(range("200..800"), Ok((200, 800)));
        assert_eq!(range("5..5"), Ok((5, 5)));
        for wrong in ["", "5", "9..5", "a..b", "1..", "-1..4"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }
}
