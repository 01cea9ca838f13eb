//! The frames of the document and their payloads.

use chat_protocol::v2::{self, OpName, OpVisitor, ServerFrame};
use chat_protocol::{v1, v2::Id};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::schemas::Schemas;

/// Upper bound for a client's `id`, in characters.
const ID_CHARS: usize = 64;

pub(super) struct Frame {
    /// `op` or `type` of the frame, or a made-up name if it has neither.
    pub(super) name: String,
    /// Name in the document. It differs from `name` because some words are both an `op` and a `type`.
    pub(super) key: String,
    /// One-line description.
    pub(super) summary: Value,
}

/// Collects all frames and the schemas that they use.
#[derive(Default)]
pub(super) struct Frames {
    messages: Map<String, Value>,
    schemas: Schemas,
}

impl Frames {
    /// Frames that a v2 client may send.
    pub(super) fn client_v2(&mut self) -> Vec<Frame> {
        let summary = "Authenticates a client that did not authenticate with the upgrade.";
        let auth = self.op::<v2::Auth>(v2::Auth::OP, summary);
        let mut ops = Ops { frames: self, seen: vec![auth] };
        OpName::visit_all(&mut ops);
        ops.seen
    }

    /// Frames for a v2 client, distinguished by `type`.
    pub(super) fn server_v2(&mut self) -> Vec<Frame> {
        let all = self.schemas.learn::<ServerFrame>();
        let variants = all["oneOf"].as_array().into_iter().flatten();
        let mut frames: Vec<_> = variants.map(|variant| self.server_frame(variant)).collect();
        frames.push(self.lean_frame::<v2::LeanMessageFrame>("message"));
        frames.push(self.lean_frame::<v2::LeanConversationFrame>("conversation"));
        frames.push(self.lean_frame::<v2::LeanAck>("ack"));
        frames
    }

    /// The form that a client with `lean` gets of a frame.
    fn lean_frame<T: ToSchema>(&mut self, name: &str) -> Frame {
        let mut schema = self.schemas.of::<T>();
        add_member(&mut schema, "type", json!({ "type": "string", "const": name }), true);
        let summary = format!("The `{name}` frame for a client that asked for `lean`.");
        self.frame(name, &format!("tell_lean_{name}"), json!(summary), schema)
    }

    /// Frames that a v1 client may send.
    pub(super) fn client_v1(&mut self) -> Vec<Frame> {
        let object = self.schemas.of::<v1::ClientFrame>();
        let text = json!({ "type": "string", "description": "Any text that is not a JSON object." });
        vec![
            self.frame(
                "object",
                "do_v1_object",
                json!("Sends a message, chooses the recipient, or signals typing."),
                object,
            ),
            self.frame("text", "do_v1_text", json!("A message to the chosen recipient."), text),
        ]
    }

    /// Frames for a v1 client.
    pub(super) fn server_v1(&mut self) -> Vec<Frame> {
        let mut message = self.schemas.of::<v1::MessageFrame>();
        message["properties"]["type"]["enum"] =
            json!(["text", "image", "video", "audio", "file", "group_message", "system", "typing"]);
        let mut error = self.schemas.of::<v1::ErrorFrame>();
        error["properties"]["type"]["const"] = json!("error");
        vec![
            self.frame("message", "tell_v1_message", json!("A message or a notice."), message),
            self.frame("error", "tell_v1_error", json!("The client's frame was invalid."), error),
        ]
    }

    pub(super) fn messages(&self) -> Value {
        self.messages.clone().into()
    }

    /// The schemas that the messages refer to.
    pub(super) fn schemas(self) -> Map<String, Value> {
        self.schemas.used()
    }

    fn op<T: ToSchema>(&mut self, op: &str, summary: &str) -> Frame {
        let mut schema = self.schemas.of::<T>();
        let mut id = self.schemas.of::<Id>();
        if let Some(text) = id["oneOf"].as_array_mut().and_then(|kinds| kinds.last_mut()) {
            text["maxLength"] = json!(ID_CHARS);
        }
        id["description"] = json!("Chosen by the client; the answer repeats it.");
        add_member(&mut schema, "id", id, op != v2::Auth::OP);
        add_member(&mut schema, "op", json!({ "type": "string", "const": op }), true);
        if op == OpName::Delivered.as_str() {
            schema["properties"].as_object_mut().map(|members| members.remove("thread_id"));
        }
        self.frame(op, &format!("do_{op}"), json!(summary), schema)
    }

    fn server_frame(&mut self, variant: &Value) -> Frame {
        let mut schema = self.schemas.finished(variant);
        let tag = schema["properties"]["type"]["enum"][0].take();
        schema["properties"]["type"] = json!({ "type": "string", "const": tag });
        let name = tag.as_str().unwrap_or_default().to_owned();
        self.frame(&name, &format!("tell_{name}"), variant["description"].clone(), schema)
    }

    fn frame(&mut self, name: &str, key: &str, summary: Value, payload: Value) -> Frame {
        let mut message = json!({ "name": name, "summary": summary, "payload": payload });
        if message["payload"]["properties"]["id"].is_object() {
            message["correlationId"] = json!({ "location": "$message.payload#/id" });
        }
        self.messages.insert(key.into(), message);
        Frame { name: name.into(), key: key.into(), summary }
    }
}

/// Adds each op to the document.
struct Ops<'a> {
    frames: &'a mut Frames,
    seen: Vec<Frame>,
}

impl OpVisitor for Ops<'_> {
    fn visit<Fields: ToSchema>(&mut self, name: OpName) {
        self.seen.push(self.frames.op::<Fields>(name.as_str(), name.summary()));
    }
}

fn add_member(schema: &mut Value, name: &str, member: Value, required: bool) {
    schema["properties"][name] = member;
    if required {
        match schema["required"].as_array_mut() {
            Some(there) => there.insert(0, json!(name)),
            None => schema["required"] = json!([name]),
        }
    }
}
