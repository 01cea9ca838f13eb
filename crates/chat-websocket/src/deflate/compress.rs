//! Compresses frames that were encoded for sending. Each thread has one compressor, which is reset for every message.

use std::cell::RefCell;

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress, Status};

use super::{MAX_WINDOW_BITS, TAIL};
use crate::{
    encoder,
    frame::Role,
    header::{self, Context},
};

/// Messages with fewer bytes are not compressed.
pub const MIN_COMPRESSED_BYTES: usize = 256;
/// Level of the compressor. Lower ones write whole bytes for most letters; higher ones save nothing on messages of this
/// size.
const LEVEL: u32 = 3;
/// Capacity above which the memory for compressed payloads is given back.
const KEPT_CAPACITY: usize = 64 * 1024;

thread_local! {
    static COMPRESSOR: RefCell<Compressor> = RefCell::new(Compressor::new());
}

struct Compressor {
    state: Compress,
    payload: Vec<u8>,
}

/// Returns the compressed form of one or more whole frames as a server sends them, in one allocation.
///
/// Control frames, messages under [`MIN_COMPRESSED_BYTES`] and those that would not get smaller stay as they are.
/// Returns `None` if all do, if `frames` are not whole, or if they were compressed before.
#[must_use]
pub fn compress_frames(frames: &[u8]) -> Option<Bytes> {
    // The header of such a message is at least four bytes long.
    if frames.len() <= MIN_COMPRESSED_BYTES {
        return None;
    }
    COMPRESSOR.with_borrow_mut(|compressor| {
        let compressed = compressor.frames(frames);
        if compressor.payload.capacity() > KEPT_CAPACITY {
            compressor.payload = Vec::new();
        }
        compressed
    })
}

impl Compressor {
    fn new() -> Self {
        let state = Compress::new_with_window_bits(Compression::new(LEVEL), false, MAX_WINDOW_BITS);
        Self { state, payload: Vec::new() }
    }

    fn frames(&mut self, frames: &[u8]) -> Option<Bytes> {
        let (mut rest, mut out) = (frames, Vec::new());
        while !rest.is_empty() {
            let context =
                Context { role: Role::Client, in_message: false, deflates: false, room: usize::MAX };
            let header = header::parse(rest, context).ok().flatten()?;
            let (frame, after) = rest.split_at_checked(header.size.checked_add(header.payload_len)?)?;
            let payload = frame.get(header.size..)?;
            let is_large = !header.opcode.is_control() && payload.len() >= MIN_COMPRESSED_BYTES;
            if is_large && self.compress(payload) {
                encoder::put_compressed(&mut out, header.opcode, &self.payload);
            } else {
                out.extend_from_slice(frame);
            }
            rest = after;
        }
        (out.len() < frames.len()).then(|| Bytes::from(out.into_boxed_slice()))
    }

    /// Compresses a message. Returns whether it got smaller.
    fn compress(&mut self, message: &[u8]) -> bool {
        self.state.reset();
        self.payload.clear();
        // What does not fit has not become smaller.
        self.payload.reserve(message.len());
        let status = self.state.compress_vec(message, &mut self.payload, FlushCompress::Sync);
        let is_complete = status.is_ok_and(|status| status == Status::Ok)
            && self.payload.len() < self.payload.capacity()
            && self.payload.ends_with(&TAIL);
        self.payload.truncate(self.payload.len().saturating_sub(TAIL.len()));
        is_complete && self.payload.len() < message.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Opcode, encode, encode_close};

    #[test]
    fn only_large_messages_that_get_smaller_are_compressed() {
        let text = |len: usize| encode(Opcode::Text, "ab".repeat(len / 2).as_bytes());
        assert_eq!(compress_frames(&text(254)), None);
        let frame = compress_frames(&text(256)).unwrap();
        assert!(frame.len() < 20 && frame[0] == 0xC1, "{frame:?}");
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .take(4000)
        .collect();
        assert_eq!(compress_frames(&encode(Opcode::Binary, &noise)), None);
    }

    #[test]
    fn frames_side_by_side_are_compressed_one_by_one() {
        let large = encode(Opcode::Text, &[b'a'; 300]);
        let small = encode(Opcode::Text, b"small");
        let close = encode_close(1000, "bye");
        let together = [&small[..], &large, &close].concat();
        let compressed = compress_frames(&large).unwrap();
        assert_eq!(compress_frames(&together).unwrap(), [&small[..], &compressed, &close].concat());
        assert_eq!(compress_frames(&compressed), None);
        assert_eq!(compress_frames(&together[..together.len() - 1]), None, "not whole");
    }

    #[test]
    fn a_compressed_frame_wastes_no_memory() {
        let frame = compress_frames(&encode(Opcode::Text, &[b'a'; 5000])).unwrap();
        let len = frame.len();
        assert_eq!(Vec::from(frame).capacity(), len);
    }
}
