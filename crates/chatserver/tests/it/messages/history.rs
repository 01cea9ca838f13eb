//! Reading messages back.

use serde_json::{Value, json};

use crate::support::http::keys;
use crate::support::{Server, User};

fn contents(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["content"].as_str().unwrap()).collect()
}

/// Writes 120 messages in a direct conversation and in a group, alternating, so that the ids of each have gaps.
async fn conversations(tom: &User, jerry: &User) -> [String; 2] {
    let group = tom.group("Cheese", &[jerry]).await;
    for number in 1..=120 {
        let (writer, reader) = if number % 2 == 0 { (tom, jerry) } else { (jerry, tom) };
        writer.write(reader, &number.to_string()).await;
        writer.write_group(group, &number.to_string()).await;
    }
    ["/v1/messages/history/2".to_owned(), format!("/v1/groups/{group}/messages")]
}

#[tokio::test]
async fn pages_are_oldest_first_and_lead_back_to_the_beginning() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let numbers = |from: i32, to: i32| (from..=to).map(|number| number.to_string()).collect::<Vec<_>>();
    for path in conversations(&tom, &jerry).await {
        let page = tom.get(&path).await.expect(200);
        assert_eq!(keys(&page), ["count", "messages"]);
        assert_eq!(page["count"], 50, "the newest 50 by default");
        let newest = page["messages"].as_array().unwrap().clone();
        assert_eq!(contents(&newest), numbers(71, 120));

        let before = format!("{path}?limit=70&before_id={}", newest[0]["id"]);
        let older = tom.get(&before).await.expect(200);
        assert_eq!(
            (older["count"].as_i64(), contents(older["messages"].as_array().unwrap())),
            (Some(70), numbers(1, 70).iter().map(String::as_str).collect())
        );
        let first = &older["messages"][0]["id"];
        assert_eq!(
            tom.get(&format!("{path}?before_id={first}")).await.expect(200),
            json!({"messages": [], "count": 0})
        );

        assert_eq!(contents(&tom.messages(&format!("{path}?limit=3")).await), ["118", "119", "120"]);
        assert_eq!(contents(&tom.all_messages(&path).await), numbers(1, 120));
    }
}

/// The id of another conversation's message works as a point in time.
#[tokio::test]
async fn before_id_may_be_any_id() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    tom.write(&jerry, "one").await;
    let elsewhere = tom.write(&spike, "elsewhere").await["id"].clone();
    tom.write(&jerry, "two").await;
    let before = async |id: String| {
        let messages = tom.messages(&format!("/v1/messages/history/2?before_id={id}")).await;
        contents(&messages).join(" ")
    };
    assert_eq!(before(elsewhere.to_string()).await, "one");
    assert_eq!(before("1".into()).await, "");
    assert_eq!(before(i64::MAX.to_string()).await, "one two");
}

#[tokio::test]
async fn a_page_has_a_sensible_size() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    for path in ["/v1/messages/history/2".to_owned(), format!("/v1/groups/{group}/messages")] {
        for wrong in ["limit=0", "limit=-1", "limit=x", "limit=1e2", "before_id=x", "before_id=1.5", "limit="]
        {
            tom.get(&format!("{path}?{wrong}")).await.invalid();
        }
        tom.get(&format!("{path}?limit=1000000")).await.expect(200);
    }
}

#[tokio::test]
async fn a_conversation_without_messages_is_empty() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[]).await;
    let empty = json!({"messages": [], "count": 0});
    assert_eq!(tom.get(&format!("/v1/messages/history/{}", jerry.id)).await.expect(200), empty);
    assert_eq!(tom.get(&format!("/v1/groups/{group}/messages")).await.expect(200), empty);
}

#[tokio::test]
async fn a_direct_conversation_is_seen_by_its_two_alone() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    tom.write(&jerry, "secret").await;
    assert_eq!(contents(&jerry.history(&tom).await), ["secret"]);
    assert_eq!(spike.history(&tom).await, [] as [Value; 0]);
    assert_eq!(spike.history(&jerry).await, [] as [Value; 0]);
    assert_eq!(spike.get("/v1/chats").await.expect(200), json!([]));
}

#[tokio::test]
async fn chats_are_the_last_messages_newest_first() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    assert_eq!(tom.get("/v1/chats").await.expect(200), json!([]));
    let group = jerry.group("Cheese", &[&tom, &spike]).await;
    jerry.group("Silence", &[&tom]).await;
    tom.write(&jerry, "to jerry").await;
    spike.write(&tom, "from spike").await;
    spike.write_group(group, "to the group").await;
    jerry.write(&tom, "from jerry").await;
    jerry.write(&spike, "behind Tom's back").await;

    let chats = tom.get("/v1/chats").await.expect(200);
    let chats = chats.as_array().unwrap();
    assert_eq!(contents(chats), ["from jerry", "to the group", "from spike"]);
    assert_eq!(chats[0], *tom.history(&jerry).await.last().unwrap(), "the whole message");
    assert_eq!(chats[1], tom.messages(&format!("/v1/groups/{group}/messages")).await[0]);
    let limited = tom.get("/v1/chats?limit=1").await.expect(200);
    assert_eq!(contents(limited.as_array().unwrap()), ["from jerry"]);
}

/// New members see older messages, as in the earlier server.
#[tokio::test]
async fn a_new_member_reads_the_groups_past() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[]).await;
    tom.write_group(group, "before").await;
    tom.add(group, jerry.id).await.expect(200);
    assert_eq!(contents(&jerry.messages(&format!("/v1/groups/{group}/messages")).await), ["before"]);
}
