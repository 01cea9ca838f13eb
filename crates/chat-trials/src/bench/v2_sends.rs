//! Durable sends over the v2 stream: 64 connections, spread over the nodes, each of which has eight messages on their way.
//! Every message is also told to its sender and to its recipient, who are among those who send.
//!
//! They are talkers, who are never connected to the v1 stream: it would have to give them all of these messages.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::report::{Fault, Figure, Measured, Run};
use super::samples::Samples;
use super::stage::{Stage, content};
use super::v2_stream::{Heard, V2Line};

const CONNECTIONS: usize = 64;
const IN_FLIGHT: u64 = 8;

pub(super) async fn measure(stage: &mut Stage, measured: &mut Vec<Measured>) -> Result<()> {
    let name = "v2-sends, 64 connections, 8 in flight";
    measured.push(super::repeat(stage, name, "sends/s", async |stage| run(stage).await).await?);
    Ok(())
}

/// One connection, and to whom it writes.
struct Sender {
    line: V2Line,
    to: i64,
}

#[derive(Default)]
struct Done {
    times: Samples,
    refused: u64,
    unavailable: u64,
    broken: u64,
}

async fn run(stage: &Stage) -> Result<Run> {
    let mut senders = Vec::new();
    for (number, url) in (0..CONNECTIONS).zip(stage.server.urls().iter().cycle()) {
        let (from, to) = (stage.talker(number)?, stage.talker(number + 1)?);
        let mut line = V2Line::open(url, from, None).await.context("no connection")?;
        line.live().await?;
        senders.push(Sender { line, to: to.id });
    }
    let meter = stage.meter();
    let start = Instant::now();
    let until = start + Duration::from_secs(stage.settings.seconds);
    let mut tasks = JoinSet::new();
    for sender in senders {
        tasks.spawn(send(sender, until));
    }
    let mut all = Done::default();
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(done) => {
                all.times.append(done.times);
                all.refused += done.refused;
                all.unavailable += done.unavailable;
                all.broken += done.broken;
            }
            Err(_) => all.broken += 1,
        }
    }
    let (elapsed, effort) = (start.elapsed(), meter.stop());
    let main = all.times.len() as f64 / elapsed.as_secs_f64();
    let times = all.times.sorted();
    Ok(Run {
        main,
        details: vec![
            Figure::new("p50", "ms", times.percentile_ms(50)),
            Figure::new("p99", "ms", times.percentile_ms(99)),
            Figure::new("max", "ms", times.max_ms()),
        ],
        faults: vec![
            Fault::new("refused", all.refused),
            Fault::new("unavailable", all.unavailable),
            Fault::new("broken connections", all.broken),
        ],
        effort,
    })
}

async fn send(mut sender: Sender, until: Instant) -> Done {
    let mut done = Done::default();
    if send_until(&mut sender, until, &mut done).await.is_err() {
        done.broken += 1;
    }
    done
}

/// Sends the next message when one of those on their way is answered, and waits for the last ones.
async fn send_until(sender: &mut Sender, until: Instant, done: &mut Done) -> Result<()> {
    let Sender { line, to } = sender;
    let frame =
        |id: u64| format!("{{\"op\":\"send\",\"id\":{id},\"to_user\":{to},\"content\":\"{}\"}}", content());
    let mut on_their_way = HashMap::new();
    for id in 0..IN_FLIGHT {
        on_their_way.insert(id, Instant::now());
        line.send(&frame(id)).await?;
    }
    let mut next = IN_FLIGHT;
    let mut answered = 0;
    while answered < next {
        match line.next().await? {
            Heard::Ack(id) => {
                done.times.push(on_their_way.remove(&id).map(|sent| sent.elapsed()).unwrap_or_default());
            }
            Heard::Refused => done.refused += 1,
            Heard::Unavailable => done.unavailable += 1,
            Heard::Live(_) | Heard::Message | Heard::Other => continue,
        }
        answered += 1;
        if Instant::now() < until {
            on_their_way.insert(next, Instant::now());
            line.send(&frame(next)).await?;
            next += 1;
        }
    }
    Ok(())
}
