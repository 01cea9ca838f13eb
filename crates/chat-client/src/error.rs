//! What can go wrong between a client and a server.

use std::io;

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is not of the form `http://host:port` or `https://host:port`.
    #[error("{0} is no server address; give one like http://127.0.0.1:8080")]
    Url(String),
    /// The authorities that were named cannot be used.
    #[error("the file of certificate authorities cannot be used: {0}")]
    Authorities(&'static str),
    /// The server's certificate is of nobody who is trusted, or of another server, or too old.
    #[error("{server} is not trusted: its certificate is refused ({reason}); --ca names a private authority")]
    Untrusted {
        /// Which server.
        server: String,
        /// What is wrong.
        reason: String,
    },
    /// No connection, or a broken one.
    #[error("cannot reach the server: {0}")]
    Io(#[from] io::Error),
    /// The HTTP exchange broke.
    #[error("the HTTP exchange failed: {0}")]
    Http(#[from] hyper::Error),
    /// The server refused.
    #[error("{sentence} ({code})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The server's stable code.
        code: String,
        /// The server's sentence.
        sentence: String,
    },
    /// The server answered in a way that this client does not understand.
    #[error("the server's answer is not understood: {0}")]
    Unexpected(String),
    /// The stream has ended.
    #[error("the stream was closed ({code}: {reason})")]
    Closed {
        /// The close code; 1006 if there was none.
        code: u16,
        /// The server's reason.
        reason: String,
    },
}
