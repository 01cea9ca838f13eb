//! A socket that speaks WebSocket: whole messages in and out, pings answered underneath. What the messages mean is not
//! known in here.

use std::io::ErrorKind;

use chat_websocket::{Decoder, Incoming, Opcode, Role, encode_close_masked, encode_masked_into};
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::Error;

/// Largest message that is taken from a server.
const MAX_MESSAGE: usize = 1024 * 1024;
const BUFFER: usize = 8 * 1024;
/// Masks guard proxies against pages in browsers (RFC 6455, 10.3); this is no browser, so any value will do.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The socket, after the upgrade. Every method may be dropped half-way and called again: what is queued stays queued,
/// and nothing that was read is lost.
pub(crate) struct Wire {
    socket: TcpStream,
    decoder: Decoder,
    buffer: Vec<u8>,
    queued: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(socket: TcpStream) -> Self {
        let decoder = Decoder::new(Role::Client, MAX_MESSAGE);
        Self { socket, decoder, buffer: vec![0; BUFFER], queued: Vec::new() }
    }

    /// Takes a message to be written with the next call that waits.
    pub(crate) fn queue(&mut self, opcode: Opcode, payload: &[u8]) {
        encode_masked_into(&mut self.queued, opcode, payload, MASK);
    }

    pub(crate) fn queue_close(&mut self, code: u16, reason: &str) {
        self.queued.extend_from_slice(&encode_close_masked(code, reason, MASK));
    }

    /// Waits until all that is queued is written.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        self.write_some()?;
        while !self.queued.is_empty() {
            self.socket.writable().await?;
            self.write_some()?;
        }
        Ok(())
    }

    /// Waits until something has come and shows each message in it; writes what is queued meanwhile.
    pub(crate) async fn read(&mut self, visit: impl FnMut(Incoming<'_>)) -> Result<(), Error> {
        let count = loop {
            self.write_some()?;
            let interest = match self.queued.is_empty() {
                true => Interest::READABLE,
                false => Interest::READABLE | Interest::WRITABLE,
            };
            self.socket.ready(interest).await?;
            match self.socket.try_read(&mut self.buffer) {
                Ok(count) => break count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        };
        if count == 0 {
            return Err(Error::Closed { code: 1006, reason: "the connection broke".into() });
        }
        let mut bytes = std::mem::take(&mut self.buffer);
        let taken = self.take(bytes.get_mut(..count).unwrap_or_default(), visit);
        self.buffer = bytes;
        taken
    }

    /// Shows the messages in what was read already.
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
        fed.map_err(|error| Error::Unexpected(error.to_string()))?;
        self.write_some()
    }

    /// Writes as much as the socket takes at once.
    fn write_some(&mut self) -> Result<(), Error> {
        while !self.queued.is_empty() {
            match self.socket.try_write(&self.queued) {
                Ok(count) => drop(self.queued.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
