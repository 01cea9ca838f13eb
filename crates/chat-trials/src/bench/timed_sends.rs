//! Sends at fixed times, however long each message takes, to measure times from sending to receiving.
//!
//! A message's time begins just before its request is written and ends when its frame has been read from a stream.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chat_client::ServerUrl;
use chat_protocol::message::Sent;
use tokio::task::JoinSet;

use super::http::{Answer, HttpConnection};
use super::report::Fault;
use super::samples::Samples;
use super::streams::Streams;

pub(super) const PER_SECOND: u32 = 50;
/// Number of connections: enough that one slow answer does not delay the next message.
const CONNECTIONS: u32 = 8;

/// The id of the stored message.
pub(super) fn sent_id(answer: &Answer<'_>) -> Result<i64> {
    if answer.status != 201 {
        bail!("a message was answered {}: {:.300}", answer.status, String::from_utf8_lossy(answer.body));
    }
    let sent: Sent = serde_json::from_slice(answer.body).context("the answer is not understood")?;
    Ok(sent.id)
}

/// Connections that send the same message in turn.
pub(super) struct TimedSender {
    url: ServerUrl,
    request: Arc<[u8]>,
    connections: Vec<HttpConnection>,
}

impl TimedSender {
    /// Connects and sends a first message on each connection. Waits until the streams have received them, and lets them
    /// count from there. Returns how many streams did.
    pub(super) async fn open(
        url: &ServerUrl,
        request: Vec<u8>,
        all_streams: &[&Streams],
    ) -> Result<(Self, usize)> {
        // Streams first receive what has accumulated for their users. That may take longer than the server keeps an
        // idle connection open, so the measured connections are opened afterwards.
        let first = send(&mut connect(url).await?, &request).await?;
        for streams in all_streams {
            streams.start_after(first).await;
        }
        let (mut connections, mut newest) = (Vec::new(), first);
        for _ in 0..CONNECTIONS {
            let mut connection = connect(url).await?;
            newest = send(&mut connection, &request).await?.max(newest);
            connections.push(connection);
        }
        let mut reached = 0;
        for streams in all_streams {
            reached += streams.start_after(newest).await;
        }
        Ok((Self { url: url.clone(), request: request.into(), connections }, reached))
    }

    /// Sends for `seconds`, over the connections in turn.
    pub(super) async fn post(self, seconds: u64) -> Posts {
        let interval = Duration::from_secs(1) / PER_SECOND;
        let each = PER_SECOND * u32::try_from(seconds).unwrap_or(u32::MAX / PER_SECOND) / CONNECTIONS;
        let start = Instant::now() + interval;
        let mut tasks = JoinSet::new();
        for (first, connection) in (0..CONNECTIONS).zip(self.connections) {
            let timetable = (0..each).map(move |turn| start + interval * (first + turn * CONNECTIONS));
            let sender =
                SenderConnection { url: self.url.clone(), request: self.request.clone(), connection };
            tasks.spawn(sender.post(timetable, interval));
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

async fn connect(url: &ServerUrl) -> Result<HttpConnection> {
    HttpConnection::open(url).await.context("cannot reach the server")
}

async fn send(connection: &mut HttpConnection, request: &[u8]) -> Result<i64> {
    sent_id(&connection.exchange(request).await.context("the server does not answer")?)
}

/// One of the connections.
struct SenderConnection {
    url: ServerUrl,
    request: Arc<[u8]>,
    connection: HttpConnection,
}

impl SenderConnection {
    async fn post(mut self, timetable: impl Iterator<Item = Instant>, interval: Duration) -> Posts {
        let mut posts = Posts::default();
        for due in timetable {
            tokio::time::sleep_until(due.into()).await;
            let start = Instant::now();
            if start > due + interval {
                posts.late += 1;
            }
            let (sent, is_broken) = match self.connection.exchange(&self.request).await {
                Ok(answer) if answer.is_unavailable() => {
                    posts.unavailable += 1;
                    continue;
                }
                Ok(answer) => (sent_id(&answer), false),
                Err(error) => (Err(error).context("the server does not answer"), true),
            };
            match sent {
                Ok(number) => posts.sent(number, start),
                Err(error) => posts.failed(&error),
            }
            // A broken connection must not cost all later messages over it.
            if is_broken && let Ok(connection) = HttpConnection::open(&self.url).await {
                self.connection = connection;
            }
        }
        posts
    }
}

/// The results of sending.
#[derive(Default)]
pub(super) struct Posts {
    sent_at: HashMap<i64, Instant>,
    answers: Samples,
    failed: u64,
    /// Refused temporarily.
    unavailable: u64,
    late: u64,
    /// The error of the first failed send.
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

    /// Number of stored messages.
    pub(super) fn count(&self) -> u64 {
        self.sent_at.len() as u64
    }

    /// The response times.
    pub(super) fn take_answers(&mut self) -> Samples {
        std::mem::take(&mut self.answers)
    }

    /// Every arrival at every stream: the message's id and the time since it was sent.
    pub(super) fn arrivals(&self, streams: &Streams) -> Vec<(i64, Duration)> {
        let mut arrivals = Vec::new();
        streams.each_tally(|tally| {
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

    /// A line about the first failed send, if there is one.
    pub(super) fn first_error(&self) -> Option<String> {
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
        assert_eq!(one.first_error(), None);
        other.failed(&anyhow::anyhow!("this"));
        other.failed(&anyhow::anyhow!("that"));
        one.add(other);
        assert_eq!((one.count(), one.failed), (1, 2));
        assert_eq!(one.first_error().as_deref(), Some("the first send that failed: this"));
    }
}
