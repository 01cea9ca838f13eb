//! Invalid frames: each is answered with an error frame on its own connection, and the connection stays.

use serde_json::{Value, json};

use crate::support::{Server, Ws};

/// Returns invalid frames and the codes of their answers.
fn wrong_frames(own: i64, others_group: i64) -> Vec<(Value, &'static str)> {
    let long = "x".repeat(16_385);
    let invalid = "invalid_request";
    vec![
        (json!({}), invalid),
        (json!({"hello": "world"}), invalid),
        (json!({"type": 5}), invalid),
        (json!({"type": null}), invalid),
        (json!({"action": 5}), invalid),
        (json!({"type": "nonsense", "recipient_id": 2, "content": "hi"}), "unknown_type"),
        (json!({"type": "system", "recipient_id": 2, "content": "hi"}), "unknown_type"),
        (json!({"action": "nonsense"}), "unknown_action"),
        (json!({"action": "set_recipient"}), invalid),
        (json!({"action": "set_recipient", "user_id": 2, "group_id": 1}), invalid),
        (json!({"action": "set_recipient", "user_id": "2"}), invalid),
        (json!({"action": "set_recipient", "user_id": -1}), invalid),
        (json!({"action": "set_recipient", "user_id": own}), "cannot_chat_with_yourself"),
        (json!({"action": "set_recipient", "user_id": 99}), "user_not_found"),
        (json!({"action": "set_recipient", "group_id": 99}), "group_not_found"),
        (json!({"action": "set_recipient", "group_id": others_group}), "not_a_member"),
        (json!({"type": "text", "content": "to whom?"}), invalid),
        (json!({"type": "text", "recipient_id": 0, "content": "hi"}), invalid),
        (json!({"type": "text", "recipient_id": -2, "content": "hi"}), invalid),
        (json!({"type": "text", "recipient_id": 1.5, "content": "hi"}), invalid),
        (json!({"type": "text", "recipient_id": "2", "content": "hi"}), invalid),
        (json!({"type": "text", "recipient_id": 2}), invalid),
        (json!({"type": "text", "recipient_id": 2, "content": ""}), invalid),
        (json!({"type": "text", "recipient_id": 2, "content": " "}), invalid),
        (json!({"type": "text", "recipient_id": 2, "content": 7}), invalid),
        (json!({"type": "text", "recipient_id": 2, "content": long}), invalid),
        (json!({"type": "image", "recipient_id": 2, "media_url": "y".repeat(2049)}), invalid),
        (json!({"type": "text", "recipient_id": 2, "content": "hi", "client_msg_id": ""}), invalid),
        (json!({"type": "text", "recipient_id": own, "content": "hi"}), "cannot_chat_with_yourself"),
        (json!({"type": "text", "recipient_id": 99, "content": "hi"}), "user_not_found"),
        (json!({"type": "p2p_message", "content": "hi"}), invalid),
        (json!({"type": "group_message", "content": "hi"}), invalid),
        (json!({"type": "group_message", "recipient_id": 2, "content": "hi"}), invalid),
        (json!({"type": "group_message", "group_id": 99, "content": "hi"}), "group_not_found"),
        (json!({"type": "group_message", "group_id": others_group, "content": "hi"}), "not_a_member"),
        (json!({"type": "typing"}), invalid),
        (json!({"type": "typing", "recipient_id": 99}), "user_not_found"),
        (json!({"type": "typing", "recipient_id": own}), "cannot_chat_with_yourself"),
        (json!({"type": "typing", "group_id": others_group}), "not_a_member"),
    ]
}

#[tokio::test]
async fn each_wrong_frame_is_answered_with_its_code_and_the_connection_stays() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let others = jerry.group("Mice", &[]).await;
    let (mut ws, mut elsewhere) = (Ws::connect(&server, &tom).await, Ws::connect(&server, &tom).await);
    for (frame, code) in wrong_frames(tom.id, others) {
        ws.json(&frame).await;
        assert_eq!(ws.error_code().await, code, "{frame}");
    }
    ws.json(&json!({"type": "text", "recipient_id": 2, "content": "still here"})).await;
    assert_eq!(ws.frame().await["content"], "still here");
    assert_eq!(elsewhere.frame().await["content"], "still here", "errors go to their connection alone");
    let stored: Vec<_> = jerry.history(&tom).await.iter().map(|message| message["content"].clone()).collect();
    assert_eq!(stored, ["still here"], "nothing wrong was stored");
}

#[tokio::test]
async fn plain_text_without_a_recipient_is_answered() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let mut ws = Ws::connect(&server, &tom).await;
    for text in ["hello", "", "5", "[]"] {
        ws.text(text).await;
        assert_eq!(ws.error_code().await, "no_recipient", "{text:?}");
    }
    ws.json(&json!({"action": "set_recipient", "user_id": 2})).await;
    for text in ["", "  ", "\r\n"] {
        ws.text(text).await;
        assert_eq!(ws.error_code().await, "invalid_request", "{text:?}");
    }
    ws.json(&json!({"action": "set_recipient", "user_id": 99})).await;
    assert_eq!(ws.error_code().await, "user_not_found");
    ws.text("to the one who was chosen before").await;
    assert_eq!(ws.frame().await["recipient_id"], 2);
}

#[tokio::test]
async fn json_that_means_mischief_is_answered() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let mut ws = Ws::connect(&server, &tom).await;
    let deep = format!("{{\"type\":{}", "[".repeat(50_000));
    // What does not parse as a JSON object counts as plain text.
    for text in [deep.as_str(), r#"{"type":1e400}"#, r#"{"type":"\ud800"}"#, "\u{feff}{}"] {
        ws.text(text).await;
        assert_eq!(ws.error_code().await, "no_recipient");
    }
    ws.text(r#"{"type":"text","recipient_id":99999999999999999999,"content":"hi"}"#).await;
    assert_eq!(ws.error_code().await, "invalid_request");
    ws.is_quiet().await;
}

#[tokio::test]
async fn many_wrong_frames_in_a_row_are_all_answered() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let mut ws = Ws::connect(&server, &tom).await;
    for _ in 0..200 {
        ws.text("{}").await;
    }
    for _ in 0..200 {
        assert_eq!(ws.error_code().await, "invalid_request");
    }
}
