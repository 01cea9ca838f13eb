//! The v1 stream as a client sees it: text frames in and out, pings answered underneath.

use std::collections::VecDeque;

use chat_protocol::problem::Problem;
use chat_websocket::{Decoder, Incoming, Opcode, Role, accept_key, encode_close_masked, encode_masked};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Error, ServerUrl};

/// Largest message that is taken from a server.
const MAX_MESSAGE: usize = 1024 * 1024;
/// Largest answer to the upgrade.
const MAX_HEAD: usize = 16 * 1024;
/// The `Sec-WebSocket-Key`. Its randomness only guards against caches that take one answer for another, and none of
/// them stands in front of an upgrade with a token.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// Masks guard proxies against pages in browsers (RFC 6455, 10.3); this is no browser, so any value will do.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What came from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A text frame.
    Text(String),
    /// The server closed the stream; nothing follows.
    Closed {
        /// Its code; 1005 if it gave none.
        code: u16,
        /// Its reason.
        reason: String,
    },
}

/// An open stream.
pub struct Stream {
    socket: TcpStream,
    decoder: Decoder,
    received: VecDeque<Received>,
    buffer: Vec<u8>,
    pings: u64,
    answered: u64,
}

impl Stream {
    /// Connects as the user of the token.
    pub async fn connect(url: &ServerUrl, token: &str) -> Result<Self, Error> {
        let (socket, early) = connect_raw(url, token).await?;
        let decoder = Decoder::new(Role::Client, MAX_MESSAGE);
        let received = VecDeque::new();
        let mut stream = Self { socket, decoder, received, buffer: vec![0; 8192], pings: 0, answered: 0 };
        stream.take(early).await?;
        Ok(stream)
    }

    /// Waits for the next frame. Safe to drop half-way and call again.
    pub async fn next(&mut self) -> Result<Received, Error> {
        loop {
            if let Some(received) = self.received.pop_front() {
                return Ok(received);
            }
            self.read().await?;
        }
    }

    /// What came and was not asked for with [`next`](Self::next) yet.
    pub fn take_received(&mut self) -> VecDeque<Received> {
        std::mem::take(&mut self.received)
    }

    /// Sends a ping; gives its number.
    pub async fn ping(&mut self) -> Result<u64, Error> {
        self.pings += 1;
        self.socket.write_all(&encode_masked(Opcode::Ping, &self.pings.to_be_bytes(), MASK)).await?;
        Ok(self.pings)
    }

    /// Waits until the server has answered this ping, or until something else came: then `false`, and it is to be
    /// taken before the next call. Safe to drop half-way.
    ///
    /// The server takes frames in turn, so by its answer it has dealt with all that was sent before the ping; what it
    /// refused of that stands among what was received.
    pub async fn answered(&mut self, ping: u64) -> Result<bool, Error> {
        while self.answered < ping {
            if !self.received.is_empty() {
                return Ok(false);
            }
            self.read().await?;
        }
        Ok(true)
    }

    /// Sends a text frame.
    pub async fn send(&mut self, text: &str) -> Result<(), Error> {
        Ok(self.socket.write_all(&encode_masked(Opcode::Text, text.as_bytes(), MASK)).await?)
    }

    /// Says goodbye.
    pub async fn close(mut self) -> Result<(), Error> {
        Ok(self.socket.write_all(&encode_close_masked(1000, "", MASK)).await?)
    }

    async fn read(&mut self) -> Result<(), Error> {
        let count = self.socket.read(&mut self.buffer).await?;
        if count == 0 {
            return Err(Error::Closed { code: 1006, reason: "the connection broke".into() });
        }
        let bytes = self.buffer.get(..count).unwrap_or_default().to_vec();
        self.take(bytes).await
    }

    async fn take(&mut self, mut bytes: Vec<u8>) -> Result<(), Error> {
        let mut pongs = Vec::new();
        let (received, answered) = (&mut self.received, &mut self.answered);
        let fed = self.decoder.feed(&mut bytes, |incoming| match incoming {
            Incoming::Text(text) => received.push_back(Received::Text(text.to_owned())),
            Incoming::Ping(payload) => pongs.extend_from_slice(&encode_masked(Opcode::Pong, payload, MASK)),
            Incoming::Close { code, reason } => {
                received
                    .push_back(Received::Closed { code: code.unwrap_or(1005), reason: reason.to_owned() });
            }
            Incoming::Pong(payload) => {
                if let Ok(number) = payload.try_into() {
                    *answered = u64::from_be_bytes(number).max(*answered);
                }
            }
            Incoming::Binary(_) => {}
        });
        fed.map_err(|error| Error::Unexpected(error.to_string()))?;
        if !pongs.is_empty() {
            self.socket.write_all(&pongs).await?;
        }
        Ok(())
    }
}

/// Connects and upgrades; gives the socket and what came in after the upgrade.
pub async fn connect_raw(url: &ServerUrl, token: &str) -> Result<(TcpStream, Vec<u8>), Error> {
    let socket = TcpStream::connect(url.authority()).await?;
    upgrade(socket, url, token).await
}

/// Upgrades a connected socket, for callers who choose where it comes from; gives it back with what came in after.
pub async fn upgrade(
    mut socket: TcpStream,
    url: &ServerUrl,
    token: &str,
) -> Result<(TcpStream, Vec<u8>), Error> {
    socket.set_nodelay(true)?;
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\n\
         Sec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n",
        url.authority()
    );
    socket.write_all(request.as_bytes()).await?;
    let (head, rest) = read_head(&mut socket).await?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    match status {
        Some(101_u16) => {}
        Some(status) => {
            let length = header(&head, "content-length").and_then(|length| length.parse().ok());
            return Err(refusal(status, &read_body(&mut socket, rest, length.unwrap_or(0)).await?));
        }
        None => return Err(Error::Unexpected("no HTTP answer".into())),
    }
    if header(&head, "sec-websocket-accept") != Some(accept_key(KEY).as_str()) {
        return Err(Error::Unexpected("the upgrade was not confirmed".into()));
    }
    Ok((socket, rest))
}

async fn read_head(socket: &mut TcpStream) -> Result<(String, Vec<u8>), Error> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), rest));
        }
        if bytes.len() > MAX_HEAD || socket.read_buf(&mut bytes).await? == 0 {
            return Err(Error::Unexpected("the answer to the upgrade is not whole".into()));
        }
    }
}

fn header<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    let mut fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    fields.find_map(|(name, value)| name.eq_ignore_ascii_case(wanted).then(|| value.trim()))
}

/// The body of a refusal, of which the beginning may have come with the head.
async fn read_body(socket: &mut TcpStream, mut body: Vec<u8>, length: usize) -> Result<Vec<u8>, Error> {
    while body.len() < length.min(MAX_HEAD) && socket.read_buf(&mut body).await? > 0 {}
    Ok(body)
}

fn refusal(status: u16, body: &[u8]) -> Error {
    let (code, sentence) = match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => (problem.code, problem.error),
        Err(_) => ("unknown".to_owned(), format!("the server answered with status {status}")),
    };
    Error::Refused { status, code, sentence }
}
