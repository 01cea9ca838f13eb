//! Durable sends over the v2 stream: 64 connections, spread over the nodes, each with eight messages in flight. Every
//! message is also delivered to its sender and its recipient, who are both among the 64.
//!
//! They use accounts that never connect to the v1 stream, which would have to deliver all of these messages.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::report::{Fault, Figure, Measured, Run};
use super::samples::Samples;
use super::testbed::{Testbed, content};
use super::v2_stream::{Frame, V2Connection};

const CONNECTIONS: usize = 64;
const IN_FLIGHT: u64 = 8;

pub(super) async fn measure(testbed: &mut Testbed, measured: &mut Vec<Measured>) -> Result<()> {
    let name = "v2-sends, 64 connections, 8 in flight";
    measured.push(super::repeat(testbed, name, "sends/s", async |testbed| run(testbed).await).await?);
    Ok(())
}

/// A connection and the id of its recipient.
struct Sender {
    connection: V2Connection,
    to: i64,
}

#[derive(Default)]
struct Done {
    times: Samples,
    refused: u64,
    unavailable: u64,
    broken: u64,
}

async fn run(testbed: &Testbed) -> Result<Run> {
    let mut senders = Vec::new();
    for (number, url) in (0..CONNECTIONS).zip(testbed.server.urls().iter().cycle()) {
        let (from, to) = (testbed.writer(number)?, testbed.writer(number + 1)?);
        let mut connection = V2Connection::open(url, from, None).await.context("no connection")?;
        connection.live().await?;
        senders.push(Sender { connection, to: to.id });
    }
    let meter = testbed.meter();
    let start = Instant::now();
    let until = start + Duration::from_secs(testbed.settings.seconds);
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
    let (elapsed, effort) = (start.elapsed(), meter.stop().for_units(all.times.len()));
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

/// Sends the next message when one in flight is answered, until the time is up; then waits for the last answers.
async fn send_until(sender: &mut Sender, until: Instant, done: &mut Done) -> Result<()> {
    let Sender { connection, to } = sender;
    let frame =
        |id: u64| format!("{{\"op\":\"send\",\"id\":{id},\"to_user\":{to},\"content\":\"{}\"}}", content());
    let mut on_their_way = HashMap::new();
    for id in 0..IN_FLIGHT {
        on_their_way.insert(id, Instant::now());
        connection.send(&frame(id)).await?;
    }
    let mut next = IN_FLIGHT;
    let mut answered = 0;
    while answered < next {
        match connection.next().await? {
            Frame::Ack(id) => {
                done.times.push(on_their_way.remove(&id).map(|sent| sent.elapsed()).unwrap_or_default());
            }
            Frame::Refused => done.refused += 1,
            Frame::Unavailable => done.unavailable += 1,
            Frame::Live(_) | Frame::Message | Frame::Other => continue,
        }
        answered += 1;
        if Instant::now() < until {
            on_their_way.insert(next, Instant::now());
            connection.send(&frame(next)).await?;
            next += 1;
        }
    }
    Ok(())
}
