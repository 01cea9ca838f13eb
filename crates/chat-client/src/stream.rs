//! The v1 stream of a client: text frames in and out. Pings are answered internally.

use std::collections::VecDeque;

use chat_websocket::{Incoming, Opcode};

use crate::handshake::connect_raw;
use crate::wire::Wire;
use crate::{Error, ServerUrl};

/// Input from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// The content of a text frame.
    Text(String),
    /// The server closed the stream; nothing follows.
    Closed {
        /// WebSocket close code; 1005 if the frame had none.
        code: u16,
        /// The reason in the close frame; may be empty.
        reason: String,
    },
}

/// An open v1 stream.
pub struct Stream {
    wire: Wire,
    received: VecDeque<Received>,
    pings: u64,
    answered: u64,
}

impl Stream {
    /// Connects as the user of the token.
    pub async fn connect(url: &ServerUrl, token: &str) -> Result<Self, Error> {
        let (socket, mut early) = connect_raw(url, token).await?;
        let mut stream = Self { wire: Wire::new(socket), received: VecDeque::new(), pings: 0, answered: 0 };
        let (received, answered) = (&mut stream.received, &mut stream.answered);
        stream.wire.take(&mut early, |incoming| note(incoming, received, answered))?;
        Ok(stream)
    }

    /// Waits for the next frame. May be cancelled and called again.
    pub async fn next(&mut self) -> Result<Received, Error> {
        loop {
            if let Some(received) = self.received.pop_front() {
                return Ok(received);
            }
            self.read().await?;
        }
    }

    /// Removes and returns the frames that have arrived and that [`next`](Self::next) has not returned yet.
    pub fn take_received(&mut self) -> VecDeque<Received> {
        std::mem::take(&mut self.received)
    }

    /// Sends a ping. Returns its number.
    pub async fn ping(&mut self) -> Result<u64, Error> {
        self.pings += 1;
        self.wire.queue(Opcode::Ping, &self.pings.to_be_bytes());
        self.wire.flush().await?;
        Ok(self.pings)
    }

    /// Waits until the server has answered this ping and returns `true`, or until another frame has arrived
    /// and returns `false`. The caller must take that frame before the next call. May be cancelled.
    ///
    /// The server handles frames in order, so its answer means that it has handled everything sent before the
    /// ping. Its refusals are among the received frames.
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
        self.wire.queue(Opcode::Text, text.as_bytes());
        self.wire.flush().await
    }

    /// Sends a close frame with code 1000.
    pub async fn close(mut self) -> Result<(), Error> {
        self.wire.queue_close(1000, "");
        self.wire.flush().await
    }

    async fn read(&mut self) -> Result<(), Error> {
        let (received, answered) = (&mut self.received, &mut self.answered);
        self.wire.read(|incoming| note(incoming, received, answered)).await
    }
}

fn note(incoming: Incoming<'_>, received: &mut VecDeque<Received>, answered: &mut u64) {
    match incoming {
        Incoming::Text(text) => received.push_back(Received::Text(text.to_owned())),
        Incoming::Close { code, reason } => {
            received.push_back(Received::Closed { code: code.unwrap_or(1005), reason: reason.to_owned() });
        }
        Incoming::Pong(payload) => {
            if let Ok(number) = payload.try_into() {
                *answered = u64::from_be_bytes(number).max(*answered);
            }
        }
        Incoming::Ping(_) | Incoming::Binary(_) | Incoming::Compressed { .. } => {}
    }
}
