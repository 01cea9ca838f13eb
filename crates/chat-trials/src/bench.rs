//! `chatserver bench`: drives a server over REST and WebSocket and measures throughput and latency.
//!
//! Each scenario is a file below `bench/`. It prepares its data, is timed in a separate part, and gives one main figure
//! by which its runs are compared. A fault is counted and shown, never a reason to drop a run.

mod against;
mod batches;
mod cluster;
mod comparison;
mod disk;
mod fanout;
mod fill;
mod growth;
mod history;
mod http;
mod idle;
mod latency;
mod load;
mod logins;
mod offline_users;
mod other_node;
mod pgbench;
mod process;
mod receipts;
mod report;
mod resume;
mod samples;
mod search;
mod sends;
mod server;
mod slow;
mod start;
mod streams;
mod table;
mod tally;
mod testbed;
mod timed_sends;
mod turns;
mod v2_sends;
mod v2_stream;
mod yardstick;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use self::comparison::Comparison;
use self::fill::Keys;
use self::report::{Measured, Report, Run};
use self::server::{Program, Server};
use self::streams::Protocol;
use self::testbed::{LISTENERS, Testbed};
use crate::child::interrupted;
use crate::{Adapters, Outcome};

/// File descriptors that the benchmark needs beside its connections.
const OTHER_FILES: u64 = 400;

/// Options of `chatserver bench`.
#[derive(clap::Args)]
pub struct Args {
    /// Running server to measure, which keeps the users and messages created for it; without this, bench starts
    /// one on an empty database in the working directory, and removes it afterwards
    #[arg(long)]
    url: Option<String>,
    /// PEM file with the only authorities to trust for the certificate of an https:// server
    #[arg(long, value_name = "FILE", requires = "url")]
    ca: Option<PathBuf>,
    /// Process id of the server at --url, to read its memory and CPU time
    #[arg(long, requires = "url")]
    pid: Option<u32>,
    /// Print one JSON object with every run instead of the table
    #[arg(long)]
    json: bool,
    /// Start and measure this number of nodes with their own PostgreSQL, and NATS if there are several. Both must
    /// be installed; the database is in the directory for temporary files
    #[arg(long, value_name = "NODES", conflicts_with = "url", value_parser = clap::value_parser!(u8).range(1..=8))]
    cluster: Option<u8>,
    /// Other build of chatserver to compare this one with: each scenario runs on a server of either build, in turns,
    /// and the table shows this build's figures divided by those of the other. --runs is the number of pairs
    #[arg(long, value_name = "BINARY", conflicts_with = "url")]
    against: Option<PathBuf>,
    /// Fill a server with this number of messages, at least some hundred, and with all that belongs to them, and
    /// another one with the same users and groups but a thousandth of the messages. The scenarios run on both in
    /// turns, and the table shows the figures of the filled server divided by those of the other
    #[arg(long, value_name = "MESSAGES", conflicts_with_all = ["url", "cluster", "against"])]
    fill: Option<u64>,
    /// Idempotency keys of these messages
    #[arg(long, value_enum, default_value_t = Keys::Time, requires = "fill")]
    fill_keys: Keys,
    /// New folder in which the filled database is kept
    #[arg(long, value_name = "FOLDER", requires = "fill")]
    keep: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

/// Extent of the measurements.
#[derive(clap::Args, Clone)]
pub(crate) struct Settings {
    /// Scenarios to measure [default: all except slow, and start and search, which need time to fill a database;
    /// for a cluster sends, v2-sends, latency, other-node and pgbench; with --fill growth-* and idle-v2, and growth-*
    /// only then]
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Scenario>,
    /// Number of runs of each scenario; the median run is shown
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// Seconds per run, in scenarios that end by time
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// sends: numbers of senders, each with its own connection
    #[arg(long, value_delimiter = ',', default_values_t = [1, 64, 256])]
    senders: Vec<u32>,
    /// idle, idle-v2, receipts: WebSocket connections
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    connections: u32,
    /// fanout: messages that the senders may be ahead of the slowest receiver
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..))]
    window: u64,
    /// slow: clients that reconnect and read slowly what they missed
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    resumers: u32,
    /// start, search: messages in the database
    #[arg(long, default_value_t = 100_000)]
    messages: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Durable sends per second over REST, spread over all nodes
    Sends,
    /// Durable sends per second over the v2 stream
    V2Sends,
    /// Deliveries per second to 1,000 connections in one group
    Fanout,
    /// Latency from send to receive, at a fixed rate
    Latency,
    /// Additional latency for a receiver on another node of a cluster
    OtherNode,
    /// Sends to a cluster, as a share of what pgbench inserts into its database
    Pgbench,
    /// Memory of the server per idle connection
    Idle,
    /// Memory of the server per idle v2 connection
    IdleV2,
    /// Time until 1,000 clients have caught up after a restart
    Resume,
    /// Effect of 1,000 slowly resuming clients on others: p99 of sends and memory, with and without them
    Slow,
    /// Time until all members of a large group have reported that they have read
    Receipts,
    /// Pages of history per second
    History,
    /// Logins per second, and their effect on a sender
    Logins,
    /// Time from the start of the process until it is ready
    Start,
    /// Time of a search for a word
    Search,
    /// With --fill: sends of 1 and 64 senders, with keys by time, random keys and none
    GrowthSends,
    /// With --fill: pages of the largest group's history, one message, the page around a date
    GrowthHistory,
    /// With --fill: the list of conversations, unread counts, the members of a large group
    GrowthLists,
    /// With --fill: the first answers after a restart with nothing in the cache
    GrowthCold,
    /// With --fill: users by the beginning of a name
    GrowthUsers,
    /// With --fill: connecting to the stream
    GrowthConnect,
    /// With --fill: resuming after 1,000 and 100,000 changes
    GrowthResume,
    /// With --fill: how long senders wait while somebody with many unread messages reads
    GrowthRead,
}

impl Settings {
    fn wants(&self, scenario: Scenario, is_cluster: bool) -> bool {
        if !self.only.is_empty() {
            return self.only.contains(&scenario);
        }
        match scenario {
            Scenario::Sends | Scenario::V2Sends | Scenario::Latency => true,
            Scenario::OtherNode | Scenario::Pgbench => is_cluster,
            Scenario::Start | Scenario::Search | Scenario::Slow => false,
            growth if growth::is_growth(growth) => false,
            _ => !is_cluster,
        }
    }
}

/// Measures. A scenario that cannot be measured is noted in the report and leaves `passed` false.
///
/// # Errors
/// Fails if nothing can be measured, for example because a server cannot be started or the terminal interrupts.
pub fn run(args: Args, adapters: Adapters) -> Result<Outcome> {
    // One thread for all senders: more would take cores from the server without sending more.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let as_json = args.json;
    // Ending early drops the testbed, and with it a server that was started for it and its folder.
    let report = runtime.block_on(async {
        tokio::select! {
            report = measure(args, adapters) => report,
            interrupted = interrupted() => interrupted.and_then(|()| bail!("interrupted")),
        }
    })?;
    let (findings, passed) = report;
    let report = if as_json { format!("{:#}", findings.json()) } else { findings.text() };
    Ok(Outcome { report, passed })
}

/// What was measured.
enum Findings {
    Single(Report),
    Compared(Comparison),
}

impl Findings {
    fn text(&self) -> String {
        match self {
            Self::Single(report) => report.text(),
            Self::Compared(comparison) => comparison.text(),
        }
    }

    fn json(&self) -> serde_json::Value {
        match self {
            Self::Single(report) => report.json(),
            Self::Compared(comparison) => comparison.json(),
        }
    }
}

async fn measure(args: Args, adapters: Adapters) -> Result<(Findings, bool)> {
    let mut settings = args.settings.clone();
    let notes = notes_in_advance(&mut settings);
    if let Some(binary) = &args.against {
        let (mut comparison, all_measured) = against::measure(&args, settings, adapters, binary).await?;
        comparison.notes.splice(0..0, notes);
        return Ok((Findings::Compared(comparison), all_measured));
    }
    if let Some(messages) = args.fill {
        let (mut comparison, all_measured) = growth::measure(&args, settings, adapters, messages).await?;
        comparison.notes.splice(0..0, notes);
        return Ok((Findings::Compared(comparison), all_measured));
    }
    let (report, all_measured) = measure_single(&args, settings, notes, adapters).await?;
    Ok((Findings::Single(report), all_measured))
}

/// Connections that one user must be allowed to have.
fn connections_per_user(settings: &Settings) -> Result<usize> {
    Ok(usize::try_from(settings.connections)?.div_ceil(LISTENERS).max(100))
}

fn notes_in_advance(settings: &mut Settings) -> Vec<String> {
    let mut notes = limit_connections(settings);
    if cfg!(debug_assertions) {
        notes.push("this is a debug build: its figures are meaningless".into());
    }
    notes
}

async fn measure_single(
    args: &Args,
    settings: Settings,
    mut notes: Vec<String>,
    adapters: Adapters,
) -> Result<(Report, bool)> {
    let program = Program::own(connections_per_user(&settings)?)?;
    let server = match (&args.url, args.cluster) {
        (Some(url), _) => Server::running((adapters.server)(url, args.ca.as_deref())?, args.pid),
        (None, Some(n_nodes)) => Server::start_cluster(n_nodes, program).await?,
        (None, None) => Server::start(program).await?,
    };
    let description = server.describe();
    eprintln!("registering users ...");
    let mut testbed = Testbed::prepare(server, settings, adapters).await?;
    testbed.notes.append(&mut notes);
    let (measured, all_measured) = measure_all(&mut testbed).await;
    let Testbed { settings, notes, .. } = testbed;
    let runs = usize::try_from(settings.runs)?;
    Ok((Report { server: description, runs, seconds: settings.seconds, measured, notes }, all_measured))
}

/// Raises the limit of open files as far as possible, and reduces the connections to it. Returns notes for the report.
fn limit_connections(settings: &mut Settings) -> Vec<String> {
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1024);
    let room = u32::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(u32::MAX);
    if settings.connections <= room {
        return Vec::new();
    }
    let note = format!(
        "idle: {room} connections instead of {}: {files} open files are allowed",
        settings.connections
    );
    settings.connections = room;
    vec![note]
}

/// Measures the wanted scenarios. One that cannot be measured is noted, and the others continue.
async fn measure_all(testbed: &mut Testbed) -> (Vec<Measured>, bool) {
    let mut measured = Vec::new();
    let mut all = true;
    for scenario in Scenario::value_variants() {
        if !testbed.settings.wants(*scenario, testbed.server.cluster().is_some()) {
            continue;
        }
        if let Err(error) = measure_one(*scenario, testbed, &mut measured).await {
            all = false;
            testbed.note(format!("{scenario:?} could not be measured: {error:#}"));
        }
    }
    (measured, all)
}

/// Measures a scenario, and adds its rows to `measured`.
async fn measure_one(scenario: Scenario, testbed: &mut Testbed, measured: &mut Vec<Measured>) -> Result<()> {
    match scenario {
        Scenario::Sends => sends::measure(testbed, measured).await,
        Scenario::V2Sends => v2_sends::measure(testbed, measured).await,
        Scenario::Fanout => fanout::measure(testbed, measured).await,
        Scenario::Latency => latency::measure(testbed, measured).await,
        Scenario::OtherNode => other_node::measure(testbed, measured).await,
        Scenario::Pgbench => pgbench::measure(testbed, measured).await,
        Scenario::Idle => idle::measure(testbed, measured, Protocol::V1).await,
        Scenario::IdleV2 => idle::measure(testbed, measured, Protocol::V2).await,
        Scenario::Resume => resume::measure(testbed, measured).await,
        Scenario::Slow => slow::measure(testbed, measured).await,
        Scenario::Receipts => receipts::measure(testbed, measured).await,
        Scenario::History => history::measure(testbed, measured).await,
        Scenario::Logins => logins::measure(testbed, measured).await,
        Scenario::Start => start::measure(testbed, measured).await,
        Scenario::Search => search::measure(testbed, measured).await,
        growth => growth::measure_row(growth, testbed, measured).await,
    }
}

/// Repeats a run as often as the settings say, in turns with another server if two are compared.
async fn repeat(
    testbed: &mut Testbed,
    scenario: &str,
    unit: &'static str,
    run: impl AsyncFnMut(&mut Testbed) -> Result<Run>,
) -> Result<Measured> {
    repeat_times(testbed, testbed.settings.runs, (scenario, unit), run).await
}

/// Like [`repeat`], this number of times. A row is a scenario's name and the unit of its main figure.
async fn repeat_times(
    testbed: &mut Testbed,
    wanted: u32,
    (scenario, unit): (&str, &'static str),
    mut run: impl AsyncFnMut(&mut Testbed) -> Result<Run>,
) -> Result<Measured> {
    let mut measured = Measured { scenario: scenario.into(), unit, runs: Vec::new() };
    for number in 1..=wanted {
        if let Some(turns) = &mut testbed.turns {
            turns.begin(number).await?;
        }
        let run = run(testbed).await?;
        if let Some(turns) = &mut testbed.turns {
            turns.end(number).await?;
        }
        eprintln!("{scenario}: run {number} of {wanted}: {} {unit}", table::number(run.main));
        measured.runs.push(run);
    }
    Ok(measured)
}
