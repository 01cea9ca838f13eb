//! Searching. The index may lag behind by about a second, so tests wait for results.

use serde_json::{Value, json};

use crate::support::people::p2p;
use crate::support::{Server, User, eventually};

/// Returns the found texts, in their order.
async fn found(user: &User, query: &str) -> Vec<String> {
    let page = user.get(&format!("/v1/search?{query}")).await.expect(200);
    let messages = page["messages"].as_array().unwrap();
    assert_eq!(page["count"], messages.len());
    messages.iter().map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

/// Waits until a search finds exactly these.
async fn finds(user: &User, query: &str, expected: &[&str]) {
    eventually(5, &format!("{query} finds {expected:?}"), async || found(user, query).await == expected)
        .await;
}

async fn say(user: &User, to: i64, content: &str) -> Value {
    user.post(&p2p(to), &json!({ "content": content })).await.expect(201)
}

#[tokio::test]
async fn words_phrases_and_beginnings_are_found_newest_first() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    for text in ["Blue cheese is old", "a mouse likes cheese", "old blue shoes", "Crème brûlée"] {
        say(&tom, 2, text).await;
    }
    finds(&jerry, "q=cheese", &["a mouse likes cheese", "Blue cheese is old"]).await;
    finds(&jerry, "q=CHEESE+old", &["Blue cheese is old"]).await;
    finds(&jerry, "q=%22blue+cheese%22", &["Blue cheese is old"]).await;
    finds(&jerry, "q=%22cheese+blue%22", &[]).await;
    finds(&jerry, "q=mou*", &["a mouse likes cheese"]).await;
    finds(&jerry, "q=mou", &[]).await;
    finds(&jerry, "q=creme", &["Crème brûlée"]).await;
    finds(&jerry, "q=BR%C3%9BL%C3%89E", &["Crème brûlée"]).await;
    finds(&jerry, "q=nothing", &[]).await;
}

#[tokio::test]
async fn filters_narrow_the_search() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let first = say(&tom, 2, "cheese one").await;
    say(&jerry, 1, "cheese two").await;
    let elsewhere = say(&spike, 1, "cheese three").await;
    let picture = json!({ "content": "cheese four", "media_url": "https://example.com/a" });
    let last = tom.post(&p2p(2), &picture).await.expect(201);
    finds(&tom, "q=cheese", &["cheese four", "cheese three", "cheese two", "cheese one"]).await;
    finds(&tom, "q=cheese&sender_id=2", &["cheese two"]).await;
    let there = format!("q=cheese&conversation_id={}", elsewhere["conversation_id"]);
    finds(&tom, &there, &["cheese three"]).await;
    finds(&tom, "q=cheese&has_media=true", &["cheese four"]).await;
    finds(&tom, "q=cheese&has_media=false&sender_id=1", &["cheese one"]).await;
    let since = last["timestamp"].as_str().unwrap();
    finds(&tom, &format!("q=cheese&since={since}"), &["cheese four"]).await;
    let until = format!("q=cheese&until={since}");
    finds(&tom, &until, &["cheese three", "cheese two", "cheese one"]).await;
    finds(&tom, "q=cheese&limit=2", &["cheese four", "cheese three"]).await;
    finds(&tom, &format!("q=cheese&before_id={}", elsewhere["id"]), &["cheese two", "cheese one"]).await;
    finds(&tom, "has_media=true", &["cheese four"]).await;
    finds(
        &tom,
        &format!("conversation_id={}", first["conversation_id"]),
        &["cheese four", "cheese two", "cheese one"],
    )
    .await;
}

#[tokio::test]
async fn the_best_match_may_come_first() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    say(&tom, 2, "cheese cheese cheese").await;
    say(&tom, 2, "there is some cheese among very many other words that say nothing about it at all").await;
    let best = [
        "cheese cheese cheese",
        "there is some cheese among very many other words that say nothing about it at all",
    ];
    finds(&jerry, "q=cheese&order=best", &best).await;
    finds(&jerry, "q=cheese&order=newest", &[best[1], best[0]]).await;
}

/// Search must show exactly what reading would show, as it is now.
#[tokio::test]
async fn only_what_one_may_see_is_found_and_as_it_is_now() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let secret = tom.write_group(group, "the secret recipe").await;
    let hidden = say(&tom, 2, "the secret place").await;
    finds(&jerry, "q=secret", &["the secret place", "the secret recipe"]).await;
    finds(&tom, "q=secret", &["the secret place", "the secret recipe"]).await;
    assert_eq!(found(&spike, "q=secret").await, [] as [&str; 0]);
    let there = format!("q=secret&conversation_id={}", secret["conversation_id"]);
    assert_eq!(found(&spike, &there).await, found(&spike, "q=secret&conversation_id=999999").await);

    jerry.delete(&format!("/v1/messages/{}?for=me", hidden["id"])).await.is_empty();
    finds(&jerry, "q=secret", &["the secret recipe"]).await;
    tom.patch(&format!("/v1/messages/{}", secret["id"]), &json!({ "content": "an open recipe" }))
        .await
        .expect(200);
    finds(&jerry, "q=secret", &[]).await;
    finds(&jerry, "q=recipe", &["an open recipe"]).await;
    tom.delete(&format!("/v1/groups/{group}/members/2")).await.expect(200);
    assert_eq!(found(&jerry, "q=recipe").await, [] as [&str; 0], "membership is asked when searching");
    tom.delete(&format!("/v1/messages/{}", secret["id"])).await.expect(200);
    finds(&tom, "q=recipe", &[]).await;
}

#[tokio::test]
async fn a_query_is_words_and_never_a_language() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    say(&tom, 2, "cheese").await;
    finds(&jerry, "q=cheese", &["cheese"]).await;
    for query in [
        "q=%27+or+1%3D1--",
        "q=NEAR(cheese%2C+x)",
        "q=content%3Acheese",
        "q=cheese+AND",
        "q=-cheese",
        "q=%22cheese",
        "q=*&sender_id=1",
        "q=%25&sender_id=1",
        "q=%00cheese",
        "q=%28%29cheese",
        "q=cheese%3B+DROP+TABLE+messages",
        "q=%F0%9F%A7%80+cheese",
    ] {
        let answer = jerry.get(&format!("/v1/search?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    }
    for bad in [
        "",
        "q=",
        "q=%22%22",
        "q=cheese&limit=0",
        "q=cheese&order=worst",
        "q=cheese&since=yesterday",
        "q=cheese&has_media=maybe",
        "q=cheese&sender_id=x",
        "q=cheese&sender_id=-1",
        "q=cheese&conversation_id=0",
        &format!("q={}", "a".repeat(257)),
        &format!("q={}", "a+".repeat(17)),
    ] {
        jerry.get(&format!("/v1/search?{bad}")).await.invalid();
    }
}
