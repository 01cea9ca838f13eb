//! Lean and default make complete, for any message; and the complete form is what it was.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::v2::{Ack, ConversationFrame, LeanFrame, MessageFrame, ServerFrame};

fn text_of(options: &'static [&'static str]) -> impl Strategy<Value = Cow<'static, str>> {
    proptest::sample::select(options).prop_map(Cow::from)
}

fn time() -> impl Strategy<Value = Time> {
    (0..4_000_000_000_000_000_i64).prop_map(Time)
}

fn id() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), 1..i64::MAX]
}

fn media() -> impl Strategy<Value = Media> {
    (".{0,9}", of(0..9_u64)).prop_map(|(url, size)| Media { url, size, ..Media::default() })
}

/// Any message, even one that no server would make.
fn message() -> impl Strategy<Value = Message> {
    let numbers = (id(), id(), id(), id(), id(), id(), id());
    let texts = (
        text_of(&["text", "image", "file"]),
        ".{0,20}",
        ".{0,9}",
        text_of(&["PENDING", "DELIVERED", "READ", "SENT"]),
        of(text_of(&["growing", "finished", "abandoned"])),
        of(".{0,9}"),
    );
    let quote =
        (id(), id(), ".{0,9}", any::<bool>()).prop_map(|(message_id, sender_id, content, deleted)| Quote {
            message_id,
            sender_id,
            content,
            deleted,
        });
    let thread =
        (any::<u32>(), time()).prop_map(|(replies, last_reply_at)| ThreadSummary { replies, last_reply_at });
    let forwarded = (id(), id()).prop_map(|(message_id, sender_id)| Forwarded { message_id, sender_id });
    let about = (of(id()), of(quote), of(id()), of(thread), of(forwarded));
    let reaction =
        (".{1,3}", any::<u32>(), any::<bool>()).prop_map(|(emoji, count, me)| Reaction { emoji, count, me });
    // An object that looks like a message must stay as it is.
    let custom = prop_oneof![Just(json!({})), Just(json!({"id": 1, "sender_id": 2, "seq": 3, "rev": null}))];
    let lists = (vec(media(), 0..3), vec(reaction, 0..3), vec(id(), 0..3), any::<bool>(), of(custom));
    let times = (time(), of(time()), of(time()), of(time()), of(id()));
    (numbers, texts, about, lists, times).prop_map(|(numbers, texts, about, lists, times)| Message {
        id: numbers.0,
        sender_id: numbers.1,
        recipient_id: numbers.2,
        group_id: numbers.3,
        kind: texts.0,
        content: texts.1,
        media_url: texts.2,
        timestamp: times.0,
        status: texts.3,
        conversation_id: numbers.4,
        seq: numbers.5,
        rev: numbers.6,
        media: lists.0,
        reply_to: about.0,
        quote: about.1,
        thread_id: about.2,
        thread: about.3,
        forwarded_from: about.4,
        reactions: lists.1,
        mentions: lists.2,
        mention_all: lists.3,
        custom: lists.4,
        client_msg_id: texts.5,
        edited_at: times.1,
        deleted_at: times.2,
        pinned_at: times.3,
        pinned_by: times.4,
        streaming: texts.4,
    })
}

/// What this user should have after reading the lean form.
fn seen_by(viewer: i64, message: &Message) -> Message {
    let client_msg_id = message.client_msg_id.clone().filter(|_| viewer == message.sender_id);
    Message { client_msg_id, ..message.clone() }
}

fn parsed<T: serde::de::DeserializeOwned>(frame: &impl Serialize) -> T {
    serde_json::from_str(&serde_json::to_string(frame).unwrap()).unwrap()
}

proptest! {
    #[test]
    fn lean_with_the_defaults_is_complete(message in message(), is_own in any::<bool>()) {
        let viewer = if is_own { message.sender_id } else { message.sender_id.wrapping_add(1) };
        let lean = LeanMessage::new(message.clone(), viewer);
        prop_assert_eq!(parsed::<Message>(&lean), seen_by(viewer, &message));
        prop_assert_eq!(parsed::<Message>(&message), message);
    }

    #[test]
    fn a_lean_frame_names_its_conversation_once(
        message in message(),
        event in text_of(&["created", "edited"]),
    ) {
        let frame = ServerFrame::Message(MessageFrame {
            event,
            conversation_id: message.conversation_id,
            message: Box::new(message),
            cursor: "00000001-7".into(),
        });
        let ServerFrame::Message(MessageFrame { message, .. }) = &frame else { unreachable!() };
        let lean = LeanFrame::new(frame.clone(), message.sender_id);
        let json = serde_json::to_value(&lean).unwrap();
        prop_assert_eq!(&json["type"], "message");
        prop_assert_eq!(&json["message"]["conversation_id"], &Value::Null);
        prop_assert_eq!(parsed::<ServerFrame>(&lean), frame);
    }
}

fn plain() -> Message {
    parsed(&json!({"id": 7, "sender_id": 1, "conversation_id": 3, "seq": 5, "rev": 6, "group_id": 4,
        "content": "Hello", "client_msg_id": "k", "timestamp": "2025-10-25T16:00:00Z"}))
}

#[test]
fn the_complete_form_has_every_member() {
    let complete = concat!(
        r#"{"id":7,"sender_id":1,"recipient_id":0,"group_id":4,"type":"text","content":"Hello","media_url":"","#,
        r#""timestamp":"2025-10-25T16:00:00Z","status":"SENT","conversation_id":3,"seq":5,"rev":6,"media":[],"#,
        r#""reply_to":null,"quote":null,"thread_id":null,"thread":null,"forwarded_from":null,"reactions":[],"#,
        r#""mentions":[],"mention_all":false,"custom":null,"client_msg_id":"k","edited_at":null,"#,
        r#""deleted_at":null,"pinned_at":null,"pinned_by":null,"streaming":null}"#,
    );
    assert_eq!(serde_json::to_string(&plain()).unwrap(), complete);
}

#[test]
fn the_key_is_the_senders_alone() {
    let seen_by = |viewer| serde_json::to_value(LeanMessage::new(plain(), viewer)).unwrap();
    let mut expected = json!({"id": 7, "sender_id": 1, "conversation_id": 3, "seq": 5, "rev": 6, "group_id": 4,
        "content": "Hello", "timestamp": "2025-10-25T16:00:00Z"});
    assert_eq!(seen_by(2), expected);
    expected["client_msg_id"] = json!("k");
    assert_eq!(seen_by(1), expected);
}

/// On a server with ten million messages.
#[test]
fn the_frame_of_a_hundred_letters_is_small_where_numbers_are_long() {
    for target in [json!({"group_id": 12345}), json!({"recipient_id": 12345})] {
        let mut message = json!({"id": 10_616_339, "sender_id": 12345, "conversation_id": 12345, "seq": 3_002_757,
            "rev": 3_102_757, "content": "x".repeat(100), "timestamp": "2025-10-25T16:00:00.123456Z"});
        message.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
        let frame = MessageFrame {
            event: "created".into(),
            conversation_id: 12345,
            message: parsed(&message),
            cursor: "1a2b3c4d-12345678".into(),
        };
        let lean = LeanFrame::new(ServerFrame::Message(frame), 2);
        let bytes = serde_json::to_string(&lean).unwrap().len();
        assert!(bytes <= 320, "{bytes} bytes: {}", serde_json::to_string(&lean).unwrap());
    }
}

#[test]
fn the_per_member_state_stays_complete() {
    let own = json!({"role": null, "delivered_seq": 0, "read_seq": 0, "unread": 0, "mentions": 0,
        "marked_unread": false, "muted_until": null, "archived": false, "pinned": false, "draft": null,
        "capabilities": []});
    let mut json = json!({"id": 3, "kind": "group", "user_id": null, "group_id": 4, "name": "", "owner_id": 1,
        "rev": 6, "last_seq": 5, "n_members": 2, "created_at": "2025-10-25T16:00:00Z"});
    json.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    let conversation = Conversation { last_message: Some(Box::new(plain())), ..parsed(&json) };
    let frame = ConversationFrame { conversation: Box::new(conversation), cursor: "c".into() };
    let lean = LeanFrame::new(ServerFrame::Conversation(frame), 1);
    json["last_message"] = serde_json::to_value(LeanMessage::new(plain(), 1)).unwrap();
    let expected = json!({"type": "conversation", "conversation": json, "cursor": "c"});
    assert_eq!(serde_json::to_value(lean).unwrap(), expected);
}

#[test]
fn an_ack_is_lean_too_and_other_frames_have_one_form() {
    let ack: Ack = parsed(&json!({"id": 1, "duplicate": false}));
    let ack = ServerFrame::Ack(Ack { message: Some(Box::new(plain())), ..ack });
    let message = serde_json::to_value(LeanMessage::new(plain(), 1)).unwrap();
    assert_eq!(
        serde_json::to_value(LeanFrame::new(ack, 1)).unwrap(),
        json!({"type": "ack", "id": 1, "duplicate": false, "message": message})
    );
    let saved = json!({"type": "saved", "message_id": 7, "saved": false, "cursor": "c"});
    let frame = LeanFrame::new(parsed(&saved), 1);
    assert_eq!(serde_json::to_value(frame).unwrap(), saved);
}
