//! `?lean=1` on lists of messages and conversations: the same content without the defaults.

use serde_json::{Map, Value, json};

use crate::support::{Answer, Request, Server, User, eventually};

/// Members of lean messages that have a default value, with that value, as the OpenAPI document says.
async fn defaults(server: &Server) -> Map<String, Value> {
    let document = server.get("/openapi.json").await.json();
    let lean = document["components"]["schemas"]["LeanMessage"]["properties"].as_object().unwrap();
    let default = |(name, schema): (&String, &Value)| Some((name.clone(), schema.get("default")?.clone()));
    let defaults: Map<_, _> = lean.iter().filter_map(default).collect();
    assert_eq!(defaults.len(), 21, "{defaults:?}");
    defaults
}

/// Fills in the defaults of each message in an answer, wherever it is.
fn complete(value: &mut Value, defaults: &Map<String, Value>) {
    match value {
        Value::Object(members) if members.contains_key("sender_id") && members.contains_key("seq") => {
            let status = if members.contains_key("group_id") { "SENT" } else { "PENDING" };
            members.entry("status").or_insert(json!(status));
            for (name, default) in defaults {
                members.entry(name).or_insert(default.clone());
            }
        }
        Value::Object(members) => members.values_mut().for_each(|member| complete(member, defaults)),
        Value::Array(items) => items.iter_mut().for_each(|item| complete(item, defaults)),
        _ => {}
    }
}

/// Removes the keys of other senders, which lean answers do not have.
fn remove_foreign_keys(value: &mut Value, viewer: &User) {
    match value {
        Value::Object(members) => {
            if members.contains_key("client_msg_id") && members["sender_id"] != viewer.id {
                members["client_msg_id"] = Value::Null;
            }
            members.values_mut().for_each(|member| remove_foreign_keys(member, viewer));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| remove_foreign_keys(item, viewer)),
        _ => {}
    }
}

async fn with_lean(user: &User, path: &str) -> [Answer; 2] {
    let separator = if path.contains('?') { '&' } else { '?' };
    let [complete, lean] = [path.to_owned(), format!("{path}{separator}lean=1")];
    [user.get(&complete).await, user.get(&lean).await]
}

#[tokio::test]
async fn lean_lists_and_the_defaults_are_the_complete_lists() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let conversation = tom.conversation_of(group).await;
    let body = json!({"content": "one cheese", "client_msg_id": "tom's", "mention_all": true,
        "media": [{"url": "https://example.com/a.png"}]});
    let id = tom.post(&format!("/v1/messages/group/{group}"), &body).await.expect(201)["id"].clone();
    let reply = json!({"content": "two cheese", "client_msg_id": "jerry's", "reply_to": id});
    jerry.post(&format!("/v1/messages/group/{group}"), &reply).await.expect(201);
    tom.write(&jerry, "plain cheese").await;
    tom.put(&format!("/v1/messages/{id}/reactions/+1")).await.expect(200);
    tom.put(&format!("/v1/messages/{id}/pin")).await.expect(200);
    tom.put(&format!("/v1/messages/{id}/saved")).await.is_empty();
    // The index of words follows the messages.
    let search = "/v1/search?q=cheese&order=best";
    eventually(20, "all are found", async || tom.messages(search).await.len() == 3).await;
    let defaults = defaults(&server).await;
    for path in [
        format!("/v1/messages/history/{}", jerry.id),
        format!("/v1/groups/{group}/messages?limit=5"),
        format!("/v1/conversations/{conversation}/messages"),
        format!("/v1/conversations/{conversation}/pins"),
        search.into(),
        "/v1/saved".into(),
        "/v1/chats".into(),
        "/v1/conversations".into(),
    ] {
        let [all, lean] = with_lean(&tom, &path).await;
        let (mut expected, mut received) = (all.expect(200), lean.expect(200));
        assert!(lean.text().len() < all.text().len(), "{path}");
        remove_foreign_keys(&mut expected, &tom);
        complete(&mut received, &defaults);
        assert_eq!(received, expected, "{path}");
        let zero = path.replace('?', "?lean=0&");
        let zero = if zero == path { format!("{path}?lean=0") } else { zero };
        assert_eq!(tom.get(&zero).await.text(), all.text(), "{path}");
        let bad = tom.get(&zero.replace("lean=0", "lean=yes")).await;
        bad.invalid();
    }
}

#[tokio::test]
async fn a_lean_page_of_fifty_has_at_most_half_the_bytes() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    for number in 0..50 {
        let writer = if number % 2 == 0 { &tom } else { &jerry };
        let content =
            format!("{number:02} {}", "A sentence of some ninety letters, as people write. ".repeat(2));
        let key = format!("0193b1c2-5d6e-7f80-9a0b-{number:012}");
        let body = json!({"content": content[..91], "client_msg_id": key});
        writer.post(&format!("/v1/messages/group/{group}"), &body).await.expect(201);
    }
    let [all, lean] = with_lean(&tom, &format!("/v1/groups/{group}/messages")).await;
    assert_eq!((all.expect(200)["count"].as_i64(), lean.expect(200)["count"].as_i64()), (Some(50), Some(50)));
    let (all, lean) = (all.text().len(), lean.text().len());
    assert!(2 * lean <= all, "{lean} of {all} bytes");
}

/// As it was before there was a lean form, to the byte.
#[tokio::test]
async fn a_client_that_does_not_ask_gets_every_member() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let body = json!({"content": "Hello", "client_msg_id": "k"});
    let sent = tom.post(&format!("/v1/messages/p2p/{}", jerry.id), &body).await.expect(201);
    let message = format!(
        r#"{{"id":{},"sender_id":{},"recipient_id":{},"group_id":0,"type":"text","content":"Hello","media_url":"","timestamp":{},"status":"PENDING","conversation_id":{},"seq":1,"rev":1,"media":[],"reply_to":null,"quote":null,"thread_id":null,"thread":null,"forwarded_from":null,"reactions":[],"mentions":[],"mention_all":false,"custom":null,"client_msg_id":"k","edited_at":null,"deleted_at":null,"pinned_at":null,"pinned_by":null,"streaming":null}}"#,
        sent["id"], tom.id, jerry.id, sent["timestamp"], sent["conversation_id"]
    );
    let seen = jerry.get(&format!("/v1/messages/history/{}", tom.id)).await.text();
    assert_eq!(seen, format!(r#"{{"messages":[{message}],"count":1}}"#));
    assert_eq!(jerry.get("/v1/chats").await.text(), format!("[{message}]"));
}

#[tokio::test]
async fn the_link_to_the_next_page_keeps_the_form() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let first = tom.write(&spike, "one").await["id"].clone();
    let second = tom.write(&jerry, "two").await["id"].clone();
    let request = Request::get("/v1/chats?limit=1&lean=1").bearer(&tom.token);
    let page = server.send(request).await;
    let link = format!("</v1/chats?limit=1&cursor={second}&lean=1>; rel=\"next\"");
    assert_eq!(page.header("link"), Some(link.as_str()));
    let next = tom.get(link.split(['<', '>']).nth(1).unwrap()).await.expect(200);
    assert_eq!((&next[0]["id"], next[0].get("reactions")), (&first, None));
}
