//! The document is consistent: every reference resolves, and each frame is in its channel.

use std::collections::BTreeSet;

use chat_protocol::v2::OpName;
use serde_json::Value;

use super::asyncapi;

fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&'a Value)) {
    visit(value);
    match value {
        Value::Object(members) => members.values().for_each(|member| walk(member, visit)),
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        _ => {}
    }
}

fn names(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn every_reference_leads_somewhere() {
    let document = asyncapi();
    let mut n_references = 0;
    walk(&document, &mut |value| {
        if let Some(reference) = value["$ref"].as_str() {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some_and(Value::is_object), "{reference}");
            n_references += 1;
        }
    });
    assert!(n_references > 100, "{n_references}");
}

#[test]
fn it_is_version_3_and_says_what_must_be_said() {
    let document = asyncapi();
    assert_eq!(document["asyncapi"], "3.0.0");
    for field in ["title", "version", "description"] {
        assert!(document["info"][field].as_str().is_some_and(|text| !text.is_empty()), "{field}");
    }
    for (name, message) in document["components"]["messages"].as_object().unwrap() {
        assert!(message["summary"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
        assert!(message["payload"]["type"].is_string(), "{name}");
    }
}

#[test]
fn each_frame_says_which_it_is_and_what_it_must_have() {
    let document = asyncapi();
    for (name, message) in document["channels"]["v2"]["messages"].as_object().unwrap() {
        let message = document.pointer(message["$ref"].as_str().unwrap().strip_prefix('#').unwrap()).unwrap();
        let payload = &message["payload"];
        let is_op = payload["properties"]["op"].is_object();
        let tag = if is_op { "op" } else { "type" };
        assert_eq!(payload["properties"][tag]["const"], message["name"], "{name}");
        let required = payload["required"].as_array().unwrap();
        assert!(required.iter().any(|field| field == tag), "{name}");
        for field in required {
            assert!(payload["properties"][field.as_str().unwrap()].is_object(), "{field} of {name}");
        }
        assert_eq!(is_op && message["name"] != "auth", is_op && required.iter().any(|field| field == "id"));
    }
}

/// Some words are both a client's op and a server's type; both must be in the channel.
#[test]
fn every_message_is_in_a_channel_and_in_an_operation() {
    let document = asyncapi();
    let mut in_channels = BTreeSet::new();
    let mut in_operations = BTreeSet::new();
    for channel in document["channels"].as_object().unwrap().values() {
        for message in channel["messages"].as_object().unwrap().values() {
            in_channels.insert(message["$ref"].as_str().unwrap().rsplit('/').next().unwrap());
        }
    }
    for operation in document["operations"].as_object().unwrap().values() {
        let answers = operation["reply"]["messages"].as_array().into_iter().flatten();
        for message in operation["messages"].as_array().unwrap().iter().chain(answers) {
            let message =
                document.pointer(message["$ref"].as_str().unwrap().strip_prefix('#').unwrap()).unwrap();
            in_operations.insert(message["$ref"].as_str().unwrap().rsplit('/').next().unwrap());
        }
    }
    let all = names(&document["components"]["messages"]);
    assert_eq!(in_channels, all);
    assert_eq!(in_operations, all);
}

/// The rows of the table of ops in docs/stream.md: the names in the first column, and the whole row.
fn documented() -> Vec<(Vec<&'static str>, &'static str)> {
    let text = include_str!("../../../../docs/stream.md");
    let table = text.lines().skip_while(|line| !line.starts_with("| `op` |")).skip(2);
    let names = |row: &'static str| {
        row.split('|').nth(1).unwrap().split(',').map(|name| name.trim().trim_matches('`')).collect()
    };
    table.take_while(|line| line.starts_with('|')).map(|row| (names(row), row)).collect()
}

#[test]
fn the_stream_page_has_every_op_with_its_fields() {
    let rows = documented();
    let in_table: Vec<_> = rows.iter().flat_map(|(names, _)| names.clone()).collect();
    let ops: Vec<_> = OpName::ALL.iter().map(|name| name.as_str()).collect();
    assert_eq!(in_table, ops);
    let document = asyncapi();
    for (names, row) in rows {
        for name in names {
            let payload = &document["components"]["messages"][format!("do_{name}")]["payload"];
            let fields: Vec<_> = payload["properties"]
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| *key != "op" && *key != "id")
                .collect();
            assert_eq!(fields.is_empty(), name == "ping", "{name}");
            for field in fields {
                assert!(row.contains(&format!("`{field}`")), "{name}: {field}");
            }
        }
    }
}
