//! Tokens at several nodes, where one gets the events of another only after a while.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Node, PASSWORD, TestCluster, User, eventually};

const NEW: &str = "cheese-42";

async fn change_password(node: &Node, user: &User) -> String {
    let body = json!({ "old_password": PASSWORD, "new_password": NEW });
    let (status, answer) = node.post("/v1/users/password", &user.token, body).await;
    assert_eq!(status, 200, "{answer}");
    answer["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_changed_password_counts_at_once_where_it_was_changed_and_elsewhere_by_the_event() {
    let cluster = TestCluster::of(2).await;
    let tom = cluster.register("tom").await;
    let [here, there] = &cluster.nodes[..] else { panic!() };
    let mut stream = here.v2(&tom, None).await;
    for node in [here, there] {
        assert!(node.accepts_token(&tom.token).await);
        node.gate.shut();
    }
    let renewed = change_password(here, &tom).await;
    assert!(!here.accepts_token(&tom.token).await, "revoked before the hub gets the event");
    for node in [here, there] {
        assert!(node.accepts_token(&renewed).await);
    }
    for node in [here, there] {
        node.gate.open().await;
        assert!(!node.accepts_token(&tom.token).await);
        assert!(node.accepts_token(&renewed).await, "what was issued afterwards is not among what ended");
    }
    assert_eq!(stream.closed().await, 4001);
}

#[tokio::test]
async fn a_login_at_a_node_that_lacks_the_event_stays_valid() {
    let cluster = TestCluster::of(2).await;
    let tom = cluster.register("tom").await;
    let [here, there] = &cluster.nodes[..] else { panic!() };
    there.gate.shut();
    change_password(here, &tom).await;
    assert_eq!(there.login("tom", PASSWORD).await, Err(401));
    let again = there.login("tom", NEW).await.unwrap();
    assert!(there.accepts_token(&again).await && here.accepts_token(&again).await);
    let body = json!({ "everywhere": true });
    assert_eq!(here.post("/v1/users/logout", &again, body).await.0, 200);
    assert!(!here.accepts_token(&again).await);
    let began = Instant::now();
    let last = there.login("tom", NEW).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "it waits for the next second, and no longer");
    there.gate.open().await;
    assert!(!there.accepts_token(&again).await);
    assert!(there.accepts_token(&last).await && here.accepts_token(&last).await);
}

/// A client that was logging in with the old password while it was changed gets no valid token.
#[tokio::test]
async fn a_login_with_the_old_password_does_not_outlive_it() {
    let cluster = TestCluster::of(2).await;
    let tom = cluster.register("tom").await;
    let [here, there] = &cluster.nodes[..] else { panic!() };
    there.passwords.block();
    let raced = async {
        there.passwords.asked.notified().await;
        change_password(here, &tom).await;
        there.passwords.unblock();
    };
    let (old, ()) = tokio::join!(there.login("tom", PASSWORD), raced);
    let old = old.expect("the password was right when it was looked at");
    for node in [here, there] {
        assert!(!node.accepts_token(&old).await);
    }
}

#[tokio::test]
async fn one_token_is_logged_out_at_once_here_and_elsewhere_by_the_event() {
    let cluster = TestCluster::of(2).await;
    let tom = cluster.register("tom").await;
    let [here, there] = &cluster.nodes[..] else { panic!() };
    let other = there.login("tom", PASSWORD).await.unwrap();
    here.gate.shut();
    assert_eq!(here.post("/v1/users/logout", &tom.token, json!({})).await.0, 200);
    for node in [here, there] {
        assert!(!node.accepts_token(&tom.token).await);
        assert!(node.accepts_token(&other).await);
    }
}

#[tokio::test]
async fn what_was_revoked_in_events_that_were_missed_is_read_from_the_store() {
    let cluster = TestCluster::of(2).await;
    let (tom, jerry) = (cluster.register("tom").await, cluster.register("jerry").await);
    let [here, there] = &cluster.nodes[..] else { panic!() };
    let mut streams = [there.v2(&tom, None).await, there.v2(&jerry, None).await];
    for stream in &mut streams {
        stream.until_live().await;
    }
    there.gate.shut();
    assert_eq!(here.post("/v1/users/logout", &tom.token, json!({})).await.0, 200);
    assert!(there.accepts_token(&tom.token).await, "it can't know yet");
    there.gate.miss().await;
    for stream in &mut streams {
        assert_eq!(stream.closed().await, 1012);
    }
    eventually("the token is refused", async || !there.accepts_token(&tom.token).await).await;
    assert!(there.accepts_token(&jerry.token).await);
    let mut again = there.v2(&jerry, None).await;
    again.until_live().await;
}
