//! Corrects hyper's response to an upgrade. When a request has `Connection: close` beside `Upgrade`, as some clients
//! send it, hyper copies `close` into its response, even into one that switches protocols. Some clients take that for
//! the end of the connection and wait for a body. So `close` is removed from such a response on its way.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Start of a response that switches protocols; hyper writes the response in one piece.
const SWITCHING: &[u8] = b"HTTP/1.1 101 ";
/// The header as hyper writes it, replaced by `RIGHT`.
const WRONG: &[u8] = b"\r\nconnection: Upgrade, close\r\n";
const RIGHT: &[u8] = b"\r\nconnection: Upgrade\r\n";

/// A socket on which hyper responds.
pub(crate) struct Upgrading<S> {
    stream: S,
    /// Unwritten rest of a corrected response.
    rest: Vec<u8>,
}

impl<S> Upgrading<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, rest: Vec::new() }
    }

    pub(crate) fn into_inner(self) -> S {
        self.stream
    }
}

/// The response without `close`, if it needs correction.
fn without_close(answer: &[u8]) -> Option<Vec<u8>> {
    if !answer.starts_with(SWITCHING) {
        return None;
    }
    let at = answer.windows(WRONG.len()).position(|window| window == WRONG)?;
    let (before, after) = (answer.get(..at)?, answer.get(at + WRONG.len()..)?);
    Some([before, RIGHT, after].concat())
}

impl<S: AsyncWrite + Unpin> Upgrading<S> {
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &self.rest))? {
                0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                written => drop(self.rest.drain(..written)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Upgrading<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Upgrading<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_rest(cx))?;
        let Some(right) = without_close(bytes) else {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        };
        self.rest = right;
        match self.poll_rest(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // The rest goes out before anything else.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices.iter().find(|slice| !slice.is_empty()) {
            Some(first) if !self.rest.is_empty() || first.starts_with(SWITCHING) => {
                self.poll_write(cx, first)
            }
            _ => Pin::new(&mut self.stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rest(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rest(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_that_switches_protocols_and_closes_is_put_right() {
        let head = |status: &str, connection: &str| {
            format!("HTTP/1.1 {status}\r\nupgrade: websocket\r\nconnection: {connection}\r\ndate: x\r\n\r\n")
                .into_bytes()
        };
        let right = head("101 Switching Protocols", "Upgrade");
        assert_eq!(without_close(&head("101 Switching Protocols", "Upgrade, close")), Some(right.clone()));
        assert_eq!(without_close(&right), None);
        assert_eq!(without_close(&head("200 OK", "Upgrade, close")), None);
    }
}
