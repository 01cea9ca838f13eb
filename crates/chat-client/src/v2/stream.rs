//! One connection of the v2 stream: typed frames in, requests out. Pings are answered internally.

use std::collections::VecDeque;

use chat_protocol::v2::ServerFrame;
use chat_websocket::{Incoming, Opcode};
use serde::Deserialize;
use tokio::time::Instant;

use super::{Op, op};
use crate::handshake::{StreamLogin, upgrade_v2};
use crate::wire::Wire;
use crate::{Error, ServerUrl, Socket};

/// Input from the server.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// A frame of a known kind.
    Frame(ServerFrame),
    /// A frame of an unknown kind; the text is its `type`.
    Unknown(String),
    /// The server closed the stream; nothing follows.
    Closed {
        /// WebSocket close code; 1005 if the frame had none.
        code: u16,
        /// The reason in the close frame; may be empty.
        reason: String,
    },
}

/// An open v2 stream. Every method that waits may be cancelled and called again.
pub struct V2Stream {
    wire: Wire,
    received: VecDeque<Result<Received, Error>>,
    last_input_at: Instant,
}

impl V2Stream {
    /// Connects and upgrades. The server's first frame is `hello`.
    pub async fn connect(url: &ServerUrl, login: &StreamLogin) -> Result<Self, Error> {
        let socket = Socket::connect(url).await?;
        let (socket, mut early) = upgrade_v2(socket, url, login).await?;
        let mut stream =
            Self { wire: Wire::new(socket), received: VecDeque::new(), last_input_at: Instant::now() };
        let received = &mut stream.received;
        stream.wire.take(&mut early, |incoming| received.extend(parsed_message(incoming)))?;
        Ok(stream)
    }

    /// Queues a request. The next call that waits writes it.
    pub fn queue(&mut self, id: i64, op: &Op) {
        self.wire.queue(Opcode::Text, op::frame(op, id).as_bytes());
    }

    /// Returns the time of the server's last sign of life.
    pub fn last_input_at(&self) -> Instant {
        self.last_input_at
    }

    /// Waits for the next frame, and writes queued requests meanwhile.
    pub async fn next(&mut self) -> Result<Received, Error> {
        loop {
            if let Some(received) = self.received.pop_front() {
                return received;
            }
            let received = &mut self.received;
            self.wire.read(|incoming| received.extend(parsed_message(incoming))).await?;
            self.last_input_at = Instant::now();
        }
    }
}

fn parsed_message(incoming: Incoming<'_>) -> Option<Result<Received, Error>> {
    match incoming {
        Incoming::Text(text) => Some(parsed(text)),
        Incoming::Close { code, reason } => {
            Some(Ok(Received::Closed { code: code.unwrap_or(1005), reason: reason.to_owned() }))
        }
        Incoming::Ping(_) | Incoming::Pong(_) | Incoming::Binary(_) | Incoming::Compressed { .. } => None,
    }
}

/// Parses a frame. A newer server may send unknown kinds of frames; a frame of a known kind must be complete.
fn parsed(text: &str) -> Result<Received, Error> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "type")]
        kind: String,
    }
    let error = match serde_json::from_str(text) {
        Ok(frame) => return Ok(Received::Frame(frame)),
        Err(error) => error,
    };
    match serde_json::from_str::<Head>(text) {
        Ok(head) if error.to_string().starts_with("unknown variant") => Ok(Received::Unknown(head.kind)),
        _ => Err(Error::Unexpected(format!("{error} in {text:.200}"))),
    }
}

/// Returns the cursor that a frame carries, if any.
pub fn cursor_of(frame: &ServerFrame) -> Option<&str> {
    match frame {
        ServerFrame::Hello(hello) => Some(&hello.cursor),
        ServerFrame::Message(message) => Some(&message.cursor),
        ServerFrame::Append(append) => Some(&append.cursor),
        ServerFrame::Conversation(conversation) => Some(&conversation.cursor),
        ServerFrame::Receipt(receipt) => Some(&receipt.cursor),
        ServerFrame::Receipts(receipts) => receipts.cursor.as_deref(),
        ServerFrame::Hidden(hidden) => Some(&hidden.cursor),
        ServerFrame::Saved(saved) => Some(&saved.cursor),
        ServerFrame::Live(at) => Some(&at.cursor),
        ServerFrame::Resync(resync) => Some(&resync.cursor),
        ServerFrame::Typing(_)
        | ServerFrame::Presence(_)
        | ServerFrame::Ack(_)
        | ServerFrame::Error(_)
        | ServerFrame::Pong(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_known_unknown_or_broken() {
        let live = parsed(r#"{"type":"live","cursor":"c-1","new_field":1}"#).unwrap();
        let Received::Frame(frame) = live else { panic!("{live:?}") };
        assert_eq!(cursor_of(&frame), Some("c-1"));
        assert_eq!(parsed(r#"{"type":"parade","cursor":"c"}"#).unwrap(), Received::Unknown("parade".into()));
        for broken in [r#"{"type":"live"}"#, r#"{"cursor":"c"}"#, "[]", "live", r#"{"type":"live","cursor":"#]
        {
            assert!(parsed(broken).is_err(), "{broken}");
        }
    }
}
