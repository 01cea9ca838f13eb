//! Parses frame headers (RFC 6455, section 5.2) and checks the rules that concern the header alone. This
//! module sees header bytes and lengths, never payloads.

use crate::{
    error::ProtocolError,
    frame::{FIN_BIT, LENGTH_16, LENGTH_64, MASK_BIT, MAX_CONTROL_PAYLOAD, MAX_HEADER_BYTES, Opcode, Role},
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
    /// Number of bytes by which the message may still grow.
    pub(crate) room: usize,
}

/// A complete header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) opcode: Opcode,
    pub(crate) fin: bool,
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
    let (opcode, fin) = parse_first(*first, context.in_message)?;
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
    Ok(Some(Header { opcode, fin, key, payload_len, size }))
}

fn parse_first(byte: u8, in_message: bool) -> Result<(Opcode, bool), ProtocolError> {
    if byte & RESERVED_BITS != 0 {
        return Err(ProtocolError::ReservedBits);
    }
    let bits = byte & OPCODE_BITS;
    let opcode = Opcode::from_bits(bits).ok_or(ProtocolError::UnknownOpcode(bits))?;
    let fin = byte & FIN_BIT != 0;
    match opcode {
        Opcode::Close | Opcode::Ping | Opcode::Pong if !fin => Err(ProtocolError::FragmentedControl),
        Opcode::Text | Opcode::Binary if in_message => Err(ProtocolError::InterruptedMessage),
        Opcode::Continuation if !in_message => Err(ProtocolError::UnexpectedContinuation),
        _ => Ok((opcode, fin)),
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
