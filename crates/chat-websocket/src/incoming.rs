//! The decoder's output: one complete message or control frame, borrowed. Checks on complete payloads live
//! here; checks on headers and on pieces do not.

use crate::{close, error::ProtocolError, frame::Opcode, utf8};

/// A complete message or control frame (RFC 6455, sections 5.5 and 5.6).
///
/// The payload borrows from the input, or from the decoder if the message came in pieces. It is valid during
/// the visit only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// A compressed message as it came, of a decoder that [leaves](crate::Decoder::leaving_compressed) them;
    /// [`inflate_text`](crate::inflate_text) returns the text of one.
    Compressed {
        /// Whether the message is text; otherwise it is binary.
        is_text: bool,
        /// The compressed message.
        payload: &'a [u8],
    },
    /// A ping; the peer expects a pong with the same payload (section 5.5.3).
    Ping(&'a [u8]),
    /// A pong.
    Pong(&'a [u8]),
    /// The peer's close frame (section 5.5.1). Nothing is decoded after it.
    Close {
        /// The close code, or `None` if the frame had none. It always passes
        /// [`is_valid_close_code`](crate::is_valid_close_code).
        code: Option<u16>,
        /// The reason; often empty.
        reason: &'a str,
    },
}

impl<'a> Incoming<'a> {
    /// Checks a complete payload by the rules of the opcode of its first frame.
    pub(crate) fn new(opcode: Opcode, payload: &'a [u8]) -> Result<Self, ProtocolError> {
        match opcode {
            Opcode::Text => utf8::text(payload).map(Self::Text),
            Opcode::Binary => Ok(Self::Binary(payload)),
            Opcode::Ping => Ok(Self::Ping(payload)),
            Opcode::Pong => Ok(Self::Pong(payload)),
            Opcode::Close => close::parse(payload).map(|(code, reason)| Self::Close { code, reason }),
            Opcode::Continuation => Err(ProtocolError::UnexpectedContinuation),
        }
    }
}
