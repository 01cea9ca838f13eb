//! Nodes of neighbouring releases can read each other's data while a cluster is upgraded.

use chat_codec::event::{decode, decode_one, encode, encode_one};
use chat_core::changes::MessageEvent;
use chat_core::event::{Change, Event};
use chat_core::groups::Role;
use chat_core::media::MessageKind;
use chat_core::messages::{Message, Status};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::events::shared;
use crate::strategies::{batch, event};

/// Adds an unknown field to every object.
pub fn with_more(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, with_more(value)));
            let more = json!({"by": [{"kind": 7}], "body": null});
            fields.chain([("of_a_later_release".to_owned(), more)]).collect()
        }
        Value::Array(values) => values.into_iter().map(with_more).collect(),
        plain => plain,
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

/// Bodies that events of unknown kinds may have; one has none at all.
fn strange() -> impl Strategy<Value = Value> {
    proptest::sample::select(vec![
        json!({"position": 1, "kind": "poll_opened"}),
        json!({"position": 1, "kind": "", "body": null}),
        json!({"position": 1, "kind": "Message_Posted", "body": [1.5, "\u{0}", {"position": {}}]}),
        json!({"position": i64::MAX, "kind": "unknown", "body": {"kind": "message_posted"}, "more": -1}),
    ])
}

proptest! {
    #[test]
    fn fields_of_a_later_release_do_not_matter(event in event()) {
        let value = serde_json::from_slice(&encode_one(&event)).unwrap();
        prop_assert_eq!(decode_one(&bytes(&with_more(value))).unwrap(), Some(event));
    }

    #[test]
    fn events_of_a_later_release_are_left_out(
        events in batch(),
        strange in prop::collection::vec((any::<Index>(), strange()), 1..4),
    ) {
        let mut array: Vec<Value> = serde_json::from_slice(&encode(&shared(&events))).unwrap();
        for (index, strange) in strange {
            prop_assert_eq!(decode_one(&bytes(&strange)).unwrap(), None);
            array.insert(index.index(array.len() + 1), strange);
        }
        prop_assert_eq!(decode(&bytes(&Value::Array(array))).unwrap(), events);
    }
}

fn posted(message: &Value) -> Value {
    json!({"position": 9, "kind": "message_posted", "body": message})
}

/// A message with the required fields only.
fn least() -> Value {
    json!({"id": 1, "in": 2, "seq": 3, "rev": 4, "by": 5, "to": {"user": 6}, "sent_at": 7})
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn read(value: &Value) -> Option<Event> {
    decode_one(&bytes(value)).unwrap_or_else(|error| panic!("{value}: {error}"))
}

fn message(value: &Value) -> Message {
    match read(&posted(value)) {
        Some(Event { change: Change::MessagePosted(message), .. }) => message,
        other => panic!("{value}: {other:?}"),
    }
}

#[test]
fn the_identity_of_a_message_is_required() {
    assert!(read(&posted(&least())).is_some());
    for name in ["id", "in", "seq", "rev", "by", "to", "sent_at"] {
        let mut message = least();
        message.as_object_mut().unwrap().remove(name);
        assert!(decode_one(&bytes(&posted(&message))).is_err(), "{name}");
    }
    assert!(decode_one(b"{\"position\":9,\"kind\":\"message_posted\"}").is_err(), "no body");
}

#[test]
fn names_of_a_later_release_are_read_as_the_nearest_known_ones() {
    let whole = [
        ("kind", json!("hologram")),
        ("status", json!("DREAMT_OF")),
        ("streaming", json!("hovering")),
        ("media", json!([{"url": "u", "kind": "hologram"}])),
    ];
    let odd = whole.into_iter().fold(least(), |message, (name, value)| with(message, name, value));
    let odd = message(&odd);
    assert_eq!((odd.kind, odd.status, odd.streaming), (MessageKind::Text, Status::Pending, None));
    assert_eq!((odd.media[0].url.as_str(), odd.media[0].kind), ("u", None));
    let in_group = message(&with(with(least(), "to", json!({"group": 6})), "status", json!("DREAMT_OF")));
    assert_eq!(in_group.status, Status::Sent);

    for body in [json!({"message": least(), "what": "shredded"}), json!({"message": least()})] {
        let changed = read(&json!({"position": 9, "kind": "message_changed", "body": body}));
        let Some(Event { change: Change::MessageChanged { what, .. }, .. }) = changed else {
            panic!("{changed:?}");
        };
        assert_eq!(what, MessageEvent::Edited);
    }
}

#[test]
fn an_unknown_role_is_read_as_member() {
    for (own, expected) in [
        (json!({"role": "janitor"}), Some(Role::Member)),
        (json!({"role": "admin"}), Some(Role::Admin)),
        (json!({}), None),
    ] {
        let conversation = json!({"id": 1, "direct": [2, 3], "rev": 0, "last_seq": 0, "n_members": 2,
                                  "created_at": 0});
        let body = json!({"conversation": conversation, "user": 2, "own": own});
        let changed = read(&json!({"position": 9, "kind": "member_changed", "body": body}));
        let Some(Event { change: Change::MemberChanged { own, .. }, .. }) = changed else {
            panic!("{changed:?}");
        };
        assert_eq!(own.role, expected);
    }
}

/// Guessing an audience that only a later release knows would deliver the event to users that it does not concern.
#[test]
fn events_for_unknown_audiences_are_left_out() {
    let channel = json!({"channel": 6});
    assert_eq!(read(&posted(&with(least(), "to", channel.clone()))), None);
    let receipt = json!({"user": 1, "in": 2, "pointers": {}, "audience": channel});
    let moved = json!({"receipts": [receipt]});
    assert_eq!(read(&json!({"position": 9, "kind": "pointers_moved", "body": moved})), None);
    let conversation =
        json!({"id": 1, "channel": {}, "rev": 0, "last_seq": 0, "n_members": 2, "created_at": 0});
    assert_eq!(read(&json!({"position": 9, "kind": "conversation_changed", "body": conversation})), None);
    let digits = "0123456789abcdef0123456789abcdef";
    for which in [
        json!({"issued_by": 3}),
        json!({"token": digits.repeat(2), "expires_at": 1}),
        json!({"token": digits.replace('0', "é"), "expires_at": 1}),
        json!({"token": digits.replacen('0', "+", 1), "expires_at": 1}),
        json!({"token": digits}),
    ] {
        let revoked = json!({"position": 9, "kind": "access_revoked", "body": {"user": 1, "which": which}});
        assert_eq!(read(&revoked), None, "{which}");
    }
}
