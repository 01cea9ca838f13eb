//! Encodes frames (RFC 6455, section 5.2). Every encoded frame is final: nothing is fragmented. The callers
//! choose masking keys, because they own the source of randomness.

use bytes::{BufMut, Bytes};

use crate::{
    close,
    frame::{
        COMPRESSED_BIT, FIN_BIT, LENGTH_16, LENGTH_64, MASK_BIT, MAX_CONTROL_PAYLOAD, MAX_HEADER_BYTES,
        Opcode,
    },
    mask,
};

/// Number of bytes that are masked at a time, outside the buffer they go to. A multiple of the key's length,
/// so that every block begins with the key's first byte.
const MASKING_BLOCK: usize = 256;

/// Encodes a whole frame as a server sends it (RFC 6455, section 5.1), in one allocation.
///
/// The result is cheap to clone for many connections. A control frame's payload must not exceed
/// [`MAX_CONTROL_PAYLOAD`].
#[must_use]
pub fn encode(opcode: Opcode, payload: &[u8]) -> Bytes {
    let header = Header::new(opcode, payload.len(), None);
    let mut frame = Vec::with_capacity(header.as_slice().len() + payload.len());
    frame.extend_from_slice(header.as_slice());
    frame.extend_from_slice(payload);
    Bytes::from(frame)
}

/// Appends a whole frame as a server sends it (RFC 6455, section 5.1) to `out`.
///
/// `out` must be able to grow, as `Vec<u8>` and `BytesMut` are. A control frame's payload must not
/// exceed [`MAX_CONTROL_PAYLOAD`].
pub fn encode_into(out: &mut impl BufMut, opcode: Opcode, payload: &[u8]) {
    out.put_slice(Header::new(opcode, payload.len(), None).as_slice());
    out.put_slice(payload);
}

/// Appends a frame with a compressed payload (RFC 7692, section 7.2.1) as a server sends it to `out`.
pub(crate) fn put_compressed(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    let begins_at = out.len();
    out.reserve_exact(MAX_HEADER_BYTES + payload.len());
    encode_into(out, opcode, payload);
    if let Some(first) = out.get_mut(begins_at) {
        *first |= COMPRESSED_BIT;
    }
}

/// Encodes a server's close frame (RFC 6455, section 5.5.1).
///
/// A reason that is too long is cut between two characters. The code must pass
/// [`is_valid_close_code`](crate::is_valid_close_code). To close without a code, encode an empty
/// [`Opcode::Close`].
#[must_use]
pub fn encode_close(code: u16, reason: &str) -> Bytes {
    encode(Opcode::Close, ClosePayload::new(code, reason).as_slice())
}

/// Encodes a whole frame as a client sends it, masked with `key` (RFC 6455, section 5.3).
///
/// The key must be unpredictable if anybody else controls the payload. A control frame's payload must not
/// exceed [`MAX_CONTROL_PAYLOAD`].
#[must_use]
pub fn encode_masked(opcode: Opcode, payload: &[u8], key: [u8; 4]) -> Bytes {
    let header = Header::new(opcode, payload.len(), Some(key));
    let header_len = header.as_slice().len();
    let mut frame = Vec::with_capacity(header_len + payload.len());
    frame.extend_from_slice(header.as_slice());
    frame.extend_from_slice(payload);
    let (_, masked) = frame.split_at_mut(header_len);
    mask::apply(masked, key);
    Bytes::from(frame)
}

/// Appends a whole frame as a client sends it (RFC 6455, section 5.3) to `out`.
///
/// The requirements of [`encode_into`] for `out`, and those of [`encode_masked`] for the key and the payload,
/// apply here too.
pub fn encode_masked_into(out: &mut impl BufMut, opcode: Opcode, payload: &[u8], key: [u8; 4]) {
    out.put_slice(Header::new(opcode, payload.len(), Some(key)).as_slice());
    let mut scratch = [0; MASKING_BLOCK];
    for block in payload.chunks(MASKING_BLOCK) {
        let (masked, _) = scratch.split_at_mut(block.len());
        masked.copy_from_slice(block);
        mask::apply(masked, key);
        out.put_slice(masked);
    }
}

/// Encodes a client's close frame (RFC 6455, section 5.5.1), see [`encode_close`].
#[must_use]
pub fn encode_close_masked(code: u16, reason: &str, key: [u8; 4]) -> Bytes {
    encode_masked(Opcode::Close, ClosePayload::new(code, reason).as_slice(), key)
}

/// A short byte string built on the stack, of at most `N` bytes.
struct Inline<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Inline<N> {
    const fn empty() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    /// Appends `bytes`. Every user of this type chooses `N` so that they fit.
    fn push(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if let Some(free) = self.bytes.get_mut(self.len..end) {
            free.copy_from_slice(bytes);
            self.len = end;
        }
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// The header of a final frame.
type Header = Inline<MAX_HEADER_BYTES>;

impl Header {
    fn new(opcode: Opcode, payload_len: usize, key: Option<[u8; 4]>) -> Self {
        debug_assert!(
            !opcode.is_control() || payload_len <= MAX_CONTROL_PAYLOAD,
            "control frame with {payload_len} bytes"
        );
        let mut header = Self::empty();
        let mask_bit = if key.is_some() { MASK_BIT } else { 0 };
        header.push(&[FIN_BIT | opcode.bits()]);
        // The shortest form is the only legal one.
        match (u8::try_from(payload_len), u16::try_from(payload_len)) {
            (Ok(len), _) if len < LENGTH_16 => header.push(&[mask_bit | len]),
            (_, Ok(len)) => {
                header.push(&[mask_bit | LENGTH_16]);
                header.push(&len.to_be_bytes());
            }
            _ => {
                header.push(&[mask_bit | LENGTH_64]);
                header.push(&(payload_len as u64).to_be_bytes());
            }
        }
        if let Some(key) = key {
            header.push(&key);
        }
        header
    }
}

/// The payload of a close frame.
type ClosePayload = Inline<MAX_CONTROL_PAYLOAD>;

impl ClosePayload {
    fn new(code: u16, reason: &str) -> Self {
        debug_assert!(close::is_valid_close_code(code), "close code {code} must not travel");
        let mut payload = Self::empty();
        payload.push(&code.to_be_bytes());
        payload.push(close::fitting_reason(reason).as_bytes());
        payload
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::{encode, encode_close, encode_close_masked, encode_into, encode_masked, encode_masked_into};
    use crate::frame::Opcode;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    #[test]
    fn encodes_the_examples_of_the_rfc() {
        // RFC 6455, section 5.7.
        assert_eq!(encode(Opcode::Text, b"Hello")[..], *b"\x81\x05Hello");
        assert_eq!(encode(Opcode::Ping, b"Hello")[..], *b"\x89\x05Hello");
        assert_eq!(
            encode_masked(Opcode::Text, b"Hello", KEY)[..],
            [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]
        );
        assert_eq!(encode(Opcode::Binary, &[0; 256])[..4], [0x82, 0x7E, 0x01, 0x00]);
        assert_eq!(encode(Opcode::Binary, &[0; 65536])[..10], [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn lengths_take_the_shortest_form() {
        let header = |len: usize| encode(Opcode::Binary, &vec![0; len])[1];
        assert_eq!([0, 125, 126, 65535, 65536].map(header), [0, 125, 126, 126, 127]);
    }

    #[test]
    fn appending_equals_encoding() {
        for len in [0, 1, 125, 126, 255, 256, 257, 1000, 70_000] {
            let payload: Vec<u8> = (0_u8..=250).cycle().take(len).collect();
            let mut plain = b"before".to_vec();
            encode_into(&mut plain, Opcode::Binary, &payload);
            assert_eq!(plain.strip_prefix(b"before"), Some(&encode(Opcode::Binary, &payload)[..]));
            let mut masked = BytesMut::from(&b"before"[..]);
            encode_masked_into(&mut masked, Opcode::Binary, &payload, KEY);
            assert_eq!(
                masked.strip_prefix(b"before"),
                Some(&encode_masked(Opcode::Binary, &payload, KEY)[..])
            );
        }
    }

    #[test]
    fn a_close_frame_carries_its_code_and_a_shortened_reason() {
        assert_eq!(encode_close(1000, "")[..], [0x88, 2, 0x03, 0xE8]);
        assert_eq!(encode_close(1001, "bye")[..], *b"\x88\x05\x03\xE9bye");
        assert_eq!(encode_close(1001, &"a".repeat(124)).len(), 2 + 125);
        let cut = encode_close(1001, &"é".repeat(100));
        assert_eq!(cut.len(), 2 + 124);
        assert!(std::str::from_utf8(&cut[4..]).is_ok());
        assert_eq!(encode_close_masked(1000, "", KEY)[..], [0x88, 0x82, 0x37, 0xfa, 0x21, 0x3d, 0x34, 0x12]);
    }

    #[test]
    fn an_encoded_frame_wastes_no_memory() {
        for frame in [encode(Opcode::Text, b"Hello"), encode_masked(Opcode::Text, b"Hello", KEY)] {
            let len = frame.len();
            assert_eq!(Vec::from(frame).capacity(), len);
        }
    }
}
