//! A client's socket, plain or with TLS. Only this module knows which.

mod tls;

use std::io::{self, ErrorKind, IoSlice};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::coop::consume_budget;
use tokio_rustls::server::TlsStream;

use super::outbox::Outbox;
use crate::pace::{Paced, Unsent, keep_unsent};
use tls::TlsSocket;

/// How much of the waiting data the socket took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Completely,
    /// The socket is full: the rest follows when it is writable again.
    InPart,
}

/// A client's socket after the upgrade. Methods that begin with `try_` never wait.
pub(crate) enum Socket {
    Plain(TcpStream),
    /// Boxed, so that plain sockets do not take up its room.
    Tls(Box<TlsSocket>),
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        Self::Plain(stream)
    }
}

impl From<TlsStream<Paced>> for Socket {
    fn from(stream: TlsStream<Paced>) -> Self {
        Self::Tls(Box::new(TlsSocket::new(stream)))
    }
}

impl Socket {
    /// Reads what is available. 0 means that the client has closed its side.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.try_read(buffer),
            Self::Tls(socket) => socket.try_read(buffer),
        }
    }

    /// Writes as much of the queue as the socket takes.
    pub(crate) fn try_write(&self, outbox: &mut Outbox) -> io::Result<Written> {
        while !outbox.is_empty() {
            let written = outbox.with_slices(|slices| self.try_write_slices(slices));
            match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(bytes) => outbox.advance(bytes),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Written::InPart),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.try_flush()
    }

    fn try_write_slices(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.try_write_vectored(slices),
            Self::Tls(socket) => socket.try_write_slices(slices),
        }
    }

    /// Writes encrypted data that was not sent yet; only TLS has any.
    fn try_flush(&self) -> io::Result<Written> {
        match self {
            Self::Plain(_) => Ok(Written::Completely),
            Self::Tls(socket) => socket.try_flush(),
        }
    }

    /// Sets how much unsent data the system may buffer.
    pub(crate) fn keep_unsent(&self, unsent: Unsent) {
        match self {
            Self::Plain(stream) => keep_unsent(stream, unsent),
            Self::Tls(socket) => keep_unsent(socket.stream(), unsent),
        }
    }

    /// Waits until something can be read. Here and in [`Socket::writable`], waiting takes part in cooperative
    /// scheduling, which tokio's own waiting does not. Otherwise a client that always sends or reads something would
    /// keep its task running, and so block a worker and any timeout around the task.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        consume_budget().await;
        match self {
            Self::Plain(stream) => stream.readable().await,
            Self::Tls(socket) => socket.readable().await,
        }
    }

    /// Waits until something can be written; see [`Socket::readable`].
    pub(crate) async fn writable(&self) -> io::Result<()> {
        consume_budget().await;
        match self {
            Self::Plain(stream) => stream.writable().await,
            Self::Tls(socket) => socket.stream().writable().await,
        }
    }

    /// Waits for data and reads it. 0 means that the client has closed its side.
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.readable().await?;
            match self.try_read(buffer) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                read => return read,
            }
        }
    }

    /// Writes all bytes.
    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.try_write_slices(&[IoSlice::new(bytes)]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable().await?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        while self.try_flush()? == Written::InPart {
            self.writable().await?;
        }
        Ok(())
    }

    /// Shuts down the writing side.
    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.shutdown().await,
            Self::Tls(socket) => {
                socket.send_close_notify();
                socket.stream_mut().shutdown().await
            }
        }
    }
}
