//! Sending by a timetable, however long each message takes, for times from sending to receiving.
//!
//! A message's time begins just before its request is written and ends when its frame has been read from a connection.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chat_client::ServerUrl;
use chat_protocol::message::Sent;
use tokio::task::JoinSet;

use super::audience::Audience;
use super::line::{Answer, Line};
use super::report::Fault;
use super::samples::Samples;

pub(super) const PER_SECOND: u32 = 50;
/// Enough that one slow answer does not delay the next message.
const LINES: u32 = 8;

/// The number of the message that was stored.
pub(super) fn number_of(answer: &Answer<'_>) -> Result<i64> {
    if answer.status != 201 {
        bail!("a message was answered {}: {:.300}", answer.status, String::from_utf8_lossy(answer.body));
    }
    let sent: Sent = serde_json::from_slice(answer.body).context("the answer is not understood")?;
    Ok(sent.id)
}

/// Connections that send the same message in turn.
pub(super) struct Desk {
    url: ServerUrl,
    request: Arc<[u8]>,
    lines: Vec<Line>,
}

impl Desk {
    /// Connects, and waits until every stream has come so far; says how many did. They count from here.
    pub(super) async fn open(
        url: &ServerUrl,
        request: Vec<u8>,
        audiences: &[&Audience],
    ) -> Result<(Self, usize)> {
        // Streams are given first what has gathered for their users. That may take longer than a server keeps an idle
        // connection, so those that will be timed are opened afterwards.
        let first = send(&mut connect(url).await?, &request).await?;
        for audience in audiences {
            audience.start_after(first).await;
        }
        let (mut lines, mut newest) = (Vec::new(), first);
        for _ in 0..LINES {
            let mut line = connect(url).await?;
            newest = send(&mut line, &request).await?.max(newest);
            lines.push(line);
        }
        let mut reached = 0;
        for audience in audiences {
            reached += audience.start_after(newest).await;
        }
        Ok((Self { url: url.clone(), request: request.into(), lines }, reached))
    }

    /// Sends for so long, the connections taking turns.
    pub(super) async fn post(self, seconds: u64) -> Posts {
        let interval = Duration::from_secs(1) / PER_SECOND;
        let each = PER_SECOND * u32::try_from(seconds).unwrap_or(u32::MAX / PER_SECOND) / LINES;
        let start = Instant::now() + interval;
        let mut tasks = JoinSet::new();
        for (first, line) in (0..LINES).zip(self.lines) {
            let timetable = (0..each).map(move |turn| start + interval * (first + turn * LINES));
            let clerk = Clerk { url: self.url.clone(), request: self.request.clone(), line };
            tasks.spawn(clerk.post(timetable, interval));
        }
        let mut all = Posts::default();
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(posts) => all.add(posts),
                Err(_) => all.failed += u64::from(each),
            }
        }
        all
    }
}

async fn connect(url: &ServerUrl) -> Result<Line> {
    Line::open(url).await.context("cannot reach the server")
}

async fn send(line: &mut Line, request: &[u8]) -> Result<i64> {
    number_of(&line.exchange(request).await.context("the server does not answer")?)
}

/// One of the connections.
struct Clerk {
    url: ServerUrl,
    request: Arc<[u8]>,
    line: Line,
}

impl Clerk {
    async fn post(mut self, timetable: impl Iterator<Item = Instant>, interval: Duration) -> Posts {
        let mut posts = Posts::default();
        for due in timetable {
            tokio::time::sleep_until(due.into()).await;
            let start = Instant::now();
            if start > due + interval {
                posts.late += 1;
            }
            let (sent, is_broken) = match self.line.exchange(&self.request).await {
                Ok(answer) if answer.is_unavailable() => {
                    posts.unavailable += 1;
                    continue;
                }
                Ok(answer) => (number_of(&answer), false),
                Err(error) => (Err(error).context("the server does not answer"), true),
            };
            match sent {
                Ok(number) => posts.sent(number, start),
                Err(error) => posts.failed(&error),
            }
            // One broken connection must not cost all the messages that are still to go by it.
            if is_broken && let Ok(line) = Line::open(&self.url).await {
                self.line = line;
            }
        }
        posts
    }
}

/// What was sent.
#[derive(Default)]
pub(super) struct Posts {
    sent_at: HashMap<i64, Instant>,
    answers: Samples,
    failed: u64,
    /// Refused for the time being.
    unavailable: u64,
    late: u64,
    /// Why the first of those that failed did.
    reason: Option<String>,
}

impl Posts {
    fn sent(&mut self, number: i64, at: Instant) {
        self.sent_at.insert(number, at);
        self.answers.push(at.elapsed());
    }

    fn failed(&mut self, error: &anyhow::Error) {
        self.failed += 1;
        self.reason.get_or_insert_with(|| format!("{error:#}"));
    }

    fn add(&mut self, other: Self) {
        self.sent_at.extend(other.sent_at);
        self.answers.append(other.answers);
        self.failed += other.failed;
        self.unavailable += other.unavailable;
        self.late += other.late;
        self.reason = self.reason.take().or(other.reason);
    }

    /// How many messages were stored.
    pub(super) fn count(&self) -> u64 {
        self.sent_at.len() as u64
    }

    /// The times until each was answered.
    pub(super) fn take_answers(&mut self) -> Samples {
        std::mem::take(&mut self.answers)
    }

    /// Every arrival at every stream: which message, and how long after it was sent.
    pub(super) fn arrivals(&self, audience: &Audience) -> Vec<(i64, Duration)> {
        let mut arrivals = Vec::new();
        audience.each_tally(|tally| {
            arrivals.extend(tally.arrivals().iter().filter_map(|arrival| {
                let sent = self.sent_at.get(&arrival.message)?;
                Some((arrival.message, arrival.at.saturating_duration_since(*sent)))
            }));
        });
        arrivals
    }

    pub(super) fn faults(&self) -> [Fault; 3] {
        [
            Fault::new("failed sends", self.failed),
            Fault::new("unavailable", self.unavailable),
            Fault::new("sent late", self.late),
        ]
    }

    /// A line about the first message that could not be sent, if there is one.
    pub(super) fn complaint(&self) -> Option<String> {
        self.reason.as_ref().map(|reason| format!("the first send that failed: {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_all_connections_are_counted_and_the_first_reason_is_kept() {
        let (mut one, mut other) = (Posts::default(), Posts::default());
        one.sent(7, Instant::now());
        assert_eq!(one.complaint(), None);
        other.failed(&anyhow::anyhow!("this"));
        other.failed(&anyhow::anyhow!("that"));
        one.add(other);
        assert_eq!((one.count(), one.failed), (1, 2));
        assert_eq!(one.complaint().as_deref(), Some("the first send that failed: this"));
    }
}
