//! A conversation's state for one member: pointers, counts, and what the member has set.

use serde_json::{Value, json};

use crate::support::people::p2p;
use crate::support::{Server, Setup, User};

fn at(conversation: &Value, rest: &str) -> String {
    format!("/v1/conversations/{conversation}{rest}")
}

async fn set(user: &User, conversation: &Value, state: Value) -> Value {
    user.patch(&at(conversation, "/state"), &state).await.expect(200)
}

async fn read(user: &User, conversation: &Value, seq: i64) {
    user.post(&at(conversation, "/read"), &json!({ "seq": seq })).await.is_empty();
}

async fn totals(user: &User) -> Value {
    let totals = user.get("/v1/unread").await.expect(200);
    json!([totals["unread"], totals["mentions"], totals["conversations"]])
}

#[tokio::test]
async fn what_waits_is_what_others_wrote_after_what_one_has_read() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = tom.write(&jerry, "one").await;
    let id = &sent["conversation_id"];
    tom.post(&p2p(2), &json!({ "content": "two, @jerry", "mentions": [2] })).await.expect(201);
    let third = tom.post(&p2p(2), &json!({ "content": "three, all", "mention_all": true })).await.expect(201);
    jerry.write(&tom, "four, mine").await;
    let waits = async || {
        let seen = jerry.conversation(id).await;
        (seen["read_seq"].clone(), seen["unread"].clone(), seen["mentions"].clone())
    };
    assert_eq!(waits().await, (json!(0), json!(3), json!(2)));
    assert_eq!(totals(&jerry).await, json!([3, 2, 1]));
    read(&jerry, id, 2).await;
    assert_eq!(waits().await, (json!(2), json!(1), json!(1)));
    read(&jerry, id, 1).await;
    assert_eq!(waits().await.0, 2, "a pointer never goes back");
    tom.delete(&format!("/v1/messages/{}", third["id"])).await.expect(200);
    assert_eq!(waits().await, (json!(2), json!(0), json!(0)), "what is deleted does not wait");
    read(&jerry, id, 1_000_000).await;
    assert_eq!(waits().await.0, 4, "nor past the end");
    assert_eq!(totals(&jerry).await, json!([0, 0, 0]));
    assert_eq!(totals(&tom).await, json!([1, 0, 1]));
}

#[tokio::test]
async fn what_a_user_has_hidden_does_not_wait() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = tom.write(&jerry, "spam").await;
    let id = &sent["conversation_id"];
    jerry.delete(&format!("/v1/messages/{}?for=me", sent["id"])).await.is_empty();
    assert_eq!(jerry.conversation(id).await["unread"], 0);
    assert_eq!(totals(&jerry).await, json!([0, 0, 0]));
    let later = tom.write(&jerry, "later").await;
    assert_eq!(totals(&jerry).await, json!([1, 0, 1]));
    jerry.delete(&format!("/v1/messages/{}?for=me", later["id"])).await.is_empty();
    tom.delete(&format!("/v1/messages/{}", later["id"])).await.expect(200);
    assert_eq!(totals(&jerry).await, json!([0, 0, 0]), "hidden and deleted counts once");
}

#[tokio::test]
async fn a_message_is_delivered_then_read_and_the_other_side_learns_it() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = tom.write(&jerry, "cheese").await;
    let id = &sent["conversation_id"];
    let status = async || tom.status_of(&jerry, &sent["id"]).await;
    assert_eq!(status().await, "PENDING");
    jerry.post(&at(id, "/delivered"), &json!({ "seq": 1 })).await.is_empty();
    assert_eq!(status().await, "DELIVERED");
    read(&jerry, id, 1).await;
    assert_eq!(status().await, "READ");
    let receipts = tom.get(&at(id, "/receipts")).await.expect(200);
    let expected = json!([
        { "user_id": 1, "delivered_seq": 0, "read_seq": 0 },
        { "user_id": 2, "delivered_seq": 1, "read_seq": 1 },
    ]);
    assert_eq!(receipts, expected);
    assert_eq!(tom.get(&at(id, "/receipts?limit=1")).await.expect(200), json!([expected[0]]));
    assert_eq!(tom.get(&at(id, "/receipts?after_id=1")).await.expect(200), json!([expected[1]]));
    for bad in [json!({}), json!({ "seq": "1" }), json!({ "seq": 1.5 }), json!([1])] {
        jerry.post(&at(id, "/delivered"), &bad).await.invalid();
        jerry.post(&at(id, "/read"), &bad).await.invalid();
    }
}

#[tokio::test]
async fn what_a_member_sets_is_the_members_own_and_outlives_the_server() {
    let mut server = Setup::new().start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let id = tom.write(&jerry, "cheese").await["conversation_id"].clone();
    let before = tom.conversation(&id).await;
    let all = json!({ "marked_unread": true, "muted_until": "2999-01-01T00:00:00Z", "archived": true,
        "pinned": true, "draft": "I was about to" });
    let changed = set(&jerry, &id, all.clone()).await;
    for (field, value) in all.as_object().unwrap() {
        assert_eq!(&changed[field], value, "{field}");
    }
    assert_eq!(set(&jerry, &id, json!({})).await, changed, "what is left out stays");
    assert_eq!(tom.conversation(&id).await, before, "the other side has a part of its own");
    server.kill();
    let server = server.setup.start();
    let jerry = server.login("jerry").await;
    assert_eq!(jerry.conversation(&id).await, changed);
    let less = set(&jerry, &id, json!({ "muted_until": null, "archived": false, "draft": null })).await;
    assert_eq!(
        (&less["muted_until"], &less["archived"], &less["draft"]),
        (&Value::Null, &json!(false), &Value::Null)
    );
    assert_eq!(less["pinned"], true);
    assert_eq!(
        set(&jerry, &id, json!({ "draft": "" })).await["draft"],
        Value::Null,
        "an empty draft counts as no draft"
    );
}

#[tokio::test]
async fn what_is_muted_is_not_counted_and_what_is_marked_is() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let id = tom.write(&jerry, "cheese").await["conversation_id"].clone();
    set(&jerry, &id, json!({ "muted_until": "2999-01-01T00:00:00Z" })).await;
    assert_eq!(totals(&jerry).await, json!([0, 0, 0]));
    set(&jerry, &id, json!({ "muted_until": "2020-01-01T00:00:00Z" })).await;
    assert_eq!(totals(&jerry).await, json!([1, 0, 1]), "that time is over");
    read(&jerry, &id, 1).await;
    assert_eq!(totals(&jerry).await, json!([0, 0, 0]));
    set(&jerry, &id, json!({ "marked_unread": true })).await;
    assert_eq!(totals(&jerry).await, json!([0, 0, 1]));
    read(&jerry, &id, 1).await;
    assert_eq!(jerry.conversation(&id).await["marked_unread"], false, "reading takes the mark away");
}

#[tokio::test]
async fn a_state_that_does_not_fit_is_refused_whole() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let id = tom.write(&jerry, "cheese").await["conversation_id"].clone();
    let before = jerry.conversation(&id).await;
    for bad in [
        json!([]),
        json!({ "pinned": "yes" }),
        json!({ "pinned": true, "muted_until": "tomorrow" }),
        json!({ "pinned": true, "muted_until": 7 }),
        json!({ "pinned": true, "draft": "x".repeat(16 * 1024 + 1) }),
    ] {
        jerry.patch(&at(&id, "/state"), &bad).await.invalid();
    }
    assert_eq!(jerry.conversation(&id).await, before);
}

#[tokio::test]
async fn a_new_member_has_read_what_was_before() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[]).await;
    tom.write_group(group, "before").await;
    tom.add(group, jerry.id).await.expect(200);
    tom.write_group(group, "after").await;
    let seen = jerry.conversation(&jerry.conversation_of(group).await).await;
    assert_eq!((&seen["read_seq"], &seen["unread"], &seen["last_seq"]), (&json!(1), &json!(1), &json!(2)));
}
