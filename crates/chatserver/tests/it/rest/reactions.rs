//! Reactions to messages.

use serde_json::{Value, json};

use crate::support::{Server, User};

const THUMB: &str = "%F0%9F%91%8D";

fn at(id: &Value, emoji: &str) -> String {
    format!("/v1/messages/{id}/reactions/{emoji}")
}

#[tokio::test]
async fn each_sees_the_counts_and_which_are_their_own() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = tom.write(&jerry, "cheese").await;
    let id = &sent["id"];
    let first = jerry.put(&at(id, THUMB)).await.expect(200);
    assert_eq!(first["reactions"], json!([{ "emoji": "👍", "count": 1, "me": true }]));
    assert!(first["rev"].as_i64() > sent["rev"].as_i64());
    assert_eq!(jerry.put(&at(id, THUMB)).await.expect(200), first, "twice is once");
    jerry.put(&at(id, ":cheese:")).await.expect(200);
    let both = tom.put(&at(id, THUMB)).await.expect(200);
    let expected =
        json!([{ "emoji": "👍", "count": 2, "me": true }, { "emoji": ":cheese:", "count": 1, "me": false }]);
    assert_eq!(both["reactions"], expected, "the first used comes first");
    let who = tom.get(&format!("/v1/messages/{id}/reactions")).await.expect(200);
    let brief: Vec<_> =
        who.as_array().unwrap().iter().map(|one| json!([one["user_id"], one["emoji"]])).collect();
    assert_eq!(brief, [json!([2, "👍"]), json!([2, ":cheese:"]), json!([1, "👍"])]);
    assert!(who[0]["at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    let less = jerry.delete(&at(id, THUMB)).await.expect(200);
    assert_eq!(less["reactions"][1], json!({ "emoji": "👍", "count": 1, "me": false }), "{less}");
    assert_eq!(jerry.delete(&at(id, THUMB)).await.expect(200), less, "and once is twice");
    assert_eq!(jerry.history(&tom).await[0]["reactions"], less["reactions"]);
}

#[tokio::test]
async fn an_emoji_is_short_and_has_no_space() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = tom.write(&jerry, "cheese").await;
    for bad in ["%20", "a%20b", "%00", "%0A", &THUMB.repeat(17)] {
        tom.put(&at(&sent["id"], bad)).await.invalid();
    }
    tom.put(&at(&sent["id"], "%FF")).await.invalid();
    let family = "%F0%9F%91%A8%E2%80%8D%F0%9F%91%A9%E2%80%8D%F0%9F%91%A7";
    let message = tom.put(&at(&sent["id"], family)).await.expect(200);
    assert_eq!(message["reactions"][0]["emoji"], "👨\u{200d}👩\u{200d}👧");
}

#[tokio::test]
async fn a_message_has_at_most_20_different_emoji() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = tom.write(&jerry, "cheese").await;
    for n in 0..20 {
        tom.put(&at(&sent["id"], &format!(":e{n}:"))).await.expect(200);
    }
    tom.put(&at(&sent["id"], ":more:")).await.refused(409, "too_many_reactions");
    let known = jerry.put(&at(&sent["id"], ":e7:")).await.expect(200);
    assert_eq!(known["reactions"][7], json!({ "emoji": ":e7:", "count": 2, "me": true }));
}

#[tokio::test]
async fn of_many_who_react_at_once_each_counts_once() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut people = vec![tom.clone(), jerry];
    for n in 0..6 {
        people.push(server.register(&format!("mouse{n}")).await);
    }
    let group = tom.group("Cheese", &people.iter().skip(1).collect::<Vec<_>>()).await;
    let sent = tom.write_group(group, "cheese").await;
    let react = |user: &User| {
        let (user, path) = (user.clone(), at(&sent["id"], THUMB));
        tokio::spawn(async move { user.put(&path).await.expect(200) })
    };
    let tasks: Vec<_> = people.iter().chain(&people).map(react).collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(
        tom.message(&sent["id"]).await["reactions"],
        json!([{ "emoji": "👍", "count": 8, "me": true }])
    );
}
