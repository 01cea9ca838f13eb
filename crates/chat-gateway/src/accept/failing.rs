//! Logs failed accepts, for example when file descriptors run out: the first one at once, then a count once a minute.

use std::io::Error;
use std::time::{Duration, Instant};

use super::SocketCounts;

/// Minimum time between two log lines.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Counts failed accepts and limits their log lines.
#[derive(Debug)]
pub(super) struct Failing {
    counts: SocketCounts,
    logged_at: Option<Instant>,
    unlogged: u64,
}

impl Failing {
    pub(super) fn new(counts: SocketCounts) -> Self {
        Self { counts, logged_at: None, unlogged: 0 }
    }

    pub(super) fn note(&mut self, error: &Error) {
        self.counts.not_accepted.inc();
        if let Some(attempts) = self.attempts_to_log(Instant::now()) {
            tracing::warn!(
                error = %error, attempts,
                "cannot accept connections, so they wait; if file descriptors ran out, raise the limit of open files"
            );
        }
    }

    /// Number of attempts that failed since the last log line. `None`: it is too early for another line.
    fn attempts_to_log(&mut self, now: Instant) -> Option<u64> {
        self.unlogged += 1;
        if self.logged_at.is_some_and(|logged_at| now.duration_since(logged_at) < LOG_INTERVAL) {
            return None;
        }
        self.logged_at = Some(now);
        Some(std::mem::take(&mut self.unlogged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_logged_at_once_and_the_rest_by_the_minute() {
        let (mut failing, began) = (Failing::new(SocketCounts::default()), Instant::now());
        let mut at = |seconds: u64| failing.attempts_to_log(began + Duration::from_secs(seconds));
        assert_eq!(at(0), Some(1));
        assert_eq!((at(0), at(1), at(59)), (None, None, None));
        assert_eq!(at(60), Some(4));
        assert_eq!((at(61), at(119)), (None, None));
        assert_eq!(at(1000), Some(3));
    }
}
