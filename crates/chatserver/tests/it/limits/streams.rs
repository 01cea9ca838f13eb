//! Limits on the streams, which are the same as over REST.

use std::time::Duration;

use serde_json::{Value, json};

use super::limited;
use crate::support::http::keys;
use crate::support::people::p2p;
use crate::support::v2::to_user;
use crate::support::{Stream, Ws};

fn send(to: &crate::support::User) -> Value {
    let mut op = to_user(to);
    op["op"] = json!("send");
    op["content"] = json!("x");
    op
}

/// Three messages in total, over all transports.
#[tokio::test]
async fn all_doors_have_one_limit() {
    let server = limited(&[("LIMIT_SEND", "1/h:3")]).start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let (mut v1, mut v2) = (Ws::connect(&server, &tom).await, Stream::connect(&server, &tom).await);
    let frame = json!({"type": "text", "recipient_id": jerry.id, "content": "x"});
    tom.write(&jerry, "x").await;
    assert_eq!(v1.frame().await["content"], "x");
    v1.json(&frame).await;
    assert_eq!(v1.frame().await["content"], "x");
    assert_eq!(v2.op(send(&jerry)).await["type"], "ack");
    assert_eq!(v1.frame().await["content"], "x");

    let refusal = v2.op(send(&jerry)).await;
    assert_eq!(refusal["code"], "rate_limited", "{refusal}");
    assert_eq!((&refusal["temporary"], &refusal["policy"]), (&json!(true), &json!("send")));
    let wait = refusal["retry_after_ms"].as_u64().unwrap();
    assert!((3_590_000..=3_600_000).contains(&wait), "{wait}");
    v1.text(r#"{"action":"set_recipient","user_id":2}"#).await;
    for text in [frame.to_string(), "plain text".into()] {
        v1.text(&text).await;
        let refusal = v1.frame().await;
        assert_eq!(keys(&refusal), ["code", "error", "policy", "retry_after_ms", "temporary", "type"]);
        assert_eq!((&refusal["code"], &refusal["policy"]), (&json!("rate_limited"), &json!("send")));
        assert!(refusal["retry_after_ms"].as_u64().unwrap() > 3_590_000, "{refusal}");
    }
    assert_eq!(tom.post(&p2p(jerry.id), &json!({"content": "x"})).await.status, 429);
    assert_eq!(v2.op(json!({"op": "ping"})).await["type"], "pong", "the streams stay");
    assert_eq!(tom.history(&jerry).await.len(), 3);
}

/// Malformed frames count for their user, so reconnecting gains nothing.
#[tokio::test]
async fn nonsense_has_the_limit_of_everything_else_over_all_streams() {
    // One of them is for the request that the login makes.
    let server = limited(&[("LIMIT_DEFAULT", "1/h:5")]).start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut codes = Vec::new();
    for nonsense in ["nonsense", "[]", r#"{"op":5,"id":7}"#, "{", "{}", r#"{"id":7}"#] {
        let mut stream = Stream::connect(&server, &tom).await;
        stream.ws.text(nonsense).await;
        codes.push(stream.until(|frame| frame["type"] == "error").await.pop().unwrap());
    }
    let names: Vec<_> = codes.iter().map(|refusal| refusal["code"].as_str().unwrap()).collect();
    assert_eq!(names[..4], ["invalid_request"; 4], "{codes:?}");
    assert_eq!(names[4..], ["rate_limited"; 2], "{codes:?}");
    assert_eq!((&codes[5]["policy"], &codes[5]["id"]), (&json!("default"), &json!(7)));
    let mut stream = Stream::connect(&server, &jerry).await;
    stream.ws.text("nonsense").await;
    assert_eq!(stream.frame().await["code"], "invalid_request", "others are not counted with him");
}

#[tokio::test]
async fn typing_has_a_limit_of_its_own() {
    let server = limited(&[("LIMIT_TYPING", "1/h:2")]).start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let conversation = tom.write(&jerry, "x").await["conversation_id"].clone();
    let (mut v1, mut v2) = (Ws::connect(&server, &tom).await, Stream::connect(&server, &tom).await);
    let op = json!({"op": "typing", "conversation_id": conversation});
    for _ in 0..2 {
        assert_eq!(v2.op(op.clone()).await["type"], "ack");
    }
    assert_eq!(v2.op(op).await["policy"], "typing");
    v1.json(&json!({"type": "typing", "recipient_id": jerry.id})).await;
    assert_eq!(v1.frame().await["policy"], "typing");
}

#[tokio::test]
async fn a_client_that_waits_as_asked_sends_on() {
    let server = limited(&[("LIMIT_SEND", "5/s:1")]).start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut stream = Stream::connect(&server, &tom).await;
    for _ in 0..2 {
        let mut answer = stream.op(send(&jerry)).await;
        if answer["type"] == "error" {
            let wait = answer["retry_after_ms"].as_u64().unwrap();
            assert!((1..=200).contains(&wait), "{wait}");
            tokio::time::sleep(Duration::from_millis(wait)).await;
            answer = stream.op(send(&jerry)).await;
        }
        assert_eq!(answer["type"], "ack", "{answer}");
    }
}

/// The closing frame says when to come back, since there is no header for it.
#[tokio::test]
async fn a_first_frame_over_the_limit_is_answered_with_when_to_come_back() {
    let server = limited(&[("LIMIT_STREAMS", "1/h:1")]).start();
    let tom = server.login("tom").await;
    let auth = json!({"op": "auth", "token": tom.token});
    let (mut first, mut second) = (Stream::unknown(&server).await, Stream::unknown(&server).await);
    first.say(&auth).await;
    first.next("hello").await;
    second.say(&auth).await;
    let (code, reason) = second.turned_away().await;
    assert_eq!(code, 4029);
    let delay = reason.strip_prefix("too many streams opened: reconnect in ").unwrap();
    let delay: u64 = delay.strip_suffix(" ms").unwrap().parse().unwrap();
    assert!((3_500_000..=3_600_000).contains(&delay), "{delay}");
}

#[tokio::test]
async fn a_v1_client_that_does_not_listen_is_closed() {
    let server = limited(&[("LIMIT_SEND", "1/h:5")]).start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut flood = Ws::connect(&server, &tom).await;
    let frame = json!({"type": "text", "recipient_id": jerry.id, "content": "x"});
    for _ in 0..1000 {
        if !flood.try_json(&frame).await {
            break;
        }
    }
    assert_eq!(flood.closed().await.0, 4029);
    assert_eq!(tom.history(&jerry).await.len(), 5);
    let mut listens = Ws::connect(&server, &tom).await;
    for _ in 0..100 {
        listens.json(&frame).await;
        assert_eq!(listens.frame().await["code"], "rate_limited");
    }
    listens.is_quiet().await;
}
