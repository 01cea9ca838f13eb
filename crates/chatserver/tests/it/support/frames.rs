//! Checks frames against the AsyncAPI document that the server prints: each must fit the schema of its kind and have no
//! unknown field. Knows the keywords of JSON Schema that the document uses, and refuses a document with others.

use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Map, Value};

/// The stream that a frame belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialogue {
    V1,
    V2,
    /// The v2 stream of a client that asked for lean frames.
    Lean,
}

/// The side that sends a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Server,
    Client,
}

/// Keywords without effect on validity.
const ANNOTATIONS: [&str; 3] = ["default", "description", "examples"];
/// Beginning of the name of a message in its lean form.
const LEAN: &str = "tell_lean_";
const KEYWORDS: [&str; 13] = [
    "$ref",
    "const",
    "dependencies",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "minimum",
    "oneOf",
    "properties",
    "required",
    "type",
];

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let printed = Command::new(env!("CARGO_BIN_EXE_chatserver")).arg("asyncapi").output().unwrap();
    assert!(printed.status.success(), "{printed:?}");
    let document: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let components = &document["components"];
    let payloads = members(&components["messages"]).map(|(name, message)| (name, &message["payload"]));
    for (name, schema) in payloads.chain(members(&components["schemas"])) {
        keywords_are_known(schema, name);
    }
    document
});

/// Whether a text frame is as the document says, and if not, why.
pub fn check(dialogue: Dialogue, from: From, text: &str) -> Result<(), String> {
    let frame: Value = serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
    let fitting: Vec<_> = payloads(dialogue, from).filter(|payload| is_of_kind(payload, &frame)).collect();
    match fitting[..] {
        [payload] => fits(payload, &frame, "").map_err(|wrong| format!("{wrong}: {text}")),
        _ => Err(format!("{} kinds of frames are like this: {text}", fitting.len())),
    }
}

/// Fails unless a text frame from the server is as the document says.
#[track_caller]
pub fn check_received(dialogue: Dialogue, text: &str) {
    if let Err(wrong) = check(dialogue, From::Server, text) {
        panic!("not as the AsyncAPI document says: {wrong}");
    }
}

/// Returns the payloads that one side may send on a stream.
fn payloads(dialogue: Dialogue, from: From) -> impl Iterator<Item = &'static Value> {
    let channel = match dialogue {
        Dialogue::V1 => "#/channels/v1",
        Dialogue::V2 | Dialogue::Lean => "#/channels/v2",
    };
    let action = match from {
        From::Server => "send",
        From::Client => "receive",
    };
    members(&DOCUMENT["operations"])
        .map(|(_, operation)| operation)
        .filter(move |it| it["action"] == action && it["channel"]["$ref"] == channel)
        .flat_map(|operation| operation["messages"].as_array().unwrap())
        .filter(move |message| is_in_form(message, dialogue))
        .map(|message| &target(target(message))["payload"])
}

/// Whether a message has the form that the stream's client gets. Some have one form only.
fn is_in_form(message: &Value, dialogue: Dialogue) -> bool {
    let name = message["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
    let has_lean_form = || {
        let lean = name.replacen("tell_", LEAN, 1);
        DOCUMENT["components"]["messages"][lean].is_object()
    };
    match dialogue {
        Dialogue::Lean => name.starts_with(LEAN) || !has_lean_form(),
        Dialogue::V1 | Dialogue::V2 => !name.starts_with(LEAN),
    }
}

/// Members of lean messages that have a default value, with that value, as the document says.
pub fn lean_defaults() -> Map<String, Value> {
    let lean = &DOCUMENT["components"]["schemas"]["LeanMessage"]["properties"];
    let default = |(name, schema): (&String, &Value)| Some((name.clone(), schema.get("default")?.clone()));
    members(lean).filter_map(default).collect()
}

/// Frames of one side are distinguished by `op`, or else by `type`.
fn is_of_kind(payload: &Value, frame: &Value) -> bool {
    let properties = &payload["properties"];
    let tag = if properties["op"].is_object() { "op" } else { "type" };
    let kind = &properties[tag];
    let says = frame.get(tag);
    match (kind.get("const"), kind["enum"].as_array()) {
        (Some(name), _) => says == Some(name),
        (None, Some(names)) => says.is_some_and(|says| names.contains(says)),
        (None, None) => payload["type"] == kind_of(frame),
    }
}

/// Whether a value is as a schema says.
fn fits(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if schema["$ref"].is_string() {
        return fits(target(schema), value, at);
    }
    let wrong = |what: String| Err(format!("{} {what}", if at.is_empty() { "the frame" } else { at }));
    if let Some(alternatives) = schema["oneOf"].as_array() {
        let n_fitting = alternatives.iter().filter(|one| fits(one, value, at).is_ok()).count();
        if n_fitting != 1 {
            return wrong(format!("fits {n_fitting} of the alternatives"));
        }
    }
    if schema.get("type").is_some_and(|types| !is_one_of(types, value)) {
        return wrong(format!("is no {}", schema["type"]));
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return wrong(format!("is not {}", schema["const"]));
    }
    if schema["enum"].as_array().is_some_and(|all| !all.contains(value)) {
        return wrong(format!("is not among {}", schema["enum"]));
    }
    match value {
        Value::Object(there) => object_fits(schema, there, at),
        Value::Array(items) => {
            if schema["maxItems"].as_u64().is_some_and(|most| items.len() as u64 > most) {
                return wrong("has too many entries".into());
            }
            items.iter().try_for_each(|item| fits(&schema["items"], item, &format!("{at}[]")))
        }
        Value::String(text) if !text_fits(schema, text) => wrong(format!("is no such text: {text:?}")),
        Value::Number(_) if !number_fits(schema, value) => wrong(format!("is no such number: {value}")),
        _ => Ok(()),
    }
}

fn object_fits(schema: &Value, there: &Map<String, Value>, at: &str) -> Result<(), String> {
    let lacking = |names: &Value| {
        let names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
        names.map(str::to_owned).find(|name| !there.contains_key(name))
    };
    if let Some(name) = lacking(&schema["required"]) {
        return Err(format!("{at}.{name} is not there"));
    }
    for (name, others) in members(&schema["dependencies"]) {
        if let Some(lacking) = lacking(others).filter(|_| there.contains_key(name)) {
            return Err(format!("{at}.{lacking} is not there, but {name} is"));
        }
    }
    // An object without a list of fields is an application's own.
    let Some(known) = schema["properties"].as_object() else { return Ok(()) };
    for (name, value) in there {
        let at = format!("{at}.{name}");
        let schema = known.get(name).ok_or_else(|| format!("{at} is not in the document"))?;
        fits(schema, value, &at)?;
    }
    Ok(())
}

fn text_fits(schema: &Value, text: &str) -> bool {
    let is_short = schema["maxLength"].as_u64().is_none_or(|most| text.chars().count() as u64 <= most);
    let is_time = schema["format"] != "date-time" || text.parse::<jiff::Timestamp>().is_ok();
    is_short && is_time
}

fn number_fits(schema: &Value, number: &Value) -> bool {
    let is_large = schema["minimum"].as_f64().is_none_or(|least| number.as_f64().unwrap() >= least);
    // Without a sign, `int32` stands for one bit more.
    let most = if schema["minimum"] == 0 { i64::from(u32::MAX) } else { i64::from(i32::MAX) };
    let is_small = schema["format"] != "int32" || number.as_i64().is_some_and(|number| number <= most);
    is_large && is_small
}

fn is_one_of(types: &Value, value: &Value) -> bool {
    let is = |kind: &Value| *kind == kind_of(value) || (*kind == "number" && value.is_number());
    types.as_array().map_or_else(|| is(types), |types| types.iter().any(is))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn target(reference: &Value) -> &'static Value {
    let pointer = reference["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    DOCUMENT.pointer(pointer.unwrap()).unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

fn members(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}

fn keywords_are_known(schema: &Value, at: &str) {
    for (keyword, value) in members(schema) {
        let known = KEYWORDS.contains(&keyword.as_str()) || ANNOTATIONS.contains(&keyword.as_str());
        assert!(known, "the tests do not know the keyword {keyword} at {at}");
        match keyword.as_str() {
            "properties" => members(value).for_each(|(name, schema)| keywords_are_known(schema, name)),
            "items" => keywords_are_known(value, at),
            "oneOf" => value.as_array().unwrap().iter().for_each(|schema| keywords_are_known(schema, at)),
            "format" => {
                assert!(
                    ["int32", "int64", "date-time"].iter().any(|known| value == known),
                    "{value} at {at}"
                );
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(from: From, frame: &Value) -> Option<String> {
        check(Dialogue::V2, from, &frame.to_string()).err()
    }

    #[test]
    fn what_is_not_as_the_document_says_is_noticed() {
        let good = json!({ "type": "pong", "id": "a", "server_time": "2026-01-01T00:00:00.5Z" });
        assert_eq!(refused(From::Server, &good), None);
        let with = |name: &str, value: Value| {
            let mut frame = good.clone();
            frame[name] = value;
            frame
        };
        assert_eq!(refused(From::Server, &with("id", json!(7))), None);
        assert_eq!(refused(From::Server, &with("id", Value::Null)), None);
        for (name, value) in [
            ("id", json!(true)),
            ("server_time", json!("yesterday")),
            ("server_time", json!(7)),
            ("more", json!(1)),
            ("type", json!("ponk")),
        ] {
            assert!(refused(From::Server, &with(name, value.clone())).is_some(), "{name}: {value}");
        }
        let lacking = json!({ "type": "pong", "id": 1 });
        assert!(refused(From::Server, &lacking).unwrap().contains("server_time"));
        assert!(refused(From::Client, &good).is_some());
        assert!(check(Dialogue::V1, From::Server, &good.to_string()).is_err());
        assert!(check(Dialogue::V2, From::Server, "no JSON").is_err());
    }

    #[test]
    fn what_is_inside_is_looked_at_too() {
        let send = |media: Value| json!({ "op": "send", "id": 1, "to_user": 2, "media": media });
        assert_eq!(refused(From::Client, &send(json!([{ "url": "https://example.com/a" }]))), None);
        assert!(refused(From::Client, &send(json!([{ "name": "a" }]))).unwrap().contains("url"));
        assert!(refused(From::Client, &send(json!([{ "url": "a", "width": -1 }]))).is_some());
        assert!(refused(From::Client, &send(json!(vec![json!({ "url": "a" }); 11]))).is_some());
    }

    #[test]
    fn an_own_part_is_there_or_not_but_never_in_pieces() {
        let mut frame = json!({ "type": "conversation", "cursor": "c", "conversation": {
            "id": 1, "kind": "group", "user_id": null, "group_id": 1, "name": "Cheese", "owner_id": 1,
            "rev": 1, "last_seq": 0, "n_members": 1, "created_at": "2026-01-01T00:00:00Z",
        } });
        assert_eq!(refused(From::Server, &frame), None);
        frame["conversation"]["role"] = json!("owner");
        assert!(refused(From::Server, &frame).unwrap().contains("delivered_seq"));
    }
}
