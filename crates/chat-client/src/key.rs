//! Keys of messages: what this crate's users send as `client_msg_id`.

use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::{ContextV7, Timestamp, Uuid};

/// The newest key's time and counter.
static LAST: Mutex<ContextV7> = Mutex::new(ContextV7::new());

/// Returns a new `client_msg_id`: a UUID of version 7 (RFC 9562, section 5.7).
///
/// Keys begin with the time, so the server adds them at the end of its index. Each key of a process is greater than
/// the one before: if the clock is set back, the time in the keys stays and a counter grows.
///
/// # Panics
/// If the system provides no randomness.
#[expect(clippy::disallowed_methods, reason = "a client has no clock port, and tests call `key`")]
pub fn new_key() -> String {
    key(&LAST, SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn key(last: &Mutex<ContextV7>, now: Duration) -> String {
    Uuid::new_v7(Timestamp::from_unix(last, now.as_secs(), now.subsec_nanos())).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use uuid::{Variant, Version};

    use super::*;

    /// Returns keys that were made at these times, in milliseconds.
    fn keys(times: impl IntoIterator<Item = u64>) -> Vec<String> {
        let last = Mutex::new(ContextV7::new());
        times.into_iter().map(|ms| key(&last, Duration::from_millis(ms))).collect()
    }

    fn are_in_order(keys: &[String]) -> bool {
        keys.windows(2).all(|pair| pair[0] < pair[1])
    }

    #[test]
    fn a_key_is_a_uuid_of_version_7_with_the_time() {
        // The time of the example in RFC 9562, appendix A.6.
        for key in keys([0x017F_22E2_79B0; 1000]) {
            let parsed = Uuid::parse_str(&key).unwrap();
            assert!(key.starts_with("017f22e2-79b0-7"), "{key}");
            assert_eq!(
                (parsed.get_version(), parsed.get_variant()),
                (Some(Version::SortRand), Variant::RFC4122)
            );
            assert_eq!(parsed.to_string(), key);
        }
    }

    #[test]
    fn keys_are_in_order_if_the_clock_stands_still_or_goes_back() {
        let burst = keys([0x017F_22E2_79B0; 10_000]);
        assert!(are_in_order(&burst));
        let back = keys([5_000, 5_000, 4_999, 0, 0, 5_000, 5_001, 1, 5_001, 5_002]);
        assert!(are_in_order(&back), "{back:?}");
        assert!(back[9].starts_with("00000000-138a-7"), "it follows the clock again: {back:?}");
    }

    #[test]
    fn keys_of_several_threads_and_processes_differ() {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..2_000).map(|_| new_key()).collect::<Vec<_>>()))
            .collect();
        let mut all = BTreeSet::new();
        for thread in threads {
            let keys = thread.join().unwrap();
            assert!(are_in_order(&keys));
            all.extend(keys);
        }
        assert_eq!(all.len(), 8_000);
        // Another process starts from a state of its own.
        all.extend(keys([7; 1_000]).into_iter().chain(keys([7; 1_000])));
        assert_eq!(all.len(), 10_000);
    }
}
