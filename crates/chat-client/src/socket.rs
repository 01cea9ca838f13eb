//! A connection to a server: TCP, with TLS around it if the address asks for it. This module does not know
//! what is sent over the connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::{Error, ServerUrl};

/// A connected socket.
pub enum Socket {
    /// Plain TCP, for `http://`.
    Plain(TcpStream),
    /// TLS, for `https://`.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    /// Connects. If the address asks for TLS, verifies the server's certificate.
    pub async fn connect(url: &ServerUrl) -> Result<Self, Error> {
        Self::over(TcpStream::connect(url.authority()).await?, url).await
    }

    /// Same as [`Socket::connect`] over a connected socket, for callers that choose its origin.
    pub async fn over(socket: TcpStream, url: &ServerUrl) -> Result<Self, Error> {
        socket.set_nodelay(true)?;
        let Some(tls) = url.tls() else { return Ok(Self::Plain(socket)) };
        // Boxed, because it is large.
        let handshake = Box::pin(tls.connector.connect(tls.name.clone(), socket)).await;
        handshake.map(|stream| Self::Tls(Box::new(stream))).map_err(|error| untrusted(url, error))
    }
}

/// Converts an error of the TLS handshake. A certificate that is not trusted stays so, and connecting again
/// would not help; any other error may be temporary.
fn untrusted(url: &ServerUrl, error: io::Error) -> Error {
    let certificate = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match certificate {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            Error::Untrusted { server: url.authority().to_owned(), reason: refusal(reason) }
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            io::Error::other("it answers without TLS; its address may begin with http://").into()
        }
        _ => error.into(),
    }
}

/// Describes the fault of a certificate. A self-signed one, as `openssl req -x509` makes it, is marked as an
/// authority's certificate, and no server may use such a certificate. Naming it with `--ca` does not help,
/// which users would not guess.
fn refusal(reason: &rustls::CertificateError) -> String {
    let reason = format!("{reason:?}");
    if reason.contains("CaUsedAsEndEntity") {
        return "it is marked as an authority's (CA:TRUE), as `openssl req -x509` makes it, and cannot be a server's: \
                create it again with -addext basicConstraints=critical,CA:FALSE"
            .into();
    }
    reason
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(socket) => Pin::new(socket).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(socket) => Pin::new(socket).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(socket) => Pin::new(socket).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(socket) => Pin::new(socket).poll_shutdown(cx),
        }
    }
}
