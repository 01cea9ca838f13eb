//! Parses frame headers (RFC 6455, section 5.2) and checks the rules that concern the header alone. This
//! module sees header bytes and lengths, never payloads.

use crate::{
    error::ProtocolError,
    frame::{
        COMPRESSED_BIT, FIN_BIT, LENGTH_16, LENGTH_64, MASK_BIT, MAX_CONTROL_PAYLOAD, MAX_HEADER_BYTES,
        Opcode, Role,
    },
};

const RESERVED_BITS: u8 = 0x70;
const OPCODE_BITS: u8 = 0x0F;
const LENGTH_BITS: u8 = 0x7F;

/// The state that decides which next header is legal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context {
    /// The end that reads.
    pub(crate) role: Role,
    /// Whether a fragmented message waits for its continuation.
    pub(crate) in_message: bool,
    /// Whether messages may be compressed (RFC 7692, section 6).
    pub(crate) deflates: bool,
    /// Number of bytes by which the message may still grow.
    pub(crate) room: usize,
}

/// A complete header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) opcode: Opcode,
    pub(crate) fin: bool,
    /// Whether the message that this frame begins is compressed.
    pub(crate) is_compressed: bool,
    pub(crate) key: Option<[u8; 4]>,
    pub(crate) payload_len: usize,
    /// Length of the header itself, in bytes.
    pub(crate) size: usize,
}

/// Parses the header at the start of `bytes`. Returns `None` if the header is incomplete.
///
/// Each byte is checked as soon as it has arrived, so a bad header fails at its first bad byte, no matter how
/// the input was split.
pub(crate) fn parse(bytes: &[u8], context: Context) -> Result<Option<Header>, ProtocolError> {
    let Some((first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let (opcode, fin, is_compressed) = parse_first(*first, context)?;
    let Some((second, rest)) = rest.split_first() else {
        return Ok(None);
    };
    let length_code = parse_second(*second, opcode, context.role)?;
    let Some((payload_len, rest)) = parse_length(length_code, rest)? else {
        return Ok(None);
    };
    let payload_len = check_room(payload_len, opcode, context.room)?;
    let (key, rest) = match context.role {
        Role::Client => (None, rest),
        Role::Server => match rest.split_first_chunk::<4>() {
            Some((key, rest)) => (Some(*key), rest),
            None => return Ok(None),
        },
    };
    let size = bytes.len() - rest.len();
    Ok(Some(Header { opcode, fin, is_compressed, key, payload_len, size }))
}

/// Returns the opcode, whether the frame is final, and whether it begins a compressed message.
fn parse_first(byte: u8, context: Context) -> Result<(Opcode, bool, bool), ProtocolError> {
    let bits = byte & OPCODE_BITS;
    // Only the first frame of a message carries the bit (RFC 7692, section 6.1).
    let may_be_compressed = context.deflates && matches!(bits, 0x1 | 0x2);
    let reserved = byte & RESERVED_BITS;
    let is_compressed = reserved == COMPRESSED_BIT && may_be_compressed;
    if reserved != 0 && !is_compressed {
        return Err(ProtocolError::ReservedBits);
    }
    let opcode = Opcode::from_bits(bits).ok_or(ProtocolError::UnknownOpcode(bits))?;
    let fin = byte & FIN_BIT != 0;
    match opcode {
        Opcode::Close | Opcode::Ping | Opcode::Pong if !fin => Err(ProtocolError::FragmentedControl),
        Opcode::Text | Opcode::Binary if context.in_message => Err(ProtocolError::InterruptedMessage),
        Opcode::Continuation if !context.in_message => Err(ProtocolError::UnexpectedContinuation),
        _ => Ok((opcode, fin, is_compressed)),
    }
}

fn parse_second(byte: u8, opcode: Opcode, role: Role) -> Result<u8, ProtocolError> {
    match (role, byte & MASK_BIT != 0) {
        (Role::Server, false) => return Err(ProtocolError::UnmaskedFrame),
        (Role::Client, true) => return Err(ProtocolError::MaskedFrame),
        _ => {}
    }
    let length_code = byte & LENGTH_BITS;
    if opcode.is_control() && usize::from(length_code) > MAX_CONTROL_PAYLOAD {
        return Err(ProtocolError::ControlTooLong);
    }
    Ok(length_code)
}

/// Returns the payload length and the bytes after it, or `None` if the length is incomplete.
fn parse_length(length_code: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, ProtocolError> {
    let (length, minimum, rest) = match length_code {
        LENGTH_16 => match rest.split_first_chunk() {
            Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), u64::from(LENGTH_16), rest),
            None => return Ok(None),
        },
        LENGTH_64 => match rest.split_first_chunk() {
            Some((length, rest)) => (u64::from_be_bytes(*length), u64::from(u16::MAX) + 1, rest),
            None => return Ok(None),
        },
        short => (u64::from(short), 0, rest),
    };
    if length > i64::MAX.unsigned_abs() {
        return Err(ProtocolError::OversizedLength);
    }
    if length < minimum {
        return Err(ProtocolError::NonMinimalLength);
    }
    Ok(Some((length, rest)))
}

/// Refuses data frames that would exceed the message limit. Control frames have their own, fixed limit.
fn check_room(payload_len: u64, opcode: Opcode, room: usize) -> Result<usize, ProtocolError> {
    match usize::try_from(payload_len) {
        Ok(len) if opcode.is_control() || len <= room => Ok(len),
        _ => Err(ProtocolError::MessageTooBig),
    }
}

/// The first bytes of a header that has not arrived completely.
#[derive(Debug, Default)]
pub(crate) struct PartialHeader {
    bytes: [u8; MAX_HEADER_BYTES],
    len: usize,
}

impl PartialHeader {
    /// Copies as many bytes of `input` as a header can still need.
    pub(crate) fn fill(&mut self, input: &[u8]) {
        if let Some(free) = self.bytes.get_mut(self.len..) {
            let taken = free.len().min(input.len());
            free.iter_mut().zip(input).for_each(|(slot, byte)| *slot = *byte);
            self.len += taken;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }
}
