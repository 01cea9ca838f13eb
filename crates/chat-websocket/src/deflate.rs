//! `permessage-deflate` (RFC 7692) without a context: each message is compressed and inflated by itself, so a
//! connection keeps no memory for it, and one compressed frame serves every connection. Which parameters a server
//! accepts is decided here too; headers are read and written by the callers.

mod compress;
mod inflate;
mod offer;

use std::fmt;

use bytes::Bytes;

pub use compress::{MIN_COMPRESSED_BYTES, compress_frames};
pub(crate) use inflate::inflate;
pub use inflate::inflate_text;

/// Largest window of DEFLATE, as the exponent of its size in bytes (RFC 7692, section 7.1.2).
const MAX_WINDOW_BITS: u8 = 15;
/// The four bytes that end a flushed message and do not travel (RFC 7692, section 7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// The parameters of `permessage-deflate` on one connection, as its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deflate {
    /// The client's bound for the server's window, if it named one: 9 to 15.
    window_bits: Option<u8>,
}

impl Deflate {
    /// Accepts the first offer that can be met (RFC 7692, section 5). Returns `None` if there is none.
    ///
    /// `headers` are the values of the client's `Sec-WebSocket-Extensions` headers, in order. An offer is declined
    /// if it has an unknown, repeated or invalid parameter (section 7), or if it asks the server for a window of 256
    /// bytes: a message that fits into it is not compressed anyway.
    #[must_use]
    pub fn accept<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        headers.into_iter().flat_map(offer::split(',')).find_map(offer::accept)
    }

    /// Returns the compressed form of whole frames for this connection, or `None` if they are to be sent as they are; see
    /// [`compress_frames`] and [`covers`](Self::covers).
    #[must_use]
    pub fn compress(self, frames: &[u8]) -> Option<Bytes> {
        if self.covers(frames.len()) { compress_frames(frames) } else { None }
    }

    /// Returns whether the compressed form of `frame_bytes` bytes of frames may be sent. Within a window of their
    /// own length no frame can refer to anything outside it.
    #[must_use]
    pub fn covers(self, frame_bytes: usize) -> bool {
        self.window_bits.is_none_or(|bits| bits == MAX_WINDOW_BITS || frame_bytes >> bits == 0)
    }
}

/// The answer to the offer, for the server's `Sec-WebSocket-Extensions` header.
impl fmt::Display for Deflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("permessage-deflate; server_no_context_takeover; client_no_context_takeover")?;
        match self.window_bits {
            Some(bits) => write!(f, "; server_max_window_bits={bits}"),
            None => Ok(()),
        }
    }
}
