//! How a node groups writes into commits, according to its own metrics.

use std::ops::{AddAssign, Sub};

use anyhow::{Context, Result, bail};
use chat_client::ServerUrl;

use super::http::{self, HttpConnection};

const WRITES: &str = "chatserver_commit_batch_writes_sum";
const COMMITS: &str = "chatserver_commit_batch_writes_count";

/// Numbers of commits and of the writes in them.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Batches {
    commits: f64,
    writes: f64,
}

impl Batches {
    /// Reads the numbers since a node's start from its metrics address.
    pub(super) async fn of(metrics: &ServerUrl) -> Result<Self> {
        let mut connection =
            HttpConnection::open(metrics).await.context("a node's metrics cannot be reached")?;
        let request = http::get(metrics, "/metrics", None);
        let answer = connection.exchange(&request).await.context("a node's metrics cannot be read")?;
        if answer.status != 200 {
            bail!("a node's metrics were answered {}", answer.status);
        }
        Self::read(&String::from_utf8_lossy(answer.body))
            .context("a node's metrics do not tell of its commits")
    }

    fn read(metrics: &str) -> Option<Self> {
        let value = |name: &str| {
            let line = metrics.lines().find(|line| line.split(' ').next() == Some(name))?;
            line.split(' ').nth(1)?.parse().ok()
        };
        Some(Self { commits: value(COMMITS)?, writes: value(WRITES)? })
    }

    /// Average number of writes per commit; 0 without commits.
    pub(super) fn mean(self) -> f64 {
        if self.commits > 0.0 { self.writes / self.commits } else { 0.0 }
    }
}

impl AddAssign for Batches {
    fn add_assign(&mut self, other: Self) {
        self.commits += other.commits;
        self.writes += other.writes;
    }
}

impl Sub for Batches {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { commits: self.commits - before.commits, writes: self.writes - before.writes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_counts_are_read_and_buckets_are_not() {
        let metrics = "# TYPE chatserver_commit_batch_writes histogram\n\
                       chatserver_commit_batch_writes_sum 30.0\n\
                       chatserver_commit_batch_writes_count 4\n\
                       chatserver_commit_batch_writes_bucket{le=\"1.0\"} 3\n";
        assert_eq!(Batches::read(metrics), Some(Batches { commits: 4.0, writes: 30.0 }));
        assert_eq!(Batches::read("chatserver_commit_batch_writes_sum 3.0\n"), None);
    }

    #[test]
    fn the_mean_covers_the_commits_of_all_nodes_in_between() {
        let mut before = Batches { commits: 10.0, writes: 10.0 };
        before += Batches { commits: 5.0, writes: 5.0 };
        let mut after = Batches { commits: 20.0, writes: 90.0 };
        after += Batches { commits: 15.0, writes: 105.0 };
        assert_eq!((after - before).mean(), 9.0);
        assert_eq!(Batches::default().mean(), 0.0);
    }
}
