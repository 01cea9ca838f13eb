//! What is said of connections that could not be accepted, for want of descriptors for instance: the first at once, and
//! then how many there were, once a minute.

use std::io::Error;
use std::time::{Duration, Instant};

use super::SocketCounts;

/// Between two lines of the log.
const LINES: Duration = Duration::from_secs(60);

/// Those that failed, and what was said of them.
#[derive(Debug)]
pub(super) struct Failing {
    counts: SocketCounts,
    said: Option<Instant>,
    unsaid: u64,
}

impl Failing {
    pub(super) fn new(counts: SocketCounts) -> Self {
        Self { counts, said: None, unsaid: 0 }
    }

    pub(super) fn note(&mut self, error: &Error) {
        self.counts.not_accepted.inc();
        if let Some(attempts) = self.attempts_to_tell(Instant::now()) {
            tracing::warn!(
                error = %error, attempts,
                "cannot accept connections, so they wait; if file descriptors ran out, raise the limit of open files"
            );
        }
    }

    /// How many attempts have failed since this was last said; `None`: it is too early to say so again.
    fn attempts_to_tell(&mut self, now: Instant) -> Option<u64> {
        self.unsaid += 1;
        if self.said.is_some_and(|said| now.duration_since(said) < LINES) {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_the_rest_by_the_minute() {
        let (mut failing, began) = (Failing::new(SocketCounts::default()), Instant::now());
        let mut at = |seconds: u64| failing.attempts_to_tell(began + Duration::from_secs(seconds));
        assert_eq!(at(0), Some(1));
        assert_eq!((at(0), at(1), at(59)), (None, None, None));
        assert_eq!(at(60), Some(4));
        assert_eq!((at(61), at(119)), (None, None));
        assert_eq!(at(1000), Some(3));
    }
}
