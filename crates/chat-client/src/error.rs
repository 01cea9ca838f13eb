//! The errors of calls and streams between a client and a server.

use std::io;
use std::time::Duration;

/// Reason why a call or a stream failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is not of the form `http://host:port` or `https://host:port`.
    #[error("{0} is not a server address; use one like http://127.0.0.1:8080")]
    Url(String),
    /// The file of certificate authorities cannot be used.
    #[error("the file of certificate authorities cannot be used: {0}")]
    Authorities(&'static str),
    /// The server's certificate is expired, belongs to another server, or is signed by no trusted authority.
    #[error("{server} is not trusted: its certificate is refused ({reason}); --ca names a private authority")]
    Untrusted {
        /// Address of the server.
        server: String,
        /// Reason for which the certificate was refused.
        reason: String,
    },
    /// The connection could not be made, or it broke.
    #[error("cannot reach the server: {0}")]
    Io(#[from] io::Error),
    /// The HTTP exchange failed.
    #[error("the HTTP exchange failed: {0}")]
    Http(#[from] hyper::Error),
    /// The server refused the request.
    #[error("{sentence} ({code})")]
    Refused {
        /// HTTP status code.
        status: u16,
        /// The API's stable error code; `unknown` if the answer does not come from the API.
        code: String,
        /// The server's error text.
        sentence: String,
        /// Time to wait before trying again, if the server names one.
        retry_after: Option<Duration>,
    },
    /// The response is not one that this client understands.
    #[error("invalid response from the server: {0}")]
    Unexpected(String),
    /// The server closed the stream.
    #[error("the stream was closed ({code}: {reason})")]
    Closed {
        /// WebSocket close code; 1006 if the connection ended without one.
        code: u16,
        /// The reason in the close frame; may be empty.
        reason: String,
    },
}

/// Error code of a refusal that does not come from the API.
pub(crate) const UNKNOWN: &str = "unknown";
/// Upper bound for a plain-text refusal that is passed on, in bytes.
const MAX_SENTENCE: usize = 200;

impl Error {
    /// Creates the error for a refusal that does not come from the API. It is either a sentence, as from a
    /// port that speaks TLS and got plain text, or the page of another program, usually a proxy in front of
    /// the server.
    pub(crate) fn foreign_refusal(status: u16, body: &[u8]) -> Self {
        let text = std::str::from_utf8(body).unwrap_or_default().trim();
        let is_sentence = (1..=MAX_SENTENCE).contains(&text.len())
            && !text.starts_with('<')
            && !text.contains(char::is_control);
        let sentence = if is_sentence { text.to_owned() } else { describe_status(status) };
        Self::Refused { status, code: UNKNOWN.into(), sentence, retry_after: None }
    }
}

/// Describes an answer that contains no sentence of its own.
fn describe_status(status: u16) -> String {
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
    fn a_sentence_is_passed_on_and_a_page_is_not() {
        let shown = |body: &str| Error::foreign_refusal(400, body.as_bytes()).to_string();
        assert_eq!(
            shown("This port speaks TLS: use https:// or wss://\n"),
            "This port speaks TLS: use https:// or wss:// (unknown)"
        );
        for body in ["", "<html>no</html>", "two\nlines", "\u{1b}[2J"] {
            assert!(shown(body).ends_with("or from another program: status 400 (unknown)"), "{body}");
        }
    }

    /// The page that nginx sends for `limit_req_status 429`.
    #[test]
    fn the_limit_of_a_proxy_is_not_taken_for_the_servers() {
        let page = b"<html>\r\n<head><title>429 Too Many Requests</title></head>\r\n</html>\r\n";
        let shown = Error::foreign_refusal(429, page).to_string();
        assert!(shown.starts_with("a proxy in front of the server limits"), "{shown}");
    }
}
