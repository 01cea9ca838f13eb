//! Time from sending to receiving: a fixed number of messages per second to a group of 100 connections. Every pair of
//! message and connection is one sample.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result};

use super::disk::fsync_times;
use super::report::{Fault, Figure, Measured, Run};
use super::samples::Samples;
use super::streams::{Protocol, Streams};
use super::tally::Tally;
use super::testbed::Testbed;
use super::timed_sends::{Posts, TimedSender};

const USERS: usize = 20;
const CONNECTIONS: usize = 100;

pub(super) async fn measure(testbed: &mut Testbed, measured: &mut Vec<Measured>) -> Result<()> {
    let group = testbed.group(USERS).await?;
    let name = "latency, 50 messages/s to 100";
    measured.push(super::repeat(testbed, name, "ms p50", async |testbed| run(testbed, group).await).await?);
    Ok(())
}

async fn run(testbed: &mut Testbed, group: i64) -> Result<Run> {
    let fsync = fsync_times(testbed.server.folder())?;
    let users = testbed.listeners.get(..USERS).unwrap_or_default();
    let streams =
        Streams::open(testbed.server.url(), (Protocol::V1, users), CONNECTIONS, Tally::with_arrivals).await?;
    let sender = users.first().context("there are no users")?;
    let request = testbed.message_to_group(sender, group);
    let (timed, reached) = TimedSender::open(testbed.server.url(), request, &[&streams]).await?;
    let meter = testbed.meter();
    let mut posts = timed.post(testbed.settings.seconds).await;
    streams.wait_for_all(posts.count()).await;
    let effort = meter.stop();
    let received = streams.received(posts.count());
    let (times, first) = arrival_times(&streams, &posts);
    let (times, first, answers) = (times.sorted(), first.sorted(), posts.take_answers().sorted());
    if let Some(first_error) = posts.first_error() {
        testbed.note(format!("latency: {first_error}"));
    }
    let mut faults = vec![
        Fault::new("lost", received.lost),
        Fault::new("doubled or out of order", received.doubled),
        Fault::new("not connected", streams.refused() + streams.len().saturating_sub(reached) as u64),
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

/// The times of all arrivals, and of the first arrival of each message.
fn arrival_times(streams: &Streams, posts: &Posts) -> (Samples, Samples) {
    let (mut all, mut firsts) = (Samples::default(), Samples::default());
    let mut first: HashMap<i64, Duration> = HashMap::new();
    for (message, time) in posts.arrivals(streams) {
        all.push(time);
        first.entry(message).and_modify(|least| *least = time.min(*least)).or_insert(time);
    }
    first.into_values().for_each(|time| firsts.push(time));
    (all, firsts)
}
