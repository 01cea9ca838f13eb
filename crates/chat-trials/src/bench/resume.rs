//! Resuming: 1,000 clients come back at once after a restart, each 20 messages behind; and then one at a time, of those
//! who have missed nothing.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::crowd::{self, Circle};
use super::line::Line;
use super::report::{Fault, Figure, Measured, Run};
use super::samples::Samples;
use super::stage::{Stage, User};
use super::v2_stream::V2Line;

const GROUPS: usize = 50;
const MEMBERS: usize = 20;
const MISSED: u64 = 20;
/// How many come back without having missed anything.
const UP_TO_DATE: usize = 100;
/// Who is not there by then does not come.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn measure(stage: &mut Stage, measured: &mut Vec<Measured>) -> Result<()> {
    let Some(circles) = crowd::gather(stage, "resume", GROUPS, MEMBERS).await? else { return Ok(()) };
    let users: Vec<User> = circles.iter().flat_map(|circle| circle.users.clone()).collect();
    let mut clients = Vec::new();
    for user in users {
        let mut line = V2Line::open(stage.server.url(), &user, None).await.context("no connection")?;
        let (cursor, _) = line.live().await?;
        clients.push((user, cursor));
    }
    let name = "resume, 1,000 clients, 20 messages each";
    let run = super::repeat(stage, name, "ms", async |stage| run(stage, &circles, &mut clients).await);
    measured.push(run.await?);
    Ok(())
}

async fn run(stage: &mut Stage, circles: &[Circle], clients: &mut Vec<(User, String)>) -> Result<Run> {
    send_what_is_missed(stage, circles).await?;
    stage.server.stop().await?;
    stage.server.resume().await?;
    let meter = stage.meter();
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for (user, cursor) in clients.drain(..) {
        let url = stage.server.url().clone();
        tasks.spawn(async move {
            let resumed = async {
                let mut line = V2Line::open(&url, &user, Some(cursor.clone())).await?;
                line.live().await
            };
            let resumed = timeout(PATIENCE, resumed).await.context("it took too long").flatten();
            (user, cursor, resumed, start.elapsed())
        });
    }
    let (mut times, mut broken, mut missing) = (Samples::default(), 0, 0);
    while let Some(ended) = tasks.join_next().await {
        let (user, cursor, resumed, took) = ended.context("a client was lost")?;
        match resumed {
            Ok((cursor, messages)) => {
                times.push(took);
                missing += MISSED.saturating_sub(messages);
                clients.push((user, cursor));
            }
            Err(_) => {
                broken += 1;
                clients.push((user, cursor));
            }
        }
    }
    let effort = meter.stop();
    let nothing_missed = up_to_date(stage, clients).await?.sorted();
    let times = times.sorted();
    Ok(Run {
        main: times.max_ms(),
        details: vec![
            Figure::new("p50", "ms", times.percentile_ms(50)),
            Figure::new("nothing missed p50", "ms", nothing_missed.percentile_ms(50)),
            Figure::new("its p99", "ms", nothing_missed.percentile_ms(99)),
        ],
        faults: vec![Fault::new("not resumed", broken), Fault::new("missing messages", missing)],
        effort,
    })
}

/// In each group one member writes what the others, and the member's own client, will have missed.
async fn send_what_is_missed(stage: &Stage, circles: &[Circle]) -> Result<()> {
    let mut line = Line::open(stage.server.url()).await.context("cannot reach the server")?;
    for circle in circles {
        let request =
            stage.message_to_group(circle.users.first().context("there are no users")?, circle.group);
        for _ in 0..MISSED {
            let answer = line.exchange(&request).await.context("the server does not answer")?;
            if answer.status != 201 {
                bail!("a message was answered {}", answer.status);
            }
        }
    }
    Ok(())
}

/// The time from connecting until the stream is live, of clients one after the other.
async fn up_to_date(stage: &Stage, clients: &mut [(User, String)]) -> Result<Samples> {
    let mut times = Samples::default();
    for (user, cursor) in clients.iter_mut().take(UP_TO_DATE) {
        let start = Instant::now();
        let mut line = V2Line::open(stage.server.url(), user, Some(cursor.clone())).await?;
        (*cursor, _) = line.live().await?;
        times.push(start.elapsed());
    }
    Ok(times)
}
