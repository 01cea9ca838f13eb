//! Editing, deleting and pinning.

use serde_json::{Value, json};

use crate::support::people::{in_conversation, p2p};
use crate::support::{Server, Setup, User};

fn at(id: &Value, rest: &str) -> String {
    format!("/v1/messages/{id}{rest}")
}

async fn edit(user: &User, id: &Value, content: &str) -> Value {
    user.patch(&at(id, ""), &json!({ "content": content })).await.expect(200)
}

#[tokio::test]
async fn an_edit_changes_the_text_in_place_and_keeps_the_former_ones() {
    let mut server = Setup::new().start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = tom.write(&jerry, "chese").await;
    let first = edit(&tom, &sent["id"], "cheese").await;
    assert_eq!(
        (&first["content"], &first["seq"], &first["id"]),
        (&json!("cheese"), &sent["seq"], &sent["id"])
    );
    assert!(first["rev"].as_i64() > sent["rev"].as_i64() && first["edited_at"].is_string(), "{first}");
    let second = edit(&tom, &sent["id"], "Cheese!").await;
    let same = edit(&tom, &sent["id"], "Cheese!").await;
    assert_eq!(second, same, "the same text changes nothing");
    let versions = jerry.get(&at(&sent["id"], "/versions")).await.expect(200);
    let since = [&sent["timestamp"], &first["edited_at"]];
    assert_eq!(
        versions,
        json!([{ "content": "chese", "since": since[0] }, { "content": "cheese", "since": since[1] }])
    );
    server.kill();
    let server = server.setup.start();
    let jerry = server.login("jerry").await;
    assert_eq!(jerry.message(&sent["id"]).await["content"], "Cheese!");
    assert_eq!(jerry.get(&at(&sent["id"], "/versions")).await.expect(200), versions);
}

#[tokio::test]
async fn an_edit_has_the_bounds_of_a_message() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = tom.write(&jerry, "cheese").await;
    for body in [
        json!({}),
        json!({ "content": null }),
        json!({ "content": "" }),
        json!({ "content": " \n" }),
        json!({ "content": "x".repeat(16 * 1024 + 1) }),
        json!([]),
    ] {
        tom.patch(&at(&sent["id"], ""), &body).await.invalid();
    }
    assert_eq!(jerry.message(&sent["id"]).await["edited_at"], Value::Null);
    let picture =
        tom.post(&p2p(2), &json!({ "content": "look", "media_url": "https://example.com/a" })).await;
    assert_eq!(edit(&tom, &picture.expect(201)["id"], "").await["content"], "", "media says enough");
}

#[tokio::test]
async fn what_is_deleted_keeps_its_place_and_nothing_else() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let body = json!({ "content": "a secret", "media_url": "https://example.com/secret", "mentions": [2],
        "custom": { "secret": 1 }, "client_msg_id": "k" });
    let sent = tom.post(&p2p(2), &body).await.expect(201);
    let id = &sent["id"];
    edit(&tom, id, "another secret").await;
    jerry.put(&at(id, "/reactions/+1")).await.expect(200);
    jerry.put(&at(id, "/pin")).await.expect(200);
    let answer = jerry.post(&p2p(1), &json!({ "content": "what?", "reply_to": id })).await.expect(201);
    let deleted = tom.delete(&at(id, "")).await.expect(200);
    for message in [&deleted, &tom.message(id).await, &jerry.message(id).await] {
        assert!(!message.to_string().contains("secret"), "{message}");
        assert_eq!(
            (&message["content"], &message["media"], &message["mentions"]),
            (&json!(""), &json!([]), &json!([]))
        );
        assert_eq!((&message["reactions"], &message["pinned_at"]), (&json!([]), &Value::Null));
        assert!(message["deleted_at"].is_string());
        assert_eq!((&message["seq"], &message["id"]), (&sent["seq"], id));
    }
    assert_eq!(tom.delete(&at(id, "")).await.expect(200), deleted, "a second time changes nothing");
    assert_eq!(jerry.get(&at(id, "/versions")).await.expect(200), json!([]));
    assert_eq!(jerry.get(&at(id, "/reactions")).await.expect(200), json!([]));
    let quote = jerry.message(&answer["id"]).await["quote"].clone();
    assert_eq!((&quote["content"], &quote["deleted"]), (&json!(""), &json!(true)));
    let again = tom.post(&p2p(2), &body).await.expect(201);
    assert_eq!((&again["id"], &again["duplicate"]), (id, &json!(true)), "its key stays used");
}

#[tokio::test]
async fn what_is_deleted_can_no_longer_be_changed() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = tom.write(&jerry, "cheese").await;
    let id = &sent["id"];
    tom.delete(&at(id, "")).await.expect(200);
    tom.patch(&at(id, ""), &json!({ "content": "back" })).await.refused(409, "message_deleted");
    jerry.put(&at(id, "/pin")).await.refused(409, "message_deleted");
    jerry.put(&at(id, "/reactions/+1")).await.refused(409, "message_deleted");
    tom.post(&at(id, "/forward"), &json!({ "to_user": 2 })).await.refused(409, "message_deleted");
    tom.post(&at(id, "/append"), &json!({ "offset": 0, "content": "a" }))
        .await
        .refused(409, "message_deleted");
}

#[tokio::test]
async fn what_is_deleted_for_oneself_is_gone_for_oneself_alone() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = tom.write(&jerry, "first").await;
    let last = tom.write(&jerry, "second").await;
    for _ in 0..2 {
        jerry.delete(&at(&last["id"], "?for=me")).await.is_empty();
    }
    let places = async |user: &User| {
        let page = user.messages(&in_conversation(&sent["conversation_id"])).await;
        page.iter().map(|message| message["seq"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(places(&jerry).await, [1]);
    assert_eq!(jerry.history(&tom).await.len(), 1);
    jerry.get(&at(&last["id"], "")).await.refused(404, "message_not_found");
    assert_eq!(jerry.conversation(&sent["conversation_id"]).await["last_message"]["id"], sent["id"]);
    assert_eq!(jerry.get("/v1/chats").await.expect(200)[0]["id"], sent["id"]);
    assert_eq!(places(&tom).await, [1, 2]);
    assert_eq!(tom.message(&last["id"]).await["deleted_at"], Value::Null);
    jerry.delete(&at(&sent["id"], "?for=nobody")).await.invalid();
}

#[tokio::test]
async fn pins_are_everybodys_and_the_last_comes_first() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut sent = Vec::new();
    for text in ["one", "two", "three"] {
        sent.push(tom.write(&jerry, text).await);
    }
    for (user, message) in [(&tom, &sent[2]), (&jerry, &sent[0])] {
        let pinned = user.put(&at(&message["id"], "/pin")).await.expect(200);
        assert_eq!(pinned["pinned_by"], user.id);
        assert!(pinned["pinned_at"].is_string() && pinned["rev"].as_i64() > message["rev"].as_i64());
        assert_eq!(user.put(&at(&message["id"], "/pin")).await.expect(200), pinned, "twice is once");
    }
    let pins = async |query: &str| {
        let path = format!("/v1/conversations/{}/pins{query}", sent[0]["conversation_id"]);
        let pins = jerry.get(&path).await.expect(200);
        pins.as_array().unwrap().iter().map(|message| message["content"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(pins("").await, ["one", "three"]);
    assert_eq!(pins("?limit=1").await, ["one"]);
    let unpinned = jerry.delete(&at(&sent[2]["id"], "/pin")).await.expect(200);
    assert_eq!((&unpinned["pinned_at"], &unpinned["pinned_by"]), (&Value::Null, &Value::Null));
    assert_eq!(pins("").await, ["one"]);
}

#[tokio::test]
async fn every_change_of_one_message_moves_its_rev_and_a_race_loses_none() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = tom.write(&jerry, "start").await;
    let edits = (0..16).map(|n| {
        let (tom, id) = (tom.clone(), sent["id"].clone());
        tokio::spawn(async move { edit(&tom, &id, &format!("text {n}")).await["rev"].as_i64().unwrap() })
    });
    let mut revs = Vec::new();
    for task in edits.collect::<Vec<_>>() {
        revs.push(task.await.unwrap());
    }
    revs.sort_unstable();
    let first = sent["rev"].as_i64().unwrap();
    assert_eq!(revs, (first + 1..=first + 16).collect::<Vec<_>>());
    let versions = jerry.get(&at(&sent["id"], "/versions")).await.expect(200);
    assert_eq!(versions.as_array().unwrap().len(), 16);
}
