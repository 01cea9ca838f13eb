//! Sending with every field that a message can have, and forwarding.

use serde_json::{Value, json};

use crate::support::people::{in_conversation, p2p, to_group};
use crate::support::v2::to_user;
use crate::support::{Request, Server, Stream, User, Ws};

/// Returns all fields of a message besides its text.
fn all_fields(reply_to: &Value, thread: &Value) -> Value {
    json!({
        "content": "Look, @jerry",
        "media": [
            { "url": "https://example.com/a.mp4", "type": "video", "name": "a.mp4", "size": 7, "width": 4, "height": 3 },
            { "url": "https://example.com/b" },
        ],
        "reply_to": reply_to, "thread_id": thread, "mentions": [2, 1, 2], "mention_all": true,
        "custom": { "b": [1, null], "a": { "nested": "é" } }, "client_msg_id": "k",
    })
}

#[tokio::test]
async fn a_message_keeps_all_that_it_was_sent_with() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let root = jerry.write(&tom, "the root").await;
    let sent = tom.post(&p2p(2), &all_fields(&root["id"], &root["id"])).await.expect(201);
    assert_eq!((&sent["type"], &sent["seq"]), (&json!("video"), &json!(2)));
    let message = jerry.message(&sent["id"]).await;
    let expected = json!({
        "content": "Look, @jerry", "media_url": "https://example.com/a.mp4", "type": "video",
        "media": [
            { "url": "https://example.com/a.mp4", "type": "video", "name": "a.mp4", "size": 7, "width": 4, "height": 3 },
            { "url": "https://example.com/b" },
        ],
        "reply_to": root["id"], "thread_id": root["id"], "mentions": [1, 2], "mention_all": true,
        "quote": { "message_id": root["id"], "sender_id": 2, "content": "the root", "deleted": false },
        "custom": { "a": { "nested": "é" }, "b": [1, null] }, "client_msg_id": "k", "streaming": null,
        "forwarded_from": null, "thread": null, "reactions": [], "edited_at": null, "deleted_at": null,
        "pinned_at": null, "pinned_by": null, "sender_id": 1, "recipient_id": 2, "group_id": 0,
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&message[field], value, "{field}");
    }
    assert_eq!(jerry.history(&tom).await.last(), Some(&message), "each way of reading gives the same");
}

#[tokio::test]
async fn the_ways_of_sending_are_one() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let first = tom.post(&p2p(2), &json!({ "content": "hi", "client_msg_id": "k" })).await.expect(201);
    let path = in_conversation(&first["conversation_id"]);
    let again = tom.post(&path, &json!({ "content": "hi", "client_msg_id": "k" })).await.expect(201);
    assert_eq!((&again["id"], &again["duplicate"]), (&first["id"], &json!(true)));
    let keyed = Request::post(&path, &json!({ "content": "more" })).header("Idempotency-Key", "k2");
    let more = tom.send(keyed.clone()).await.expect(201);
    assert_eq!(
        (&more["seq"], &more["duplicate"], &more["client_msg_id"]),
        (&json!(2), &json!(false), &json!("k2"))
    );
    assert_eq!(tom.send(keyed).await.expect(201)["duplicate"], true);
    assert_eq!(jerry.history(&tom).await.len(), 2);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_nothing_is_stored() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let first = tom.write(&jerry, "first").await;
    let url = json!({ "url": "https://example.com/a" });
    for body in [
        json!({}),
        json!({ "content": "  " }),
        json!({ "media": [] }),
        json!({ "media": [{}] }),
        json!({ "media": [{ "url": "" }] }),
        json!({ "media": [{ "url": "https://example.com/a", "type": "text" }] }),
        json!({ "media": [{ "url": "https://example.com/a", "size": -1 }] }),
        json!({ "media": vec![url.clone(); 11] }),
        json!({ "media": [url], "media_url": "https://example.com/b" }),
        json!({ "content": "hi", "custom": [1] }),
        json!({ "content": "hi", "custom": "text" }),
        json!({ "content": "hi", "custom": { "long": "x".repeat(4096) } }),
        json!({ "content": "hi", "mentions": [0] }),
        json!({ "content": "hi", "mentions": [spike.id] }),
        json!({ "content": "hi", "mentions": [999] }),
        json!({ "content": "hi", "mentions": "2" }),
        json!({ "content": "hi", "reply_to": 0 }),
        json!({ "content": "hi", "thread_id": -1 }),
        json!({ "content": "hi", "type": "system" }),
        json!({ "content": "hi", "streaming": "yes" }),
    ] {
        tom.post(&p2p(2), &body).await.invalid();
        tom.post(&in_conversation(&first["conversation_id"]), &body).await.invalid();
    }
    assert_eq!(tom.history(&jerry).await.len(), 1);
}

/// A message that the sender may not see must not be distinguishable from a missing one, nor may it be quoted.
#[tokio::test]
async fn what_is_elsewhere_can_be_neither_answered_nor_continued() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let secret = tom.write(&jerry, "a secret").await;
    let own = tom.write(&spike, "another conversation").await;
    tom.write(&jerry, "so that there is one").await;
    spike.write(&jerry, "here too").await;
    for field in ["reply_to", "thread_id"] {
        for (user, elsewhere) in [(&spike, &secret["id"]), (&tom, &own["id"])] {
            let answer = async |id: &Value| {
                let body = json!({ "content": "hi", field: id });
                user.send(Request::post(&p2p(2), &body).header("X-Request-Id", "same")).await
            };
            let foreign = answer(elsewhere).await;
            foreign.refused(404, "message_not_found");
            assert_eq!(foreign.text(), answer(&json!(999_999)).await.text());
        }
    }
}

async fn forward(user: &User, id: &Value, to: Value) -> Value {
    user.post(&format!("/v1/messages/{id}/forward"), &to).await.expect(201)
}

#[tokio::test]
async fn forwarding_names_the_first_author_and_calls_nobody_again() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = jerry.group("Cheese", &[&tom, &spike]).await;
    let root = json!({ "content": "Hi @jerry", "media_url": "https://example.com/a", "mentions": [2],
        "custom": { "a": 1 } });
    let first = tom.post(&p2p(2), &root).await.expect(201);
    let to_group = forward(&jerry, &first["id"], json!({ "to_group": group })).await;
    let to_spike = forward(&tom, &to_group["id"], json!({ "to_user": spike.id, "client_msg_id": "f" })).await;
    for (reader, sent) in [(&spike, &to_group), (&spike, &to_spike)] {
        let message = reader.message(&sent["id"]).await;
        assert_eq!(message["forwarded_from"], json!({ "message_id": first["id"], "sender_id": 1 }));
        assert_eq!((&message["content"], &message["mentions"]), (&json!("Hi @jerry"), &json!([])));
        assert_eq!(
            (&message["media_url"], &message["custom"]),
            (&json!("https://example.com/a"), &json!({ "a": 1 }))
        );
    }
    let again = forward(&tom, &to_group["id"], json!({ "to_user": spike.id, "client_msg_id": "f" })).await;
    assert_eq!((&again["id"], &again["duplicate"]), (&to_spike["id"], &json!(true)));
    spike.get(&format!("/v1/messages/{}", first["id"])).await.refused(404, "message_not_found");
}

#[tokio::test]
async fn a_forward_goes_to_exactly_one_place_that_one_may_write_to() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let mice = jerry.group("Mice", &[&spike]).await;
    let first = tom.write(&jerry, "cheese").await;
    let path = format!("/v1/messages/{}/forward", first["id"]);
    for body in [
        json!({}),
        json!({ "to_user": spike.id, "to_group": mice }),
        json!({ "to_user": 0 }),
        json!({ "conversation_id": "1" }),
    ] {
        tom.post(&path, &body).await.invalid();
    }
    tom.post(&path, &json!({ "to_user": 1 })).await.refused(400, "cannot_chat_with_yourself");
    tom.post(&path, &json!({ "to_user": 99 })).await.refused(404, "user_not_found");
    tom.post(&path, &json!({ "to_group": mice })).await.refused(403, "not_a_member");
    let conversation = jerry.conversation_of(mice).await;
    let foreign = tom.post(&path, &json!({ "conversation_id": conversation })).await;
    foreign.refused(404, "conversation_not_found");
    let growing = tom.post(&to_group(tom.group("Own", &[]).await), &json!({ "streaming": true })).await;
    let path = format!("/v1/messages/{}/forward", growing.expect(201)["id"]);
    tom.post(&path, &json!({ "to_user": 2 })).await.refused(409, "still_growing");
}

/// Not every store can hold it, so none has to.
#[tokio::test]
async fn the_zero_character_is_in_no_text_whichever_way_it_comes() {
    const ZERO: &str = "nul \u{0} inside";
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let first = tom.write(&jerry, "cheese").await;
    let growing = tom.post(&p2p(2), &json!({ "streaming": true })).await.expect(201)["id"].clone();
    let id = &first["id"];
    let picture = json!([{ "url": "https://example.com/a", "name": ZERO }]);
    for (path, body) in [
        (p2p(2), json!({ "content": ZERO })),
        (p2p(2), json!({ "media_url": "https://example.com/\u{0}" })),
        (p2p(2), json!({ "media": picture })),
        (p2p(2), json!({ "content": "a", "client_msg_id": "\u{0}" })),
        (format!("/v1/messages/{id}/forward"), json!({ "to_user": 2, "client_msg_id": "\u{0}" })),
        (format!("/v1/messages/{growing}/append"), json!({ "offset": 0, "content": ZERO })),
        (format!("/v1/messages/{growing}/finish"), json!({ "content": ZERO })),
        ("/v1/groups".to_owned(), json!({ "name": ZERO })),
    ] {
        tom.post(&path, &body).await.invalid();
    }
    tom.patch(&format!("/v1/messages/{id}"), &json!({ "content": ZERO })).await.invalid();
    tom.put(&format!("/v1/messages/{id}/reactions/%00")).await.invalid();
    let state = format!("/v1/conversations/{}/state", first["conversation_id"]);
    tom.patch(&state, &json!({ "draft": ZERO })).await.invalid();
    let mut v1 = Ws::connect(&server, &tom).await;
    v1.json(&json!({ "type": "text", "recipient_id": 2, "content": ZERO })).await;
    assert_eq!(v1.error_code().await, "invalid_request");
    let mut v2 = Stream::connect(&server, &tom).await;
    let mut op = to_user(&jerry);
    (op["op"], op["content"]) = (json!("send"), json!(ZERO));
    let refusal = v2.refused(op, "invalid_request").await;
    assert_eq!(refusal["error"], "Invalid request format: content must not contain the character U+0000");
    let edit = json!({ "op": "edit", "message_id": id, "content": ZERO });
    v2.refused(edit, "invalid_request").await;
    let found = tom.get("/v1/search?q=nul%00inside").await.expect(200);
    assert_eq!(found["messages"], json!([]), "it may be asked for");
    assert_eq!(jerry.history(&tom).await.len(), 2, "what could be sent was sent");
}

/// A scheme that runs something, or reads files on the reader's own machine, is refused on every transport.
#[tokio::test]
async fn media_of_a_scheme_that_runs_is_refused_at_every_door() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let first = tom.write(&jerry, "first").await;
    let mut ws = Ws::connect(&server, &tom).await;
    let mut stream = Stream::connect(&server, &tom).await;
    for url in [
        "javascript:alert(1)",
        "JaVaScRiPt://example.com/%0aalert(1)",
        "java\nscript:alert(1)",
        "\tjavascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "file:///etc/passwd",
        "vbscript:x",
        "//example.com/a.png",
    ] {
        for path in [p2p(2), to_group(group), in_conversation(&first["conversation_id"])] {
            for body in [
                json!({ "content": "hi", "media_url": url }),
                json!({ "media": [{ "url": "https://example.com/a" }, { "url": url, "type": "file" }] }),
                json!({ "content": "hi", "media_url": url, "reply_to": first["id"] }),
            ] {
                let problem = tom.post(&path, &body).await.invalid();
                assert!(problem["error"].as_str().unwrap().contains("media_url must"), "{problem}");
            }
        }
        ws.json(&json!({ "type": "image", "recipient_id": 2, "media_url": url })).await;
        assert_eq!(ws.error_code().await, "invalid_request", "{url:?}");
        let op = json!({ "op": "send", "to_user": 2, "media": [{ "url": url }] });
        stream.refused(op, "invalid_request").await;
    }
    assert_eq!(tom.history(&jerry).await.len(), 1);
    let own = tom.post(&p2p(2), &json!({ "media_url": "/uploads/a.png" })).await.expect(201);
    assert_eq!(jerry.message(&own["id"]).await["media_url"], "/uploads/a.png");
}

/// Addresses that were stored when every one was accepted are still read, but cannot be forwarded.
#[tokio::test]
async fn media_of_earlier_times_is_read_but_not_forwarded() {
    let mut server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let old = tom.post(&p2p(2), &json!({ "media_url": "https://example.com/a.png" })).await.expect(201);
    server.stop();
    server.setup.execute("UPDATE messages SET media_url = 'javascript:alert(1)'");
    let server = server.setup.clone().start();
    let (tom, jerry) = (tom.at(&server), jerry.at(&server));
    assert_eq!(jerry.message(&old["id"]).await["media_url"], "javascript:alert(1)");
    let answer = jerry.post(&format!("/v1/messages/{}/forward", old["id"]), &json!({ "to_user": 1 })).await;
    answer.invalid();
    assert_eq!(tom.history(&jerry).await.len(), 1);
}
