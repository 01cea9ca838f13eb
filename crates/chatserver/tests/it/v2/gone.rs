//! A client that vanishes silently, as when a network drops everything: the server notices, nobody waits for it, and
//! nothing counts as delivered to it.

use serde_json::{Value, json};

use crate::support::people::p2p;
use crate::support::raw_ws::{PING, PONG, TEXT};
use crate::support::{RawWs, Server, Setup, Stream};

#[tokio::test]
async fn who_is_gone_without_a_word_is_noticed_and_has_been_delivered_nothing() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut gone = RawWs::connect(&server, &jerry.token).await;
    assert_eq!(gone.frame().await.unwrap().opcode, TEXT, "the welcome");
    let before = Stream::connect(&server, &jerry).await;
    let (cursor, status) = (before.cursor.clone(), async || tom.history(&jerry).await[0]["status"].clone());
    drop(before);
    let sent = tom.post(&p2p(jerry.id), &json!({"content": "Are you there?"})).await.expect(201);
    // The user reconnects before anybody knows that the other connection is dead.
    let (mut back, missed) = Stream::resume(&server, &jerry, &cursor).await;
    let frame = missed.iter().find(|frame| frame["type"] == "message").expect("the message");
    assert_eq!(frame["message"]["id"], sent["id"]);
    assert_eq!(status().await, "PENDING");
    // The dead one is sent the message and a ping, does not answer, and is disconnected.
    let mut given = Vec::new();
    while let Some(frame) = gone.frame().await {
        given.push(frame.opcode);
    }
    assert_eq!(given, [TEXT, PING]);
    assert_eq!(status().await, "PENDING", "written to a socket is not delivered");
    let (conversation, seq) = (&sent["conversation_id"], &sent["seq"]);
    back.op(json!({"op": "delivered", "conversation_id": conversation, "seq": seq})).await;
    assert_eq!(status().await, "DELIVERED");
}

/// Middleboxes may end an idle connection. `HEARTBEAT` tells the server how soon, and `hello` tells the clients.
#[tokio::test]
async fn who_says_nothing_is_pinged_once_a_heartbeat() {
    let server = Setup::new().env("HEARTBEAT", "1").start();
    let tom = server.login("tom").await;
    let (mut v1, mut v2) =
        tokio::join!(RawWs::connect(&server, &tom.token), RawWs::connect_v2(&server, &tom.token));
    assert_eq!(v1.frame().await.unwrap().opcode, TEXT, "the welcome");
    let hello: Value = serde_json::from_str(v2.frame().await.unwrap().text()).unwrap();
    assert_eq!(hello["heartbeat_ms"], 1000);
    assert_eq!(v2.frame().await.unwrap().opcode, TEXT, "live");
    for stream in [&mut v1, &mut v2] {
        for _ in 0..2 {
            let ping = stream.frame().await.unwrap();
            assert_eq!(ping.opcode, PING, "before it is given up");
            stream.send(PONG, &ping.payload).await;
        }
    }
}
