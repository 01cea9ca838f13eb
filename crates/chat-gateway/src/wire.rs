//! Encodes frames as WebSocket text frames. `chat-wire` decides what is in a frame; this module makes the bytes. A
//! frame is encoded once, for any number of clients.

pub(crate) mod v1;
pub(crate) mod v2;

use bytes::Bytes;
use chat_websocket::{Opcode, encode};
use serde::Serialize;

fn text_frame(frame: &impl Serialize) -> Bytes {
    // These types have string keys and no custom serialisation, so encoding cannot fail.
    encode(Opcode::Text, &serde_json::to_vec(frame).unwrap_or_default())
}
