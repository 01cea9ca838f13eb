//! What to do when the stream is gone: try again, and when, or give up. Nothing here touches a socket.

use std::time::Duration;

use chat_client::Error;
use chat_protocol::close_codes;

const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// What follows from the end of a stream, or of an attempt to open one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Connect again, after this delay if the server named one.
    Again {
        /// What happened, for the person.
        why: String,
        /// The server's wish.
        delay: Option<Duration>,
    },
    /// Connecting again would not help.
    GiveUp(String),
}

fn again(why: impl Into<String>) -> Verdict {
    Verdict::Again { why: why.into(), delay: None }
}

/// Judges a close code and reason.
pub(super) fn after_close(code: u16, reason: &str) -> Verdict {
    match code {
        close_codes::RESTART => Verdict::Again { why: "the server restarts".into(), delay: delay_in(reason) },
        close_codes::TOO_SLOW => again("the server closed the connection because it was read too slowly"),
        close_codes::TOKEN_EXPIRED => {
            Verdict::GiveUp("the login has expired or was revoked; log in again".into())
        }
        close_codes::TOO_MANY => {
            Verdict::GiveUp("the server closed the connection: too many connections or frames".into())
        }
        1000 | 1001 | 1005 | 1006 | 1011 | 1013 => again("the connection broke"),
        _ => Verdict::GiveUp(format!("the server closed the connection ({code}: {reason})")),
    }
}

/// Judges an error while connected or connecting.
pub(super) fn after_error(error: &Error) -> Verdict {
    match error {
        Error::Closed { code, reason } => after_close(*code, reason),
        Error::Refused { status: 401, .. } => {
            Verdict::GiveUp("the server no longer accepts this login; log in again".into())
        }
        Error::Refused { status: 500..=599, sentence, .. } => again(sentence.clone()),
        Error::Refused { .. } | Error::Url(_) => Verdict::GiveUp(error.to_string()),
        Error::Io(_) | Error::Http(_) | Error::Unexpected(_) => again(error.to_string()),
    }
}

/// The number of milliseconds that a reason names, if any.
fn delay_in(reason: &str) -> Option<Duration> {
    let number = reason.strip_suffix(" ms")?.rsplit(' ').next()?.parse().ok()?;
    Some(Duration::from_millis(number).min(LONGEST_DELAY))
}

/// Delays that double, spread by chance so that the clients of a server don't return all at once.
#[derive(Default)]
pub(super) struct Backoff {
    n_attempts: u32,
}

impl Backoff {
    /// The next delay; `chance` is between 0 and 255.
    pub(super) fn next(&mut self, chance: u8) -> Duration {
        let full = FIRST_DELAY.saturating_mul(2_u32.saturating_pow(self.n_attempts)).min(LONGEST_DELAY);
        self.n_attempts = self.n_attempts.saturating_add(1);
        full / 2 + full / 2 * u32::from(chance) / 255
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_streams_are_opened_again_where_that_helps() {
        let delay = Some(Duration::from_millis(840));
        assert_eq!(
            after_close(1012, "server restarts: reconnect in 840 ms"),
            Verdict::Again { why: "the server restarts".into(), delay }
        );
        assert!(matches!(after_close(1012, "soon"), Verdict::Again { delay: None, .. }));
        for code in [1000, 1001, 1005, 1006, 1011, 1012, 1013, 4008] {
            assert!(matches!(after_close(code, ""), Verdict::Again { .. }), "{code}");
        }
        for code in [1002, 1003, 1007, 1008, 1009, 4001, 4029, 4999] {
            assert!(matches!(after_close(code, ""), Verdict::GiveUp(_)), "{code}");
        }
    }

    #[test]
    fn refusals_end_the_session_and_failures_do_not() {
        let refused = |status| Error::Refused { status, code: "c".into(), sentence: "s".into() };
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
    fn delays_double_up_to_a_bound() {
        let mut backoff = Backoff::default();
        let delays: Vec<_> = (0..9).map(|_| backoff.next(255).as_millis()).collect();
        assert_eq!(delays, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
        assert_eq!(Backoff::default().next(0).as_millis(), 250);
    }
}
