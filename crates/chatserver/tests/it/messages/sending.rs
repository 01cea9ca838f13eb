//! Answers to sends, and sends that are refused.

use serde_json::{Value, json};

use crate::support::http::keys;
use crate::support::people::{p2p, to_group};
use crate::support::{Server, User};

/// Fields of the answer to a send: those of the contract, and those that this server adds.
const SENT: [&str; 10] = [
    "client_msg_id",
    "conversation_id",
    "duplicate",
    "id",
    "message",
    "rev",
    "seq",
    "status",
    "timestamp",
    "type",
];
/// Fields of a message.
const MESSAGE: [&str; 28] = [
    "client_msg_id",
    "content",
    "conversation_id",
    "custom",
    "deleted_at",
    "edited_at",
    "forwarded_from",
    "group_id",
    "id",
    "media",
    "media_url",
    "mention_all",
    "mentions",
    "pinned_at",
    "pinned_by",
    "quote",
    "reactions",
    "recipient_id",
    "reply_to",
    "rev",
    "sender_id",
    "seq",
    "status",
    "streaming",
    "thread",
    "thread_id",
    "timestamp",
    "type",
];

#[track_caller]
fn is_recent(timestamp: &Value) {
    let at: jiff::Timestamp = timestamp.as_str().unwrap().parse().unwrap();
    let age = jiff::Timestamp::now().duration_since(at).as_secs();
    assert!((0..60).contains(&age), "{at}");
}

#[tokio::test]
async fn a_direct_message_is_answered_and_stored_to_the_letter() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let url = "https://cdn.tom-and-jerry-media.net/cheese_surprise.png";
    let body = json!({"content": "A special photo for you, Jerry!", "media_url": url});
    let sent = tom.post(&p2p(2), &body).await.expect(201);
    assert_eq!(keys(&sent), SENT);
    assert_eq!(sent["message"], "P2P message sent successfully");
    assert_eq!((&sent["id"], &sent["seq"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&sent["duplicate"], &sent["status"], &sent["type"]),
        (&json!(false), &json!("PENDING"), &json!("image"))
    );
    is_recent(&sent["timestamp"]);

    let message = jerry.history(&tom).await.remove(0);
    assert_eq!(keys(&message), MESSAGE);
    let expected = json!({
        "id": 1, "sender_id": 1, "recipient_id": 2, "group_id": 0, "type": "image", "media_url": url,
        "content": "A special photo for you, Jerry!", "timestamp": sent["timestamp"], "status": "PENDING",
        "conversation_id": sent["conversation_id"], "seq": 1, "rev": 1, "client_msg_id": null,
        "media": [{"url": url}], "reply_to": null, "quote": null, "thread_id": null, "thread": null,
        "forwarded_from": null, "reactions": [], "mentions": [], "mention_all": false, "custom": null,
        "edited_at": null, "deleted_at": null, "pinned_at": null, "pinned_by": null, "streaming": null,
    });
    assert_eq!(message, expected);
    assert_eq!(tom.history(&jerry).await, [expected]);
}

#[tokio::test]
async fn a_group_message_is_answered_and_stored_to_the_letter() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let body = json!({"content": "GROUP CHAT IS ALIVE!", "client_msg_id": "k-1"});
    let sent = jerry.post(&to_group(group), &body).await.expect(201);
    assert_eq!(keys(&sent), SENT);
    assert_eq!(sent["message"], "Message sent successfully to group");
    assert_eq!((&sent["seq"], &sent["status"], &sent["type"]), (&json!(1), &json!("SENT"), &json!("text")));
    is_recent(&sent["timestamp"]);

    let messages = tom.messages(&format!("/v1/groups/{group}/messages")).await;
    assert_eq!(messages.len(), 1);
    let message = &messages[0];
    assert_eq!(keys(message), MESSAGE);
    for (member, value) in [
        ("id", sent["id"].clone()),
        ("sender_id", json!(2)),
        ("recipient_id", json!(0)),
        ("group_id", json!(group)),
        ("type", json!("text")),
        ("content", json!("GROUP CHAT IS ALIVE!")),
        ("media_url", json!("")),
        ("timestamp", sent["timestamp"].clone()),
        ("status", json!("SENT")),
        ("seq", json!(1)),
        ("client_msg_id", json!("k-1")),
    ] {
        assert_eq!(message[member], value, "{member}");
    }
}

#[tokio::test]
async fn the_type_follows_the_media_unless_the_sender_says_otherwise() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let url = "https://example.com/a";
    for (body, expected) in [
        (json!({"content": "hi"}), "text"),
        (json!({"content": "hi", "media_url": ""}), "text"),
        (json!({"media_url": url}), "image"),
        (json!({"content": "hi", "media_url": url}), "image"),
        (json!({"content": "hi", "media_url": url, "type": "text"}), "text"),
        (json!({"media_url": url, "type": "video"}), "video"),
        (json!({"media_url": url, "type": "audio"}), "audio"),
        (json!({"media_url": url, "type": "file"}), "file"),
        (json!({"media_url": url, "type": null}), "image"),
    ] {
        assert_eq!(tom.post(&p2p(2), &body).await.expect(201)["type"], expected, "{body}");
        assert_eq!(jerry.history(&tom).await.last().unwrap()["type"], expected, "{body}");
    }
    for wrong in [json!("system"), json!(""), json!("typing"), json!("error"), json!(7), json!("TEXT")] {
        tom.post(&p2p(2), &json!({"content": "hi", "type": wrong})).await.invalid();
    }
}

#[tokio::test]
async fn a_message_needs_text_or_media() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let group = tom.group("Cheese", &[]).await;
    for body in [
        json!({}),
        json!({"content": ""}),
        json!({"content": " \n\t "}),
        json!({"content": null, "media_url": null}),
        json!({"content": "", "media_url": ""}),
        json!({"type": "text"}),
        json!({"content": 7}),
        json!({"media_url": ["x"]}),
        json!([]),
        json!("hi"),
    ] {
        tom.post(&p2p(2), &body).await.invalid();
        tom.post(&to_group(group), &body).await.invalid();
    }
    assert_eq!(tom.get("/v1/chats").await.expect(200), json!([]));
}

#[tokio::test]
async fn nobody_writes_to_oneself_or_to_nobody() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let hi = json!({"content": "hi"});
    tom.post(&p2p(1), &hi).await.refused(400, "cannot_chat_with_yourself");
    tom.get("/v1/messages/history/1").await.refused(400, "cannot_chat_with_yourself");
    tom.post(&p2p(99), &hi).await.refused(404, "user_not_found");
    tom.get("/v1/messages/history/99").await.refused(404, "user_not_found");
    assert_eq!(tom.history(&jerry).await, [] as [Value; 0]);
}

#[tokio::test]
async fn every_field_has_its_limit() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let url = |length: usize| format!("https://x/{}", "y".repeat(length - 10));
    for good in [
        json!({"content": "x".repeat(16_384)}),
        json!({"content": "é".repeat(8192)}),
        json!({"media_url": url(2048)}),
        json!({"content": "hi", "client_msg_id": "k".repeat(128)}),
    ] {
        tom.post(&p2p(2), &good).await.expect(201);
    }
    for bad in [
        json!({"content": "x".repeat(16_385)}),
        json!({"content": "é".repeat(8193)}),
        json!({"media_url": url(2049)}),
        json!({"media_url": "https://x/a b"}),
        json!({"media_url": "https://x/a\nb"}),
        json!({"content": "hi", "client_msg_id": "k".repeat(129)}),
        json!({"content": "hi", "client_msg_id": ""}),
        json!({"content": "hi", "client_msg_id": 7}),
    ] {
        tom.post(&p2p(2), &bad).await.invalid();
    }
}

async fn round_trip(tom: &User, jerry: &User, content: &str) {
    tom.write(jerry, content).await;
    assert_eq!(jerry.history(tom).await.last().unwrap()["content"], content);
}

#[tokio::test]
async fn text_comes_back_as_it_went_in() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    for content in [
        "  spaces around  ",
        "line\nbreaks\r\n\tand tabs",
        "the smallest \u{1} inside",
        "\u{1f408}\u{200d}\u{2b1b} Größe 猫 שלום",
        "e\u{301} stays decomposed",
        "<script>alert(1)</script> & \"quotes\" \\ back",
        "'; DROP TABLE messages; --",
        "{\"type\":\"error\"}",
        "\u{2028}\u{feff}\u{202e}",
    ] {
        round_trip(&tom, &jerry, content).await;
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 4, ..Default::default() })]

    /// Each case sends a batch, since it starts a server.
    #[test]
    fn any_text_comes_back_as_it_went_in(texts in proptest::collection::vec("\\PC{0,40}[^\\s\\x00]\\PC{0,40}", 30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::start();
            let (tom, jerry) = server.tom_and_jerry().await;
            for text in texts {
                round_trip(&tom, &jerry, &text).await;
            }
        });
    }
}

#[tokio::test]
async fn each_conversation_numbers_its_messages_from_1() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let mut last_id = 0;
    for seq in 1..=5 {
        for sent in [
            tom.write(&jerry, "direct").await,
            tom.write_group(group, "group").await,
            spike.write(&tom, "another").await,
        ] {
            assert_eq!(sent["seq"], seq);
            let id = sent["id"].as_i64().unwrap();
            assert!(id > last_id, "{id} after {last_id}");
            last_id = id;
        }
    }
    assert_eq!(jerry.write(&tom, "both sides count together").await["seq"], 6);
}
