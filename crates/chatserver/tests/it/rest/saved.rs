//! Messages that a user saves for later.

use serde_json::{Value, json};

use crate::support::{Server, User};

fn at(id: &Value) -> String {
    format!("/v1/messages/{id}/saved")
}

async fn saved(user: &User, query: &str) -> Vec<Value> {
    let page = user.get(&format!("/v1/saved{query}")).await.expect(200);
    let messages = page["messages"].as_array().unwrap();
    assert_eq!(page["count"], messages.len());
    messages.iter().map(|message| message["content"].clone()).collect()
}

#[tokio::test]
async fn the_saved_ones_are_ones_own_and_the_newest_comes_first() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut sent = Vec::new();
    for text in ["one", "two", "three", "four"] {
        sent.push(tom.write(&jerry, text).await["id"].clone());
    }
    for id in [&sent[1], &sent[3], &sent[0], &sent[1]] {
        jerry.put(&at(id)).await.is_empty();
    }
    assert_eq!(saved(&jerry, "").await, ["four", "two", "one"]);
    assert_eq!(saved(&jerry, "?limit=2").await, ["four", "two"]);
    assert_eq!(saved(&jerry, &format!("?limit=2&before_id={}", sent[1])).await, ["one"]);
    assert_eq!(saved(&tom, "").await, [] as [Value; 0]);
    for _ in 0..2 {
        jerry.delete(&at(&sent[3])).await.is_empty();
    }
    assert_eq!(saved(&jerry, "").await, ["two", "one"]);
    jerry.get("/v1/saved?limit=0").await.invalid();
}

#[tokio::test]
async fn what_one_may_no_longer_see_is_no_longer_saved() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let in_group = tom.write_group(group, "in the group").await;
    let hidden = tom.write(&jerry, "hidden").await;
    jerry.put(&at(&in_group["id"])).await.is_empty();
    jerry.put(&at(&hidden["id"])).await.is_empty();
    assert_eq!(saved(&jerry, "").await, ["hidden", "in the group"]);
    jerry.delete(&format!("/v1/messages/{}?for=me", hidden["id"])).await.is_empty();
    tom.delete(&format!("/v1/groups/{group}/members/2")).await.expect(200);
    assert_eq!(saved(&jerry, "").await, [] as [Value; 0]);
    tom.patch(&format!("/v1/messages/{}", in_group["id"]), &json!({ "content": "changed" }))
        .await
        .expect(200);
    assert_eq!(saved(&jerry, "").await, [] as [Value; 0]);
}
