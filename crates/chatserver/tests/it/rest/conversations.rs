//! The list of conversations, a single one, and its messages.

use serde_json::{Value, json};

use crate::support::http::keys;
use crate::support::people::in_conversation;
use crate::support::{Server, User, Ws};

async fn page(user: &User, query: &str) -> (Vec<Value>, Value) {
    let page = user.get(&format!("/v1/conversations{query}")).await.expect(200);
    assert_eq!(keys(&page), ["conversations", "next_cursor"]);
    (page["conversations"].as_array().unwrap().clone(), page["next_cursor"].clone())
}

fn ids(page: &[Value]) -> Vec<Value> {
    page.iter().map(|conversation| conversation["id"].clone()).collect()
}

#[tokio::test]
async fn each_sees_a_conversation_from_their_own_side() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = tom.write(&jerry, "cheese").await;
    let id = &sent["conversation_id"];
    let seen = jerry.conversation(id).await;
    let expected = json!({
        "id": id, "kind": "direct", "user_id": 1, "group_id": null, "name": null, "owner_id": null,
        "rev": sent["rev"], "last_seq": 1, "n_members": 2, "created_at": sent["timestamp"],
        "last_message": jerry.message(&sent["id"]).await,
        "role": "member", "delivered_seq": 0, "read_seq": 0, "unread": 1, "mentions": 0, "marked_unread": false,
        "muted_until": null, "archived": false, "pinned": false, "draft": null,
        "capabilities": ["post", "react", "pin"],
    });
    assert_eq!(seen, expected);
    let of_tom = tom.conversation(id).await;
    assert_eq!((&of_tom["user_id"], &of_tom["unread"]), (&json!(2), &json!(0)));
    assert_eq!(page(&jerry, "").await.0, [expected]);
}

#[tokio::test]
async fn a_group_says_who_owns_it_and_what_one_may_do_there() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let id = tom.conversation_of(group).await;
    let seen = tom.conversation(&id).await;
    for (field, value) in json!({
        "kind": "group", "user_id": null, "group_id": group, "name": "Cheese", "owner_id": 1, "last_seq": 0,
        "n_members": 2, "role": "owner",
        "capabilities": ["post", "react", "pin", "delete_any", "add_member", "remove_member", "rename", "change_role"],
    })
    .as_object()
    .unwrap()
    {
        assert_eq!(&seen[field], value, "{field}");
    }
    assert!(seen.get("last_message").is_none(), "it has no last message");
    let of_jerry = jerry.conversation(&id).await;
    assert_eq!(
        (&of_jerry["role"], &of_jerry["capabilities"]),
        (&json!("member"), &json!(["post", "react", "pin"]))
    );
}

#[tokio::test]
async fn the_list_is_paged_by_the_newest_message_and_misses_nothing() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut expected = Vec::new();
    for n in 0..3 {
        let empty = tom.group(&format!("Empty {n}"), &[]).await;
        expected.insert(0, tom.conversation_of(empty).await);
    }
    for n in 0..4 {
        let mouse = server.register(&format!("mouse{n}")).await;
        expected.insert(0, tom.write(&mouse, "hi").await["conversation_id"].clone());
    }
    let oldest = expected.remove(3);
    server.login("mouse0").await.write(&tom, "me again").await;
    expected.insert(0, oldest);
    assert_eq!(ids(&page(&tom, "").await.0), expected);
    for limit in [1, 2, 3, 7] {
        let mut seen = Vec::new();
        let mut query = format!("?limit={limit}");
        loop {
            let (conversations, next) = page(&tom, &query).await;
            seen.extend(ids(&conversations));
            let Some(cursor) = next.as_str() else { break };
            assert_eq!(conversations.len(), limit);
            query = format!("?limit={limit}&cursor={cursor}");
        }
        assert_eq!(seen, expected, "in pages of {limit}");
    }
    assert_eq!(page(&jerry, "").await, (Vec::new(), Value::Null));
    for bad in ["?limit=0", "?limit=-1", "?limit=x", "?cursor=", "?cursor=7", "?cursor=a-b", "?cursor=1-2-3"]
    {
        tom.get(&format!("/v1/conversations{bad}")).await.invalid();
    }
}

#[tokio::test]
async fn messages_are_read_from_either_end_by_their_places() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut sent = Value::Null;
    for n in 1..=7 {
        sent = tom.write(&jerry, &n.to_string()).await;
    }
    let path = in_conversation(&sent["conversation_id"]);
    let seqs = async |query: &str| {
        let page = jerry.get(&format!("{path}{query}")).await.expect(200);
        let messages = page["messages"].as_array().unwrap();
        assert_eq!(page["count"], messages.len());
        messages.iter().map(|message| message["seq"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    for (query, expected) in [
        ("", vec![1, 2, 3, 4, 5, 6, 7]),
        ("?limit=3", vec![5, 6, 7]),
        ("?limit=3&before_seq=5", vec![2, 3, 4]),
        ("?limit=3&before_seq=2", vec![1]),
        ("?before_seq=1", vec![]),
        ("?limit=3&after_seq=0", vec![1, 2, 3]),
        ("?limit=3&after_seq=5", vec![6, 7]),
        ("?after_seq=7", vec![]),
        ("?limit=1000000000000", vec![1, 2, 3, 4, 5, 6, 7]),
    ] {
        assert_eq!(seqs(query).await, expected, "{query}");
    }
    for bad in ["?before_seq=3&after_seq=1", "?limit=0", "?before_seq=x", "?thread_id=0", "?limit=1&limit=2"]
    {
        jerry.get(&format!("{path}{bad}")).await.invalid();
    }
}

#[tokio::test]
async fn a_page_around_a_moment_is_found() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut sent = Vec::new();
    for n in 1..=7 {
        sent.push(tom.write(&jerry, &n.to_string()).await);
    }
    let path = in_conversation(&sent[0]["conversation_id"]);
    let page = async |query: &str| {
        let page = jerry.get(&format!("{path}{query}")).await.expect(200);
        let messages = page["messages"].as_array().unwrap();
        messages.iter().map(|message| message["seq"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    let fifth = sent[4]["timestamp"].as_str().unwrap();
    for (query, expected) in [
        (format!("?at={fifth}&limit=1"), vec![5]),
        (format!("?at={fifth}&limit=4"), vec![3, 4, 5, 6]),
        (format!("?at={fifth}"), vec![1, 2, 3, 4, 5, 6, 7]),
        ("?at=1970-01-01T00:00:00Z&limit=2".into(), vec![1, 2]),
        ("?at=9999-01-01T00:00:00%2B03:00&limit=2".into(), vec![6, 7]),
    ] {
        assert_eq!(page(&query).await, expected, "{query}");
    }
    for bad in ["yesterday", "2025-10-25", "2025-10-25T19:00:00+03:00", ""] {
        let problem = jerry.get(&format!("{path}?at={bad}")).await.invalid();
        let error = problem["error"].as_str().unwrap();
        assert!(error.contains("at must be a time as in RFC 3339, such as 2025-10-25T16:00:00Z"), "{error}");
    }
    for more in ["&before_seq=3", "&after_seq=3", "&before_seq=3&after_seq=1", "&limit=0"] {
        jerry.get(&format!("{path}?at={fifth}{more}")).await.invalid();
    }
    let spike = server.register("spike").await;
    spike.get(&format!("{path}?at={fifth}")).await.refused(404, "conversation_not_found");
}

#[tokio::test]
async fn typing_over_rest_is_heard_in_the_stream_and_not_stored() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = tom.write(&jerry, "cheese").await;
    let mut ws = Ws::connect(&server, &jerry).await;
    assert_eq!(ws.frame().await["content"], "cheese");
    let path = format!("/v1/conversations/{}/typing", sent["conversation_id"]);
    tom.post(&path, &json!({})).await.is_empty();
    let heard = ws.frame().await;
    assert_eq!((&heard["type"], &heard["sender_id"]), (&json!("typing"), &json!(1)));
    assert_eq!(jerry.history(&tom).await.len(), 1);
}

#[tokio::test]
async fn presence_is_of_the_others() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = tom.group("Cheese", &[&jerry, &spike]).await;
    let path = format!("/v1/conversations/{}/presence", tom.conversation_of(group).await);
    let offline = |id: i64| json!({ "user_id": id, "status": "offline", "last_seen": null });
    assert_eq!(tom.get(&path).await.expect(200), json!([offline(2), offline(spike.id)]));
    let ws = Ws::connect(&server, &jerry).await;
    let online = json!([{ "user_id": 2, "status": "online", "last_seen": null }, offline(spike.id)]);
    assert_eq!(tom.get(&path).await.expect(200), online);
    ws.leave().await;
    crate::support::eventually(5, "Jerry is gone", async || {
        tom.get(&path).await.expect(200)[0]["status"] == "offline"
    })
    .await;
}
