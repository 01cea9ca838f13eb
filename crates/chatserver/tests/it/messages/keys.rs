//! A key identifies one message on every transport: a different message under the same key is refused, and a former
//! member of a group learns nothing of its present by sending an old message again.

use serde_json::{Value, json};

use crate::support::people::{p2p, to_group};
use crate::support::v2::is_event;
use crate::support::{Request, Server, Setup, Stream, User, Ws};

/// Sends with a key and returns the answer.
async fn keyed(user: &User, path: &str, content: &str, key: &str) -> Value {
    user.post(path, &json!({"content": content, "client_msg_id": key})).await.expect(201)
}

#[tokio::test]
async fn another_message_under_a_key_is_refused_at_every_door() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let first = keyed(&tom, &p2p(jerry.id), "hello", "k").await;
    let conversation = &first["conversation_id"];
    let mut v2 = Stream::connect(&server, &tom).await;
    let mut v1 = Ws::connect(&server, &tom).await;

    // To another user, to nobody, to a group; and another text, an answer or a picture to the same user.
    let hello = json!({"content": "hello"});
    for (path, body) in [
        (p2p(spike.id), hello.clone()),
        (p2p(9999), hello.clone()),
        (to_group(group), hello.clone()),
        (to_group(9999), hello.clone()),
        ("/v1/conversations/9999/messages".into(), hello.clone()),
        (p2p(jerry.id), json!({"content": "hello!"})),
        (p2p(jerry.id), json!({"content": "hello", "reply_to": first["id"]})),
        (p2p(jerry.id), json!({"content": "hello", "mentions": [jerry.id]})),
        (p2p(jerry.id), json!({"content": "hello", "media_url": "https://example.com/a.png"})),
        (p2p(jerry.id), json!({"content": "hello", "type": "file"})),
        (p2p(jerry.id), json!({"content": "hello", "custom": {"a": 1}})),
    ] {
        let mut in_body = body.clone();
        in_body["client_msg_id"] = json!("k");
        tom.post(&path, &in_body).await.refused(409, "key_reused");
        let in_header = Request::post(&path, &body).header("Idempotency-Key", "k");
        tom.send(in_header).await.refused(409, "key_reused");
    }
    for to in [json!({"to_user": spike.id}), json!({"to_user": 9999}), json!({"to_group": group})] {
        let mut op = to.clone();
        (op["op"], op["content"], op["client_msg_id"]) = (json!("send"), json!("hello"), json!("k"));
        v2.refused(op, "key_reused").await;
        let mut op = to;
        (op["op"], op["message_id"], op["client_msg_id"]) =
            (json!("forward"), first["id"].clone(), json!("k"));
        v2.refused(op, "key_reused").await;
    }
    let forward = format!("/v1/messages/{}/forward", first["id"]);
    let body = json!({"to_user": jerry.id, "client_msg_id": "k"});
    tom.post(&forward, &body).await.refused(409, "key_reused");
    v1.json(&json!({"type": "text", "recipient_id": spike.id, "content": "hello", "client_msg_id": "k"}))
        .await;
    let refusal = v1.frame().await;
    assert_eq!((&refusal["type"], &refusal["code"]), (&json!("error"), &json!("key_reused")), "{refusal}");

    // None of these was stored. The same message again, to the same recipient under whatever name, is a duplicate of
    // the first.
    assert_eq!(tom.history(&spike).await.len(), 0);
    assert_eq!(tom.history(&jerry).await.len(), 1);
    let by_number = format!("/v1/conversations/{conversation}/messages");
    for path in [p2p(jerry.id), by_number] {
        let again = keyed(&tom, &path, "hello", "k").await;
        assert_eq!((&again["id"], &again["duplicate"]), (&first["id"], &json!(true)));
    }
}

#[tokio::test]
async fn a_forward_is_known_again_after_its_original_was_deleted() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let original = jerry.write(&tom, "cheese").await;
    let forward = format!("/v1/messages/{}/forward", original["id"]);
    let body = json!({"to_user": spike.id, "client_msg_id": "f"});
    let first = tom.post(&forward, &body).await.expect(201);
    jerry.delete(&format!("/v1/messages/{}", original["id"])).await.expect(200);
    let again = tom.post(&forward, &body).await.expect(201);
    assert_eq!((&again["id"], &again["duplicate"]), (&first["id"], &json!(true)));
    let mut stream = Stream::connect(&server, &tom).await;
    let op =
        json!({"op": "forward", "message_id": original["id"], "to_user": spike.id, "client_msg_id": "f"});
    assert_eq!(stream.ok(op).await["message"]["id"], first["id"]);
}

/// The same over REST, over v1 and over v2, and after a restart.
#[tokio::test]
async fn an_old_key_tells_who_was_removed_nothing_of_the_groups_present() {
    const SECRET: &str = "what they say since";
    let mut server = Setup::new().start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let answered = tom.write_group(group, "before").await;
    let body = json!({"content": "mine", "reply_to": answered["id"], "client_msg_id": "k"});
    let first = jerry.post(&to_group(group), &body).await.expect(201);
    let plain = keyed(&jerry, &to_group(group), "plain", "p").await;
    let mut stream = Stream::connect(&server, &jerry).await;
    let cursor = stream.cursor.clone();
    tom.delete(&format!("/v1/groups/{group}/members/{}", jerry.id)).await.expect(200);
    let frame = stream.find(|frame| frame["type"] == "conversation").await;
    let left = frame["conversation"].clone();
    tom.patch(&format!("/v1/messages/{}", answered["id"]), &json!({"content": SECRET})).await.expect(200);
    for sent in [&first, &plain] {
        tom.put(&format!("/v1/messages/{}/reactions/+1", sent["id"])).await.expect(200);
        tom.put(&format!("/v1/messages/{}/pin", sent["id"])).await.expect(200);
        tom.post(&to_group(group), &json!({"content": "below", "thread_id": sent["id"]})).await.expect(201);
    }
    drop(stream);
    server.stop();
    let server = server.setup.clone().start();

    let jerry = server.login("jerry").await;
    let again = jerry.post(&to_group(group), &body).await.expect(201);
    for (field, value) in [("id", &first["id"]), ("seq", &first["seq"]), ("timestamp", &first["timestamp"])] {
        assert_eq!(&again[field], value, "{field}");
    }
    assert_eq!((&again["duplicate"], &again["rev"]), (&json!(true), &json!(0)));

    let mut op = body.clone();
    (op["op"], op["to_group"]) = (json!("send"), json!(group));
    let (mut stream, missed) = Stream::resume(&server, &jerry, &cursor).await;
    let ack = stream.ok(op).await;
    assert!(!ack.to_string().contains(SECRET), "{ack}");
    let message = &ack["message"];
    assert_eq!((&message["id"], &message["content"]), (&first["id"], &json!("mine")));
    for (field, value) in [
        ("rev", json!(0)),
        ("reactions", json!([])),
        ("thread", Value::Null),
        ("pinned_at", Value::Null),
        ("pinned_by", Value::Null),
        ("edited_at", Value::Null),
    ] {
        assert_eq!(message[field], value, "{field}: {message}");
    }
    let mut v1 = Ws::connect(&server, &jerry).await;
    let frame = json!({"type": "group_message", "group_id": group, "content": "plain", "client_msg_id": "p"});
    v1.json(&frame).await;
    let answer = v1.frame().await;
    assert_eq!((&answer["ID"], &answer["content"]), (&plain["id"], &json!("plain")), "{answer}");

    // For an old cursor, the group is as it was when Jerry left.
    let received: Vec<_> = missed.iter().filter(|frame| is_event(frame)).collect();
    let [only] = &received[..] else { panic!("{received:?}") };
    assert_eq!(only["conversation"]["rev"], left["rev"], "{only}");
    assert_eq!(only["conversation"]["owner_id"], left["owner_id"]);
    assert_eq!((&only["conversation"]["name"], &only["conversation"]["last_seq"]), (&json!(""), &json!(0)));

    let other = json!({"content": "another", "client_msg_id": "p"});
    jerry.post(&to_group(group), &other).await.refused(409, "key_reused");
    let new = json!({"content": "new", "client_msg_id": "n"});
    jerry.post(&to_group(group), &new).await.refused(403, "not_a_member");
}

#[tokio::test]
async fn a_request_has_one_key() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    for (one, other) in [("one", "other"), ("one", "one")] {
        let request = Request::post(&p2p(jerry.id), &json!({"content": "hello"}));
        let request = request.header("Idempotency-Key", one).header("Idempotency-Key", other);
        let problem = tom.send(request).await.refused(400, "invalid_request");
        assert!(
            problem["error"].as_str().unwrap().contains("Idempotency-Key must be given once"),
            "{problem}"
        );
    }
    assert_eq!(tom.history(&jerry).await.len(), 0);
}

/// Earlier releases accepted pictures from any address. A client that missed the answer sends the message again.
#[tokio::test]
async fn a_message_from_before_a_rule_is_known_again() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let send = |url: &str, key: &str| {
        let body = json!({"content": "Look", "media_url": url, "client_msg_id": key});
        let (tom, path) = (&tom, p2p(jerry.id));
        async move { tom.post(&path, &body).await }
    };
    let first = send("https://example.com/a.png", "k").await.expect(201);
    server.setup.execute("UPDATE messages SET media_url = 'a.png', intention = NULL");
    let again = send("a.png", "k").await.expect(201);
    assert_eq!((&again["id"], &again["duplicate"]), (&first["id"], &json!(true)));
    send("b.png", "k").await.refused(409, "key_reused");
    send("a.png", "other").await.refused(400, "invalid_request");
    assert_eq!(tom.history(&jerry).await.len(), 1);
}
