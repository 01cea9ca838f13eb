//! What can go wrong between a client and a server.

use std::io;
use std::time::Duration;

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is not of the form `http://host:port` or `https://host:port`.
    #[error("{0} is not a server address; use one like http://127.0.0.1:8080")]
    Url(String),
    /// The authorities that were named cannot be used.
    #[error("the file of certificate authorities cannot be used: {0}")]
    Authorities(&'static str),
    /// The server's certificate is of nobody who is trusted, or of another server, or too old.
    #[error("{server} is not trusted: its certificate is refused ({reason}); --ca names a private authority")]
    Untrusted {
        /// Which server.
        server: String,
        /// What is wrong.
        reason: String,
    },
    /// No connection, or a broken one.
    #[error("cannot reach the server: {0}")]
    Io(#[from] io::Error),
    /// The HTTP exchange broke.
    #[error("the HTTP exchange failed: {0}")]
    Http(#[from] hyper::Error),
    /// The server refused.
    #[error("{sentence} ({code})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The server's stable code.
        code: String,
        /// The server's sentence.
        sentence: String,
        /// After how long it may be tried again, where the server says so.
        retry_after: Option<Duration>,
    },
    /// The server answered in a way that this client does not understand.
    #[error("invalid response from the server: {0}")]
    Unexpected(String),
    /// The stream has ended.
    #[error("the stream was closed ({code}: {reason})")]
    Closed {
        /// The close code; 1006 if there was none.
        code: u16,
        /// The server's reason.
        reason: String,
    },
}

/// The code of a refusal that is none of the API's.
pub(crate) const UNKNOWN: &str = "unknown";
/// Longest refusal in plain text that is handed on.
const MAX_SENTENCE: usize = 200;

impl Error {
    /// A refusal that is none of the API's: a sentence, as of a port that speaks TLS to whoever does not, or something of
    /// another program's, which stands in front of the server as a rule: a proxy has pages of its own.
    pub(crate) fn said(status: u16, body: &[u8]) -> Self {
        let text = std::str::from_utf8(body).unwrap_or_default().trim();
        let is_sentence = (1..=MAX_SENTENCE).contains(&text.len())
            && !text.starts_with('<')
            && !text.contains(char::is_control);
        let sentence = if is_sentence { text.to_owned() } else { of_a_stranger(status) };
        Self::Refused { status, code: UNKNOWN.into(), sentence, retry_after: None }
    }
}

/// What can be said of an answer that says nothing itself.
fn of_a_stranger(status: u16) -> String {
    match status {
        429 => {
            "a proxy in front of the server limits the request rate (status 429); try again in some seconds"
                .into()
        }
        _ => format!(
            "the response is not from the server but from a proxy in front of it, or from another program: status {status}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_handed_on_and_a_page_is_not() {
        let shown = |body: &str| Error::said(400, body.as_bytes()).to_string();
        assert_eq!(
            shown("This port speaks TLS: use https:// or wss://\n"),
            "This port speaks TLS: use https:// or wss:// (unknown)"
        );
        for body in ["", "<html>no</html>", "two\nlines", "\u{1b}[2J"] {
            assert!(shown(body).ends_with("or from another program: status 400 (unknown)"), "{body}");
        }
    }

    /// nginx's own page, as its `limit_req_status 429` gives it.
    #[test]
    fn a_limit_of_a_proxys_is_told_from_the_servers() {
        let page = b"<html>\r\n<head><title>429 Too Many Requests</title></head>\r\n</html>\r\n";
        let told = Error::said(429, page).to_string();
        assert!(told.starts_with("a proxy in front of the server limits"), "{told}");
    }
}
