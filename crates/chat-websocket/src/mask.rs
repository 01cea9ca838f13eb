//! Masking and unmasking, which are the same operation (RFC 6455, section 5.3). Only this transformation
//! lives here; callers provide the keys.

/// XORs `bytes` with the repeated `key` and returns the key for the byte that follows them.
///
/// With the returned key, a payload that arrives in pieces can be unmasked piece by piece.
pub(crate) fn apply(bytes: &mut [u8], key: [u8; 4]) -> [u8; 4] {
    let [a, b, c, d] = key;
    let word_key = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    // Whole words keep the key aligned, and the compiler turns this loop into vector code.
    let (words, tail) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ word_key).to_ne_bytes();
    }
    for (byte, key_byte) in tail.iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key_byte;
    }
    let mut next = key;
    next.rotate_left(tail.len() % 4);
    next
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::apply;

    #[test]
    fn masks_the_example_of_the_rfc() {
        // RFC 6455, section 5.7: a masked "Hello".
        let mut bytes = *b"Hello";
        apply(&mut bytes, [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(bytes, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    proptest! {
        #[test]
        fn pieces_equal_the_whole(bytes: Vec<u8>, key: [u8; 4], cut: prop::sample::Index) {
            let expected: Vec<u8> = bytes.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k).collect();
            let mut masked = bytes.clone();
            let (head, tail) = masked.split_at_mut(cut.index(bytes.len() + 1));
            let key_for_tail = apply(head, key);
            apply(tail, key_for_tail);
            prop_assert_eq!(masked, expected);
        }
    }
}
