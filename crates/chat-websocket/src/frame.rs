//! The terms shared by reading and writing: roles, opcodes and the sizes that the RFC fixes. No parsing and
//! no encoding may live here.

/// Upper bound for the payload of a control frame, in bytes (RFC 6455, section 5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;

/// Length of the longest frame header, in bytes: two bytes, a 64-bit length and a masking key (RFC 6455,
/// section 5.2).
pub const MAX_HEADER_BYTES: usize = 14;

/// The bit of a header's first byte that marks the last frame of a message.
pub(crate) const FIN_BIT: u8 = 0x80;

/// The bit of a header's first byte that marks a compressed message (RFC 7692, section 6).
pub(crate) const COMPRESSED_BIT: u8 = 0x40;

/// The bit of a header's second byte that announces a masking key.
pub(crate) const MASK_BIT: u8 = 0x80;

/// The length code announcing a 16-bit length; smaller codes are the length itself.
pub(crate) const LENGTH_16: u8 = 126;

/// The length code announcing a 64-bit length.
pub(crate) const LENGTH_64: u8 = 127;

/// The end of the connection that this process is (RFC 6455, section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads masked frames and writes unmasked ones.
    Server,
    /// Reads unmasked frames and writes masked ones.
    Client,
}

/// The kind of a frame (RFC 6455, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// The next piece of a fragmented message.
    Continuation = 0x0,
    /// A text message, or its first piece.
    Text = 0x1,
    /// A binary message, or its first piece.
    Binary = 0x2,
    /// The closing handshake.
    Close = 0x8,
    /// A ping; the peer must answer with a pong.
    Ping = 0x9,
    /// The answer to a ping, or an unsolicited heartbeat.
    Pong = 0xA,
}

impl Opcode {
    /// Returns whether frames of this kind are control frames (RFC 6455, section 5.5).
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    /// Returns the opcode with this number, or `None` if the RFC reserves the number.
    pub(crate) const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0x0 => Some(Self::Continuation),
            0x1 => Some(Self::Text),
            0x2 => Some(Self::Binary),
            0x8 => Some(Self::Close),
            0x9 => Some(Self::Ping),
            0xA => Some(Self::Pong),
            _ => None,
        }
    }

    /// Returns the number of this opcode on the wire.
    pub(crate) const fn bits(self) -> u8 {
        self as u8
    }
}
