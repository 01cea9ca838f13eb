//! Every event can be encoded and decoded.

use std::sync::Arc;

use chat_codec::event::{decode, decode_one, encode, encode_one};
use chat_core::event::{Change, Event};
use proptest::prelude::*;
use serde_json::Value;

use crate::strategies::{batch, event};

/// Makes a batch as stores pass it on.
pub fn shared(events: &[Event]) -> Vec<Arc<Event>> {
    events.iter().cloned().map(Arc::new).collect()
}

/// The name of each kind of change.
fn kind(change: &Change) -> &'static str {
    match change {
        Change::MessagePosted(_) => "message_posted",
        Change::MessageChanged { .. } => "message_changed",
        Change::TextAppended(_) => "text_appended",
        Change::ConversationChanged(_) => "conversation_changed",
        Change::MemberChanged { .. } => "member_changed",
        Change::MemberRemoved { .. } => "member_removed",
        Change::OwnPartChanged { .. } => "own_part_changed",
        Change::PointersMoved(_) => "pointers_moved",
        Change::MessageHidden { .. } => "message_hidden",
        Change::MessageSaved { .. } => "message_saved",
        Change::AccessRevoked { .. } => "access_revoked",
    }
}

proptest! {
    #[test]
    fn events_survive_encoding(event in event()) {
        let bytes = encode_one(&event);
        let written: Value = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(&written["kind"], kind(&event.change));
        prop_assert_eq!(&written["position"], event.position.0);
        prop_assert_eq!(decode_one(&bytes).unwrap(), Some(event));
    }

    #[test]
    fn batches_keep_their_order(events in batch()) {
        prop_assert_eq!(decode(&encode(&shared(&events))).unwrap(), events);
    }

    #[test]
    fn a_batch_is_the_array_of_its_events(events in batch()) {
        let array: Value = serde_json::from_slice(&encode(&shared(&events))).unwrap();
        let each: Vec<Value> =
            events.iter().map(|event| serde_json::from_slice(&encode_one(event)).unwrap()).collect();
        prop_assert_eq!(array, Value::Array(each));
    }
}

#[test]
fn an_empty_batch_is_valid() {
    assert_eq!(decode(&encode(&[])).unwrap(), []);
}
