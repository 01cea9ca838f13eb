//! Client frames: every form that the contract names.

use serde_json::{Value, json};

use crate::support::{Server, User, Ws};

/// Tom and Jerry with a stream each, and a group of both.
struct Fixture {
    tom: User,
    jerry: User,
    toms: Ws,
    jerrys: Ws,
    group: i64,
    _server: Server,
}

async fn fixture() -> Fixture {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let (toms, jerrys) = (Ws::connect(&server, &tom).await, Ws::connect(&server, &jerry).await);
    Fixture { tom, jerry, toms, jerrys, group, _server: server }
}

impl Fixture {
    /// Expects that both get this next.
    async fn both_hear(&mut self, expected: &Value) {
        for ws in [&mut self.jerrys, &mut self.toms] {
            let frame = ws.frame().await;
            for (member, value) in expected.as_object().unwrap() {
                assert_eq!(frame[member], *value, "{member} of {frame}");
            }
        }
    }
}

#[tokio::test]
async fn plain_text_goes_to_the_chosen_user_or_group() {
    let mut fixture = fixture().await;
    fixture.toms.json(&json!({"action": "set_recipient", "user_id": 2})).await;
    fixture.toms.text("hello, Jerry").await;
    fixture.both_hear(&json!({"content": "hello, Jerry", "sender_id": 1, "recipient_id": 2, "group_id": 0, "type": "text"})).await;
    fixture.toms.json(&json!({"action": "set_recipient", "group_id": fixture.group})).await;
    fixture.toms.text("hello, all").await;
    let group = fixture.group;
    fixture
        .both_hear(
            &json!({"content": "hello, all", "recipient_id": 0, "group_id": group, "type": "group_message"}),
        )
        .await;
    fixture.toms.json(&json!({"action": "set_recipient", "user_id": 2})).await;
    fixture.toms.text("and back").await;
    fixture.both_hear(&json!({"content": "and back", "recipient_id": 2, "group_id": 0})).await;
    assert_eq!(fixture.jerry.history(&fixture.tom).await.len(), 2);
}

#[tokio::test]
async fn whatever_is_no_json_object_is_plain_text() {
    let mut fixture = fixture().await;
    fixture.toms.json(&json!({"action": "set_recipient", "user_id": 2})).await;
    for text in
        ["5", "[1,2]", "\"quoted\"", "null", "true", "{not json", "{\"a\":1} and more", " spaces ", "{", "猫"]
    {
        fixture.toms.text(text).await;
        fixture.both_hear(&json!({"content": text, "type": "text"})).await;
    }
    fixture.toms.text("typed with return\r\n").await;
    fixture.both_hear(&json!({"content": "typed with return"})).await;
}

#[tokio::test]
async fn the_chosen_recipient_is_the_connections_own() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let (mut one, mut other) = (Ws::connect(&server, &tom).await, Ws::connect(&server, &tom).await);
    one.json(&json!({"action": "set_recipient", "user_id": 2})).await;
    one.text("from the first").await;
    for ws in [&mut one, &mut other] {
        assert_eq!(ws.frame().await["content"], "from the first");
    }
    other.text("to whom?").await;
    assert_eq!(other.error_code().await, "no_recipient");
    assert_eq!(jerry.history(&tom).await.len(), 1);
}

#[tokio::test]
async fn a_message_frame_goes_to_a_user() {
    let mut fixture = fixture().await;
    let url = "https://example.com/a.png";
    for (frame, kind, media) in [
        (json!({"type": "text", "recipient_id": 2, "content": "hi"}), "text", ""),
        (json!({"type": "image", "recipient_id": 2, "content": "hi", "media_url": url}), "image", url),
        (json!({"type": "p2p_message", "recipient_id": 2, "content": "hi"}), "text", ""),
        (json!({"type": "p2p_message", "recipient_id": 2, "content": "hi", "media_url": url}), "image", url),
        (
            json!({"type": "text", "recipient_id": 2, "group_id": 0, "content": "hi", "media_url": ""}),
            "text",
            "",
        ),
    ] {
        fixture.toms.json(&frame).await;
        let expected = json!({
            "type": kind, "content": "hi", "MediaURL": media, "sender_id": 1, "recipient_id": 2, "group_id": 0
        });
        fixture.both_hear(&expected).await;
        let stored = fixture.jerry.history(&fixture.tom).await.last().unwrap().clone();
        assert_eq!((&stored["type"], &stored["media_url"]), (&json!(kind), &json!(media)), "{frame}");
    }
}

#[tokio::test]
async fn a_message_frame_goes_to_a_group() {
    let mut fixture = fixture().await;
    let group = fixture.group;
    let url = "https://example.com/a.png";
    fixture.toms.json(&json!({"type": "group_message", "group_id": group, "content": "hi"})).await;
    let expected = json!({"type": "group_message", "content": "hi", "recipient_id": 0, "group_id": group});
    fixture.both_hear(&expected).await;
    fixture.toms.json(&json!({"type": "group_message", "group_id": group, "media_url": url})).await;
    fixture
        .both_hear(&json!({"type": "group_message", "content": "", "MediaURL": url, "group_id": group}))
        .await;
    let stored = fixture.jerry.messages(&format!("/v1/groups/{group}/messages")).await;
    assert_eq!((&stored[0]["type"], &stored[1]["type"]), (&json!("text"), &json!("image")));
}

/// A sender in the frame is ignored: the logged-in user is the author.
#[tokio::test]
async fn the_sender_is_who_is_logged_in() {
    let mut fixture = fixture().await;
    let frame = json!({
        "type": "text", "recipient_id": 2, "content": "hi", "sender_id": 2, "ID": 99, "timestamp": "1999-01-01T00:00:00Z"
    });
    fixture.toms.json(&frame).await;
    fixture.both_hear(&json!({"sender_id": 1, "ID": 1})).await;
}

#[tokio::test]
async fn typing_is_forwarded_to_a_user_and_not_stored() {
    let mut fixture = fixture().await;
    fixture.toms.json(&json!({"type": "typing", "recipient_id": 2})).await;
    let frame = fixture.jerrys.frame().await;
    assert_eq!(
        (&frame["type"], &frame["sender_id"], &frame["recipient_id"]),
        (&json!("typing"), &json!(1), &json!(2))
    );
    fixture.tom.write(&fixture.jerry, "typed").await;
    assert_eq!(fixture.toms.frame().await["content"], "typed", "the sender hears nothing of its own typing");
    assert_eq!(fixture.jerrys.frame().await["content"], "typed");
    assert_eq!(fixture.jerry.history(&fixture.tom).await.len(), 1);
}

#[tokio::test]
async fn typing_is_forwarded_to_a_groups_other_members() {
    let mut fixture = fixture().await;
    let spike = fixture._server.register("spike").await;
    let mut spikes = Ws::connect(&fixture._server, &spike).await;
    let group = fixture.group;
    fixture.toms.json(&json!({"type": "typing", "group_id": group})).await;
    let frame = fixture.jerrys.frame().await;
    assert_eq!(
        (&frame["type"], &frame["sender_id"], &frame["group_id"]),
        (&json!("typing"), &json!(1), &json!(group))
    );
    fixture.tom.write_group(group, "typed").await;
    assert_eq!(fixture.toms.frame().await["content"], "typed", "the sender hears nothing of its own typing");
    assert_eq!(fixture.jerry.messages(&format!("/v1/groups/{group}/messages")).await.len(), 1);
    fixture.tom.write(&spike, "no member").await;
    assert_eq!(spikes.frame().await["content"], "no member", "the first that Spike hears of");
}

/// Users who are offline do not learn later that somebody was typing.
#[tokio::test]
async fn typing_is_for_those_who_are_there() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut toms = Ws::connect(&server, &tom).await;
    toms.json(&json!({"type": "typing", "recipient_id": 2})).await;
    toms.json(&json!({"type": "text", "recipient_id": 2, "content": "typed"})).await;
    toms.frame().await;
    let mut jerrys = Ws::connect(&server, &jerry).await;
    assert_eq!(jerrys.frame().await["content"], "typed");
}
