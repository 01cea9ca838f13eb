//! Changes that a user makes for themselves alone: they reach the user's other clients, and nobody else.

use serde_json::{Value, json};

use crate::support::v2::{briefs, into, to_user};
use crate::support::{Server, Stream, User};

async fn state(user: &User, conversation: &Value, body: &Value) -> Value {
    user.patch(&format!("/v1/conversations/{conversation}/state"), body).await.expect(200)
}

#[tokio::test]
async fn hiding_saving_and_drafting_reach_ones_own_clients() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut toms = Stream::connect(&server, &tom).await;
    let sent = toms.send(to_user(&jerry), "Hello").await;
    let (id, conversation) = (&sent["id"], &sent["conversation_id"]);
    let mut jerrys = [Stream::connect(&server, &jerry).await, Stream::connect(&server, &jerry).await];
    for op in ["save", "save", "unsave"] {
        jerrys[0].ok(json!({"op": op, "message_id": id})).await;
    }
    for _ in 0..2 {
        jerrys[0].ok(json!({"op": "delete", "message_id": id, "for": "me"})).await;
    }
    let until = "2030-01-01T00:00:00Z";
    for body in [
        json!({"draft": "Dear Tom"}),
        json!({"draft": null, "archived": true, "pinned": true}),
        json!({"marked_unread": true, "muted_until": until}),
    ] {
        state(&jerry, conversation, &body).await;
    }
    toms.send(to_user(&jerry), "the end").await;
    for stream in &mut jerrys {
        let received = stream.received_until("the end").await;
        let kinds = ["saved", "saved", "hidden", "conversation", "conversation", "conversation", "created"];
        assert_eq!(briefs(&received), kinds);
        assert_eq!((&received[0]["message_id"], &received[0]["saved"]), (id, &json!(true)));
        assert_eq!((&received[1]["message_id"], &received[1]["saved"]), (id, &json!(false)));
        assert_eq!((&received[2]["message_id"], &received[2]["conversation_id"]), (id, conversation));
        let own = |number: usize| &received[number]["conversation"];
        assert_eq!((&own(3)["draft"], &own(3)["archived"]), (&json!("Dear Tom"), &json!(false)));
        assert_eq!(
            (&own(4)["draft"], &own(4)["archived"], &own(4)["pinned"]),
            (&Value::Null, &json!(true), &json!(true))
        );
        assert_eq!(own(5)["marked_unread"], true);
        assert!(own(5)["muted_until"].as_str().unwrap().starts_with("2030-01-01"));
        assert_eq!(own(5)["user_id"], tom.id);
    }
    assert_eq!(briefs(&toms.received_until("the end").await)[..], ["conversation", "created", "created"]);
    let seen = jerry.get(&format!("/v1/messages/{id}")).await.status;
    assert_eq!((seen, tom.get(&format!("/v1/messages/{id}")).await.status), (404, 200));
    assert_eq!(jerry.history(&tom).await.len(), 1);
}

#[tokio::test]
async fn a_reading_takes_the_mark_away_on_every_client() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = tom.write(&jerry, "Hello").await;
    let conversation = &sent["conversation_id"];
    let mut jerrys = [Stream::connect(&server, &jerry).await, Stream::connect(&server, &jerry).await];
    let read = json!({"op": "read", "conversation_id": conversation, "seq": 1});
    jerrys[0].ok(read.clone()).await;
    state(&jerry, conversation, &json!({"marked_unread": true})).await;
    jerrys[0].ok(read).await;
    tom.write(&jerry, "the end").await;
    for stream in &mut jerrys {
        let received = stream.received_until("the end").await;
        assert_eq!(briefs(&received), ["receipt", "conversation", "receipt", "created"]);
        assert_eq!(received[2]["read_seq"], 1);
    }
    let seen = jerry.get(&format!("/v1/conversations/{conversation}")).await.expect(200);
    assert_eq!(seen["marked_unread"], false);
    let mut say = into(conversation);
    say["op"] = json!("read");
    say["seq"] = json!(2);
    jerrys[1].ok(say).await;
    assert_eq!(jerrys[0].next("receipt").await["unread"], 0);
}
