//! The one place that knows what a client is connected by. A leaner socket or TLS would replace this type.

use std::io::{self, ErrorKind};

use tokio::net::TcpStream;

use super::outbox::Outbox;

/// A client's socket, after the upgrade. Reading and writing never wait.
pub(crate) struct Socket(TcpStream);

impl Socket {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self(stream)
    }

    /// Reads what is there; 0 means that the client has closed its side.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }

    /// Writes as much of the queue as the socket takes. `true`: all of it.
    pub(crate) fn try_write(&self, outbox: &mut Outbox) -> io::Result<bool> {
        while !outbox.is_empty() {
            let written = outbox.with_slices(|slices| self.0.try_write_vectored(slices));
            match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(bytes) => outbox.advance(bytes),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }

    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }
}
