//! What a client asks of the v2 stream, as it is spelt on the wire.

use chat_protocol::v2;
use serde::Serialize;

/// A client's frame, but for its id.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// Send a message.
    Send(v2::Send),
    /// Send a message once more, elsewhere.
    Forward(v2::Forward),
    /// Give a message another text.
    Edit(v2::Edit),
    /// Delete a message.
    Delete(v2::Delete),
    /// Put an emoji under a message.
    React(v2::React),
    /// Take it back.
    Unreact(v2::React),
    /// Pin a message.
    Pin(v2::OfMessage),
    /// Take the pin away.
    Unpin(v2::OfMessage),
    /// Save a message.
    Save(v2::OfMessage),
    /// No longer save it.
    Unsave(v2::OfMessage),
    /// Add a piece to a message that is being written.
    Append(v2::Append),
    /// End a message that is being written.
    Finish(v2::Finish),
    /// This client has everything up to here.
    Delivered(v2::Pointer),
    /// The user has read everything up to here.
    Read(v2::Pointer),
    /// The user is typing.
    Typing(v2::TypingIn),
    /// How the user wants to be seen.
    Presence(v2::SetPresence),
    /// The conversations on the screen.
    View(v2::View),
    /// Ask for a sign of life.
    Ping(v2::Ping),
}

#[derive(Serialize)]
struct Frame<'a> {
    id: i64,
    #[serde(flatten)]
    op: &'a Op,
}

impl Op {
    /// The frame that asks for it under this id.
    pub fn frame(&self, id: i64) -> String {
        // These types have string keys and no custom serialisation that could fail.
        serde_json::to_string(&Frame { id, op: self }).unwrap_or_default()
    }

    /// Whether it changes something that lasts. Asking for that twice does no more than asking once, so a session asks
    /// again until it is told; the rest concerns one connection and goes with it.
    pub(super) fn is_lasting(&self) -> bool {
        !matches!(self, Self::Typing(_) | Self::Presence(_) | Self::View(_) | Self::Ping(_))
    }

    /// Makes sure that a message that is sent twice is stored once.
    pub(super) fn set_key(&mut self, key: impl FnOnce() -> String) {
        let slot = match self {
            Self::Send(send) => &mut send.body.client_msg_id,
            Self::Forward(forward) => &mut forward.to.client_msg_id,
            _ => return,
        };
        slot.get_or_insert_with(key);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spelt(op: &Op) -> Value {
        serde_json::from_str(&op.frame(7)).unwrap()
    }

    #[test]
    fn a_frame_is_one_flat_object() {
        let mut op = Op::Send(v2::Send { to_user: Some(2), ..v2::Send::default() });
        if let Op::Send(send) = &mut op {
            send.body.content = Some("hi".into());
        }
        assert_eq!(spelt(&op), json!({"op": "send", "id": 7, "to_user": 2, "content": "hi"}));
        let op = Op::Read(v2::Pointer { conversation_id: 3, seq: 9, thread_id: None });
        assert_eq!(spelt(&op), json!({"op": "read", "id": 7, "conversation_id": 3, "seq": 9}));
        assert_eq!(spelt(&Op::Ping(v2::Ping {})), json!({"op": "ping", "id": 7}));
        let delete = v2::Delete { message_id: 5, scope: Some("me".into()) };
        assert_eq!(
            spelt(&Op::Delete(delete)),
            json!({"op": "delete", "id": 7, "message_id": 5, "for": "me"})
        );
    }

    #[test]
    fn messages_get_a_key_unless_they_have_one() {
        let mut op = Op::Send(v2::Send::default());
        op.set_key(|| "first".into());
        op.set_key(|| "second".into());
        assert_eq!(spelt(&op)["client_msg_id"], "first");
    }
}
