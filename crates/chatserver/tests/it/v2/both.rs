//! Clients of both streams in one conversation.

use serde_json::{Value, json};

use crate::support::v2::{into, to_user};
use crate::support::{Server, Stream, User, Ws, eventually};

async fn status_is(user: &User, with: &User, id: &Value, status: &str) {
    eventually(20, status, async || user.status_of(with, id).await == status).await;
}

#[tokio::test]
async fn messages_pass_both_ways() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let conversation = tom.conversation_of(group).await;
    let mut old = Ws::connect(&server, &tom).await;
    let mut new = Stream::connect(&server, &jerry).await;

    let sent = new.send(to_user(&tom), "from the new one").await;
    let frame = old.frame().await;
    assert_eq!((&frame["ID"], &frame["content"]), (&sent["id"], &json!("from the new one")));
    assert_eq!(
        (&frame["sender_id"], &frame["recipient_id"], &frame["group_id"]),
        (&json!(2), &json!(1), &json!(0))
    );
    let mut picture = into(&conversation);
    picture["media"] = json!([{"url": "https://example.com/a.png"}, {"url": "https://example.com/b.png"}]);
    let sent = new.send(picture, "").await;
    let frame = old.frame().await;
    assert_eq!((&frame["ID"], &frame["type"]), (&sent["id"], &json!("group_message")));
    assert_eq!(
        (&frame["MediaURL"], &frame["group_id"]),
        (&json!("https://example.com/a.png"), &json!(group))
    );

    old.json(&json!({"type": "text", "recipient_id": jerry.id, "content": "from the old one"})).await;
    let message = new.find(|frame| frame["message"]["content"] == "from the old one").await;
    assert_eq!((&message["event"], &message["message"]["sender_id"]), (&json!("created"), &json!(tom.id)));
    assert_eq!(old.frame().await["ID"], message["message"]["id"]);
    old.json(&json!({"type": "group_message", "group_id": group, "content": "to the group"})).await;
    let message = new.find(|frame| frame["message"]["content"] == "to the group").await;
    assert_eq!(message["conversation_id"], conversation);
    assert_eq!(old.frame().await["ID"], message["message"]["id"]);

    // Changes for which v1 has no frame are not sent to it.
    new.ok(json!({"op": "edit", "message_id": sent["id"], "content": "x"})).await;
    new.ok(json!({"op": "react", "message_id": sent["id"], "emoji": "x"})).await;
    new.ok(json!({"op": "read", "conversation_id": conversation, "seq": 2})).await;
    new.send(into(&conversation), "the end").await;
    assert_eq!(old.frame().await["content"], "the end");
}

#[tokio::test]
async fn typing_passes_both_ways() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let direct = tom.write(&jerry, "Hello").await["conversation_id"].clone();
    let mut new = Stream::connect(&server, &tom).await;
    let mut old = Ws::connect(&server, &jerry).await;
    assert_eq!(old.frame().await["content"], "Hello");
    old.json(&json!({"type": "typing", "recipient_id": tom.id})).await;
    let typing = new.next("typing").await;
    assert_eq!((&typing["user_id"], &typing["conversation_id"]), (&json!(jerry.id), &direct));
    new.ok(json!({"op": "typing", "conversation_id": direct})).await;
    let frame = old.frame().await;
    assert_eq!((&frame["type"], &frame["sender_id"]), (&json!("typing"), &json!(tom.id)));
}

#[tokio::test]
async fn a_v2_client_confirms_to_v1() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut new = Stream::connect(&server, &jerry).await;
    let sent = tom.write(&jerry, "Hello").await;
    let frame = new.find(|frame| frame["event"] == "created").await;
    assert_eq!(frame["message"]["status"], "PENDING");
    let pointer = |op: &str| json!({"op": op, "conversation_id": sent["conversation_id"], "seq": 1});
    // Writing to a connected v2 client confirms nothing.
    new.is_quiet().await;
    assert_eq!(tom.status_of(&jerry, &sent["id"]).await, "PENDING");
    new.ok(pointer("delivered")).await;
    assert_eq!(tom.status_of(&jerry, &sent["id"]).await, "DELIVERED");
    new.ok(pointer("read")).await;
    assert_eq!(tom.status_of(&jerry, &sent["id"]).await, "READ");
}

#[tokio::test]
async fn a_v1_client_confirms_to_v2() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut old = Ws::connect(&server, &jerry).await;
    let mut new = Stream::connect(&server, &tom).await;
    let sent = new.send(to_user(&jerry), "Hello").await;
    assert_eq!(old.frame().await["ID"], sent["id"]);
    let receipt = new.next("receipt").await;
    assert_eq!(
        (&receipt["user_id"], &receipt["conversation_id"]),
        (&json!(jerry.id), &sent["conversation_id"])
    );
    assert_eq!((&receipt["delivered_seq"], &receipt["read_seq"]), (&json!(1), &json!(0)));
    assert_eq!(receipt.get("unread"), None, "what waits for Jerry is not Tom's business");
    status_is(&tom, &jerry, &sent["id"], "DELIVERED").await;
}
