//! A v2 stream that reads only the beginning of each frame. `chat_client::v2` is for everything that is not measured.

use std::collections::VecDeque;

use anyhow::{Context, Result, bail};
use chat_client::v2::{StreamLogin, TokenTransport, upgrade_v2};
use chat_client::{ServerUrl, Socket};
use chat_websocket::{Decoder, Incoming, Opcode, Role, encode_masked_into};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::tally::new_message_id;
use super::testbed::User;

const BUFFER: usize = 8 * 1024;
const MAX_MESSAGE: usize = 64 * 1024;
/// Any masking key works, see `chat_client`.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A received frame, as far as the benchmark needs it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// The request with this id succeeded.
    Ack(u64),
    /// A request was refused.
    Refused,
    /// A request was refused temporarily, because the server or its database was overloaded.
    Unavailable,
    /// Everything missed was sent. Contains the cursor.
    Live(String),
    /// A new message.
    Message,
    Other,
}

fn classify(frame: &str) -> Frame {
    if let Some(rest) = frame.strip_prefix("{\"type\":\"ack\",\"id\":") {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        return rest.get(..end).and_then(|id| id.parse().ok()).map_or(Frame::Other, Frame::Ack);
    }
    if let Some(rest) = frame.strip_prefix("{\"type\":\"live\",\"cursor\":\"") {
        return Frame::Live(rest.split('"').next().unwrap_or_default().to_owned());
    }
    match frame {
        _ if frame.starts_with("{\"type\":\"error\"") => refusal(frame),
        _ if new_message_id(frame).is_some() => Frame::Message,
        _ => Frame::Other,
    }
}

fn refusal(frame: &str) -> Frame {
    let is_one = |code: &str| frame.contains(&format!("\"code\":\"{code}\""));
    if is_one("storage_unavailable") || is_one("overloaded") { Frame::Unavailable } else { Frame::Refused }
}

/// A connection.
pub(super) struct V2Connection {
    socket: Socket,
    decoder: Decoder,
    buffer: Vec<u8>,
    out: Vec<u8>,
    frames: VecDeque<Frame>,
}

impl V2Connection {
    /// Connects, and resumes from a cursor if there is one.
    pub(super) async fn open(url: &ServerUrl, user: &User, cursor: Option<String>) -> Result<Self> {
        let socket = Socket::connect(url).await?;
        let login =
            StreamLogin { token: user.token.clone(), transport: TokenTransport::Header, cursor, lean: false };
        let (socket, mut early) = upgrade_v2(socket, url, &login).await?;
        let mut connection = Self {
            socket,
            decoder: Decoder::new(Role::Client, MAX_MESSAGE),
            buffer: vec![0; BUFFER],
            out: Vec::new(),
            frames: VecDeque::new(),
        };
        connection.take(&mut early)?;
        Ok(connection)
    }

    /// Waits until everything missed has arrived. Returns the cursor and the number of new messages.
    pub(super) async fn live(&mut self) -> Result<(String, u64)> {
        let mut messages = 0;
        loop {
            match self.next().await? {
                Frame::Live(cursor) => return Ok((cursor, messages)),
                Frame::Message => messages += 1,
                Frame::Ack(_) | Frame::Refused | Frame::Unavailable | Frame::Other => {}
            }
        }
    }

    /// Sends a request.
    pub(super) async fn send(&mut self, frame: &str) -> Result<()> {
        encode_masked_into(&mut self.out, Opcode::Text, frame.as_bytes(), MASK);
        self.flush().await
    }

    /// Waits for the next frame.
    pub(super) async fn next(&mut self) -> Result<Frame> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Ok(frame);
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
        let (out, all) = (&mut self.out, &mut self.frames);
        let fed = self.decoder.feed(bytes, |incoming| match incoming {
            Incoming::Text(text) => all.push_back(classify(text)),
            Incoming::Ping(payload) => encode_masked_into(out, Opcode::Pong, payload, MASK),
            Incoming::Binary(_)
            | Incoming::Compressed { .. }
            | Incoming::Pong(_)
            | Incoming::Close { .. } => {}
        });
        fed.context("the server's frames are not understood")
    }
}

#[cfg(test)]
mod tests {
    use chat_core::Error;
    use chat_protocol::v2::{Ack, At, Id, Refusal, Resync, ServerFrame};

    use super::*;

    fn classified(frame: &ServerFrame) -> Frame {
        classify(&serde_json::to_string(frame).expect("a frame is JSON"))
    }

    #[test]
    fn frames_are_recognized_by_their_beginning() {
        let ack = Ack {
            id: Some(Id::Number(12)),
            message: None,
            duplicate: Some(false),
            message_id: None,
            rev: None,
            length: None,
        };
        assert_eq!(classified(&ServerFrame::Ack(ack.clone())), Frame::Ack(12));
        assert_eq!(classified(&ServerFrame::Ack(Ack { id: None, ..ack })), Frame::Other);
        assert_eq!(classified(&ServerFrame::Live(At { cursor: "a-1".into() })), Frame::Live("a-1".into()));
        let resync = Resync { cursor: "a-1".into(), code: None };
        assert_eq!(classified(&ServerFrame::Resync(resync)), Frame::Other);
        let unavailable = Error::Unavailable("too slow".into());
        for (code, expected) in [
            ("x", Frame::Refused),
            (unavailable.code(), Frame::Unavailable),
            (Error::Overloaded.code(), Frame::Unavailable),
        ] {
            let refusal = Refusal {
                id: Some(Id::Number(3)),
                code: code.into(),
                error: "a sentence".into(),
                temporary: true,
                retry_after_ms: None,
                policy: None,
            };
            assert_eq!(classified(&ServerFrame::Error(refusal)), expected);
        }
    }
}
