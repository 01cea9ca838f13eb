//! Fan-out: a group of 20 users with 50 connections each; four of them send as fast as their messages arrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::http::HttpConnection;
use super::report::{Fault, Figure, Measured, Run};
use super::streams::{Protocol, Streams};
use super::tally::Tally;
use super::testbed::Testbed;

const USERS: usize = 20;
const CONNECTIONS: usize = 1_000;
const SENDERS: usize = 4;
const POLL: Duration = Duration::from_millis(1);
/// How long connections stay open after they have received everything, so that their confirmations reach the server.
/// Otherwise it would send the same messages to the next run's connections.
const LINGER: Duration = Duration::from_millis(1_500);

pub(super) async fn measure(testbed: &mut Testbed, measured: &mut Vec<Measured>) -> Result<()> {
    let group = testbed.group(USERS).await?;
    let window = testbed.settings.window;
    testbed.note(format!(
        "fanout: {SENDERS} senders by REST, each sends when its last message is answered and the slowest of the \
         {CONNECTIONS} connections is less than {window} messages behind; the time ends with the last arrival"
    ));
    let run = super::repeat(testbed, "fanout, 1,000 connections", "deliveries/s", async |testbed| {
        run(testbed, group).await
    });
    measured.push(run.await?);
    Ok(())
}

async fn run(testbed: &Testbed, group: i64) -> Result<Run> {
    let users = testbed.listeners.get(..USERS).unwrap_or_default();
    let streams =
        Streams::open(testbed.server.url(), (Protocol::V1, users), CONNECTIONS, Tally::default).await?;
    let streams = Arc::new(streams);
    let mut senders = Vec::new();
    for user in users.iter().take(SENDERS) {
        let connection =
            HttpConnection::open(testbed.server.url()).await.context("cannot reach the server")?;
        senders.push((connection, testbed.message_to_group(user, group)));
    }
    let reached = streams.start_after(first_message(&mut senders).await?).await;
    let posted = Arc::new(Posted::default());
    let meter = testbed.meter();
    let start = Instant::now();
    let until = start + Duration::from_secs(testbed.settings.seconds);
    let mut tasks = JoinSet::new();
    for (connection, request) in senders {
        let gate = Gate { streams: streams.clone(), window: testbed.settings.window, until, known: 0 };
        tasks.spawn(send(connection, request, gate, posted.clone()));
    }
    while tasks.join_next().await.is_some() {}
    let sent = posted.accepted.load(Ordering::Relaxed);
    streams.wait_for_all(sent).await;
    let elapsed = start.elapsed();
    let effort = meter.stop();
    tokio::time::sleep(LINGER).await;
    let received = streams.received(sent);
    let effort = effort.for_units(usize::try_from(received.deliveries)?);
    Ok(Run {
        main: received.deliveries as f64 / elapsed.as_secs_f64(),
        details: vec![
            Figure::new("messages", "/s", sent as f64 / elapsed.as_secs_f64()),
            Figure::new("lost", "", received.lost as f64),
            Figure::new("doubled", "", received.doubled as f64),
        ],
        faults: vec![
            Fault::new("lost", received.lost),
            Fault::new("doubled or out of order", received.doubled),
            Fault::new("closed", received.closed),
            Fault::new("not connected", streams.refused() + streams.len().saturating_sub(reached) as u64),
            Fault::new("refused", posted.refused.load(Ordering::Relaxed)),
            Fault::new("unavailable", posted.unavailable.load(Ordering::Relaxed)),
            Fault::new("broken connections", posted.broken.load(Ordering::Relaxed)),
        ],
        effort,
    })
}

/// Sends a message that all streams must receive before the run begins. Returns its id.
async fn first_message(senders: &mut [(HttpConnection, Vec<u8>)]) -> Result<i64> {
    let (connection, request) = senders.first_mut().context("there are no senders")?;
    super::timed_sends::sent_id(&connection.exchange(request).await.context("the server does not answer")?)
}

#[derive(Default)]
struct Posted {
    accepted: AtomicU64,
    refused: AtomicU64,
    unavailable: AtomicU64,
    broken: AtomicU64,
}

/// Delays senders while they are too far ahead.
struct Gate {
    streams: Arc<Streams>,
    window: u64,
    until: Instant,
    /// Messages of the slowest connection at the last check: checking a thousand connections per message is expensive.
    known: u64,
}

impl Gate {
    /// Waits until another message may be sent. Returns `false` if the run is over.
    async fn pass(&mut self, sent: u64) -> bool {
        while Instant::now() < self.until {
            if sent < self.known + self.window {
                return true;
            }
            match self.streams.slowest() {
                None => return false,
                Some(slowest) if slowest > self.known => self.known = slowest,
                Some(_) => tokio::time::sleep(POLL).await,
            }
        }
        false
    }
}

async fn send(mut connection: HttpConnection, request: Vec<u8>, mut gate: Gate, posted: Arc<Posted>) {
    while gate.pass(posted.accepted.load(Ordering::Relaxed)).await {
        match connection.exchange(&request).await {
            Ok(answer) if answer.status == 201 => posted.accepted.fetch_add(1, Ordering::Relaxed),
            Ok(answer) if answer.is_unavailable() => posted.unavailable.fetch_add(1, Ordering::Relaxed),
            Ok(_) => posted.refused.fetch_add(1, Ordering::Relaxed),
            Err(_) => {
                posted.broken.fetch_add(1, Ordering::Relaxed);
                return;
            }
        };
    }
}
