//! Turns the schemas of the wire types into those of the document. Parts that a type takes over from others are written
//! out, so that each frame can be read in one place.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

const PREFIX: &str = "#/components/schemas/";

/// The known types, and those that frames refer to.
#[derive(Default)]
pub(super) struct Schemas {
    known: Map<String, Value>,
    used: Map<String, Value>,
}

impl Schemas {
    /// The schema of a type, with merged parts written out.
    pub(super) fn of<T: ToSchema>(&mut self) -> Value {
        let schema = self.learn::<T>();
        self.finished(&schema)
    }

    /// The schema of a type as generated; it and its parts are known from now on.
    pub(super) fn learn<T: ToSchema>(&mut self) -> Value {
        let mut parts = Vec::new();
        T::schemas(&mut parts);
        self.known.extend(parts.into_iter().map(|(name, schema)| (name, json!(schema))));
        json!(T::schema())
    }

    /// Writes out a schema and marks the schemas that it refers to as used.
    pub(super) fn finished(&mut self, schema: &Value) -> Value {
        let schema = self.written_out(schema);
        self.use_all_of(&schema);
        schema
    }

    /// The schemas that frames refer to.
    pub(super) fn used(self) -> Map<String, Value> {
        self.used
    }

    /// A schema in which no other is merged by reference.
    fn written_out(&self, schema: &Value) -> Value {
        if let Some(target) = self.target(schema) {
            return self.written_out(target);
        }
        let mut whole = Map::new();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            match optional(part) {
                Some(part) => add_optional(&mut whole, &self.written_out(part)),
                None => add(&mut whole, &self.written_out(part)),
            }
        }
        add(&mut whole, schema);
        whole.remove("allOf");
        with_examples(whole.into())
    }

    fn target(&self, schema: &Value) -> Option<&Value> {
        self.known.get(schema["$ref"].as_str()?.strip_prefix(PREFIX)?)
    }

    fn use_all_of(&mut self, schema: &Value) {
        for name in references(schema) {
            if !self.used.contains_key(&name) {
                let schema = self.written_out(self.known.get(&name).unwrap_or(&Value::Null));
                self.used.insert(name, schema.clone());
                self.use_all_of(&schema);
            }
        }
    }
}

/// The type of a part that is either present as a whole or null.
fn optional(part: &Value) -> Option<&Value> {
    let [some, none] = part["oneOf"].as_array()?.as_slice() else { return None };
    (none["type"] == "null").then_some(some)
}

/// Merges `part` into `whole`: adds members and required names, replaces anything else.
fn add(whole: &mut Map<String, Value>, part: &Value) {
    for (keyword, value) in part.as_object().into_iter().flatten() {
        match (whole.get_mut(keyword), value) {
            (Some(Value::Object(there)), Value::Object(more)) => there.extend(more.clone()),
            (Some(Value::Array(there)), Value::Array(more)) if keyword == "required" => {
                there.extend(more.clone());
            }
            _ => drop(whole.insert(keyword.clone(), value.clone())),
        }
    }
}

/// Adds a part whose members are all present or all absent.
fn add_optional(whole: &mut Map<String, Value>, part: &Value) {
    let mut part = part.clone();
    let required = part.as_object_mut().and_then(|part| part.remove("required"));
    if let Some([first, others @ ..]) = required.as_ref().and_then(Value::as_array).map(Vec::as_slice) {
        part["dependencies"] = json!({ first.as_str().unwrap_or_default(): others });
    }
    add(whole, &part);
}

/// JSON Schema has a list of examples where OpenAPI has one.
fn with_examples(schema: Value) -> Value {
    match schema {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                if name == "example" && !value.is_object() {
                    ("examples".to_owned(), json!([value]))
                } else {
                    (name, with_examples(value))
                }
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.into_iter().map(with_examples).collect(),
        other => other,
    }
}

/// Names of the schemas that a schema refers to.
fn references(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix(PREFIX));
            own.map(str::to_owned).into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_protocol::conversation::Conversation;
    use chat_protocol::v2::{Append, ServerFrame};

    #[test]
    fn what_is_merged_is_written_out() {
        let schema = Schemas::default().of::<Append>();
        assert!(schema.get("allOf").is_none(), "{schema}");
        let members: Vec<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["content", "message_id", "offset"]);
        let mut required: Vec<_> =
            schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        required.sort_unstable();
        assert_eq!(required, members);
    }

    #[test]
    fn the_own_part_comes_whole_or_not_at_all() {
        let schema = Schemas::default().of::<Conversation>();
        let required = schema["required"].as_array().unwrap();
        assert!(required.contains(&json!("id")) && !required.contains(&json!("unread")));
        assert!(schema["properties"]["unread"].is_object());
        assert!(schema["dependencies"]["role"].as_array().unwrap().contains(&json!("unread")));
    }

    #[test]
    fn only_what_is_referred_to_is_used() {
        let mut schemas = Schemas::default();
        schemas.of::<ServerFrame>();
        let used = schemas.used();
        assert!(used.contains_key("Message") && used.contains_key("Quote"));
        assert!(!used.contains_key("SendRequest"));
    }
}
