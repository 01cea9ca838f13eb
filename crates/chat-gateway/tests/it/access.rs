//! Tokens at several nodes, where one hears of what another did only after a while.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{House, Node, PASSWORD, User, eventually};

const NEW: &str = "cheese-42";

async fn change_password(node: &Node, user: &User) -> String {
    let body = json!({ "old_password": PASSWORD, "new_password": NEW });
    let (status, answer) = node.post("/v1/users/password", &user.token, body).await;
    assert_eq!(status, 200, "{answer}");
    answer["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_changed_password_counts_at_once_where_it_was_changed_and_elsewhere_by_the_event() {
    let house = House::of(2).await;
    let tom = house.register("tom").await;
    let [here, there] = &house.nodes[..] else { panic!() };
    let mut stream = here.v2(&tom, None).await;
    for node in [here, there] {
        assert!(node.welcomes(&tom.token).await);
        node.gate.shut();
    }
    let renewed = change_password(here, &tom).await;
    assert!(!here.welcomes(&tom.token).await, "nothing waits for the hub to hear of it");
    for node in [here, there] {
        assert!(node.welcomes(&renewed).await);
    }
    for node in [here, there] {
        node.gate.open().await;
        assert!(!node.welcomes(&tom.token).await);
        assert!(node.welcomes(&renewed).await, "what was issued afterwards is not among what ended");
    }
    assert_eq!(stream.closed().await, 4001);
}

#[tokio::test]
async fn a_login_at_a_node_that_has_yet_to_hear_of_it_is_good_for_long() {
    let house = House::of(2).await;
    let tom = house.register("tom").await;
    let [here, there] = &house.nodes[..] else { panic!() };
    there.gate.shut();
    change_password(here, &tom).await;
    assert_eq!(there.login("tom", PASSWORD).await, Err(401));
    let again = there.login("tom", NEW).await.unwrap();
    assert!(there.welcomes(&again).await && here.welcomes(&again).await);
    let body = json!({ "everywhere": true });
    assert_eq!(here.post("/v1/users/logout", &again, body).await.0, 200);
    assert!(!here.welcomes(&again).await);
    let began = Instant::now();
    let last = there.login("tom", NEW).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "it waits for the next second, and no longer");
    there.gate.open().await;
    assert!(!there.welcomes(&again).await);
    assert!(there.welcomes(&last).await && here.welcomes(&last).await);
}

/// Whoever was about to come in with a password when it was changed is out again.
#[tokio::test]
async fn a_login_with_the_old_password_does_not_outlive_it() {
    let house = House::of(2).await;
    let tom = house.register("tom").await;
    let [here, there] = &house.nodes[..] else { panic!() };
    there.passwords.hold_up();
    let raced = async {
        there.passwords.asked.notified().await;
        change_password(here, &tom).await;
        there.passwords.go_on();
    };
    let (old, ()) = tokio::join!(there.login("tom", PASSWORD), raced);
    let old = old.expect("the password was right when it was looked at");
    for node in [here, there] {
        assert!(!node.welcomes(&old).await);
    }
}

#[tokio::test]
async fn one_token_is_logged_out_at_once_here_and_elsewhere_by_the_event() {
    let house = House::of(2).await;
    let tom = house.register("tom").await;
    let [here, there] = &house.nodes[..] else { panic!() };
    let other = there.login("tom", PASSWORD).await.unwrap();
    here.gate.shut();
    assert_eq!(here.post("/v1/users/logout", &tom.token, json!({})).await.0, 200);
    for node in [here, there] {
        assert!(!node.welcomes(&tom.token).await);
        assert!(node.welcomes(&other).await);
    }
}

#[tokio::test]
async fn what_was_revoked_in_events_that_were_missed_is_read_from_the_store() {
    let house = House::of(2).await;
    let (tom, jerry) = (house.register("tom").await, house.register("jerry").await);
    let [here, there] = &house.nodes[..] else { panic!() };
    let mut streams = [there.v2(&tom, None).await, there.v2(&jerry, None).await];
    for stream in &mut streams {
        stream.until_live().await;
    }
    there.gate.shut();
    assert_eq!(here.post("/v1/users/logout", &tom.token, json!({})).await.0, 200);
    assert!(there.welcomes(&tom.token).await, "it can't know yet");
    there.gate.miss().await;
    for stream in &mut streams {
        assert_eq!(stream.closed().await, 1012);
    }
    eventually("the token is refused", async || !there.welcomes(&tom.token).await).await;
    assert!(there.welcomes(&jerry.token).await);
    let mut again = there.v2(&jerry, None).await;
    again.until_live().await;
}
