//! What can go wrong between a client and a server.

use std::io;
use std::time::Duration;

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is not of the form `http://host:port` or `https://host:port`.
    #[error("{0} is no server address; give one like http://127.0.0.1:8080")]
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
    #[error("the server's answer is not understood: {0}")]
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

/// Longest refusal in plain text that is handed on.
const MAX_SENTENCE: usize = 200;

impl Error {
    /// A refusal that is none of the API's: a sentence, as of a port that speaks TLS to whoever does not, or something of
    /// another program's.
    pub(crate) fn said(status: u16, body: &[u8]) -> Self {
        let text = std::str::from_utf8(body).unwrap_or_default().trim();
        let is_sentence = (1..=MAX_SENTENCE).contains(&text.len())
            && !text.starts_with('<')
            && !text.contains(char::is_control);
        let sentence =
            if is_sentence { text.to_owned() } else { format!("the server answered with status {status}") };
        Self::Refused { status, code: "unknown".into(), sentence, retry_after: None }
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
            assert_eq!(shown(body), "the server answered with status 400 (unknown)");
        }
    }
}
