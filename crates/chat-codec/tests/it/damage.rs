//! Data that was cut off or mangled is refused or read as something else; it never crashes a node.

use chat_codec::{event, signal};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::events::shared;
use crate::strategies;

/// Replaces some bytes by others.
fn mangled(mut bytes: Vec<u8>, changes: &[(Index, u8)]) -> Vec<u8> {
    for (index, byte) in changes {
        let index = index.index(bytes.len());
        bytes[index] = *byte;
    }
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(Index, u8)>> {
    let byte = prop_oneof![any::<u8>(), proptest::sample::select(b"{}[]\",:0-e\\n".to_vec())];
    vec((any::<Index>(), byte), 1..4)
}

/// Decodes the bytes as everything; only a panic is a failure.
fn read(bytes: &[u8]) {
    let _ = event::decode(bytes);
    let _ = event::decode_one(bytes);
    let _ = signal::decode(bytes);
}

proptest! {
    #[test]
    fn truncated_data_is_refused(events in strategies::batch(), cut in any::<Index>()) {
        let bytes = event::encode(&shared(&events));
        prop_assert!(event::decode(&bytes[..cut.index(bytes.len())]).is_err());
        if let Some(first) = events.first() {
            let bytes = event::encode_one(first);
            prop_assert!(event::decode_one(&bytes[..cut.index(bytes.len())]).is_err());
        }
    }

    #[test]
    fn mangled_events_cause_no_panic(events in strategies::batch(), changes in changes()) {
        read(&mangled(event::encode(&shared(&events)), &changes));
        if let Some(first) = events.first() {
            read(&mangled(event::encode_one(first), &changes));
        }
    }

    #[test]
    fn mangled_signals_cause_no_panic(signal in strategies::signal(), changes in changes()) {
        read(&mangled(signal::encode(&signal), &changes));
    }

    #[test]
    fn random_bytes_cause_no_panic(bytes in vec(any::<u8>(), 0..64)) {
        read(&bytes);
    }
}

#[test]
fn data_that_is_no_event_is_refused() {
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
