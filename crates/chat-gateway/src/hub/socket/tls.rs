//! A socket with TLS around it. The session is a state machine without a socket of its own (rustls), so reading and
//! writing stay attempts that never wait, as with a bare socket.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::net::TcpStream;
use tokio_rustls::rustls::ServerConnection;
use tokio_rustls::server::TlsStream;

use crate::pace::Paced;

/// How much may be encrypted ahead of what the socket takes: one record. It is room beyond the client's outbox.
const AHEAD: usize = 16 * 1024;
/// Readings in a row that may bring nothing for the client's session, such as a handshake's rest or empty records, before
/// other tasks get their turn.
const IN_VAIN: usize = 16;

pub(crate) struct TlsSocket {
    stream: TcpStream,
    session: Mutex<ServerConnection>,
    /// Something decrypted has yet to be read, of which the socket itself would not tell any more.
    has_plaintext: AtomicBool,
}

impl TlsSocket {
    pub(super) fn new(stream: TlsStream<Paced>) -> Self {
        let (stream, mut session) = stream.into_inner();
        let stream = stream.into_inner();
        session.set_buffer_limit(Some(AHEAD));
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
        for _ in 0..IN_VAIN {
            match session.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // The client closed the socket without saying so first, as some do.
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
            // An answer to a change of keys, or an alert: if the socket does not take it now, it goes with what is next.
            let flushed = flush(&self.stream, &mut session);
            processed.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            flushed?;
        }
        // What was decrypted last has yet to be looked at, and the socket may have more, of which it will tell.
        self.has_plaintext.store(has_plaintext(&mut session), Ordering::Release);
        Err(ErrorKind::WouldBlock.into())
    }

    /// Encrypts some of it, unless what was encrypted before is still waiting.
    pub(super) fn try_write_slices(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut session = self.session();
        if !flush(&self.stream, &mut session)? {
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken = session.writer().write_vectored(slices)?;
        flush(&self.stream, &mut session)?;
        Ok(taken)
    }

    pub(super) fn try_flush(&self) -> io::Result<bool> {
        flush(&self.stream, &mut self.session())
    }

    /// Says that nothing more will come, as far as the socket takes it.
    pub(super) fn take_leave(&self) {
        let mut session = self.session();
        session.send_close_notify();
        // Whoever does not take it has the end of the socket to tell by.
        let _ = flush(&self.stream, &mut session);
    }

    fn session(&self) -> MutexGuard<'_, ServerConnection> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TlsSocket {
    fn drop(&mut self) {
        self.take_leave();
    }
}

fn has_plaintext(session: &mut ServerConnection) -> bool {
    // What is wrong with the stream is found when it is read.
    session.process_new_packets().is_ok_and(|state| state.plaintext_bytes_to_read() > 0)
}

/// Writes what is encrypted. `true`: nothing is left.
fn flush(stream: &TcpStream, session: &mut ServerConnection) -> io::Result<bool> {
    while session.wants_write() {
        match session.write_tls(&mut Bare(stream)) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
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
