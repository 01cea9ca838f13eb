//! Whether a client takes what waits for it at all: over a stretch of time, not at a moment, so that nobody is judged by
//! one bad second, and by either of two signs, because buffers of megabytes between the two hide what a slow client reads
//! for minutes. Pure state.

use std::time::Duration;

/// The least that a client must take of what waits for it.
#[derive(Debug, Clone, Copy)]
pub struct Slowest {
    /// On average over the stretch.
    pub bytes_per_second: u64,
    /// How long is looked at.
    pub over: Duration,
}

impl Default for Slowest {
    fn default() -> Self {
        Self { bytes_per_second: 512, over: Duration::from_secs(30) }
    }
}

/// How many bytes a client has taken since the beginning.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    /// What its socket took.
    pub(super) by_socket: u64,
    /// What it has read for certain, because it answered a ping behind it.
    pub(super) by_client: u64,
}

impl Taken {
    /// The larger of what has been added to each.
    fn since(self, before: Self) -> u64 {
        let by_socket = self.by_socket.saturating_sub(before.by_socket);
        by_socket.max(self.by_client.saturating_sub(before.by_client))
    }
}

/// The stretch that is being looked at.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When it began, in milliseconds, and what the client had taken by then.
    since: Option<(u64, Taken)>,
}

impl Pace {
    /// Nothing waits any more.
    pub(super) fn rest(&mut self) {
        self.since = None;
    }

    /// Something waits. `true`: it has for a whole stretch, of which the client took less than it must.
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
    fn whoever_takes_less_than_it_must_over_a_whole_stretch_is_told_from_who_takes_enough() {
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
    fn each_stretch_counts_by_itself() {
        let mut pace = Pace::default();
        assert!(!pace.is_below(SLOWEST, socket(0), 0));
        assert!(!pace.is_below(SLOWEST, socket(1_000_000), 30_000));
        assert!(!pace.is_below(SLOWEST, socket(1_000_000), 59_999));
        assert!(pace.is_below(SLOWEST, socket(1_000_000), 60_000));
    }

    #[test]
    fn what_was_taken_whole_begins_anew() {
        let mut pace = Pace::default();
        assert!(!pace.is_below(SLOWEST, socket(0), 0));
        pace.rest();
        assert!(!pace.is_below(SLOWEST, socket(10), 30_000));
        assert!(!pace.is_below(SLOWEST, socket(10), 59_999));
        assert!(pace.is_below(SLOWEST, socket(10), 60_000));
    }

    /// A socket with megabytes of buffer behind it takes nothing for minutes from whoever reads some kilobytes a second.
    #[test]
    fn whoever_answers_what_lies_between_the_frames_takes_them() {
        let mut pace = Pace::default();
        for seconds in (0..600).step_by(30) {
            let taken = Taken { by_socket: 4_000_000, by_client: seconds * 2185 / 65_536 * 65_536 };
            assert!(!pace.is_below(SLOWEST, taken, seconds * 1000), "{seconds}");
        }
        let same = Taken { by_socket: 4_000_000, by_client: 570 * 2185 / 65_536 * 65_536 };
        assert!(pace.is_below(SLOWEST, same, 600_000));
    }
}
