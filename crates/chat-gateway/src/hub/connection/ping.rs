//! The ping that checks whether a client is alive, and the time allowed for its answer. Pure state.

use super::Slowest;
use crate::hub::outbox::marks;

/// Time without a sign of life after which a client is dead, in milliseconds, if nothing else lay before the ping.
const DEAD_MS: u64 = 10_000;
/// Upper bound for the bytes before a ping that extend its time: the most that lies between two pings, including the
/// largest frame. Without it, a client with a long queue that answers no pings could stay connected for
/// ever after it has died.
const MAX_BYTES_BEFORE: u64 = marks::EVERY + 130 * 1024;

/// At most one ping is unanswered at a time.
#[derive(Default)]
pub(super) struct Ping {
    pub(super) number: u32,
    /// When the unanswered ping was queued, on the hub's clock, in milliseconds.
    pub(super) sent_at: Option<u64>,
    pub(super) last_at: u64,
    /// When a full socket last took something: the client reads, if slowly.
    pub(super) took_at: u64,
    /// Bytes queued before the last ping, since the connection began.
    position: u64,
    /// Bytes queued before the last answered ping of any kind: the client has read all of them.
    pub(super) answered: u64,
    /// When the last ping between frames was answered.
    pub(super) passed_at: u64,
}

impl Ping {
    /// Notes a ping that was queued behind `position` bytes.
    pub(super) fn sent(&mut self, now: u64, position: u64) {
        self.sent_at = Some(now);
        self.last_at = now;
        self.position = position;
    }

    /// Notes that the ping was answered; returns the bytes that the client has read by then.
    pub(super) fn answered(&mut self) -> u64 {
        self.sent_at = None;
        self.answered = self.position;
        self.answered
    }

    /// Notes that the client has reached a ping between frames.
    pub(super) fn passed(&mut self, now: u64, position: u64) {
        self.answered = self.answered.max(position);
        self.passed_at = now;
    }

    /// Time without a sign of life that the unanswered ping allows, in milliseconds: enough to read what lies before
    /// it, or before an earlier ping between frames. That data may be in any buffer; the socket looks free meanwhile,
    /// and the client reads on without our noticing.
    pub(super) fn timeout_ms(&self, slowest: Slowest, next_mark: Option<u64>) -> u64 {
        let next = next_mark.map_or(self.position, |mark| mark.min(self.position));
        let before = next.saturating_sub(self.answered).min(MAX_BYTES_BEFORE);
        DEAD_MS.saturating_add(before.saturating_mul(1000) / slowest.bytes_per_second.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_has_the_time_that_what_lies_before_it_may_take() {
        let slowest = Slowest { bytes_per_second: 512, ..Slowest::default() };
        let mut ping = Ping::default();
        for (position, timeout_ms) in [(0, 10_000), (51_200, 110_000), (10_000_000, 398_000)] {
            ping.sent(0, position);
            assert_eq!(ping.timeout_ms(slowest, None), timeout_ms, "{position}");
        }
        assert_eq!(ping.timeout_ms(slowest, Some(51_200)), 110_000, "it comes to another one first");
        ping.passed(0, 51_200);
        assert_eq!(ping.timeout_ms(slowest, Some(51_200 + 5120)), 20_000, "and then to the next");
        assert_eq!(ping.answered(), 10_000_000);
        ping.sent(0, 10_000_512);
        assert_eq!(ping.timeout_ms(slowest, None), 11_000, "what was taken by then does not count");
        assert_eq!(ping.timeout_ms(slowest, Some(20_000_000)), 11_000, "nor what comes behind it");
    }
}
