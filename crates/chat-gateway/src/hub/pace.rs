//! Checks whether a client reads fast enough. It looks at a period, not a moment, so that one bad second does not
//! count. It uses the better of two measures, because megabytes of buffers between server and client can hide for
//! minutes that a slow client reads. Pure state.

use std::time::Duration;

/// Slowest pace at which a client may read while something waits for it.
#[derive(Debug, Clone, Copy)]
pub struct Slowest {
    /// Minimum on average over the period.
    pub bytes_per_second: u64,
    /// Length of the period.
    pub over: Duration,
}

impl Default for Slowest {
    fn default() -> Self {
        Self { bytes_per_second: 512, over: Duration::from_secs(30) }
    }
}

/// Bytes that a client has taken since the connection began.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    /// Bytes that its socket took.
    pub(super) by_socket: u64,
    /// Bytes that it has read for certain, because it answered a ping behind them.
    pub(super) by_client: u64,
}

impl Taken {
    /// The larger of the two increases.
    fn since(self, before: Self) -> u64 {
        let by_socket = self.by_socket.saturating_sub(before.by_socket);
        by_socket.max(self.by_client.saturating_sub(before.by_client))
    }
}

/// The current period.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Start of the period in milliseconds, and what the client had taken by then.
    since: Option<(u64, Taken)>,
}

impl Pace {
    /// Ends the period: nothing waits any more.
    pub(super) fn rest(&mut self) {
        self.since = None;
    }

    /// Notes that something waits. `true`: a period has passed in which the client took too little.
    pub(super) fn is_below(&mut self, slowest: Slowest, taken: Taken, now_ms: u64) -> bool {
        let (began, before) = *self.since.get_or_insert((now_ms, taken));
        let passed_ms = now_ms.saturating_sub(began);
        if u128::from(passed_ms) < slowest.over.as_millis() {
            return false;
        }
        self.since = Some((now_ms, taken));
        taken.since(before).saturating_mul(1000) < slowest.bytes_per_second.saturating_mul(passed_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOWEST: Slowest = Slowest { bytes_per_second: 512, over: Duration::from_secs(30) };

    fn socket(by_socket: u64) -> Taken {
        Taken { by_socket, by_client: 0 }
    }

    #[test]
    fn a_client_that_takes_too_little_over_a_whole_period_is_too_slow() {
        for (taken_a_second, is_below) in [(0, true), (511, true), (512, false), (100_000, false)] {
            let mut pace = Pace::default();
            for second in 0..30 {
                assert!(!pace.is_below(SLOWEST, socket(second * taken_a_second), second * 1000), "{second}");
            }
            assert_eq!(
                pace.is_below(SLOWEST, socket(30 * taken_a_second), 30_000),
                is_below,
                "{taken_a_second}"
            );
        }
    }

    #[test]
    fn each_period_counts_by_itself() {
        let mut pace = Pace::default();
        assert!(!pace.is_below(SLOWEST, socket(0), 0));
        assert!(!pace.is_below(SLOWEST, socket(1_000_000), 30_000));
        assert!(!pace.is_below(SLOWEST, socket(1_000_000), 59_999));
        assert!(pace.is_below(SLOWEST, socket(1_000_000), 60_000));
    }

    #[test]
    fn an_empty_queue_ends_the_period() {
        let mut pace = Pace::default();
        assert!(!pace.is_below(SLOWEST, socket(0), 0));
        pace.rest();
        assert!(!pace.is_below(SLOWEST, socket(10), 30_000));
        assert!(!pace.is_below(SLOWEST, socket(10), 59_999));
        assert!(pace.is_below(SLOWEST, socket(10), 60_000));
    }

    /// A socket with megabytes of buffer behind it may take nothing for minutes from a client that reads some kilobytes
    /// a second.
    #[test]
    fn a_client_that_answers_the_pings_between_frames_takes_them() {
        let mut pace = Pace::default();
        for seconds in (0..600).step_by(30) {
            let taken = Taken { by_socket: 4_000_000, by_client: seconds * 2185 / 65_536 * 65_536 };
            assert!(!pace.is_below(SLOWEST, taken, seconds * 1000), "{seconds}");
        }
        let same = Taken { by_socket: 4_000_000, by_client: 570 * 2185 / 65_536 * 65_536 };
        assert!(pace.is_below(SLOWEST, same, 600_000));
    }
}
