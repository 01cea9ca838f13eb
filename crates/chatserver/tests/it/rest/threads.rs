//! Threads, replies and quotes.

use serde_json::{Value, json};

use crate::support::people::{in_conversation, p2p};
use crate::support::{Server, User};

async fn reply(user: &User, path: &str, root: &Value, content: &str) -> Value {
    user.post(path, &json!({ "content": content, "thread_id": root })).await.expect(201)
}

async fn thread(user: &User, root: &Value) -> Value {
    user.get(&format!("/v1/messages/{root}/thread")).await.expect(200)
}

#[tokio::test]
async fn a_root_tells_of_its_replies_and_each_reads_them_apart() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let root = tom.write(&jerry, "who likes cheese?").await;
    tom.write(&jerry, "something else").await;
    let first = reply(&jerry, &p2p(1), &root["id"], "I do").await;
    let second = reply(&jerry, &p2p(1), &root["id"], "very much").await;
    let seen = thread(&tom, &root["id"]).await;
    assert_eq!(seen["root"]["thread"], json!({ "replies": 2, "last_reply_at": second["timestamp"] }));
    assert_eq!(seen["root"]["id"], root["id"]);
    assert!(seen["root"]["rev"].as_i64() > second["rev"].as_i64(), "the root changed after the reply");
    assert_eq!((&seen["read_seq"], &seen["unread"]), (&json!(0), &json!(2)));
    assert_eq!(thread(&jerry, &root["id"]).await["unread"], 0, "one's own replies do not wait");

    let path = format!("/v1/conversations/{}/read", root["conversation_id"]);
    let read = async |seq: &Value| {
        tom.post(&path, &json!({ "seq": seq, "thread_id": root["id"] })).await.is_empty();
        let seen = thread(&tom, &root["id"]).await;
        (seen["read_seq"].clone(), seen["unread"].clone())
    };
    assert_eq!(read(&first["seq"]).await, (first["seq"].clone(), json!(1)));
    assert_eq!(read(&json!(1)).await, (first["seq"].clone(), json!(1)), "a pointer never goes back");
    assert_eq!(read(&json!(999)).await, (second["seq"].clone(), json!(0)), "nor past the end");

    let replies = tom
        .messages(&format!("{}?thread_id={}", in_conversation(&root["conversation_id"]), root["id"]))
        .await;
    let texts: Vec<_> = replies.iter().map(|message| message["content"].clone()).collect();
    assert_eq!(texts, ["I do", "very much"]);
    let older = format!(
        "{}?thread_id={}&before_seq={}",
        in_conversation(&root["conversation_id"]),
        root["id"],
        second["seq"]
    );
    assert_eq!(tom.messages(&older).await.len(), 1);
}

#[tokio::test]
async fn a_thread_has_no_threads() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let root = tom.write(&jerry, "root").await;
    let below = reply(&jerry, &p2p(1), &root["id"], "below").await;
    let deeper = json!({ "content": "deeper", "thread_id": below["id"] });
    tom.post(&p2p(2), &deeper).await.refused(409, "in_thread");
    let outside = json!({ "content": "outside", "reply_to": below["id"] });
    tom.post(&p2p(2), &outside).await.refused(409, "in_thread");
    let inside = json!({ "content": "inside", "reply_to": below["id"], "thread_id": root["id"] });
    tom.post(&p2p(2), &inside).await.expect(201);
}

/// Otherwise a user could move a pointer by way of a conversation that the user is not in.
#[tokio::test]
async fn a_thread_is_read_in_its_own_conversation() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let root = tom.write(&jerry, "root").await;
    let other = tom.write(&spike, "elsewhere").await;
    reply(&jerry, &p2p(1), &root["id"], "below").await;
    let body = json!({ "seq": 9, "thread_id": root["id"] });
    let elsewhere = format!("/v1/conversations/{}/read", other["conversation_id"]);
    tom.post(&elsewhere, &body).await.refused(404, "message_not_found");
    assert_eq!(thread(&tom, &root["id"]).await["read_seq"], 0);
    for bad in [json!({}), json!({ "seq": "1" }), json!({ "seq": 1, "thread_id": 0 })] {
        tom.post(&format!("/v1/conversations/{}/read", root["conversation_id"]), &bad).await.invalid();
    }
}

#[tokio::test]
async fn a_quote_is_the_message_as_it_is_now_in_brief() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let long = "é".repeat(300);
    let asked = tom.write(&jerry, &long).await;
    let answer = jerry.post(&p2p(1), &json!({ "content": "yes", "reply_to": asked["id"] })).await.expect(201);
    let quote = async || tom.message(&answer["id"]).await["quote"].clone();
    let expected =
        json!({ "message_id": asked["id"], "sender_id": 1, "content": "é".repeat(200), "deleted": false });
    assert_eq!(quote().await, expected);
    tom.patch(&format!("/v1/messages/{}", asked["id"]), &json!({ "content": "short" })).await.expect(200);
    assert_eq!(quote().await["content"], "short");
    tom.delete(&format!("/v1/messages/{}", asked["id"])).await.expect(200);
    assert_eq!((&quote().await["content"], &quote().await["deleted"]), (&json!(""), &json!(true)));
}
