//! What a client may say: every form that the contract names.

use serde_json::{Value, json};

use crate::support::{Server, User, Ws};

/// Tom and Jerry with a stream each, and a group of both.
struct Scene {
    tom: User,
    jerry: User,
    toms: Ws,
    jerrys: Ws,
    group: i64,
    _server: Server,
}

async fn scene() -> Scene {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let (toms, jerrys) = (Ws::connect(&server, &tom).await, Ws::connect(&server, &jerry).await);
    Scene { tom, jerry, toms, jerrys, group, _server: server }
}

impl Scene {
    /// Jerry hears this next, and Tom as well.
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
    let mut scene = scene().await;
    scene.toms.json(&json!({"action": "set_recipient", "user_id": 2})).await;
    scene.toms.text("hello, Jerry").await;
    scene.both_hear(&json!({"content": "hello, Jerry", "sender_id": 1, "recipient_id": 2, "group_id": 0, "type": "text"})).await;
    scene.toms.json(&json!({"action": "set_recipient", "group_id": scene.group})).await;
    scene.toms.text("hello, all").await;
    let group = scene.group;
    scene
        .both_hear(
            &json!({"content": "hello, all", "recipient_id": 0, "group_id": group, "type": "group_message"}),
        )
        .await;
    scene.toms.json(&json!({"action": "set_recipient", "user_id": 2})).await;
    scene.toms.text("and back").await;
    scene.both_hear(&json!({"content": "and back", "recipient_id": 2, "group_id": 0})).await;
    assert_eq!(scene.jerry.history(&scene.tom).await.len(), 2);
}

#[tokio::test]
async fn whatever_is_no_json_object_is_plain_text() {
    let mut scene = scene().await;
    scene.toms.json(&json!({"action": "set_recipient", "user_id": 2})).await;
    for text in
        ["5", "[1,2]", "\"quoted\"", "null", "true", "{not json", "{\"a\":1} and more", " spaces ", "{", "猫"]
    {
        scene.toms.text(text).await;
        scene.both_hear(&json!({"content": text, "type": "text"})).await;
    }
    scene.toms.text("typed with return\r\n").await;
    scene.both_hear(&json!({"content": "typed with return"})).await;
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
    let mut scene = scene().await;
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
        scene.toms.json(&frame).await;
        let expected = json!({
            "type": kind, "content": "hi", "MediaURL": media, "sender_id": 1, "recipient_id": 2, "group_id": 0
        });
        scene.both_hear(&expected).await;
        let stored = scene.jerry.history(&scene.tom).await.last().unwrap().clone();
        assert_eq!((&stored["type"], &stored["media_url"]), (&json!(kind), &json!(media)), "{frame}");
    }
}

#[tokio::test]
async fn a_message_frame_goes_to_a_group() {
    let mut scene = scene().await;
    let group = scene.group;
    let url = "https://example.com/a.png";
    scene.toms.json(&json!({"type": "group_message", "group_id": group, "content": "hi"})).await;
    let expected = json!({"type": "group_message", "content": "hi", "recipient_id": 0, "group_id": group});
    scene.both_hear(&expected).await;
    scene.toms.json(&json!({"type": "group_message", "group_id": group, "media_url": url})).await;
    scene
        .both_hear(&json!({"type": "group_message", "content": "", "MediaURL": url, "group_id": group}))
        .await;
    let stored = scene.jerry.messages(&format!("/v1/groups/{group}/messages")).await;
    assert_eq!((&stored[0]["type"], &stored[1]["type"]), (&json!("text"), &json!("image")));
}

/// A sender can't be put on: whoever is logged in has written it.
#[tokio::test]
async fn the_sender_is_who_is_logged_in() {
    let mut scene = scene().await;
    let frame = json!({
        "type": "text", "recipient_id": 2, "content": "hi", "sender_id": 2, "ID": 99, "timestamp": "1999-01-01T00:00:00Z"
    });
    scene.toms.json(&frame).await;
    scene.both_hear(&json!({"sender_id": 1, "ID": 1})).await;
}

#[tokio::test]
async fn typing_is_forwarded_to_a_user_and_not_stored() {
    let mut scene = scene().await;
    scene.toms.json(&json!({"type": "typing", "recipient_id": 2})).await;
    let frame = scene.jerrys.frame().await;
    assert_eq!(
        (&frame["type"], &frame["sender_id"], &frame["recipient_id"]),
        (&json!("typing"), &json!(1), &json!(2))
    );
    scene.tom.write(&scene.jerry, "typed").await;
    assert_eq!(scene.toms.frame().await["content"], "typed", "the sender hears nothing of its own typing");
    assert_eq!(scene.jerrys.frame().await["content"], "typed");
    assert_eq!(scene.jerry.history(&scene.tom).await.len(), 1);
}

#[tokio::test]
async fn typing_is_forwarded_to_a_groups_other_members() {
    let mut scene = scene().await;
    let spike = scene._server.register("spike").await;
    let mut spikes = Ws::connect(&scene._server, &spike).await;
    let group = scene.group;
    scene.toms.json(&json!({"type": "typing", "group_id": group})).await;
    let frame = scene.jerrys.frame().await;
    assert_eq!(
        (&frame["type"], &frame["sender_id"], &frame["group_id"]),
        (&json!("typing"), &json!(1), &json!(group))
    );
    scene.tom.write_group(group, "typed").await;
    assert_eq!(scene.toms.frame().await["content"], "typed", "the sender hears nothing of its own typing");
    assert_eq!(scene.jerry.messages(&format!("/v1/groups/{group}/messages")).await.len(), 1);
    scene.tom.write(&spike, "no member").await;
    assert_eq!(spikes.frame().await["content"], "no member", "the first that Spike hears of");
}

/// Who is away is not told later that somebody was typing.
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
