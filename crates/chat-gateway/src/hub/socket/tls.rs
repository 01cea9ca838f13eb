//! A socket with TLS. rustls keeps the session as a state machine without a socket, so reads and writes stay attempts
//! that never wait, as with a plain socket.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::net::TcpStream;
use tokio_rustls::rustls::ServerConnection;
use tokio_rustls::server::TlsStream;

use super::Written;
use crate::pace::Paced;

/// Upper bound for the data encrypted ahead of what the socket takes, in bytes: one record. It comes on top of the
/// client's outbox.
const ENCRYPTED_AHEAD: usize = 16 * 1024;
/// Reads in a row that may bring no plaintext, such as the rest of a handshake or empty records, before other tasks get
/// a turn.
const MAX_EMPTY_READS: usize = 16;

pub(crate) struct TlsSocket {
    stream: TcpStream,
    session: Mutex<ServerConnection>,
    /// Decrypted data is waiting to be read; the socket itself would not report it.
    has_plaintext: AtomicBool,
}

impl TlsSocket {
    pub(super) fn new(stream: TlsStream<Paced>) -> Self {
        let (stream, mut session) = stream.into_inner();
        let stream = stream.into_inner();
        session.set_buffer_limit(Some(ENCRYPTED_AHEAD));
        let has_plaintext = has_plaintext(&mut session);
        Self { stream, session: Mutex::new(session), has_plaintext: AtomicBool::new(has_plaintext) }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn stream_mut(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(super) async fn readable(&self) -> io::Result<()> {
        if self.has_plaintext.load(Ordering::Acquire) {
            return Ok(());
        }
        self.stream.readable().await
    }

    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut session = self.session();
        for _ in 0..MAX_EMPTY_READS {
            match session.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // Some clients close the socket without a `close_notify`.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                read => {
                    self.has_plaintext.store(has_plaintext(&mut session), Ordering::Release);
                    return read;
                }
            }
            if session.read_tls(&mut Bare(&self.stream))? == 0 {
                return Ok(0);
            }
            let processed = session.process_new_packets();
            // Replies to a key update, or an alert. What the socket does not take now goes out with the next write.
            let flushed = flush(&self.stream, &mut session);
            processed.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            flushed?;
        }
        // The last decrypted data is still unread, and the socket may have more, which it will report.
        self.has_plaintext.store(has_plaintext(&mut session), Ordering::Release);
        Err(ErrorKind::WouldBlock.into())
    }

    /// Encrypts part of the data, unless earlier encrypted data is still waiting.
    pub(super) fn try_write_slices(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut session = self.session();
        if flush(&self.stream, &mut session)? == Written::InPart {
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken = session.writer().write_vectored(slices)?;
        flush(&self.stream, &mut session)?;
        Ok(taken)
    }

    pub(super) fn try_flush(&self) -> io::Result<Written> {
        flush(&self.stream, &mut self.session())
    }

    /// Sends `close_notify`, as far as the socket takes it.
    pub(super) fn send_close_notify(&self) {
        let mut session = self.session();
        session.send_close_notify();
        // A client that does not get it still sees the end of the socket.
        let _ = flush(&self.stream, &mut session);
    }

    fn session(&self) -> MutexGuard<'_, ServerConnection> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TlsSocket {
    fn drop(&mut self) {
        self.send_close_notify();
    }
}

fn has_plaintext(session: &mut ServerConnection) -> bool {
    // Errors of the stream are reported by the next read.
    session.process_new_packets().is_ok_and(|state| state.plaintext_bytes_to_read() > 0)
}

/// Writes encrypted data, as much as the socket takes.
fn flush(stream: &TcpStream, session: &mut ServerConnection) -> io::Result<Written> {
    while session.wants_write() {
        match session.write_tls(&mut Bare(stream)) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Written::InPart),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Written::Completely)
}

/// The socket as rustls wants it.
struct Bare<'a>(&'a TcpStream);

impl Read for Bare<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Bare<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
