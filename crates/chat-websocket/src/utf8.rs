//! UTF-8 checks (RFC 6455, section 8.1) that report protocol errors. Functions here only look at borrowed
//! bytes and may not buffer.

use crate::error::ProtocolError;

/// Checks that `bytes` are complete, valid text.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, ProtocolError> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| ProtocolError::InvalidUtf8)
}

/// Returns the number of leading bytes that are valid text, where more bytes may still follow.
///
/// At most three bytes are left over: the beginning of a character. Bytes that no continuation can repair are
/// refused at once.
pub(crate) fn valid_prefix(bytes: &[u8]) -> Result<usize, ProtocolError> {
    match simdutf8::compat::from_utf8(bytes) {
        Ok(_) => Ok(bytes.len()),
        Err(error) if error.error_len().is_none() => Ok(error.valid_up_to()),
        Err(_) => Err(ProtocolError::InvalidUtf8),
    }
}

#[cfg(test)]
mod tests {
    use super::{text, valid_prefix};
    use crate::error::ProtocolError;

    #[test]
    fn an_unfinished_character_is_left_over() {
        assert_eq!(valid_prefix("aé".as_bytes()), Ok(3));
        assert_eq!(valid_prefix(b"a\xC3"), Ok(1));
        assert_eq!(valid_prefix(b"a\xF0\x9F\x98"), Ok(1));
        assert_eq!(valid_prefix(b""), Ok(0));
    }

    #[test]
    fn bytes_beyond_repair_are_refused() {
        let beyond_repair: [&[u8]; 6] = [b"\xFF", b"\xC0", b"\xED\xA0", b"\xF4\x90", b"\xC3a", b"\x80"];
        for bytes in beyond_repair {
            assert_eq!(valid_prefix(bytes), Err(ProtocolError::InvalidUtf8), "{bytes:x?}");
        }
    }

    #[test]
    fn whole_text_may_not_end_inside_a_character() {
        assert_eq!(text("é".as_bytes()), Ok("é"));
        assert_eq!(text(b"\xC3"), Err(ProtocolError::InvalidUtf8));
    }
}
