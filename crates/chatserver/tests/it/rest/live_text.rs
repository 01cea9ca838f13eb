//! Text that others see while it is being written.

use serde_json::{Value, json};

use crate::support::people::p2p;
use crate::support::{Answer, Server, User};

async fn begin(user: &User, content: Option<&str>) -> Value {
    user.post(&p2p(2), &json!({ "content": content, "streaming": true })).await.expect(201)["id"].clone()
}

async fn append(user: &User, id: &Value, offset: u32, content: &str) -> Answer {
    user.post(&format!("/v1/messages/{id}/append"), &json!({ "offset": offset, "content": content })).await
}

async fn finish(user: &User, id: &Value, body: Value) -> Answer {
    user.post(&format!("/v1/messages/{id}/finish"), &body).await
}

#[tokio::test]
async fn a_message_grows_piece_by_piece_and_is_finished() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let id = begin(&tom, None).await;
    assert_eq!(jerry.message(&id).await["streaming"], "growing");
    let first = append(&tom, &id, 0, "Né").await.expect(200);
    assert_eq!((&first["message_id"], &first["length"]), (&id, &json!(2)), "characters count, not bytes");
    assert_eq!(append(&tom, &id, 2, "e 🧀").await.expect(200)["length"], 5);
    assert_eq!(append(&tom, &id, 2, "e 🧀").await.expect(200)["length"], 5, "a retry is answered");
    assert_eq!(jerry.message(&id).await["content"], "Née 🧀");
    append(&tom, &id, 2, "other").await.refused(409, "offset_mismatch");
    append(&tom, &id, 6, "gap").await.refused(409, "offset_mismatch");
    append(&tom, &id, 5, "").await.invalid();
    let done = finish(&tom, &id, json!({})).await.expect(200);
    assert_eq!((&done["streaming"], &done["content"]), (&json!("finished"), &json!("Née 🧀")));
    assert_eq!(finish(&tom, &id, json!({})).await.expect(200), done, "twice is once");
    append(&tom, &id, 5, "more").await.refused(409, "not_growing");
    finish(&tom, &id, json!({ "abandoned": true })).await.refused(409, "not_growing");
}

#[tokio::test]
async fn it_may_end_with_another_text_or_be_abandoned() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let id = begin(&tom, Some("draft")).await;
    let whole = finish(&tom, &id, json!({ "content": "the whole text" })).await.expect(200);
    assert_eq!((&whole["content"], &whole["streaming"]), (&json!("the whole text"), &json!("finished")));
    let id = begin(&tom, Some("I was about to")).await;
    let left = finish(&tom, &id, json!({ "abandoned": true })).await.expect(200);
    assert_eq!((&left["content"], &left["streaming"]), (&json!("I was about to"), &json!("abandoned")));
    let plain = tom.write(&jerry, "whole from the start").await;
    append(&tom, &plain["id"], 0, "x").await.refused(409, "not_growing");
    assert_eq!(jerry.message(&plain["id"]).await["streaming"], Value::Null);
}

#[tokio::test]
async fn while_it_grows_it_is_not_edited_and_it_never_grows_too_long() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let id = begin(&tom, None).await;
    let edited = tom.patch(&format!("/v1/messages/{id}"), &json!({ "content": "edited" })).await;
    edited.refused(409, "still_growing");
    append(&tom, &id, 0, &"x".repeat(16 * 1024)).await.expect(200);
    append(&tom, &id, 16 * 1024, "y").await.invalid();
    finish(&tom, &id, json!({ "content": "x".repeat(16 * 1024 + 1) })).await.invalid();
    assert_eq!(jerry.message(&id).await["content"].as_str().unwrap().len(), 16 * 1024);
    for body in
        [json!({}), json!({ "offset": -1, "content": "a" }), json!({ "offset": 1_u64 << 40, "content": "a" })]
    {
        tom.post(&format!("/v1/messages/{id}/append"), &body).await.invalid();
    }
}

#[tokio::test]
async fn of_many_pieces_for_one_place_one_is_taken() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let id = begin(&tom, None).await;
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let (tom, id) = (tom.clone(), id.clone());
            tokio::spawn(async move { append(&tom, &id, 0, &n.to_string()).await.status })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        let status = task.await.unwrap();
        assert!([200, 409].contains(&status), "{status}");
        taken += i32::from(status == 200);
    }
    assert_eq!(taken, 1);
    assert_eq!(jerry.message(&id).await["content"].as_str().unwrap().len(), 1);
}
