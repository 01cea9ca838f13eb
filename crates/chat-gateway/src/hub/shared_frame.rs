//! A frame that connections share: as it was encoded and, once a connection takes it so, compressed. It is compressed at
//! most once.

use std::sync::OnceLock;

use bytes::Bytes;
use chat_websocket::{Deflate, compress_frames};

/// A frame, or several side by side, in the forms in which connections take it.
pub(super) struct SharedFrame {
    plain: Bytes,
    compressed: OnceLock<Bytes>,
}

impl SharedFrame {
    pub(super) fn new(plain: Bytes) -> Self {
        Self { plain, compressed: OnceLock::new() }
    }

    /// The frame for a connection with these parameters; without any it is not compressed.
    pub(super) fn bytes(&self, deflate: Option<Deflate>) -> Bytes {
        if deflate.is_some_and(|deflate| deflate.covers(self.plain.len())) {
            let compress = || compress_frames(&self.plain).unwrap_or_else(|| self.plain.clone());
            self.compressed.get_or_init(compress).clone()
        } else {
            self.plain.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_websocket::{Opcode, encode};

    use super::*;

    fn accepted(offer: &str) -> Option<Deflate> {
        Some(Deflate::accept([offer]).unwrap())
    }

    #[test]
    fn a_frame_is_compressed_once_and_only_for_connections_that_take_it_so() {
        let plain = encode(Opcode::Text, &[b'a'; 600]);
        let frame = SharedFrame::new(plain.clone());
        assert_eq!(frame.bytes(None), plain);
        let small_window = accepted("permessage-deflate; server_max_window_bits=9");
        assert_eq!(frame.bytes(small_window), plain, "it refers to more than 512 bytes before");
        assert!(frame.compressed.get().is_none(), "nobody takes it so");
        let first = frame.bytes(accepted("permessage-deflate"));
        let second = frame.bytes(accepted("permessage-deflate; server_max_window_bits=10"));
        assert!(first.len() < 30, "{}", first.len());
        assert_eq!(first.as_ptr(), second.as_ptr(), "compressed once");
    }

    #[test]
    fn a_small_frame_has_one_form() {
        let plain = encode(Opcode::Text, &[b'a'; 255]);
        let bytes = SharedFrame::new(plain.clone()).bytes(accepted("permessage-deflate"));
        assert_eq!(bytes.as_ptr(), plain.as_ptr());
    }
}
