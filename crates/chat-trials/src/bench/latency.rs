//! From sending to receiving: a fixed number of messages per second to a group of 100 connections. What counts is every
//! pair of message and connection.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result};

use super::audience::{Audience, Protocol};
use super::disk::fsync_times;
use super::posts::{Desk, Posts};
use super::report::{Fault, Figure, Measured, Run};
use super::samples::Samples;
use super::stage::Stage;
use super::tally::Tally;

const USERS: usize = 20;
const CONNECTIONS: usize = 100;

pub(super) async fn measure(stage: &mut Stage, measured: &mut Vec<Measured>) -> Result<()> {
    let group = stage.group(USERS).await?;
    let name = "latency, 50 messages/s to 100";
    measured.push(super::repeat(stage, name, "ms p50", async |stage| run(stage, group).await).await?);
    Ok(())
}

async fn run(stage: &mut Stage, group: i64) -> Result<Run> {
    let fsync = fsync_times(stage.server.folder())?;
    let users = stage.listeners.get(..USERS).unwrap_or_default();
    let audience =
        Audience::gather(stage.server.url(), (Protocol::V1, users), CONNECTIONS, Tally::with_arrivals)
            .await?;
    let sender = users.first().context("there are no users")?;
    let request = stage.message_to_group(sender, group);
    let (desk, reached) = Desk::open(stage.server.url(), request, &[&audience]).await?;
    let meter = stage.meter();
    let mut posts = desk.post(stage.settings.seconds).await;
    audience.hear_out(posts.count()).await;
    let effort = meter.stop();
    let heard = audience.heard(posts.count());
    let (times, first) = arrival_times(&audience, &posts);
    let (times, first, answers) = (times.sorted(), first.sorted(), posts.take_answers().sorted());
    if let Some(complaint) = posts.complaint() {
        stage.note(format!("latency: {complaint}"));
    }
    let mut faults = vec![
        Fault::new("lost", heard.lost),
        Fault::new("doubled or out of order", heard.doubled),
        Fault::new("not connected", audience.refused() + audience.len().saturating_sub(reached) as u64),
    ];
    faults.extend(posts.faults());
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
        faults,
        effort,
    })
}

/// The times of all arrivals, and those of each message's first one.
fn arrival_times(audience: &Audience, posts: &Posts) -> (Samples, Samples) {
    let (mut all, mut firsts) = (Samples::default(), Samples::default());
    let mut first: HashMap<i64, Duration> = HashMap::new();
    for (message, time) in posts.arrivals(audience) {
        all.push(time);
        first.entry(message).and_modify(|least| *least = time.min(*least)).or_insert(time);
    }
    first.into_values().for_each(|time| firsts.push(time));
    (all, firsts)
}
