//! How much of what PostgreSQL could do the nodes get out of it: durable sends over REST, and then `pgbench` with the same
//! rows in batches of the size that the nodes have just committed, in turns.

use anyhow::{Context, Result};

use super::load::{Crew, Until};
use super::report::{Fault, Figure, Measured, Run};
use super::sends;
use super::stage::{Effort, Stage};
use super::table::number;
use super::yardstick::{Batch, Yardstick};

/// Each of them writes in a conversation of its own and has one message under way, so no batch is larger.
const SENDERS: usize = 64;
/// Of the journal's newest rows, the length for each change.
const JOURNAL_BYTES: &str = "SELECT coalesce(round(sum(length(body)) / sum(last - first + 1)), 0)
                             FROM (SELECT * FROM journal ORDER BY last DESC LIMIT 1000) j";

pub(super) async fn measure(stage: &mut Stage, measured: &mut Vec<Measured>) -> Result<()> {
    let Some(cluster) = stage.server.cluster() else {
        stage.note("pgbench: left out, because it needs a PostgreSQL of the benchmark's own: --cluster 1");
        return Ok(());
    };
    let yardstick = Yardstick::make(cluster, stage.adapters, SENDERS).await?;
    let wanted = stage.settings.runs;
    let of = |scenario: &str, unit| Measured { scenario: scenario.into(), unit, runs: Vec::new() };
    let mut nodes = of("pgbench, 64 senders over REST", "sends/s");
    let mut bare = of("pgbench, the same rows without a server", "rows/s");
    let mut shares = of("pgbench, sends as a share of rows", "%");
    for turn in 1..=wanted {
        let (sent, mean) = send(stage).await?;
        let inserted = insert(stage, &yardstick, mean).await?;
        let share = 100.0 * sent.main / inserted.main;
        eprintln!(
            "pgbench: run {turn} of {wanted}: {} sends/s, {} rows/s, {} %",
            number(sent.main),
            number(inserted.main),
            number(share)
        );
        shares.runs.push(Run {
            main: share,
            details: Vec::new(),
            faults: Vec::new(),
            effort: Effort::default(),
        });
        nodes.runs.push(sent);
        bare.runs.push(inserted);
    }
    measured.extend([nodes, bare, shares]);
    Ok(())
}

/// Sends by way of all nodes; says how many messages they put into a commit on average.
async fn send(stage: &Stage) -> Result<(Run, f64)> {
    let cluster = stage.server.cluster().context("there are no nodes")?;
    let crew = Crew::spread(stage.server.urls(), sends::workers(stage, SENDERS)?).await?;
    cluster.checkpoint()?;
    let before = cluster.batches().await?;
    let meter = stage.meter();
    let worked = crew.work(Until::seconds(stage.settings.seconds)).await;
    let effort = meter.stop();
    let mean = (cluster.batches().await? - before).mean();
    let mut run = sends::run_of(worked, effort);
    run.details.push(Figure::new("in a commit", "", mean));
    Ok((run, mean))
}

/// The same rows by pgbench. A commit takes a time of its own and one for each message, so batches of the mean size take as
/// long as those of all sizes did.
async fn insert(stage: &Stage, yardstick: &Yardstick, mean: f64) -> Result<Run> {
    let cluster = stage.server.cluster().context("there are no nodes")?;
    let messages = (1..=SENDERS).rfind(|size| *size as f64 <= mean + 0.5).unwrap_or(1);
    let for_each: usize = cluster.ask(JOURNAL_BYTES)?.parse().context("the journal's length is no number")?;
    let batch = Batch { messages, journal_bytes: messages * for_each };
    cluster.checkpoint()?;
    let meter = stage.meter();
    let commits = yardstick.commits_per_second(batch, stage.settings.seconds).await?;
    // The nodes and this program have nothing to do meanwhile.
    let effort = Effort { seconds: meter.stop().seconds, ..Effort::default() };
    let details = vec![
        Figure::new("commits", "/s", commits),
        Figure::new("in a commit", "", messages as f64),
        Figure::new("journal bytes in a commit", "", batch.journal_bytes as f64),
    ];
    Ok(Run { main: commits * messages as f64, details, faults: Vec::<Fault>::new(), effort })
}
