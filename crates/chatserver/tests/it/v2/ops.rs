//! Ops of a client: each has one answer, as the table of docs/stream.md says, in the defined order.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::support::http::keys;
use crate::support::v2::{into, is_event, to_user};
use crate::support::{Server, Stream, User};

/// Returns the message of an ack that has no other field.
async fn message_of(stream: &mut Stream, op: Value) -> Value {
    let mut ack = stream.ok(op).await;
    assert_eq!(keys(&ack), ["id", "message", "type"], "{ack}");
    ack["message"].take()
}

/// Sends an op whose ack has no fields.
async fn bare(stream: &mut Stream, op: Value) {
    let ack = stream.ok(op.clone()).await;
    assert_eq!(keys(&ack), ["id", "type"], "{op}: {ack}");
}

#[tokio::test]
async fn each_op_is_acknowledged_with_what_its_row_says() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let mut toms = Stream::connect(&server, &tom).await;
    let ack = toms.ok(json!({"op": "send", "to_group": group, "content": "Hello"})).await;
    assert_eq!(keys(&ack), ["duplicate", "id", "message", "type"]);
    assert_eq!((&ack["type"], &ack["duplicate"]), (&json!("ack"), &json!(false)));
    let message = &ack["message"];
    assert_eq!(message["content"], "Hello");
    assert_eq!((&message["sender_id"], &message["group_id"]), (&json!(tom.id), &json!(group)));
    assert_eq!((&message["seq"], &message["status"]), (&json!(1), &json!("SENT")));
    let (id, conversation) = (message["id"].clone(), message["conversation_id"].clone());
    let about = |op: &str| json!({"op": op, "message_id": id});

    let ack = toms.ok(json!({"op": "forward", "message_id": id, "to_user": jerry.id})).await;
    assert_eq!(keys(&ack), ["duplicate", "id", "message", "type"]);
    assert_eq!(ack["message"]["forwarded_from"], json!({"message_id": id, "sender_id": tom.id}));
    assert_eq!(ack["message"]["content"], "Hello");

    let mut op = about("edit");
    op["content"] = json!("Hello!");
    let edited = message_of(&mut toms, op).await;
    assert_eq!(edited["content"], "Hello!");
    assert!(edited["edited_at"].is_string() && edited["rev"].as_i64() > message["rev"].as_i64(), "{edited}");
    let react = |op: &str| json!({"op": op, "message_id": id, "emoji": "👍"});
    let reacted = message_of(&mut toms, react("react")).await;
    assert_eq!(reacted["reactions"], json!([{"emoji": "👍", "count": 1, "me": true}]));
    assert_eq!(message_of(&mut toms, react("unreact")).await["reactions"], json!([]));
    let pinned = message_of(&mut toms, about("pin")).await;
    assert!(pinned["pinned_at"].is_string() && pinned["pinned_by"] == tom.id, "{pinned}");
    assert!(message_of(&mut toms, about("unpin")).await["pinned_at"].is_null());
    for op in ["save", "unsave", "save"] {
        bare(&mut toms, about(op)).await;
    }
    let listed = tom.get("/v1/saved").await.expect(200);
    assert_eq!(listed["messages"][0]["id"], id, "{listed}");
    for op in [
        json!({"op": "delivered", "conversation_id": conversation, "seq": 1}),
        json!({"op": "read", "conversation_id": conversation, "seq": 1}),
        json!({"op": "read", "conversation_id": conversation, "seq": 1, "thread_id": id}),
        json!({"op": "typing", "conversation_id": conversation}),
        json!({"op": "presence", "status": "away"}),
        json!({"op": "presence", "status": "invisible"}),
        json!({"op": "presence", "status": "online"}),
        json!({"op": "view", "conversation_ids": [conversation]}),
        json!({"op": "view", "conversation_ids": []}),
    ] {
        bare(&mut toms, op).await;
    }
    let deleted = message_of(&mut toms, about("delete")).await;
    assert!(deleted["content"] == "" && deleted["deleted_at"].is_string(), "{deleted}");
    let second = toms.send(into(&conversation), "for me alone").await;
    bare(&mut toms, json!({"op": "delete", "message_id": second["id"], "for": "me"})).await;
    let third = toms.send(into(&conversation), "for everyone").await;
    let op = json!({"op": "delete", "message_id": third["id"], "for": "everyone"});
    assert!(message_of(&mut toms, op).await["deleted_at"].is_string());
    let pong = toms.ok(json!({"op": "ping"})).await;
    assert_eq!(keys(&pong), ["id", "server_time", "type"]);
}

#[tokio::test]
async fn live_text_is_acknowledged_piece_by_piece() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut toms = Stream::connect(&server, &tom).await;
    let ack = toms.ok(json!({"op": "send", "to_user": jerry.id, "streaming": true})).await;
    let message = &ack["message"];
    assert_eq!((&message["streaming"], &message["content"]), (&json!("growing"), &json!("")));
    let id = &message["id"];
    let append = |offset: u32, content: &str| json!({"op": "append", "message_id": id, "offset": offset, "content": content});
    let ack = toms.ok(append(0, "🧀 is ")).await;
    assert_eq!(keys(&ack), ["id", "length", "message_id", "rev", "type"]);
    assert_eq!((&ack["message_id"], &ack["length"]), (id, &json!(5)), "code points are counted");
    let again = toms.ok(append(0, "🧀 is ")).await;
    assert_eq!((&again["length"], &again["rev"]), (&json!(5), &ack["rev"]), "it was there already");
    assert!(toms.ok(append(5, "good")).await["rev"].as_i64() > ack["rev"].as_i64());
    toms.refused(append(8, "x"), "offset_mismatch").await;
    toms.refused(append(4, "xyz"), "offset_mismatch").await;
    toms.refused(append(9, ""), "invalid_request").await;
    let finished = message_of(&mut toms, json!({"op": "finish", "message_id": id})).await;
    assert_eq!((&finished["streaming"], &finished["content"]), (&json!("finished"), &json!("🧀 is good")));
    toms.refused(append(9, "!"), "not_growing").await;

    let second =
        toms.ok(json!({"op": "send", "to_user": jerry.id, "streaming": true, "content": "Once"})).await;
    let op =
        json!({"op": "finish", "message_id": second["message"]["id"], "content": "Never", "abandoned": true});
    let abandoned = message_of(&mut toms, op).await;
    assert_eq!((&abandoned["streaming"], &abandoned["content"]), (&json!("abandoned"), &json!("Never")));
}

/// The acknowledged message, the one that others receive and the one that REST returns are the same.
#[tokio::test]
async fn every_field_of_a_message_comes_through() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let conversation = tom.conversation_of(group).await;
    let mut toms = Stream::connect(&server, &tom).await;
    let mut jerrys = Stream::connect(&server, &jerry).await;
    let first = jerrys.send(into(&conversation), "Which cheese?").await;
    toms.next("message").await;
    let media = json!([
        {"url": "https://example.com/a.png", "type": "image", "width": 10, "height": 20},
        {"url": "https://example.com/b", "type": "file", "name": "b", "size": 7},
        {"url": "https://example.com/c"},
    ]);
    let op = json!({
        "op": "send", "conversation_id": conversation, "content": "Gouda", "media": media, "reply_to": first["id"],
        "thread_id": first["id"], "mentions": [jerry.id], "mention_all": true, "custom": {"a": [1, null]},
        "client_msg_id": "k", "type": "file", "unknown": "fields are ignored",
    });
    let sent = toms.ok(op).await["message"].take();
    for (field, value) in [
        ("media", &media),
        ("reply_to", &first["id"]),
        ("thread_id", &first["id"]),
        ("mentions", &json!([jerry.id])),
        ("mention_all", &json!(true)),
        ("custom", &json!({"a": [1, null]})),
        ("client_msg_id", &json!("k")),
        ("type", &json!("file")),
        ("content", &json!("Gouda")),
        ("media_url", &json!("https://example.com/a.png")),
    ] {
        assert_eq!(sent[field], *value, "{field}");
    }
    let quote = json!({"message_id": first["id"], "sender_id": jerry.id, "content": "Which cheese?", "deleted": false});
    assert_eq!(sent["quote"], quote);
    for stream in [&mut toms, &mut jerrys] {
        let frame = stream.find(|frame| frame["message"]["content"] == "Gouda").await;
        assert_eq!((&frame["event"], &frame["message"]), (&json!("created"), &sent));
    }
    for user in [&tom, &jerry] {
        assert_eq!(user.get(&format!("/v1/messages/{}", sent["id"])).await.expect(200), sent);
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused_under_its_id() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let theirs = jerry.group("Mice", &[&spike]).await;
    let foreign = jerry.conversation_of(theirs).await;
    let secret = jerry.write_group(theirs, "secret").await["id"].clone();
    let jerrys = jerry.write(&tom, "Jerry's").await;
    let (id, conversation) = (&jerrys["id"], &jerrys["conversation_id"]);
    let mut toms = Stream::connect(&server, &tom).await;
    let long = "x".repeat(20_000);
    for (op, code) in [
        (json!({"op": "nonsense"}), "unknown_op"),
        (json!({"op": "auth", "token": tom.token}), "unknown_op"),
        (json!({"op": "send", "content": "x"}), "invalid_request"),
        (json!({"op": "send", "to_user": 2, "to_group": 1, "content": "x"}), "invalid_request"),
        (json!({"op": "send", "to_user": 2}), "invalid_request"),
        (json!({"op": "send", "to_user": 2, "content": " "}), "invalid_request"),
        (json!({"op": "send", "to_user": "2", "content": "x"}), "invalid_request"),
        (json!({"op": "send", "to_user": 2.5, "content": "x"}), "invalid_request"),
        (json!({"op": "send", "to_user": 0, "content": "x"}), "invalid_request"),
        (json!({"op": "send", "to_user": 2, "content": 5}), "invalid_request"),
        (json!({"op": "send", "to_user": 2, "content": long}), "invalid_request"),
        (json!({"op": "send", "to_user": 2, "content": "x", "type": "song"}), "invalid_request"),
        (json!({"op": "send", "to_user": 2, "media": vec![json!({"url": "a"}); 11]}), "invalid_request"),
        (json!({"op": "send", "to_user": 2, "media": [{}]}), "invalid_request"),
        (json!({"op": "send", "to_user": 2, "content": "x", "custom": [1]}), "invalid_request"),
        (
            json!({"op": "send", "to_user": 2, "content": "x", "custom": {"a": "x".repeat(5000)}}),
            "invalid_request",
        ),
        (json!({"op": "send", "to_user": 2, "content": "x", "client_msg_id": ""}), "invalid_request"),
        (
            json!({"op": "send", "to_user": 2, "content": "x", "client_msg_id": "x".repeat(200)}),
            "invalid_request",
        ),
        (json!({"op": "send", "to_user": 2, "content": "x", "reply_to": secret}), "message_not_found"),
        (json!({"op": "send", "to_user": tom.id, "content": "x"}), "cannot_chat_with_yourself"),
        (json!({"op": "send", "to_user": 999, "content": "x"}), "user_not_found"),
        (json!({"op": "send", "to_group": 999, "content": "x"}), "group_not_found"),
        (json!({"op": "send", "to_group": theirs, "content": "x"}), "not_a_member"),
        (json!({"op": "send", "conversation_id": foreign, "content": "x"}), "conversation_not_found"),
        (json!({"op": "forward", "message_id": secret, "to_user": 2}), "message_not_found"),
        (json!({"op": "forward", "message_id": id}), "invalid_request"),
        (json!({"op": "edit", "message_id": id}), "invalid_request"),
        (json!({"op": "edit", "content": "x"}), "invalid_request"),
        (json!({"op": "edit", "message_id": id, "content": "x"}), "forbidden"),
        (json!({"op": "edit", "message_id": secret, "content": "x"}), "message_not_found"),
        (json!({"op": "edit", "message_id": 999, "content": "x"}), "message_not_found"),
        (json!({"op": "delete", "message_id": id}), "forbidden"),
        (json!({"op": "delete", "message_id": id, "for": "nobody"}), "invalid_request"),
        (json!({"op": "react", "message_id": id, "emoji": ""}), "invalid_request"),
        (json!({"op": "react", "message_id": id, "emoji": "a b"}), "invalid_request"),
        (json!({"op": "react", "message_id": secret, "emoji": "👍"}), "message_not_found"),
        (json!({"op": "pin", "message_id": secret}), "message_not_found"),
        (json!({"op": "save", "message_id": secret}), "message_not_found"),
        (json!({"op": "append", "message_id": id, "offset": 9, "content": "x"}), "forbidden"),
        (json!({"op": "append", "message_id": id, "offset": -1, "content": "x"}), "invalid_request"),
        (json!({"op": "finish", "message_id": id}), "forbidden"),
        (json!({"op": "delivered", "conversation_id": foreign, "seq": 1}), "conversation_not_found"),
        (json!({"op": "read", "conversation_id": foreign, "seq": 1}), "conversation_not_found"),
        (json!({"op": "read", "conversation_id": conversation}), "invalid_request"),
        (
            json!({"op": "read", "conversation_id": foreign, "seq": 1, "thread_id": secret}),
            "message_not_found",
        ),
        (json!({"op": "typing", "conversation_id": foreign}), "conversation_not_found"),
        (json!({"op": "presence", "status": "busy"}), "invalid_request"),
        (json!({"op": "view", "conversation_ids": vec![conversation; 21]}), "invalid_request"),
        (json!({"op": "view", "conversation_ids": [foreign]}), "conversation_not_found"),
        (json!({"op": "view"}), "invalid_request"),
    ] {
        let refusal = toms.refused(op, code).await;
        assert_eq!(keys(&refusal), ["code", "error", "id", "temporary", "type"]);
        assert_eq!(refusal["temporary"], false, "{refusal}");
        assert!(refusal["error"].as_str().is_some_and(|sentence| sentence.len() > 5), "{refusal}");
        let starts = refusal["error"].as_str().unwrap().starts_with("Invalid request format");
        assert_eq!(starts, code == "invalid_request", "{refusal}");
    }
    toms.is_quiet().await;
    assert_eq!(tom.history(&jerry).await.len(), 1, "none of it did anything");
}

#[tokio::test]
async fn ids_are_what_the_client_likes_within_bounds() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let mut toms = Stream::connect(&server, &tom).await;
    for id in [
        json!(0),
        json!(-7),
        json!(i64::MAX),
        json!(""),
        json!("a\"b\\c\u{1F9C0}"),
        json!("x".repeat(64)),
        json!("ä".repeat(64)),
        Value::Null,
    ] {
        toms.say(&json!({"op": "ping", "id": id})).await;
        let pong = toms.frame().await;
        assert_eq!((&pong["type"], &pong["id"]), (&json!("pong"), &id));
        toms.say(&json!({"op": "nonsense", "id": id})).await;
        assert_eq!(toms.frame().await["id"], id);
    }
    toms.say(&json!({"op": "ping"})).await;
    let pong = toms.frame().await;
    assert_eq!((&pong["type"], &pong["id"]), (&json!("pong"), &Value::Null));
    for id in [json!("x".repeat(65)), json!(1.5), json!(true), json!([1]), json!({}), json!(u64::MAX)] {
        toms.say(&json!({"op": "ping", "id": id})).await;
        let error = toms.frame().await;
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("invalid_request")), "{id}");
        assert_eq!(error["id"], Value::Null, "{id}");
    }
}

#[tokio::test]
async fn what_is_no_op_is_answered_and_the_stream_goes_on() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let mut toms = Stream::connect(&server, &tom).await;
    for (text, id) in [
        ("", Value::Null),
        ("hello", Value::Null),
        ("5", Value::Null),
        ("null", Value::Null),
        ("[]", Value::Null),
        (r#"[{"op":"ping","id":1}]"#, Value::Null),
        (r#""ping""#, Value::Null),
        ("{", Value::Null),
        ("{}", Value::Null),
        (r#"{"op":"ping","id":1}{"op":"ping","id":2}"#, Value::Null),
        (r#"{"id":3}"#, json!(3)),
        (r#"{"op":5,"id":3}"#, json!(3)),
        (r#"{"op":null,"id":"a"}"#, json!("a")),
    ] {
        toms.ws.text(text).await;
        let error = toms.frame().await;
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("invalid_request")), "{text}");
        assert_eq!(error["id"], id, "{text}");
        assert_eq!(error["temporary"], false);
    }
    toms.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_in_a_row_keep_their_order_and_are_answered_once_each() {
    const SENDS: usize = 300;
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let conversation = tom.write(&jerry, "the first").await["conversation_id"].clone();
    let mut toms = Stream::connect(&server, &tom).await;
    let mut jerrys = Stream::connect(&server, &jerry).await;
    for id in 0..SENDS {
        let mut op = if id % 2 == 0 { to_user(&jerry) } else { into(&conversation) };
        op["op"] = json!("send");
        op["id"] = json!(id);
        op["content"] = json!(id.to_string());
        toms.say(&op).await;
    }
    let mut answers = HashMap::new();
    let mut received = Vec::new();
    while answers.len() < SENDS || received.len() < SENDS {
        let frame = toms.frame().await;
        if is_event(&frame) {
            received.push(frame);
            continue;
        }
        assert_eq!((&frame["type"], &frame["duplicate"]), (&json!("ack"), &json!(false)), "{frame}");
        let (id, seq) = (frame["id"].as_u64().unwrap(), frame["message"]["seq"].as_u64().unwrap());
        assert_eq!(seq, id + 2, "the order of sending is the order in the conversation");
        assert!(answers.insert(id, seq).is_none(), "{id} was answered twice");
    }
    toms.is_quiet().await;
    let seen_by_jerry = jerrys.until(|frame| frame["message"]["seq"] == SENDS + 1).await;
    for (received, number) in
        [received, seen_by_jerry].into_iter().flat_map(|received| received.into_iter().zip(0..))
    {
        assert_eq!(
            (&received["event"], &received["message"]["seq"]),
            (&json!("created"), &json!(number + 2))
        );
        assert_eq!(received["message"]["content"], number.to_string());
    }
}

async fn n_messages(user: &User, with: &User) -> usize {
    user.history(with).await.len()
}

#[tokio::test]
async fn one_key_is_one_message_however_often_it_is_sent() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut streams = [Stream::connect(&server, &tom).await, Stream::connect(&server, &tom).await];
    let op = json!({"op": "send", "id": 1, "to_user": jerry.id, "content": "once", "client_msg_id": "k"});
    for _ in 0..10 {
        for stream in &mut streams {
            stream.say(&op).await;
        }
    }
    let mut acks = Vec::new();
    for stream in &mut streams {
        for _ in 0..10 {
            acks.push(stream.next("ack").await);
        }
    }
    let first: Vec<_> = acks.iter().filter(|ack| ack["duplicate"] == false).collect();
    assert_eq!(first.len(), 1);
    assert!(acks.iter().all(|ack| ack["message"]["id"] == first[0]["message"]["id"]));
    assert_eq!(n_messages(&tom, &jerry).await, 1);

    // A retry after a change gets the message as it is now. Over REST the key is the same.
    let id = &first[0]["message"]["id"];
    streams[0].ok(json!({"op": "edit", "message_id": id, "content": "once!"})).await;
    let again = Stream::connect(&server, &tom).await.ok(op.clone()).await;
    assert_eq!((&again["duplicate"], &again["message"]["content"]), (&json!(true), &json!("once!")));
    let body = json!({"content": "once", "client_msg_id": "k"});
    let over_rest = tom.post(&format!("/v1/messages/p2p/{}", jerry.id), &body).await.json();
    assert_eq!((&over_rest["duplicate"], &over_rest["id"]), (&json!(true), id), "{over_rest}");
    let forward = json!({"op": "forward", "message_id": id, "to_user": jerry.id, "client_msg_id": "f"});
    let copies = [streams[0].ok(forward.clone()).await, streams[1].ok(forward).await];
    assert_eq!(copies[0]["message"]["id"], copies[1]["message"]["id"]);
    assert_eq!((&copies[0]["duplicate"], &copies[1]["duplicate"]), (&json!(false), &json!(true)));
    assert_eq!(n_messages(&tom, &jerry).await, 2);
}
