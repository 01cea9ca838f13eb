//! Fan-out: a group of 20 users with 50 connections each; four of them send as fast as their messages arrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::audience::{Audience, Protocol};
use super::line::Line;
use super::report::{Fault, Figure, Measured, Run};
use super::stage::Stage;
use super::tally::Tally;

const USERS: usize = 20;
const CONNECTIONS: usize = 1_000;
const SENDERS: usize = 4;
const LOOK: Duration = Duration::from_millis(1);
/// A connection that has got everything stays for so long, so that the server hears of it and does not give the next
/// run's connections the same again.
const FAREWELL: Duration = Duration::from_millis(1_500);

pub(super) async fn measure(stage: &mut Stage, measured: &mut Vec<Measured>) -> Result<()> {
    let group = stage.group(USERS).await?;
    let window = stage.settings.window;
    stage.note(format!(
        "fanout: {SENDERS} senders by REST, each sends when its last message is answered and the slowest of the \
         {CONNECTIONS} connections is less than {window} messages behind; the time ends with the last arrival"
    ));
    let run = super::repeat(stage, "fanout, 1,000 connections", "deliveries/s", async |stage| {
        run(stage, group).await
    });
    measured.push(run.await?);
    Ok(())
}

async fn run(stage: &Stage, group: i64) -> Result<Run> {
    let users = stage.listeners.get(..USERS).unwrap_or_default();
    let audience =
        Audience::gather(stage.server.url(), (Protocol::V1, users), CONNECTIONS, Tally::default).await?;
    let audience = Arc::new(audience);
    let mut senders = Vec::new();
    for user in users.iter().take(SENDERS) {
        let line = Line::open(stage.server.url()).await.context("cannot reach the server")?;
        senders.push((line, stage.message_to_group(user, group)));
    }
    let reached = audience.start_after(first_message(&mut senders).await?).await;
    let posted = Arc::new(Posted::default());
    let meter = stage.meter();
    let start = Instant::now();
    let until = start + Duration::from_secs(stage.settings.seconds);
    let mut tasks = JoinSet::new();
    for (line, request) in senders {
        let gate = Gate { audience: audience.clone(), window: stage.settings.window, until, known: 0 };
        tasks.spawn(send(line, request, gate, posted.clone()));
    }
    while tasks.join_next().await.is_some() {}
    let sent = posted.accepted.load(Ordering::Relaxed);
    audience.hear_out(sent).await;
    let elapsed = start.elapsed();
    let effort = meter.stop();
    tokio::time::sleep(FAREWELL).await;
    let heard = audience.heard(sent);
    Ok(Run {
        main: heard.deliveries as f64 / elapsed.as_secs_f64(),
        details: vec![
            Figure::new("messages", "/s", sent as f64 / elapsed.as_secs_f64()),
            Figure::new("lost", "", heard.lost as f64),
            Figure::new("doubled", "", heard.doubled as f64),
        ],
        faults: vec![
            Fault::new("lost", heard.lost),
            Fault::new("doubled or out of order", heard.doubled),
            Fault::new("closed", heard.closed),
            Fault::new("not connected", audience.refused() + audience.len().saturating_sub(reached) as u64),
            Fault::new("refused", posted.refused.load(Ordering::Relaxed)),
            Fault::new("unavailable", posted.unavailable.load(Ordering::Relaxed)),
            Fault::new("broken connections", posted.broken.load(Ordering::Relaxed)),
        ],
        effort,
    })
}

/// Sends a message that all must have before the run begins; gives its number.
async fn first_message(senders: &mut [(Line, Vec<u8>)]) -> Result<i64> {
    let (line, request) = senders.first_mut().context("there are no senders")?;
    super::posts::number_of(&line.exchange(request).await.context("the server does not answer")?)
}

#[derive(Default)]
struct Posted {
    accepted: AtomicU64,
    refused: AtomicU64,
    unavailable: AtomicU64,
    broken: AtomicU64,
}

/// Holds senders up while they are too far ahead.
struct Gate {
    audience: Arc<Audience>,
    window: u64,
    until: Instant,
    /// What the slowest connection had when it was last looked at: asking a thousand for each message is dear.
    known: u64,
}

impl Gate {
    /// Waits until another message may be sent; `false`: it is over.
    async fn pass(&mut self, sent: u64) -> bool {
        while Instant::now() < self.until {
            if sent < self.known + self.window {
                return true;
            }
            match self.audience.slowest() {
                None => return false,
                Some(slowest) if slowest > self.known => self.known = slowest,
                Some(_) => tokio::time::sleep(LOOK).await,
            }
        }
        false
    }
}

async fn send(mut line: Line, request: Vec<u8>, mut gate: Gate, posted: Arc<Posted>) {
    while gate.pass(posted.accepted.load(Ordering::Relaxed)).await {
        match line.exchange(&request).await {
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
