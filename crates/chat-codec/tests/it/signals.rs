//! Every signal can be encoded and decoded, and a signal of a later release is ignored.

use chat_codec::signal::{decode, encode};
use chat_core::event::Signal;
use chat_core::ids::UserId;
use chat_core::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::releases::with_more;
use crate::strategies::signal;

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

proptest! {
    #[test]
    fn signals_survive_encoding(signal in signal()) {
        prop_assert_eq!(decode(&encode(&signal)).unwrap(), Some(signal));
    }

    #[test]
    fn fields_of_a_later_release_do_not_matter(signal in signal()) {
        let value = serde_json::from_slice(&encode(&signal)).unwrap();
        prop_assert_eq!(decode(&bytes(&with_more(value))).unwrap(), Some(signal));
    }
}

#[test]
fn a_signal_of_a_later_release_is_ignored() {
    for later in [json!({"kind": "waving"}), json!({"kind": "waving", "from": [1, {"a": "b"}], "at": null})] {
        assert_eq!(decode(&bytes(&later)).unwrap(), None, "{later}");
    }
}

#[test]
fn missing_fields_are_refused_or_take_a_default() {
    let typing = json!({"kind": "typing_to_user", "from": 1, "to": 2, "at": 3});
    let expected =
        Signal::TypingToUser { from: UserId(1), to: UserId(2), conversation: None, at: Timestamp(3) };
    assert_eq!(decode(&bytes(&typing)).unwrap(), Some(expected));
    assert!(decode(&bytes(&json!({"kind": "typing_to_user", "from": 1, "at": 3}))).is_err());
}
