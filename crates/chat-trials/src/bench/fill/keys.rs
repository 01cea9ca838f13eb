//! Idempotency keys (`client_msg_id`): UUIDs as clients make them (RFC 9562).

use chat_core::time::Timestamp;

use super::Keys;
use crate::rng::Rng;

/// A key for a message that is sent at this time.
pub(in crate::bench) fn key(keys: Keys, at: Timestamp, rng: &mut Rng) -> String {
    let (version, high) = match keys {
        // 48 bits of milliseconds, and then the version.
        Keys::Time => (7, ((at.0 / 1000).cast_unsigned() << 16) | (rng.number() & 0xffff)),
        Keys::Random => (4, rng.number()),
    };
    let high = (high & !0xf000) | (version << 12);
    let low = (rng.number() >> 2) | (1 << 63);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_uuids_of_their_version() {
        let mut rng = Rng::new(1, "keys", 0);
        for (keys, version) in [(Keys::Time, "7"), (Keys::Random, "4")] {
            let key = key(keys, Timestamp(1_700_000_000_123_456), &mut rng);
            let parts: Vec<&str> = key.split('-').collect();
            assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{key}");
            assert_eq!(&parts[2][..1], version, "{key}");
            assert!(["8", "9", "a", "b"].contains(&&parts[3][..1]), "{key}");
        }
    }

    #[test]
    fn keys_by_time_are_in_order_and_have_the_milliseconds() {
        let mut rng = Rng::new(1, "keys", 0);
        let at = |millis: i64| Timestamp(millis * 1000);
        let keys: Vec<String> =
            [0x0189_0000_0000, 0x0189_0000_0001].map(|millis| key(Keys::Time, at(millis), &mut rng)).into();
        assert!(keys[0].starts_with("01890000-0000-7") && keys[1].starts_with("01890000-0001-7"), "{keys:?}");
        assert!(keys.is_sorted());
    }
}
