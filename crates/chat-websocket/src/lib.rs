//! WebSocket framing (RFC 6455) without input or output of its own.
//!
//! The crate turns bytes that the caller has read into messages, and messages into bytes that the caller will
//! write. It serves both ends: the server's hot path and the load generator. It never touches a socket, a
//! clock, a task or a source of randomness, and it does not interpret messages.
//!
//! * [`Decoder`] reads one direction of one connection and refuses everything that the RFC refuses.
//! * [`encode`] and its siblings write complete frames; the crate never fragments what it sends.
//! * [`accept_key`] and [`is_valid_key`] are the two computations of the opening handshake.
//!
//! * [`Deflate`] and [`compress_frames`] are `permessage-deflate` (RFC 7692) without a context.
//!
//! No other extension is ever negotiated, so the other reserved bits are always an error.
//!
//! ```
//! use chat_websocket::{Decoder, Incoming, Opcode, Role, encode_masked};
//!
//! let mut decoder = Decoder::new(Role::Server, 64 * 1024);
//! let mut input = encode_masked(Opcode::Text, b"hello", [1, 2, 3, 4]).to_vec();
//! decoder.feed(&mut input, |incoming| assert_eq!(incoming, Incoming::Text("hello")))?;
//! # Ok::<(), chat_websocket::ProtocolError>(())
//! ```

mod close;
mod decoder;
mod deflate;
mod encoder;
mod error;
mod frame;
mod handshake;
mod header;
mod incoming;
mod mask;
mod pending;
mod utf8;

pub use close::{MAX_REASON_BYTES, close_code, is_valid_close_code};
pub use decoder::Decoder;
pub use deflate::{Deflate, MIN_COMPRESSED_BYTES, compress_frames, inflate_text};
pub use encoder::{
    encode, encode_close, encode_close_masked, encode_into, encode_masked, encode_masked_into,
};
pub use error::ProtocolError;
pub use frame::{MAX_CONTROL_PAYLOAD, MAX_HEADER_BYTES, Opcode, Role};
pub use handshake::{accept_key, is_valid_key};
pub use incoming::Incoming;
