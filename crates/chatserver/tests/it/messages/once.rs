//! One key, one message (README, promise 2).

use serde_json::{Value, json};

use crate::support::people::{p2p, to_group};
use crate::support::{Request, Server, Setup, User, Ws};

/// Sends with a key and returns the answer.
async fn keyed(user: &User, path: &str, content: &str, key: &str) -> Value {
    user.post(path, &json!({"content": content, "client_msg_id": key})).await.expect(201)
}

/// Asserts that an answer is the first one's, marked as a duplicate.
#[track_caller]
fn repeats(answer: &Value, first: &Value) {
    assert_eq!(answer["duplicate"], true, "{answer}");
    for member in ["id", "seq", "timestamp", "conversation_id", "client_msg_id", "type"] {
        assert_eq!(answer[member], first[member], "{member}");
    }
}

#[tokio::test]
async fn a_retry_gets_the_first_result() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    for path in [p2p(2), to_group(group)] {
        let key = format!("key of {path}");
        let first = keyed(&tom, &path, "hello", &key).await;
        assert_eq!((&first["duplicate"], &first["client_msg_id"]), (&json!(false), &json!(key)));
        repeats(&keyed(&tom, &path, "hello", &key).await, &first);
        let other = json!({"content": "changed meanwhile", "client_msg_id": key});
        tom.post(&path, &other).await.refused(409, "key_reused");
    }
    assert_eq!(tom.history(&jerry).await.len(), 1);
    assert_eq!(tom.history(&jerry).await[0]["content"], "hello");
    assert_eq!(tom.messages(&format!("/v1/groups/{group}/messages")).await.len(), 1);
}

#[tokio::test]
async fn the_key_may_come_as_a_header() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let plain = Request::post(&p2p(2), &json!({"content": "hello"}));
    let first = tom.send(plain.clone().header("Idempotency-Key", "k1")).await.expect(201);
    assert_eq!(first["client_msg_id"], "k1");
    repeats(&tom.send(plain.clone().header("idempotency-key", "k1")).await.expect(201), &first);
    repeats(&keyed(&tom, &p2p(2), "hello", "k1").await, &first);
    let both = Request::post(&p2p(2), &json!({"content": "hello", "client_msg_id": "k1"}));
    repeats(&tom.send(both.clone().header("Idempotency-Key", "k1")).await.expect(201), &first);
    tom.send(both.header("Idempotency-Key", "k2")).await.invalid();
    tom.send(plain.header("Idempotency-Key", &"k".repeat(129))).await.invalid();
    assert_eq!(tom.history(&jerry).await.len(), 1);
}

#[tokio::test]
async fn keys_are_each_senders_own_and_differ_by_case() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let first = keyed(&tom, &p2p(2), "from Tom", "k").await;
    for other in [keyed(&jerry, &p2p(1), "from Jerry", "k").await, keyed(&tom, &p2p(2), "large", "K").await] {
        assert_eq!(other["duplicate"], false);
        assert_ne!(other["id"], first["id"]);
    }
    for _ in 0..2 {
        assert_eq!(tom.write(&jerry, "without a key").await["duplicate"], false);
    }
    assert_eq!(tom.history(&jerry).await.len(), 5);
}

#[tokio::test]
async fn a_key_is_one_message_over_rest_and_the_stream() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut ws = Ws::connect(&server, &tom).await;
    let frame = json!({"type": "text", "recipient_id": 2, "content": "hello", "client_msg_id": "k"});
    ws.json(&frame).await;
    let id = ws.frame().await["ID"].clone();
    let retry = keyed(&tom, &p2p(2), "hello", "k").await;
    assert_eq!((&retry["duplicate"], &retry["id"]), (&json!(true), &id));
    // A repetition makes no event, so the first message itself is the answer.
    ws.json(&frame).await;
    let answer = ws.frame().await;
    assert_eq!((&answer["ID"], &answer["content"]), (&id, &json!("hello")));
    ws.json(&json!({"type": "text", "recipient_id": 2, "content": "next"})).await;
    assert_eq!(ws.frame().await["content"], "next");
    let contents: Vec<_> =
        jerry.history(&tom).await.iter().map(|message| message["content"].clone()).collect();
    assert_eq!(contents, ["hello", "next"]);
}

/// 32 requests at once: half over REST, half over streams of their own.
#[tokio::test]
async fn a_race_of_32_makes_one_message() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut ears = Ws::connect(&server, &jerry).await;
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(Ws::connect(&server, &tom).await);
    }
    let requests = (0..16).map(|_| {
        let tom = tom.clone();
        tokio::spawn(async move { keyed(&tom, &p2p(2), "once", "k").await })
    });
    let requests: Vec<_> = requests.collect();
    for ws in &mut streams {
        ws.json(&json!({"type": "text", "recipient_id": 2, "content": "once", "client_msg_id": "k"})).await;
    }
    let mut answers = Vec::new();
    for request in requests {
        answers.push(request.await.unwrap());
    }
    let stored = jerry.history(&tom).await;
    assert_eq!(stored.len(), 1);
    assert!(answers.iter().all(|answer| answer["id"] == stored[0]["id"] && answer["seq"] == 1));
    assert!(answers.iter().filter(|answer| answer["duplicate"] == false).count() <= 1);

    // Each of Tom's streams sends one more message. When it arrives, all its earlier frames have been handled.
    for (number, ws) in streams.iter_mut().enumerate() {
        ws.json(&json!({"type": "text", "recipient_id": 2, "content": format!("last {number}")})).await;
    }
    let heard: Vec<_> = ears.frames(17).await.iter().map(|frame| frame["content"].clone()).collect();
    assert_eq!(heard[0], "once");
    assert_eq!(heard.iter().filter(|content| **content == "once").count(), 1, "{heard:?}");
    assert_eq!(jerry.history(&tom).await.len(), 17);
}

#[tokio::test]
async fn a_key_is_remembered_over_restarts() {
    let mut server = Setup::new().start();
    let (tom, _) = server.tom_and_jerry().await;
    let first = keyed(&tom, &p2p(2), "hello", "k").await;
    for crash in [true, false] {
        if crash {
            server.kill()
        } else {
            server.stop()
        }
        server = server.setup.clone().start();
        let tom = server.login("tom").await;
        repeats(&keyed(&tom, &p2p(2), "hello", "k").await, &first);
    }
}

/// A refused send has not used up its key.
#[tokio::test]
async fn a_refused_send_leaves_its_key_free() {
    let server = Server::start();
    let (tom, _) = server.tom_and_jerry().await;
    tom.post(&p2p(99), &json!({"content": "hello", "client_msg_id": "k"}))
        .await
        .refused(404, "user_not_found");
    assert_eq!(keyed(&tom, &p2p(2), "hello", "k").await["duplicate"], false);
}
