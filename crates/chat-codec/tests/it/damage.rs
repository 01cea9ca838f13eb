//! What was cut off or mangled is refused or read as something else; it never brings a node down.

use chat_codec::{event, signal};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::events::shared;
use crate::strategies;

/// Puts other bytes in the places of some.
fn mangled(mut bytes: Vec<u8>, changes: &[(Index, u8)]) -> Vec<u8> {
    for (place, byte) in changes {
        let place = place.index(bytes.len());
        bytes[place] = *byte;
    }
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(Index, u8)>> {
    let byte = prop_oneof![any::<u8>(), proptest::sample::select(b"{}[]\",:0-e\\n".to_vec())];
    vec((any::<Index>(), byte), 1..4)
}

/// Decodes as everything; only a panic counts.
fn read(bytes: &[u8]) {
    let _ = event::decode(bytes);
    let _ = event::decode_one(bytes);
    let _ = signal::decode(bytes);
}

proptest! {
    #[test]
    fn what_was_cut_off_is_refused(events in strategies::batch(), cut in any::<Index>()) {
        let bytes = event::encode(&shared(&events));
        prop_assert!(event::decode(&bytes[..cut.index(bytes.len())]).is_err());
        if let Some(first) = events.first() {
            let bytes = event::encode_one(first);
            prop_assert!(event::decode_one(&bytes[..cut.index(bytes.len())]).is_err());
        }
    }

    #[test]
    fn what_was_mangled_is_survived(events in strategies::batch(), changes in changes()) {
        read(&mangled(event::encode(&shared(&events)), &changes));
        if let Some(first) = events.first() {
            read(&mangled(event::encode_one(first), &changes));
        }
    }

    #[test]
    fn a_mangled_signal_is_survived(signal in strategies::signal(), changes in changes()) {
        read(&mangled(signal::encode(&signal), &changes));
    }

    #[test]
    fn noise_is_survived(bytes in vec(any::<u8>(), 0..64)) {
        read(&bytes);
    }
}

#[test]
fn what_is_no_event_is_refused() {
    for bytes in ["", "null", "7", "[]", "{}", "[{}]", "{\"position\":1}", "{\"kind\":\"message_posted\"}"] {
        assert!(event::decode_one(bytes.as_bytes()).is_err(), "{bytes}");
    }
    for bytes in ["", "null", "{}", "[7]", "[{}]", "[] []"] {
        assert!(event::decode(bytes.as_bytes()).is_err(), "{bytes}");
    }
}

#[test]
fn depth_is_bounded() {
    for open in ["[", "{\"a\":", "[{\"position\":1,\"kind\":\"message_posted\",\"body\":{\"a\":"] {
        let deep = open.repeat(100_000);
        assert!(event::decode(deep.as_bytes()).is_err(), "{open}");
        assert!(signal::decode(deep.as_bytes()).is_err(), "{open}");
    }
}
