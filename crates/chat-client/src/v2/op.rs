//! How a session handles the ops that it sends. `chat-protocol` defines the ops.

use chat_protocol::v2::Op;
use serde::Serialize;

#[derive(Serialize)]
struct Frame<'a> {
    id: i64,
    #[serde(flatten)]
    op: &'a Op,
}

/// Returns the frame that requests `op` under this id.
pub(super) fn frame(op: &Op, id: i64) -> String {
    // These types have string keys and no custom serialisation, so this cannot fail.
    serde_json::to_string(&Frame { id, op }).unwrap_or_default()
}

/// Returns whether the op changes something that lasts. Requesting that twice has the same effect as once, so
/// a session repeats the request until it gets an answer. Other ops concern one connection and are dropped
/// with it.
pub(super) fn is_lasting(op: &Op) -> bool {
    !matches!(op, Op::Typing(_) | Op::Presence(_) | Op::View(_) | Op::Ping(_))
}

/// Gives a message a `client_msg_id` unless it has one, so that the server stores it once even if it is sent
/// twice.
pub(super) fn set_key(op: &mut Op, key: impl FnOnce() -> String) {
    let slot = match op {
        Op::Send(send) => &mut send.body.client_msg_id,
        Op::Forward(forward) => &mut forward.to.client_msg_id,
        _ => return,
    };
    slot.get_or_insert_with(key);
}

#[cfg(test)]
mod tests {
    use chat_protocol::v2;
    use serde_json::{Value, json};

    use super::*;

    fn encoded(op: &Op) -> Value {
        serde_json::from_str(&frame(op, 7)).unwrap()
    }

    #[test]
    fn a_frame_is_one_flat_object() {
        let mut op = Op::Send(v2::Send { to_user: Some(2), ..v2::Send::default() });
        if let Op::Send(send) = &mut op {
            send.body.content = Some("hi".into());
        }
        assert_eq!(encoded(&op), json!({"op": "send", "id": 7, "to_user": 2, "content": "hi"}));
        let op = Op::Read(v2::Pointer { conversation_id: 3, seq: 9, thread_id: None });
        assert_eq!(encoded(&op), json!({"op": "read", "id": 7, "conversation_id": 3, "seq": 9}));
        assert_eq!(encoded(&Op::Ping(v2::Ping {})), json!({"op": "ping", "id": 7}));
        let delete = v2::Delete { message_id: 5, scope: Some("me".into()) };
        assert_eq!(
            encoded(&Op::Delete(delete)),
            json!({"op": "delete", "id": 7, "message_id": 5, "for": "me"})
        );
    }

    #[test]
    fn messages_get_a_key_unless_they_have_one() {
        let mut op = Op::Send(v2::Send::default());
        set_key(&mut op, || "first".into());
        set_key(&mut op, || "second".into());
        assert_eq!(encoded(&op)["client_msg_id"], "first");
    }
}
