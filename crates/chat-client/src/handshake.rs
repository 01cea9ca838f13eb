//! Opens a stream: upgrades an HTTP connection to WebSocket, for v1 and v2. This module does not handle the
//! frames that follow.

use std::time::Duration;

use chat_protocol::problem::Problem;
use chat_websocket::accept_key;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::http::seconds;
use crate::rest::percent_encoded;
use crate::{Error, ServerUrl, Socket};

/// Upper bound for the server's answer to the upgrade, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// The `Sec-WebSocket-Key`. Its randomness only protects against caches that mix up answers, and no cache
/// serves an upgrade with a token.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The subprotocol that selects the v2 stream.
const V2: &str = "chatserver.v2";

/// The way in which a client of the v2 stream sends its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenTransport {
    /// In an `Authorization` header, as programs do.
    Header,
    /// In a second subprotocol, as browsers must.
    Subprotocol,
}

/// The data with which a client opens a v2 stream.
#[derive(Clone)]
pub struct StreamLogin {
    /// The token, a JWT.
    pub token: String,
    /// The way in which the token is sent.
    pub transport: TokenTransport,
    /// Cursor to resume from; `None` starts with the events from now on.
    pub cursor: Option<String>,
    /// Whether the server may leave out what has its default value. The frames that this crate returns are complete
    /// either way; only the keys of other senders are missing.
    pub lean: bool,
}

impl StreamLogin {
    fn path(&self) -> String {
        let cursor = self.cursor.as_ref().map(|cursor| format!("cursor={}", percent_encoded(cursor)));
        let lean = self.lean.then(|| "lean=1".to_owned());
        let query: Vec<_> = cursor.into_iter().chain(lean).collect();
        if query.is_empty() { "/ws".into() } else { format!("/ws?{}", query.join("&")) }
    }

    fn headers(&self) -> String {
        match self.transport {
            TokenTransport::Header => {
                format!("Sec-WebSocket-Protocol: {V2}\r\nAuthorization: Bearer {}\r\n", self.token)
            }
            TokenTransport::Subprotocol => format!("Sec-WebSocket-Protocol: {V2}, bearer.{}\r\n", self.token),
        }
    }
}

/// Connects and upgrades. Returns the socket and the bytes that arrived after the upgrade.
pub async fn connect_raw(url: &ServerUrl, token: &str) -> Result<(Socket, Vec<u8>), Error> {
    upgrade(Socket::connect(url).await?, url, token).await
}

/// Upgrades a connected socket to v1, for callers that choose its origin. Returns it with the bytes that
/// arrived after the upgrade.
pub async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: S,
    url: &ServerUrl,
    token: &str,
) -> Result<(S, Vec<u8>), Error> {
    let (_, rest) = exchange(&mut socket, url, "/ws", &format!("Authorization: Bearer {token}\r\n")).await?;
    Ok((socket, rest))
}

/// Upgrades a connected socket to v2. Returns it with the bytes that arrived after the upgrade.
pub async fn upgrade_v2<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: S,
    url: &ServerUrl,
    login: &StreamLogin,
) -> Result<(S, Vec<u8>), Error> {
    let (head, rest) = exchange(&mut socket, url, &login.path(), &login.headers()).await?;
    if header(&head, "sec-websocket-protocol") != Some(V2) {
        return Err(Error::Unexpected("the server does not support the v2 stream".into()));
    }
    Ok((socket, rest))
}

/// Returns the head of the answer, and the bytes after it.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut S,
    url: &ServerUrl,
    path: &str,
    headers: &str,
) -> Result<(String, Vec<u8>), Error> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\n\
         Sec-WebSocket-Version: 13\r\n{headers}\r\n",
        url.authority()
    );
    socket.write_all(request.as_bytes()).await?;
    socket.flush().await?;
    let (head, rest) = read_head(socket).await?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    match status {
        Some(101_u16) => {}
        Some(status) => {
            let length = header(&head, "content-length").and_then(|length| length.parse().ok());
            let retry_after = header(&head, "retry-after").and_then(seconds);
            let body = read_body(socket, rest, length.unwrap_or(0)).await?;
            return Err(refusal(status, &body, retry_after));
        }
        None => return Err(Error::Unexpected("no HTTP answer".into())),
    }
    if header(&head, "sec-websocket-accept") != Some(accept_key(KEY).as_str()) {
        return Err(Error::Unexpected("the upgrade was not confirmed".into()));
    }
    Ok((head, rest))
}

async fn read_head(socket: &mut (impl AsyncRead + Unpin)) -> Result<(String, Vec<u8>), Error> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), rest));
        }
        if bytes.len() > MAX_HEAD || socket.read_buf(&mut bytes).await? == 0 {
            return Err(Error::Unexpected("the answer to the upgrade is incomplete".into()));
        }
    }
}

fn header<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    let mut fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    fields.find_map(|(name, value)| name.eq_ignore_ascii_case(wanted).then(|| value.trim()))
}

/// Reads the body of a refusal; its first bytes may have arrived with the head.
async fn read_body(
    socket: &mut (impl AsyncRead + Unpin),
    mut body: Vec<u8>,
    length: usize,
) -> Result<Vec<u8>, Error> {
    while body.len() < length.min(MAX_HEAD) && socket.read_buf(&mut body).await? > 0 {}
    Ok(body)
}

fn refusal(status: u16, body: &[u8], retry_after: Option<Duration>) -> Error {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => Error::Refused { status, code: problem.code, sentence: problem.error, retry_after },
        Err(_) => Error::foreign_refusal(status, body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_sends_its_token_in_either_way_and_its_cursor() {
        let mut login = StreamLogin {
            token: "t.o.k".into(),
            transport: TokenTransport::Header,
            cursor: None,
            lean: false,
        };
        assert_eq!(login.path(), "/ws");
        assert_eq!(
            login.headers(),
            "Sec-WebSocket-Protocol: chatserver.v2\r\nAuthorization: Bearer t.o.k\r\n"
        );
        login.transport = TokenTransport::Subprotocol;
        login.cursor = Some("a-1".into());
        assert_eq!(login.headers(), "Sec-WebSocket-Protocol: chatserver.v2, bearer.t.o.k\r\n");
        assert_eq!(login.path(), "/ws?cursor=%61%2D%31");
        login.lean = true;
        assert_eq!(login.path(), "/ws?cursor=%61%2D%31&lean=1");
        login.cursor = None;
        assert_eq!(login.path(), "/ws?lean=1");
    }

    #[test]
    fn header_fields_are_found_without_regard_to_case() {
        let head = "HTTP/1.1 101 Switching Protocols\r\nSEC-WebSocket-Protocol:  chatserver.v2 \r\n\r\n";
        assert_eq!(header(head, "sec-websocket-protocol"), Some("chatserver.v2"));
        assert_eq!(header(head, "upgrade"), None);
    }
}
