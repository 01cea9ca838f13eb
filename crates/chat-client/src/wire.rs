//! A socket that speaks WebSocket: complete messages in and out. Pings are answered internally. This module
//! does not interpret the messages.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use chat_websocket::{Decoder, Incoming, Opcode, Role, encode_close_masked, encode_masked_into};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{Error, Socket};

/// Upper bound for a message from a server, in bytes.
const MAX_MESSAGE: usize = 1024 * 1024;
const BUFFER: usize = 8 * 1024;
/// Masks protect proxies against pages in browsers (RFC 6455, 10.3). This is no browser, so any value will
/// do.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The socket after the upgrade. Every method may be cancelled and called again: queued messages stay queued,
/// and no input is lost.
pub(crate) struct Wire {
    socket: Socket,
    decoder: Decoder,
    buffer: Vec<u8>,
    queued: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(socket: Socket) -> Self {
        let decoder = Decoder::new(Role::Client, MAX_MESSAGE);
        Self { socket, decoder, buffer: vec![0; BUFFER], queued: Vec::new() }
    }

    /// Queues a message. The next call that waits writes it.
    pub(crate) fn queue(&mut self, opcode: Opcode, payload: &[u8]) {
        encode_masked_into(&mut self.queued, opcode, payload, MASK);
    }

    pub(crate) fn queue_close(&mut self, code: u16, reason: &str) {
        self.queued.extend_from_slice(&encode_close_masked(code, reason, MASK));
    }

    /// Waits until all queued messages are written.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_write(cx)).await.map_err(Error::from)
    }

    /// Waits for input and visits each message in it. Writes queued messages meanwhile.
    pub(crate) async fn read(&mut self, visit: impl FnMut(Incoming<'_>)) -> Result<(), Error> {
        let count = poll_fn(|cx| self.poll_read(cx)).await?;
        if count == 0 {
            return Err(Error::Closed { code: 1006, reason: "the connection broke".into() });
        }
        let mut bytes = std::mem::take(&mut self.buffer);
        let taken = self.take(bytes.get_mut(..count).unwrap_or_default(), visit);
        self.buffer = bytes;
        taken?;
        // Write the answers to pings as far as possible; the next call that waits writes the rest.
        let written = poll_fn(|cx| Poll::Ready(self.poll_write(cx))).await;
        if let Poll::Ready(Err(error)) = written { Err(error.into()) } else { Ok(()) }
    }

    /// Visits the messages in bytes that were already read.
    pub(crate) fn take(
        &mut self,
        bytes: &mut [u8],
        mut visit: impl FnMut(Incoming<'_>),
    ) -> Result<(), Error> {
        let queued = &mut self.queued;
        let fed = self.decoder.feed(bytes, |incoming| {
            if let Incoming::Ping(payload) = incoming {
                encode_masked_into(queued, Opcode::Pong, payload, MASK);
            }
            visit(incoming);
        });
        fed.map_err(|error| Error::Unexpected(error.to_string()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // A blocked write must not keep this end from reading.
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            return Poll::Ready(Err(error));
        }
        let mut room = ReadBuf::new(&mut self.buffer);
        ready!(Pin::new(&mut self.socket).poll_read(cx, &mut room))?;
        Poll::Ready(Ok(room.filled().len()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.queued.is_empty() {
            let count = ready!(Pin::new(&mut self.socket).poll_write(cx, &self.queued))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.queued.drain(..count);
        }
        // TLS may hold back bytes that it was given.
        Pin::new(&mut self.socket).poll_flush(cx)
    }
}
