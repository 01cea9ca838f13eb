//! A keep-alive HTTP connection that sends prepared requests. It does as little per request as possible, so that on one
//! machine the server gets the cores. `chat_client` is for everything that is not measured.

use std::io::{Error, ErrorKind, Result};

use chat_client::{ServerUrl, Socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const FIRST_BUFFER: usize = 4 * 1024;
/// Upper bound for an answer. No measurement expects a larger one.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// The bytes of a request with a JSON body.
pub(super) fn post(url: &ServerUrl, path: &str, token: Option<&str>, json: &str) -> Vec<u8> {
    let length = json.len();
    let head = head("POST", url, path, token);
    format!("{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{json}").into_bytes()
}

/// The bytes of a request without a body.
pub(super) fn get(url: &ServerUrl, path: &str, token: Option<&str>) -> Vec<u8> {
    format!("{}\r\n", head("GET", url, path, token)).into_bytes()
}

fn head(method: &str, url: &ServerUrl, path: &str, token: Option<&str>) -> String {
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{authorization}", url.authority())
}

/// The server's answer.
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) body: &'a [u8],
}

impl Answer<'_> {
    /// Whether the request was refused temporarily, because the server or its database is overloaded.
    pub(super) fn is_unavailable(&self) -> bool {
        self.status == 503
    }
}

/// A connection.
pub(super) struct HttpConnection {
    socket: Socket,
    buffer: Vec<u8>,
}

impl HttpConnection {
    pub(super) async fn open(url: &ServerUrl) -> Result<Self> {
        let socket = Socket::connect(url).await.map_err(Error::other)?;
        Ok(Self { socket, buffer: vec![0; FIRST_BUFFER] })
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.socket.write_all(request).await?;
        self.socket.flush().await?;
        let mut filled = 0;
        loop {
            if filled == self.buffer.len() {
                if filled >= MAX_ANSWER {
                    return Err(strange("the answer is too large"));
                }
                self.buffer.resize(2 * filled, 0);
            }
            let count = self.socket.read(self.buffer.get_mut(filled..).unwrap_or_default()).await?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            filled += count;
            let received = self.buffer.get(..filled).unwrap_or_default();
            if let Some(head) = parse_head(received)?
                && filled >= head.end + head.body
            {
                let body = self.buffer.get(head.end..head.end + head.body).unwrap_or_default();
                return Ok(Answer { status: head.status, body });
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Offset of the body.
    end: usize,
    /// Length of the body.
    body: usize,
}

/// Parses the head of an answer. Returns `None` if it is incomplete.
fn parse_head(received: &[u8]) -> Result<Option<Head>> {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = received.get(..end).and_then(|head| std::str::from_utf8(head).ok());
    let mut lines = text.ok_or_else(|| strange("the head is no text"))?.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok());
    // RFC 9110, 8.6: an answer without content has no length.
    let length = if status == Some(204) { Some(0) } else { length };
    match (status, length) {
        (Some(status), Some(body)) => Ok(Some(Head { status, end: end + 4, body })),
        _ => Err(strange("the answer has no status or no length")),
    }
}

fn strange(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_gives_the_status_and_the_offset_of_the_body() {
        let answer = b"HTTP/1.1 201 Created\r\ncontent-type: x\r\nContent-Length: 5\r\n\r\nhello";
        let head = Head { status: 201, end: answer.len() - 5, body: 5 };
        assert_eq!(parse_head(answer).ok(), Some(Some(head)));
    }

    #[test]
    fn an_answer_without_content_needs_no_length() {
        let answer = b"HTTP/1.1 204 No Content\r\ndate: x\r\n\r\n";
        assert_eq!(parse_head(answer).ok(), Some(Some(Head { status: 204, end: answer.len(), body: 0 })));
    }

    #[test]
    fn an_incomplete_head_is_waited_for() {
        for part in [&b""[..], b"HTTP/1.1 201 Cre", b"HTTP/1.1 201 Created\r\ncontent-length: 5\r\n"] {
            assert_eq!(parse_head(part).ok(), Some(None));
        }
    }

    #[test]
    fn an_answer_that_cannot_be_framed_is_refused() {
        for answer in [
            &b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"[..],
            b"HTTP/2 200\r\ncontent-length: 0\r\n\r\n",
            b"\xff\xff\r\n\r\n",
        ] {
            assert!(parse_head(answer).is_err());
        }
    }

    #[test]
    fn requests_are_complete() {
        let url = ServerUrl::parse("http://127.0.0.1:8080").expect("a URL");
        assert_eq!(
            String::from_utf8_lossy(&post(&url, "/x", Some("t"), "{}")),
            "POST /x HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAuthorization: Bearer t\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        );
        assert_eq!(
            String::from_utf8_lossy(&get(&url, "/x", None)),
            "GET /x HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"
        );
    }
}
