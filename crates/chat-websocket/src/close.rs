//! The payload of close frames: which codes may be sent, and how the payload is parsed and shortened. The
//! callers decide when to close and with which code.

use crate::{error::ProtocolError, frame::MAX_CONTROL_PAYLOAD, utf8};

/// Upper bound for a close frame's reason, in bytes (RFC 6455, section 5.5.1). The code takes the other two
/// bytes.
pub const MAX_REASON_BYTES: usize = MAX_CONTROL_PAYLOAD - 2;

/// The registered close codes that this product sends or reacts to (RFC 6455, section 7.4.1).
pub mod close_code {
    /// The connection has served its purpose.
    pub const NORMAL: u16 = 1000;
    /// The endpoint is shutting down or navigating away.
    pub const GOING_AWAY: u16 = 1001;
    /// The peer broke the framing rules.
    pub const PROTOCOL_ERROR: u16 = 1002;
    /// The peer sent a kind of data that this end does not accept.
    pub const UNSUPPORTED: u16 = 1003;
    /// The peer sent text that is not UTF-8.
    pub const INVALID_PAYLOAD: u16 = 1007;
    /// The peer broke a rule for which no better code exists.
    pub const POLICY_VIOLATION: u16 = 1008;
    /// The peer sent a message that is too big.
    pub const MESSAGE_TOO_BIG: u16 = 1009;
    /// The server met an unexpected condition.
    pub const INTERNAL_ERROR: u16 = 1011;
    /// The server restarts; reconnecting after a pause will work (IANA registry).
    pub const SERVICE_RESTART: u16 = 1012;
    /// The server is overloaded; reconnecting later may work (IANA registry).
    pub const TRY_AGAIN_LATER: u16 = 1013;
}

/// Returns whether a close frame may carry `code` (RFC 6455, section 7.4, and the IANA registry).
#[must_use]
pub const fn is_valid_close_code(code: u16) -> bool {
    // 1004 is reserved; 1005, 1006 and 1015 describe closures without a close frame.
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Splits the payload of a close frame into its code and reason.
pub(crate) fn parse(payload: &[u8]) -> Result<(Option<u16>, &str), ProtocolError> {
    if payload.is_empty() {
        return Ok((None, ""));
    }
    let (code, reason) = payload.split_first_chunk().ok_or(ProtocolError::TruncatedCloseCode)?;
    let code = u16::from_be_bytes(*code);
    if !is_valid_close_code(code) {
        return Err(ProtocolError::InvalidCloseCode(code));
    }
    Ok((Some(code), utf8::text(reason)?))
}

/// Returns the longest prefix of `reason` that fits into a close frame and ends between two characters.
pub(crate) fn fitting_reason(reason: &str) -> &str {
    let end = reason.floor_char_boundary(MAX_REASON_BYTES);
    reason.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{MAX_REASON_BYTES, fitting_reason, is_valid_close_code, parse};
    use crate::error::ProtocolError;

    #[test]
    fn only_codes_that_may_be_sent_are_valid() {
        for code in
            [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
        {
            assert!(is_valid_close_code(code), "{code}");
        }
        for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, u16::MAX] {
            assert!(!is_valid_close_code(code), "{code}");
        }
    }

    #[test]
    fn a_payload_is_empty_or_begins_with_a_code() {
        assert_eq!(parse(b""), Ok((None, "")));
        assert_eq!(parse(b"\x03"), Err(ProtocolError::TruncatedCloseCode));
        assert_eq!(parse(b"\x03\xE8"), Ok((Some(1000), "")));
        assert_eq!(parse(b"\x03\xE8bye"), Ok((Some(1000), "bye")));
        assert_eq!(parse(b"\x03\xED"), Err(ProtocolError::InvalidCloseCode(1005)));
        assert_eq!(parse(b"\x03\xE8\xFF"), Err(ProtocolError::InvalidUtf8));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(fitting_reason("short"), "short");
        assert_eq!(fitting_reason(&"a".repeat(200)).len(), MAX_REASON_BYTES);
        // 61 characters of two bytes fit; half of the next one would not.
        assert_eq!(fitting_reason(&"é".repeat(100)), "é".repeat(61));
    }
}
