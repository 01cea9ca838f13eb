//! Decides what follows when a stream ends: reconnect, after which delay, or give up. Nothing here touches a
//! socket.

use std::time::Duration;

use chat_protocol::close_codes;

use crate::Error;
use crate::error::UNKNOWN;

/// Upper bound for the delay before reconnecting, even if the server names a longer one.
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// Decision after the end of a stream, or of an attempt to open one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Connect again, after this delay if the server named one.
    Again {
        /// Reason for the end, as text for the user.
        why: String,
        /// The delay that the server asked for, if any.
        delay: Option<Duration>,
    },
    /// Connecting again would not help; the text for the user says why.
    GiveUp(String),
}

fn again(why: impl Into<String>) -> Verdict {
    Verdict::Again { why: why.into(), delay: None }
}

/// Decides by a close code and reason.
pub fn after_close(code: u16, reason: &str) -> Verdict {
    match code {
        close_codes::RESTART => Verdict::Again { why: "the server restarts".into(), delay: delay_in(reason) },
        close_codes::TOO_SLOW => again("the server closed the connection because it was read too slowly"),
        close_codes::TOKEN_EXPIRED => {
            Verdict::GiveUp("the login has expired or was revoked; log in again".into())
        }
        close_codes::TOO_MANY => match delay_in(reason) {
            delay @ Some(_) => Verdict::Again { why: "too many streams were opened".into(), delay },
            None => {
                Verdict::GiveUp("the server closed the connection: too many connections or frames".into())
            }
        },
        1000 | 1001 | 1005 | 1006 | 1011 | 1013 => again("the connection broke"),
        _ => Verdict::GiveUp(format!("the server closed the connection ({code}: {reason})")),
    }
}

/// Decides by an error while connected or connecting.
pub fn after_error(error: &Error) -> Verdict {
    match error {
        Error::Closed { code, reason } => after_close(*code, reason),
        Error::Refused { status: 401, .. } => {
            Verdict::GiveUp("the server no longer accepts this login; log in again".into())
        }
        Error::Refused { status: 500..=599, sentence, .. } => again(sentence.clone()),
        // The limit is the server's own, or that of a proxy in front of it, whose page has no code.
        Error::Refused { status: 429, code, sentence, retry_after }
            if code == "rate_limited" || code == UNKNOWN =>
        {
            Verdict::Again { why: sentence.clone(), delay: retry_after.map(|delay| delay.min(LONGEST_DELAY)) }
        }
        Error::Refused { .. } | Error::Url(_) | Error::Authorities(_) | Error::Untrusted { .. } => {
            Verdict::GiveUp(error.to_string())
        }
        Error::Io(_) | Error::Http(_) | Error::Unexpected(_) => again(error.to_string()),
    }
}

/// Returns the delay in milliseconds that a reason names, if any.
fn delay_in(reason: &str) -> Option<Duration> {
    let number = reason.strip_suffix(" ms")?.rsplit(' ').next()?.parse().ok()?;
    Some(Duration::from_millis(number).min(LONGEST_DELAY))
}

/// Delays below a bound that doubles with each attempt. Each is drawn from the full interval below the bound
/// ("full jitter"), so that the clients of a server that was down do not all return at once.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    n_attempts: u32,
    state: u64,
}

impl Backoff {
    /// Creates delays with a first and a last bound. Clients with the same seed get the same delays.
    pub fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self { first, longest, n_attempts: 0, state: seed }
    }

    /// Resets the bound after a success, so that the next delay is short again.
    pub fn reset(&mut self) {
        self.n_attempts = 0;
    }

    /// Returns the next delay and doubles the bound.
    pub fn next_delay(&mut self) -> Duration {
        let bound = self.first.saturating_mul(2_u32.saturating_pow(self.n_attempts)).min(self.longest);
        self.n_attempts = self.n_attempts.saturating_add(1);
        bound.mul_f64(self.chance())
    }

    /// Returns a random number from 0 up to, but not including, 1, by SplitMix64.
    fn chance(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_streams_are_reopened_if_that_helps() {
        let delay = Some(Duration::from_millis(840));
        assert_eq!(
            after_close(1012, "server restarts: reconnect in 840 ms"),
            Verdict::Again { why: "the server restarts".into(), delay }
        );
        assert_eq!(
            after_close(4029, "too many streams opened: reconnect in 840 ms"),
            Verdict::Again { why: "too many streams were opened".into(), delay }
        );
        assert!(matches!(after_close(1012, "soon"), Verdict::Again { delay: None, .. }));
        for code in [1000, 1001, 1005, 1006, 1011, 1012, 1013, 4008] {
            assert!(matches!(after_close(code, ""), Verdict::Again { .. }), "{code}");
        }
        for code in [1002, 1003, 1007, 1008, 1009, 4001, 4029, 4999] {
            assert!(matches!(after_close(code, ""), Verdict::GiveUp(_)), "{code}");
        }
    }

    fn refused(status: u16, code: &str) -> Error {
        let retry_after = Some(Duration::from_secs(7));
        Error::Refused { status, code: code.into(), sentence: "s".into(), retry_after }
    }

    #[test]
    fn a_rate_limit_is_waited_for() {
        let delay = Some(Duration::from_secs(7));
        for code in ["rate_limited", "unknown"] {
            assert_eq!(after_error(&refused(429, code)), Verdict::Again { why: "s".into(), delay }, "{code}");
        }
    }

    #[test]
    fn refusals_end_the_session_and_failures_do_not() {
        let refused = |status| refused(status, "c");
        assert!(matches!(after_error(&refused(503)), Verdict::Again { .. }));
        assert!(matches!(
            after_error(&Error::Io(std::io::ErrorKind::ConnectionRefused.into())),
            Verdict::Again { .. }
        ));
        for status in [401, 403, 429] {
            assert!(matches!(after_error(&refused(status)), Verdict::GiveUp(_)), "{status}");
        }
    }

    #[test]
    fn delays_are_spread_below_a_bound_that_doubles() {
        let bounds = [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000].map(Duration::from_millis);
        let mut longest = [Duration::ZERO; 8];
        let mut shortest = [Duration::MAX; 8];
        for seed in 0..200 {
            let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30), seed);
            for (number, bound) in bounds.iter().enumerate() {
                let delay = backoff.next_delay();
                assert!(delay < *bound, "{delay:?}");
                longest[number] = longest[number].max(delay);
                shortest[number] = shortest[number].min(delay);
            }
            backoff.reset();
            assert!(backoff.next_delay() < bounds[0]);
        }
        for (number, bound) in bounds.into_iter().enumerate() {
            assert!(longest[number] > bound * 9 / 10 && shortest[number] < bound / 10);
        }
    }
}
