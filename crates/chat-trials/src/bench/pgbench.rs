//! How much of PostgreSQL's throughput the nodes reach: durable sends over REST, and then `pgbench` with the same rows
//! in batches of the size that the nodes have just committed, alternately.

use anyhow::{Context, Result};

use super::load::{ConnectedWorkers, Until};
use super::report::{Fault, Figure, Measured, Run};
use super::sends;
use super::table::number;
use super::testbed::{Effort, Testbed};
use super::yardstick::{Batch, Yardstick};

/// Each sender has its own conversation and one message in flight, so this bounds the batch size.
const SENDERS: usize = 64;
/// Average bytes per change in the newest rows of the journal.
const JOURNAL_BYTES: &str = "SELECT coalesce(round(sum(length(body)) / sum(last - first + 1)), 0)
                             FROM (SELECT * FROM journal ORDER BY last DESC LIMIT 1000) j";

pub(super) async fn measure(testbed: &mut Testbed, measured: &mut Vec<Measured>) -> Result<()> {
    if testbed.is_compared {
        testbed
            .note("pgbench: left out, because it compares a server with its database and not with another");
        return Ok(());
    }
    let Some(cluster) = testbed.server.cluster() else {
        testbed.note("pgbench: left out, because it needs a PostgreSQL of the benchmark's own: --cluster 1");
        return Ok(());
    };
    let yardstick = Yardstick::make(cluster, testbed.adapters, SENDERS).await?;
    let wanted = testbed.settings.runs;
    let of = |scenario: &str, unit| Measured { scenario: scenario.into(), unit, runs: Vec::new() };
    let mut nodes = of("pgbench, 64 senders over REST", "sends/s");
    let mut bare = of("pgbench, the same rows without a server", "rows/s");
    let mut shares = of("pgbench, sends as a share of rows", "%");
    for turn in 1..=wanted {
        let (sent, mean) = send(testbed).await?;
        let inserted = insert(testbed, &yardstick, mean).await?;
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

/// Sends through all nodes. Returns the run and the average number of messages per commit.
async fn send(testbed: &Testbed) -> Result<(Run, f64)> {
    let cluster = testbed.server.cluster().context("there are no nodes")?;
    let connected =
        ConnectedWorkers::spread(testbed.server.urls(), sends::workers(testbed, SENDERS)?).await?;
    cluster.checkpoint()?;
    let before = cluster.batches().await?;
    let meter = testbed.meter();
    let results = connected.work(Until::seconds(testbed.settings.seconds)).await;
    let effort = meter.stop();
    let mean = (cluster.batches().await? - before).mean();
    let mut run = sends::run_of(results, effort);
    run.details.push(Figure::new("in a commit", "", mean));
    Ok((run, mean))
}

/// Inserts the same rows with pgbench. A commit has a fixed cost and a cost per message, so batches of the mean size
/// take as long as the nodes' batches of various sizes.
async fn insert(testbed: &Testbed, yardstick: &Yardstick, mean: f64) -> Result<Run> {
    let cluster = testbed.server.cluster().context("there are no nodes")?;
    let messages = (1..=SENDERS).rfind(|size| *size as f64 <= mean + 0.5).unwrap_or(1);
    let for_each: usize = cluster.ask(JOURNAL_BYTES)?.parse().context("the journal's length is no number")?;
    let batch = Batch { messages, journal_bytes: messages * for_each };
    cluster.checkpoint()?;
    let meter = testbed.meter();
    let commits = yardstick.commits_per_second(batch, testbed.settings.seconds).await?;
    // The nodes and this program are idle during this run.
    let effort = Effort { seconds: meter.stop().seconds, ..Effort::default() };
    let details = vec![
        Figure::new("commits", "/s", commits),
        Figure::new("in a commit", "", messages as f64),
        Figure::new("journal bytes in a commit", "", batch.journal_bytes as f64),
    ];
    Ok(Run { main: commits * messages as f64, details, faults: Vec::<Fault>::new(), effort })
}
