//! Closed loops: each worker has a connection of its own and sends its next request when the last one was answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chat_client::ServerUrl;
use tokio::task::JoinSet;

use super::line::{Answer, Line};
use super::report::Fault;
use super::samples::Samples;

/// How long a worker whose connection broke waits before it tries again.
const PAUSE: Duration = Duration::from_millis(20);

/// What one worker does, over and over: its requests in turn.
pub(super) struct Worker {
    pub(super) requests: Arc<[Vec<u8>]>,
    /// With which of them it begins.
    pub(super) first: usize,
    pub(super) is_good: fn(&Answer<'_>) -> bool,
}

impl Worker {
    /// Sends one request again and again; 201 is good.
    pub(super) fn creating(request: Vec<u8>) -> Self {
        Self { requests: [request].into(), first: 0, is_good: |answer| answer.status == 201 }
    }
}

/// When the workers stop.
#[derive(Clone)]
pub(super) enum Until {
    Time(Instant),
    /// So many requests are left for all of them.
    Count(Arc<AtomicUsize>),
}

impl Until {
    pub(super) fn seconds(seconds: u64) -> Self {
        Self::Time(Instant::now() + Duration::from_secs(seconds))
    }

    pub(super) fn count(requests: usize) -> Self {
        Self::Count(Arc::new(AtomicUsize::new(requests)))
    }

    fn goes_on(&self) -> bool {
        match self {
            Self::Time(end) => Instant::now() < *end,
            Self::Count(left) => {
                left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            }
        }
    }
}

/// What the workers did.
#[derive(Debug, Default)]
pub(super) struct Worked {
    /// Of the good answers.
    pub(super) times: Samples,
    pub(super) refused: u64,
    /// For the time being: the server had too much to do, or its database.
    pub(super) unavailable: u64,
    pub(super) broken: u64,
    pub(super) elapsed: Duration,
}

impl Worked {
    pub(super) fn faults(&self) -> Vec<Fault> {
        vec![
            Fault::new("refused", self.refused),
            Fault::new("unavailable", self.unavailable),
            Fault::new("broken connections", self.broken),
        ]
    }

    fn add(&mut self, other: Self) {
        self.times.append(other.times);
        self.refused += other.refused;
        self.unavailable += other.unavailable;
        self.broken += other.broken;
    }
}

/// Workers that are connected and wait for the start.
pub(super) struct Crew(Vec<Member>);

/// A worker, with its connection to one of the nodes.
struct Member {
    url: ServerUrl,
    line: Line,
    worker: Worker,
}

impl Crew {
    /// Connects, and lets each send its first request once, uncounted: what only happens once is not to be measured.
    pub(super) async fn gather(url: &ServerUrl, workers: impl IntoIterator<Item = Worker>) -> Result<Self> {
        Self::spread(std::slice::from_ref(url), workers).await
    }

    /// The same with the workers spread evenly over nodes.
    pub(super) async fn spread(
        urls: &[ServerUrl],
        workers: impl IntoIterator<Item = Worker>,
    ) -> Result<Self> {
        let mut members = Vec::new();
        for (worker, url) in workers.into_iter().zip(urls.iter().cycle()) {
            let mut line = Line::open(url).await.context("cannot reach the server")?;
            let answer = line.exchange(worker.request(0)).await.context("the server does not answer")?;
            if !(worker.is_good)(&answer) {
                let body = String::from_utf8_lossy(answer.body).into_owned();
                anyhow::bail!("the first request was answered {}: {body:.300}", answer.status);
            }
            members.push(Member { url: url.clone(), line, worker });
        }
        Ok(Self(members))
    }

    /// Works, and answers when all have ended.
    pub(super) async fn work(self, until: Until) -> Worked {
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for member in self.0 {
            tasks.spawn(work(member, until.clone()));
        }
        let mut all = Worked::default();
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(worked) => all.add(worked),
                Err(_) => all.broken += 1,
            }
        }
        all.elapsed = start.elapsed();
        all
    }
}

async fn work(Member { url, line, worker }: Member, until: Until) -> Worked {
    let mut worked = Worked::default();
    let mut line = Some(line);
    let mut turn = 0;
    while until.goes_on() {
        let Some(open) = &mut line else {
            tokio::time::sleep(PAUSE).await;
            line = Line::open(&url).await.ok();
            continue;
        };
        let start = Instant::now();
        match open.exchange(worker.request(turn)).await {
            Ok(answer) if (worker.is_good)(&answer) => worked.times.push(start.elapsed()),
            Ok(answer) if answer.is_unavailable() => worked.unavailable += 1,
            Ok(_) => worked.refused += 1,
            Err(_) => {
                worked.broken += 1;
                line = None;
            }
        }
        turn += 1;
    }
    worked
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
        let went_on = [until.goes_on(), other.goes_on(), until.goes_on(), other.goes_on(), until.goes_on()];
        assert_eq!(went_on, [true, true, true, false, false]);
    }

    #[test]
    fn a_worker_takes_its_requests_in_turn_from_where_it_begins() {
        let requests = [b"a".to_vec(), b"b".to_vec(), b"c".to_vec()].into();
        let worker = Worker { requests, first: 2, is_good: |_| true };
        let sent: Vec<&[u8]> = (0..4).map(|turn| worker.request(turn)).collect();
        assert_eq!(sent, [b"c", b"a", b"b", b"c"]);
    }
}
