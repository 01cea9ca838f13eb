//! The two computations of the opening handshake (RFC 6455, section 4.2).
//! Reading and writing HTTP belongs to the callers.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// The constant that the RFC appends to every key (RFC 6455, section 1.3).
const ACCEPT_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Number of base64 characters that encode 16 bytes, without the two characters of padding.
const KEY_DATA_CHARS: usize = 22;

const BASE64_ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Returns the `Sec-WebSocket-Accept` value that answers a `Sec-WebSocket-Key` (RFC 6455, section 4.2.2, item
/// 5.4).
#[must_use]
pub fn accept_key(sec_websocket_key: &str) -> String {
    let mut salted = String::with_capacity(sec_websocket_key.len() + ACCEPT_SUFFIX.len());
    salted.push_str(sec_websocket_key);
    salted.push_str(ACCEPT_SUFFIX);
    // The RFC requires SHA-1. The value shows that the server speaks the protocol; no security depends on it.
    base64(digest(&SHA1_FOR_LEGACY_USE_ONLY, salted.as_bytes()).as_ref())
}

/// Returns whether a `Sec-WebSocket-Key` is 16 bytes in base64 (RFC 6455, section 4.2.1, item 5).
///
/// The four padding bits inside the last character may have any value. RFC 4648, section 3.5, leaves that to
/// the decoder, and some clients draw 22 random characters.
#[must_use]
pub fn is_valid_key(sec_websocket_key: &str) -> bool {
    sec_websocket_key
        .as_bytes()
        .split_at_checked(KEY_DATA_CHARS)
        .is_some_and(|(data, padding)| padding == b"==" && data.iter().all(|c| is_base64(*c)))
}

fn is_base64(character: u8) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, b'+' | b'/')
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (position, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            // A group of n bytes fills n + 1 characters; padding fills the rest.
            let character = if position <= group.len() {
                char::from(BASE64_ALPHABET[(bits >> shift & 0x3F) as usize])
            } else {
                '='
            };
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{accept_key, base64, is_valid_key};

    #[test]
    fn answers_the_example_of_the_rfc() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn base64_matches_the_vectors_of_rfc_4648() {
        let vectors: [(&str, &str); 7] = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in vectors {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xFB, 0xFF, 0xFE]), "+//+");
    }

    #[test]
    fn a_key_is_sixteen_bytes_in_base64() {
        assert!(is_valid_key("dGhlIHNhbXBsZSBub25jZQ=="));
        assert!(is_valid_key("AAAAAAAAAAAAAAAAAAAA+/=="));
        for key in [
            "",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZQA=",
            "dGhlIHNhbXBsZSBub25jZQAA",
            "dGhlIHNhbXBsZSBub25j=Q==",
            "dGhlIHNhbXBsZSBub25-ZQ==",
            "dGhlIHNhbXBsZSBub2 jZQ==",
            "dGhlIHNhbXBsZSBub25jZQ== ",
            "dGhlIHNhbXBsZSBub2éZQ==",
        ] {
            assert!(!is_valid_key(key), "{key}");
        }
    }
}
