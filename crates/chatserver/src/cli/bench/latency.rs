//! From sending to receiving: a fixed number of messages per second to a group of 100 connections.
//!
//! A message's time begins just before its request is written and ends when its frame has been read from a connection;
//! what counts is every pair of message and connection. The messages keep to their timetable however long each takes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chat_protocol::message::Sent;
use tokio::task::JoinSet;

use super::audience::{Audience, Protocol};
use super::disk::fsync_times;
use super::line::{Answer, Line};
use super::report::{Fault, Figure, Measured, Run};
use super::samples::Samples;
use super::stage::Stage;
use super::tally::Tally;

const USERS: usize = 20;
const CONNECTIONS: usize = 100;
const PER_SECOND: u32 = 50;
/// Enough that one slow answer does not delay the next message.
const LINES: u32 = 8;

pub(super) async fn measure(stage: &mut Stage, measured: &mut Vec<Measured>) -> Result<()> {
    let group = stage.group(USERS).await?;
    let name = "latency, 50 messages/s to 100";
    measured.push(super::repeat(stage, name, "ms p50", async |stage| run(stage, group).await).await?);
    Ok(())
}

async fn run(stage: &Stage, group: i64) -> Result<Run> {
    let fsync = fsync_times(stage.server.folder())?;
    let users = stage.listeners.get(..USERS).unwrap_or_default();
    let audience =
        Audience::gather(stage.server.url(), (Protocol::V1, users), CONNECTIONS, Tally::with_arrivals)
            .await?;
    let sender = users.first().context("there are no users")?;
    let request: Arc<[u8]> = stage.message_to_group(sender, group).into();
    let mut lines = Vec::new();
    for _ in 0..LINES {
        let mut line = Line::open(stage.server.url()).await.context("the server cannot be reached")?;
        let first = number_of(&line.exchange(&request).await.context("the server does not answer")?)?;
        lines.push((line, first));
    }
    let newest = lines.iter().map(|(_, first)| *first).max().unwrap_or(0);
    let reached = audience.start_after(newest).await;
    let meter = stage.meter();
    let posts = post_all(lines.into_iter().map(|(line, _)| line), &request, stage.settings.seconds).await;
    audience.hear_out(posts.sent_at.len() as u64).await;
    let effort = meter.stop();
    let heard = audience.heard(posts.sent_at.len() as u64);
    let (times, first) = arrival_times(&audience, &posts.sent_at);
    let (times, first) = (times.sorted(), first.sorted());
    let answers = posts.answers.sorted();
    Ok(Run {
        main: times.percentile_ms(50),
        details: vec![
            Figure::new("p99", "ms", times.percentile_ms(99)),
            Figure::new("max", "ms", times.max_ms()),
            Figure::new("first of 100 p50", "ms", first.percentile_ms(50)),
            Figure::new("answered p50", "ms", answers.percentile_ms(50)),
            Figure::new("fsync p50", "ms", fsync.percentile_ms(50)),
            Figure::new("fsync p99", "ms", fsync.percentile_ms(99)),
        ],
        faults: vec![
            Fault::new("lost", heard.lost),
            Fault::new("doubled or out of order", heard.doubled),
            Fault::new("not connected", audience.refused() + audience.len().saturating_sub(reached) as u64),
            Fault::new("failed sends", posts.failed),
            Fault::new("sent late", posts.late),
        ],
        effort,
    })
}

/// The number of the message that was stored.
pub(super) fn number_of(answer: &Answer<'_>) -> Result<i64> {
    if answer.status != 201 {
        bail!("a message was answered {}: {:.300}", answer.status, String::from_utf8_lossy(answer.body));
    }
    let sent: Sent = serde_json::from_slice(answer.body).context("the answer is not understood")?;
    Ok(sent.id)
}

#[derive(Default)]
struct Posts {
    sent_at: HashMap<i64, Instant>,
    answers: Samples,
    failed: u64,
    late: u64,
}

/// Sends by the timetable, the connections taking turns.
async fn post_all(lines: impl Iterator<Item = Line>, request: &Arc<[u8]>, seconds: u64) -> Posts {
    let interval = Duration::from_secs(1) / PER_SECOND;
    let each = PER_SECOND * u32::try_from(seconds).unwrap_or(u32::MAX / PER_SECOND) / LINES;
    let start = Instant::now() + interval;
    let mut tasks = JoinSet::new();
    for (first, line) in (0..LINES).zip(lines) {
        let request = request.clone();
        let timetable = (0..each).map(move |turn| start + interval * (first + turn * LINES));
        tasks.spawn(async move { post_by(timetable, interval, line, &request).await });
    }
    let mut all = Posts::default();
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(posts) => {
                all.sent_at.extend(posts.sent_at);
                all.answers.append(posts.answers);
                all.failed += posts.failed;
                all.late += posts.late;
            }
            Err(_) => all.failed += u64::from(each),
        }
    }
    all
}

async fn post_by(
    timetable: impl Iterator<Item = Instant>,
    interval: Duration,
    mut line: Line,
    request: &[u8],
) -> Posts {
    let mut posts = Posts::default();
    for due in timetable {
        tokio::time::sleep_until(due.into()).await;
        let start = Instant::now();
        if start > due + interval {
            posts.late += 1;
        }
        match line.exchange(request).await.map(|answer| number_of(&answer)) {
            Ok(Ok(number)) => {
                posts.sent_at.insert(number, start);
                posts.answers.push(start.elapsed());
            }
            _ => posts.failed += 1,
        }
    }
    posts
}

/// The times of all arrivals, and those of each message's first one.
fn arrival_times(audience: &Audience, sent_at: &HashMap<i64, Instant>) -> (Samples, Samples) {
    let mut all = Samples::default();
    let mut first: HashMap<i64, Duration> = HashMap::new();
    audience.each_tally(|tally| {
        for arrival in tally.arrivals() {
            if let Some(sent) = sent_at.get(&arrival.message) {
                let time = arrival.at.saturating_duration_since(*sent);
                all.push(time);
                first.entry(arrival.message).and_modify(|least| *least = time.min(*least)).or_insert(time);
            }
        }
    });
    let mut firsts = Samples::default();
    first.into_values().for_each(|time| firsts.push(time));
    (all, firsts)
}
