//! The ways in which a peer can break the protocol, and the close code for each of them. Only violations
//! found while decoding belong here; there are no I/O errors.

use std::{error::Error, fmt};

use crate::close::close_code;

/// Reason why the decoder refused its input (RFC 6455, sections 5 and 7.1.7).
///
/// Every variant is final: the caller must fail the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolError {
    /// A reserved bit was set although no extension was negotiated (section 5.2).
    ReservedBits,
    /// The opcode is one of the reserved numbers (section 5.2).
    UnknownOpcode(u8),
    /// A client sent a frame without a mask (section 5.1).
    UnmaskedFrame,
    /// A server sent a frame with a mask (section 5.1).
    MaskedFrame,
    /// A control frame was not marked as final (section 5.5).
    FragmentedControl,
    /// A control frame declared more than 125 bytes of payload (section 5.5).
    ControlTooLong,
    /// A continuation frame came without a message to continue (section 5.4).
    UnexpectedContinuation,
    /// A new message began before the fragmented one had ended (section 5.4).
    InterruptedMessage,
    /// A length was written in more bytes than it needs (section 5.2).
    NonMinimalLength,
    /// A 64-bit length had its most significant bit set (section 5.2).
    OversizedLength,
    /// The message is, or would become, longer than the decoder's limit (section 7.4.1).
    MessageTooBig,
    /// A text message or a close reason was not UTF-8 (section 8.1).
    InvalidUtf8,
    /// A compressed message was not valid DEFLATE data (RFC 7692, section 7.2.2).
    InvalidDeflate,
    /// A close frame carried a single byte, too short for a code (section 5.5.1).
    TruncatedCloseCode,
    /// A close frame carried a code that must not be sent (section 7.4).
    InvalidCloseCode(u16),
    /// Bytes were offered after a close frame or an error had ended the stream (section 5.5.1).
    Finished,
}

impl ProtocolError {
    /// The code to close the connection with: 1002, 1007 or 1009 (RFC 6455, section 7.4.1).
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            Self::InvalidUtf8 | Self::InvalidDeflate => close_code::INVALID_PAYLOAD,
            Self::MessageTooBig => close_code::MESSAGE_TOO_BIG,
            Self::ReservedBits
            | Self::UnknownOpcode(_)
            | Self::UnmaskedFrame
            | Self::MaskedFrame
            | Self::FragmentedControl
            | Self::ControlTooLong
            | Self::UnexpectedContinuation
            | Self::InterruptedMessage
            | Self::NonMinimalLength
            | Self::OversizedLength
            | Self::TruncatedCloseCode
            | Self::InvalidCloseCode(_)
            | Self::Finished => close_code::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::UnknownOpcode(opcode) => return write!(f, "unknown opcode {opcode:#x}"),
            Self::InvalidCloseCode(code) => return write!(f, "invalid close code {code}"),
            Self::ReservedBits => "reserved bits set",
            Self::UnmaskedFrame => "client frame without a mask",
            Self::MaskedFrame => "server frame with a mask",
            Self::FragmentedControl => "fragmented control frame",
            Self::ControlTooLong => "control frame longer than 125 bytes",
            Self::UnexpectedContinuation => "continuation without a message",
            Self::InterruptedMessage => "new message inside a fragmented one",
            Self::NonMinimalLength => "length not minimally encoded",
            Self::OversizedLength => "length with its top bit set",
            Self::MessageTooBig => "message too big",
            Self::InvalidUtf8 => "invalid UTF-8",
            Self::InvalidDeflate => "invalid compressed data",
            Self::TruncatedCloseCode => "close frame of one byte",
            Self::Finished => "input after the end of the stream",
        };
        f.write_str(text)
    }
}

impl Error for ProtocolError {}

#[cfg(test)]
mod tests {
    use super::ProtocolError;

    #[test]
    fn errors_map_to_the_close_codes_of_the_rfc() {
        assert_eq!(ProtocolError::ReservedBits.close_code(), 1002);
        assert_eq!(ProtocolError::Finished.close_code(), 1002);
        assert_eq!(ProtocolError::InvalidUtf8.close_code(), 1007);
        assert_eq!(ProtocolError::InvalidDeflate.close_code(), 1007);
        assert_eq!(ProtocolError::MessageTooBig.close_code(), 1009);
    }

    #[test]
    fn errors_name_the_offending_number() {
        assert_eq!(ProtocolError::UnknownOpcode(0xB).to_string(), "unknown opcode 0xb");
        assert_eq!(ProtocolError::InvalidCloseCode(1005).to_string(), "invalid close code 1005");
    }
}
