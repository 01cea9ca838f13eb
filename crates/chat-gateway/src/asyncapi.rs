//! The AsyncAPI document of the stream, generated from the wire types like the OpenAPI document. How frames are handled
//! does not belong here.

mod frames;
mod schemas;

use chat_protocol::close_codes;
use chat_protocol::v2::{Auth, OpName};
use serde_json::{Map, Value, json};

use frames::{Frame, Frames};

/// Description of the v2 stream; docs/stream.md has the details.
const V2: &str = "Selected by the WebSocket subprotocol `chatserver.v2`. Every frame is one JSON object in a text frame.\n\n\
    The server begins with `hello`; a client that has not authenticated in any other way sends `auth` within 5 \
    seconds. With `cursor` in the query or in `auth`, everything that changed since then follows, or `resync` if that \
    can't be served; `live` marks the end. A client keeps the cursor of the last frame that had one, and applies a \
    message only if its `rev` is greater than the one it has, a conversation if it is not smaller.\n\n\
    Each frame of a client gets exactly one `ack` or `error` with the same `id`, and `ping` a `pong`; the `ack` of \
    an op that changes something comes after the change is on disk. Unknown fields are ignored.";

const V1: &str = "The stream without the subprotocol `chatserver.v2`. Every frame is one JSON object in a text frame; \
    from a client, a text frame that is not a JSON object is a message to the recipient chosen by `set_recipient`. \
    The server begins with a welcome of type `system`, and continues with what the user missed while no client was \
    connected.";

/// The AsyncAPI 3 document of the stream, from the server's point of view: what it receives and what it sends.
pub fn asyncapi() -> Value {
    let mut frames = Frames::default();
    let (ops, server_v2) = (frames.client_v2(), frames.server_v2());
    let (client_v1, server_v1) = (frames.client_v1(), frames.server_v1());
    let mut operations = Map::new();
    operations.extend(ops.iter().map(operation));
    operations.insert("tell".into(), sent("v2", "Frames from the server", &server_v2));
    operations.insert("say_v1".into(), received("v1", "Frames from a client", &client_v1));
    operations.insert("tell_v1".into(), sent("v1", "Frames from the server", &server_v1));
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "ChatServer",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The stream of a self-hosted chat backend. Everything except live delivery is also \
                            available over REST: see the OpenAPI document.",
            "license": { "name": "MIT" },
        },
        "defaultContentType": "application/json",
        "servers": { "here": {
            "host": "localhost:8080",
            "protocol": "ws",
            "description": "The default address; `wss` with TLS. Any one of the security schemes is sufficient; the \
                            v2 stream also accepts an `auth` frame instead.",
            "security": security_schemes().keys().map(|name| reference("securitySchemes", name)).collect::<Vec<_>>(),
        } },
        "channels": {
            "v2": channel(("The v2 stream", V2), query(true), ops.iter().chain(&server_v2)),
            "v1": channel(("The v1 stream", V1), query(false), client_v1.iter().chain(&server_v1)),
        },
        "operations": operations,
        "components": {
            "messages": frames.messages(),
            "schemas": frames.schemas(),
            "securitySchemes": security_schemes(),
        },
    })
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

fn channel<'a>(
    (title, description): (&str, &str),
    query: Value,
    frames: impl Iterator<Item = &'a Frame>,
) -> Value {
    let messages = frames.map(|frame| (frame.key.clone(), reference("messages", &frame.key)));
    json!({
        "address": "/ws",
        "title": title,
        "description": description,
        "messages": messages.collect::<Map<_, _>>(),
        "bindings": { "ws": { "method": "GET", "query": query, "bindingVersion": "0.1.0" } },
        "x-close-codes": close_codes(),
    })
}

fn query(resumes: bool) -> Value {
    let mut parameters = json!({
        "token": { "type": "string", "description": "A JWT; tokens in URLs end up in logs." },
        "ticket": { "type": "string", "description": "A ticket of `POST /v1/ws-ticket`; it works once." },
    });
    if resumes {
        parameters["cursor"] = json!({ "type": "string", "description": "Where to resume." });
        let description = "1: `message`, `conversation` and `ack` frames leave out the members of message objects that \
                           have their default values.";
        parameters["lean"] = json!({ "type": "integer", "enum": [0, 1], "description": description });
        let description = "The client reloads if it missed more messages than this: it gets `resync` with the code \
                           `too_many_changes`.";
        parameters["max_changes"] = json!({ "type": "integer", "minimum": 0, "description": description });
    }
    json!({ "type": "object", "properties": parameters })
}

fn close_codes() -> Value {
    let codes = [
        (close_codes::RESTART, "the server restarts; reconnect after the delay in the reason"),
        (close_codes::TOO_SLOW, "too slow; reconnect and resume"),
        (close_codes::TOKEN_EXPIRED, "token expired or revoked; log in again"),
        (close_codes::TOO_MANY, "too many connections or frames"),
        (1009, "too big"),
        (1008, "protocol broken, or no `auth` in time"),
    ];
    codes.into_iter().map(|(code, meaning)| (code.to_string(), json!(meaning))).collect::<Map<_, _>>().into()
}

fn in_channel(channel: &str, frames: &[&str]) -> Value {
    frames.iter().map(|name| json!({ "$ref": format!("#/channels/{channel}/messages/{name}") })).collect()
}

/// Operation for one kind of frame from a v2 client.
fn operation(op: &Frame) -> (String, Value) {
    let is_ping = OpName::parse(&op.name) == Some(OpName::Ping);
    let answers: &[&str] =
        if is_ping { &["tell_pong", "tell_error"] } else { &["tell_ack", "tell_lean_ack", "tell_error"] };
    let channel = json!({ "$ref": "#/channels/v2" });
    let mut operation = json!({
        "action": "receive",
        "channel": channel,
        "summary": op.summary,
        "messages": in_channel("v2", &[&op.key]),
    });
    // A client that fails to authenticate gets a close frame instead of a reply.
    if op.name != Auth::OP {
        operation["reply"] = json!({ "channel": channel, "messages": in_channel("v2", answers) });
    }
    (op.name.clone(), operation)
}

fn received(channel: &str, summary: &str, frames: &[Frame]) -> Value {
    exchange("receive", channel, summary, frames)
}

fn sent(channel: &str, summary: &str, frames: &[Frame]) -> Value {
    exchange("send", channel, summary, frames)
}

fn exchange(action: &str, channel: &str, summary: &str, frames: &[Frame]) -> Value {
    let names: Vec<_> = frames.iter().map(|frame| frame.key.as_str()).collect();
    json!({
        "action": action,
        "channel": { "$ref": format!("#/channels/{channel}") },
        "summary": summary,
        "messages": in_channel(channel, &names),
    })
}

fn security_schemes() -> Map<String, Value> {
    let schemes = json!({
        "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "For programs." },
        "subprotocol": {
            "type": "httpApiKey", "name": "Sec-WebSocket-Protocol", "in": "header",
            "description": "For browsers: `bearer.<JWT>` as a second subprotocol.",
        },
        "ticket": {
            "type": "httpApiKey", "name": "ticket", "in": "query",
            "description": "For browsers: a ticket of `POST /v1/ws-ticket`; it works once.",
        },
        "token": {
            "type": "httpApiKey", "name": "token", "in": "query",
            "description": "For scripts: a JWT. Tokens in URLs end up in logs.",
        },
    });
    match schemes {
        Value::Object(schemes) => schemes,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
