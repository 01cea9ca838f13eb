//! The ping that asks a client for a sign of life, and for how long its answer is waited for. Pure state.

use super::Slowest;

/// A client that gives no sign of life for so long behind a ping is gone, if it had nothing else to take first.
const DEAD_MS: u64 = 10_000;
/// Of what lies before a ping so much counts at most: else whoever takes a great deal and answers no pings could be dead for
/// as long as it likes.
const MOST_BEFORE: u64 = 64 * 1024;

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
    /// The same of the last one that was answered: the client has taken all of them.
    answered: u64,
}

impl Ping {
    /// One was queued behind so many bytes.
    pub(super) fn sent(&mut self, now: u64, position: u64) {
        self.sent_at = Some(now);
        self.last_at = now;
        self.position = position;
    }

    /// The unanswered one is answered.
    pub(super) fn answered(&mut self) {
        self.sent_at = None;
        self.answered = self.position;
    }

    /// How long a client may give no sign of life behind the unanswered one, in milliseconds: until it has taken what may
    /// lie before the ping, in whatever buffers, its socket looks free and it reads on without our hearing of it.
    pub(super) fn patience_ms(&self, slowest: Slowest) -> u64 {
        let before = self.position.saturating_sub(self.answered).min(MOST_BEFORE);
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
        for (position, patience_ms) in [(0, 10_000), (51_200, 110_000), (10_000_000, 138_000)] {
            ping.sent(0, position);
            assert_eq!(ping.patience_ms(slowest), patience_ms, "{position}");
        }
        ping.answered();
        ping.sent(0, 10_000_512);
        assert_eq!(ping.patience_ms(slowest), 11_000, "what was taken by then does not count");
    }
}
