//! One connection of the v2 stream that reads only the beginning of each frame; `chat_client::v2` is for everything that
//! is not counted.

use std::collections::VecDeque;

use anyhow::{Context, Result, bail};
use chat_client::v2::{Entrance, Way, upgrade_v2};
use chat_client::{ServerUrl, Socket};
use chat_websocket::{Decoder, Incoming, Opcode, Role, encode_masked_into};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stage::User;
use super::tally::message_number;

const BUFFER: usize = 8 * 1024;
const MAX_MESSAGE: usize = 64 * 1024;
/// Any masking key will do, see `chat_client`.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What a frame is, as far as anybody here wants to know.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The client's request of this number was done.
    Ack(u64),
    /// It was refused, whatever its number.
    Refused,
    /// It was refused for the time being: the server had too much to do, or its database.
    Unavailable,
    /// Everything missed was sent; the cursor.
    Live(String),
    /// A new message.
    Message,
    Other,
}

fn heard(frame: &str) -> Heard {
    if let Some(rest) = frame.strip_prefix("{\"type\":\"ack\",\"id\":") {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        return rest.get(..end).and_then(|id| id.parse().ok()).map_or(Heard::Other, Heard::Ack);
    }
    if let Some(rest) = frame.strip_prefix("{\"type\":\"live\",\"cursor\":\"") {
        return Heard::Live(rest.split('"').next().unwrap_or_default().to_owned());
    }
    match frame {
        _ if frame.starts_with("{\"type\":\"error\"") => refusal(frame),
        _ if message_number(frame).is_some() => Heard::Message,
        _ => Heard::Other,
    }
}

fn refusal(frame: &str) -> Heard {
    let is_one = |code: &str| frame.contains(&format!("\"code\":\"{code}\""));
    if is_one("storage_unavailable") || is_one("overloaded") { Heard::Unavailable } else { Heard::Refused }
}

/// The connection.
pub(super) struct V2Line {
    socket: Socket,
    decoder: Decoder,
    buffer: Vec<u8>,
    out: Vec<u8>,
    heard: VecDeque<Heard>,
}

impl V2Line {
    /// Connects, from a cursor if there is one.
    pub(super) async fn open(url: &ServerUrl, user: &User, cursor: Option<String>) -> Result<Self> {
        let socket = Socket::connect(url).await?;
        let entrance = Entrance { token: user.token.clone(), way: Way::Header, cursor };
        let (socket, mut early) = upgrade_v2(socket, url, &entrance).await?;
        let mut line = Self {
            socket,
            decoder: Decoder::new(Role::Client, MAX_MESSAGE),
            buffer: vec![0; BUFFER],
            out: Vec::new(),
            heard: VecDeque::new(),
        };
        line.take(&mut early)?;
        Ok(line)
    }

    /// Waits until everything missed is there; gives the cursor and how many new messages came.
    pub(super) async fn live(&mut self) -> Result<(String, u64)> {
        let mut messages = 0;
        loop {
            match self.next().await? {
                Heard::Live(cursor) => return Ok((cursor, messages)),
                Heard::Message => messages += 1,
                Heard::Ack(_) | Heard::Refused | Heard::Unavailable | Heard::Other => {}
            }
        }
    }

    /// Sends a request.
    pub(super) async fn send(&mut self, frame: &str) -> Result<()> {
        encode_masked_into(&mut self.out, Opcode::Text, frame.as_bytes(), MASK);
        self.flush().await
    }

    /// Waits for the next frame.
    pub(super) async fn next(&mut self) -> Result<Heard> {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return Ok(heard);
            }
            self.flush().await?;
            let count = self.socket.read(&mut self.buffer).await.context("the connection broke")?;
            if count == 0 || self.decoder.is_finished() {
                bail!("the connection was closed");
            }
            let mut bytes = std::mem::take(&mut self.buffer);
            let taken = self.take(bytes.get_mut(..count).unwrap_or_default());
            self.buffer = bytes;
            taken?;
        }
    }

    async fn flush(&mut self) -> Result<()> {
        if !self.out.is_empty() {
            self.socket.write_all(&self.out).await.context("the connection broke")?;
            self.socket.flush().await.context("the connection broke")?;
            self.out.clear();
        }
        Ok(())
    }

    fn take(&mut self, bytes: &mut [u8]) -> Result<()> {
        let (out, all) = (&mut self.out, &mut self.heard);
        let fed = self.decoder.feed(bytes, |incoming| match incoming {
            Incoming::Text(text) => all.push_back(heard(text)),
            Incoming::Ping(payload) => encode_masked_into(out, Opcode::Pong, payload, MASK),
            Incoming::Binary(_) | Incoming::Pong(_) | Incoming::Close { .. } => {}
        });
        fed.context("the server's frames are not understood")
    }
}

#[cfg(test)]
mod tests {
    use chat_core::Error;
    use chat_protocol::v2::{Ack, At, Id, Refusal, ServerFrame};

    use super::*;

    fn spelt(frame: &ServerFrame) -> Heard {
        heard(&serde_json::to_string(frame).expect("a frame is JSON"))
    }

    #[test]
    fn what_the_server_writes_is_recognised_by_its_beginning() {
        let ack = Ack {
            id: Some(Id::Number(12)),
            message: None,
            duplicate: Some(false),
            message_id: None,
            rev: None,
            length: None,
        };
        assert_eq!(spelt(&ServerFrame::Ack(ack.clone())), Heard::Ack(12));
        assert_eq!(spelt(&ServerFrame::Ack(Ack { id: None, ..ack })), Heard::Other);
        assert_eq!(spelt(&ServerFrame::Live(At { cursor: "a-1".into() })), Heard::Live("a-1".into()));
        assert_eq!(spelt(&ServerFrame::Resync(At { cursor: "a-1".into() })), Heard::Other);
        let unavailable = Error::Unavailable("too slow".into());
        for (code, expected) in [
            ("x", Heard::Refused),
            (unavailable.code(), Heard::Unavailable),
            (Error::Overloaded.code(), Heard::Unavailable),
        ] {
            let refusal = Refusal {
                id: Some(Id::Number(3)),
                code: code.into(),
                error: "a sentence".into(),
                temporary: true,
                retry_after_ms: None,
                policy: None,
            };
            assert_eq!(spelt(&ServerFrame::Error(refusal)), expected);
        }
    }
}
