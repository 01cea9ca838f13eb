//! Inflates a message (RFC 7692, section 7.2.2), within a bound. Each thread has one inflater, which is reset for every
//! message.

use std::cell::RefCell;

use flate2::{Decompress, FlushDecompress, Status};

use super::TAIL;
use crate::error::ProtocolError;

/// First guess of how much larger the message is than its compressed form.
const RATIO: usize = 4;

thread_local! {
    static INFLATER: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

/// Returns the message whose compressed form is `compressed`. It allocates at most `limit` bytes and one more.
///
/// # Errors
///
/// [`ProtocolError::MessageTooBig`] if the message is longer than `limit` bytes, [`ProtocolError::InvalidDeflate`] if
/// the data is not valid.
pub(crate) fn inflate(compressed: &[u8], limit: usize) -> Result<Vec<u8>, ProtocolError> {
    INFLATER.with_borrow_mut(|inflater| {
        inflater.reset(false);
        let first_guess = compressed.len().saturating_mul(RATIO).min(limit);
        let mut message =
            Message { inflater, limit, bytes: Vec::with_capacity(first_guess.saturating_add(1)) };
        let rest = message.feed(compressed)?;
        match rest {
            Rest::Ended(after) => match after {
                // A final block may end the data; a sender pads it to a byte (section 7.2.3.5).
                [] | [0] => {}
                _ => return Err(ProtocolError::InvalidDeflate),
            },
            Rest::Open => {
                message.feed(&TAIL)?;
            }
        }
        Ok(message.bytes)
    })
}

/// Returns the text whose compressed form is `compressed`. It allocates at most `limit` bytes and one more.
///
/// # Errors
///
/// [`ProtocolError::MessageTooBig`] if the text is longer than `limit` bytes, [`ProtocolError::InvalidDeflate`] if the
/// data is not valid, [`ProtocolError::InvalidUtf8`] if it is not text.
pub fn inflate_text(compressed: &[u8], limit: usize) -> Result<String, ProtocolError> {
    String::from_utf8(inflate(compressed, limit)?).map_err(|_| ProtocolError::InvalidUtf8)
}

/// What follows after some input.
enum Rest<'a> {
    /// A final block has ended the data before these bytes.
    Ended(&'a [u8]),
    /// More blocks may follow.
    Open,
}

struct Message<'a> {
    inflater: &'a mut Decompress,
    limit: usize,
    bytes: Vec<u8>,
}

impl Message<'_> {
    fn feed<'b>(&mut self, mut input: &'b [u8]) -> Result<Rest<'b>, ProtocolError> {
        loop {
            self.make_room();
            let (taken_before, len_before) = (self.inflater.total_in(), self.bytes.len());
            let status = self.inflater.decompress_vec(input, &mut self.bytes, FlushDecompress::Sync);
            let status = status.map_err(|_| ProtocolError::InvalidDeflate)?;
            if self.bytes.len() > self.limit {
                return Err(ProtocolError::MessageTooBig);
            }
            let taken = usize::try_from(self.inflater.total_in() - taken_before).unwrap_or(usize::MAX);
            input = input.get(taken..).unwrap_or_default();
            if status == Status::StreamEnd {
                return Ok(Rest::Ended(input));
            }
            let has_room = self.bytes.len() < self.bytes.capacity();
            if has_room && (input.is_empty() || (taken == 0 && self.bytes.len() == len_before)) {
                return if input.is_empty() { Ok(Rest::Open) } else { Err(ProtocolError::InvalidDeflate) };
            }
        }
    }

    /// Doubles the buffer if it is full, up to one byte beyond the limit, which shows that the message is too big.
    fn make_room(&mut self) {
        let (len, most) = (self.bytes.len(), self.limit.saturating_add(1));
        if len == self.bytes.capacity() {
            let target = len.saturating_mul(2).clamp(1, most);
            self.bytes.reserve_exact(target.saturating_sub(len).max(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, FlushCompress};

    use super::inflate;
    use crate::error::ProtocolError;

    /// The payload in which `message` travels.
    fn deflated(message: &[u8]) -> Vec<u8> {
        let mut payload = Vec::with_capacity(message.len() + 1000);
        let mut state = Compress::new(Compression::best(), false);
        state.compress_vec(message, &mut payload, FlushCompress::Sync).unwrap();
        payload.truncate(payload.len() - 4);
        payload
    }

    #[test]
    fn inflates_the_examples_of_the_rfc() {
        // RFC 7692, section 7.2.3: one block, without compression, a final block, two blocks.
        for payload in [
            &[0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00][..],
            &[0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00],
            &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00],
            &[0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00],
        ] {
            assert_eq!(inflate(payload, 100), Ok(b"Hello".to_vec()), "{payload:x?}");
        }
        assert_eq!(inflate(&[0x00], 100), Ok(Vec::new()));
        assert_eq!(inflate(&[], 100), Ok(Vec::new()));
    }

    #[test]
    fn a_message_has_exactly_the_limit_at_most() {
        for len in [0, 1, 255, 256, 1000, 100_000] {
            let message = vec![b'a'; len];
            let payload = deflated(&message);
            assert_eq!(inflate(&payload, len), Ok(message), "{len}");
            if len > 0 {
                assert_eq!(inflate(&payload, len - 1), Err(ProtocolError::MessageTooBig), "{len}");
            }
        }
    }

    #[test]
    fn a_bomb_takes_no_more_memory_than_the_limit() {
        let bomb = deflated(&vec![0; 10 * 1024 * 1024]);
        assert!(bomb.len() < 64 * 1024, "{}", bomb.len());
        assert_eq!(inflate(&bomb, 128 * 1024), Err(ProtocolError::MessageTooBig));
        let exact = inflate(&deflated(&vec![0; 128 * 1024]), 128 * 1024).unwrap();
        assert!(exact.capacity() <= 128 * 1024 + 1, "{}", exact.capacity());
    }

    #[test]
    fn data_that_is_not_deflate_is_refused() {
        // A block of the reserved kind, a length without its complement, and bytes after a final block.
        for payload in [
            &[0xFF, 0xFF][..],
            &[0x00, 0x05, 0x00, 0x00, 0x00, 0x48],
            &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00, 0x00],
            &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x07],
        ] {
            assert_eq!(inflate(payload, 100), Err(ProtocolError::InvalidDeflate), "{payload:x?}");
        }
    }
}
