//! Encodes frames as text frames of a WebSocket. What is in a frame is said by `chat-wire`; here it becomes bytes. A frame
//! is encoded once, however many clients it goes to.

pub(crate) mod v1;
pub(crate) mod v2;

use bytes::Bytes;
use chat_websocket::{Opcode, encode};
use serde::Serialize;

fn text_frame(frame: &impl Serialize) -> Bytes {
    // These types have string keys and no custom serialisation that could fail.
    encode(Opcode::Text, &serde_json::to_vec(frame).unwrap_or_default())
}
