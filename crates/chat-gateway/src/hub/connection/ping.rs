//! The ping that asks a client for a sign of life, and for how long its answer is waited for. Pure state.

use super::Slowest;
use crate::hub::outbox::marks;

/// A client that gives no sign of life for so long behind a ping is gone, if it had nothing else to take first.
const DEAD_MS: u64 = 10_000;
/// Of what lies before a ping so much counts at most: between two of them there is no more, but for the largest frame. Else
/// whoever takes a great deal and answers no pings could be dead for as long as it likes.
const MOST_BEFORE: u64 = marks::EVERY + 130 * 1024;

/// At most one ping is unanswered at a time.
#[derive(Default)]
pub(super) struct Ping {
    pub(super) number: u32,
    /// When the unanswered one was queued, on the hub's clock (milliseconds).
    pub(super) sent_at: Option<u64>,
    pub(super) last_at: u64,
    /// When a full socket last took something: the client reads, if slowly.
    pub(super) took_at: u64,
    /// Bytes that were queued before the last one, since the beginning.
    position: u64,
    /// The same of the last ping of any kind that was answered: the client has taken all of them.
    pub(super) answered: u64,
    /// When the last one between the frames was answered.
    pub(super) passed_at: u64,
}

impl Ping {
    /// One was queued behind so many bytes.
    pub(super) fn sent(&mut self, now: u64, position: u64) {
        self.sent_at = Some(now);
        self.last_at = now;
        self.position = position;
    }

    /// The unanswered one is answered; gives what the client has taken by that.
    pub(super) fn answered(&mut self) -> u64 {
        self.sent_at = None;
        self.answered = self.position;
        self.answered
    }

    /// The client has come to one between the frames.
    pub(super) fn passed(&mut self, now: u64, position: u64) {
        self.answered = self.answered.max(position);
        self.passed_at = now;
    }

    /// How long a client may give no sign of life behind the unanswered one, in milliseconds: until it has taken what may
    /// lie before the ping, or before one between the frames that it comes to first, in whatever buffers: its socket looks
    /// free, and it reads on without our hearing of it.
    pub(super) fn patience_ms(&self, slowest: Slowest, next_mark: Option<u64>) -> u64 {
        let next = next_mark.map_or(self.position, |mark| mark.min(self.position));
        let before = next.saturating_sub(self.answered).min(MOST_BEFORE);
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
        for (position, patience_ms) in [(0, 10_000), (51_200, 110_000), (10_000_000, 398_000)] {
            ping.sent(0, position);
            assert_eq!(ping.patience_ms(slowest, None), patience_ms, "{position}");
        }
        assert_eq!(ping.patience_ms(slowest, Some(51_200)), 110_000, "it comes to another one first");
        ping.passed(0, 51_200);
        assert_eq!(ping.patience_ms(slowest, Some(51_200 + 5120)), 20_000, "and then to the next");
        assert_eq!(ping.answered(), 10_000_000);
        ping.sent(0, 10_000_512);
        assert_eq!(ping.patience_ms(slowest, None), 11_000, "what was taken by then does not count");
        assert_eq!(ping.patience_ms(slowest, Some(20_000_000)), 11_000, "nor what comes behind it");
    }
}
