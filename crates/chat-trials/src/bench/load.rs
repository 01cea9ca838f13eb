//! Closed loops: each worker has its own connection and sends its next request when the last one was answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chat_client::ServerUrl;
use tokio::task::JoinSet;

use super::http::{Answer, HttpConnection};
use super::report::Fault;
use super::samples::Samples;

/// How long a worker waits after its connection broke before it reconnects.
const PAUSE: Duration = Duration::from_millis(20);

/// A worker: sends its requests in turn, repeatedly.
pub(super) struct Worker {
    pub(super) requests: Arc<[Vec<u8>]>,
    /// Index of the request to begin with.
    pub(super) first: usize,
    pub(super) is_good: fn(&Answer<'_>) -> bool,
}

impl Worker {
    /// Sends one request repeatedly; 201 is good.
    pub(super) fn creating(request: Vec<u8>) -> Self {
        Self { requests: [request].into(), first: 0, is_good: |answer| answer.status == 201 }
    }
}

/// When the workers stop.
#[derive(Clone)]
pub(super) enum Until {
    Time(Instant),
    /// Number of requests left for all workers together.
    Count(Arc<AtomicUsize>),
}

impl Until {
    pub(super) fn seconds(seconds: u64) -> Self {
        Self::Time(Instant::now() + Duration::from_secs(seconds))
    }

    pub(super) fn count(requests: usize) -> Self {
        Self::Count(Arc::new(AtomicUsize::new(requests)))
    }

    fn continues(&self) -> bool {
        match self {
            Self::Time(end) => Instant::now() < *end,
            Self::Count(left) => {
                left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            }
        }
    }
}

/// The workers' results.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// Response times of the good answers.
    pub(super) times: Samples,
    pub(super) refused: u64,
    /// Refused temporarily, because the server or its database was overloaded.
    pub(super) unavailable: u64,
    pub(super) broken: u64,
    pub(super) elapsed: Duration,
}

impl Results {
    pub(super) fn faults(&self) -> Vec<Fault> {
        vec![
            Fault::new("refused", self.refused),
            Fault::new("unavailable", self.unavailable),
            Fault::new("broken connections", self.broken),
        ]
    }

    pub(super) fn add(&mut self, other: Self) {
        self.times.append(other.times);
        self.refused += other.refused;
        self.unavailable += other.unavailable;
        self.broken += other.broken;
    }
}

/// Workers that are connected and wait for the start.
pub(super) struct ConnectedWorkers(Vec<ConnectedWorker>);

/// A worker with its connection to a node.
struct ConnectedWorker {
    url: ServerUrl,
    connection: HttpConnection,
    worker: Worker,
}

impl ConnectedWorkers {
    /// Connects the workers and lets each send its first request once, uncounted: work that happens only once must not
    /// be measured.
    pub(super) async fn connect(url: &ServerUrl, workers: impl IntoIterator<Item = Worker>) -> Result<Self> {
        Self::spread(std::slice::from_ref(url), workers).await
    }

    /// The same as [`Self::connect`], with the workers spread evenly over nodes.
    pub(super) async fn spread(
        urls: &[ServerUrl],
        workers: impl IntoIterator<Item = Worker>,
    ) -> Result<Self> {
        let mut members = Vec::new();
        for (worker, url) in workers.into_iter().zip(urls.iter().cycle()) {
            let mut connection = HttpConnection::open(url).await.context("cannot reach the server")?;
            let answer =
                connection.exchange(worker.request(0)).await.context("the server does not answer")?;
            if !(worker.is_good)(&answer) {
                let body = String::from_utf8_lossy(answer.body).into_owned();
                anyhow::bail!("the first request was answered {}: {body:.300}", answer.status);
            }
            members.push(ConnectedWorker { url: url.clone(), connection, worker });
        }
        Ok(Self(members))
    }

    /// Runs all workers until they stop.
    pub(super) async fn work(self, until: Until) -> Results {
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for member in self.0 {
            tasks.spawn(work(member, until.clone()));
        }
        let mut all = Results::default();
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(results) => all.add(results),
                Err(_) => all.broken += 1,
            }
        }
        all.elapsed = start.elapsed();
        all
    }
}

async fn work(ConnectedWorker { url, connection, worker }: ConnectedWorker, until: Until) -> Results {
    let mut results = Results::default();
    let mut connection = Some(connection);
    let mut turn = 0;
    while until.continues() {
        let Some(open) = &mut connection else {
            tokio::time::sleep(PAUSE).await;
            connection = HttpConnection::open(&url).await.ok();
            continue;
        };
        let start = Instant::now();
        match open.exchange(worker.request(turn)).await {
            Ok(answer) if (worker.is_good)(&answer) => results.times.push(start.elapsed()),
            Ok(answer) if answer.is_unavailable() => results.unavailable += 1,
            Ok(_) => results.refused += 1,
            Err(_) => {
                results.broken += 1;
                connection = None;
            }
        }
        turn += 1;
    }
    results
}

impl Worker {
    fn request(&self, turn: usize) -> &[u8] {
        let number = (self.first + turn) % self.requests.len().max(1);
        self.requests.get(number).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_shared_and_used_up() {
        let until = Until::count(3);
        let other = until.clone();
        let continued =
            [until.continues(), other.continues(), until.continues(), other.continues(), until.continues()];
        assert_eq!(continued, [true, true, true, false, false]);
    }

    #[test]
    fn a_worker_sends_its_requests_in_turn_from_its_first() {
        let requests = [b"a".to_vec(), b"b".to_vec(), b"c".to_vec()].into();
        let worker = Worker { requests, first: 2, is_good: |_| true };
        let sent: Vec<&[u8]> = (0..4).map(|turn| worker.request(turn)).collect();
        assert_eq!(sent, [b"c", b"a", b"b", b"c"]);
    }
}
