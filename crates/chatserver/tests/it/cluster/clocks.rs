//! Clocks that differ by ten minutes: every node admits the tokens of the others, and a token that one node ends is
//! ended everywhere.

use std::cell::{Cell, RefCell};

use serde_json::{Value, json};

use super::nodes::{Nodes, at};
use crate::operation::metrics::metrics_address;
use crate::support::people::PASSWORD;
use crate::support::{Request, Server, Stream, User, Ws, eventually};

/// Starts two nodes, the first of which is ten minutes ahead of the second.
fn apart() -> Nodes {
    let ahead = Cell::new(600);
    Nodes::start_with(2, |setup| {
        setup.env("CHATSERVER_FAILPOINTS", &format!("clock_ahead={}", ahead.replace(0)))
    })
}

async fn is_let_in(node: &Server, user: &User) -> bool {
    at(node, user).get("/v1/test-auth").await.status == 200
}

async fn ended_everywhere(nodes: &Nodes, user: &User) {
    for node in &nodes.servers {
        eventually(2, "the token has ended", async || !is_let_in(node, user).await).await;
    }
}

async fn logged_in(node: &Server, password: &str) -> User {
    let body = json!({"username": "tom", "password": password});
    let answer = node.post("/v1/users/login", &body).await.expect(200);
    User::with_token(node, 1, answer["token"].as_str().unwrap())
}

#[tokio::test]
async fn nodes_ten_minutes_apart_let_in_the_same_users() {
    let nodes = apart();
    let [ahead, behind] = [&nodes.servers[0], &nodes.servers[1]];
    for (from, to) in [(ahead, behind), (behind, ahead)] {
        let tom = logged_in(from, PASSWORD).await;
        let there = at(to, &tom);
        there.get("/v1/test-auth").await.expect(200);
        Ws::connect(to, &there).await;
        Stream::connect(to, &there).await;
        let ticket = tom.post("/v1/ws-ticket", &json!({})).await.expect(201);
        let path = format!("/ws?ticket={}", ticket["ticket"].as_str().unwrap());
        assert!(Ws::open(to, &path, &[]).await.is_ok(), "a ticket is good for 30 s, by whatever clock");
    }
}

#[tokio::test]
async fn what_a_node_ends_is_ended_though_another_dated_it_ahead() {
    let nodes = apart();
    let [ahead, behind] = [&nodes.servers[0], &nodes.servers[1]];
    // The device that asks, and another device that logged in at the other node.
    for (asked, other) in [(behind, ahead), (ahead, behind), (behind, ahead)] {
        let (here, elsewhere) = (logged_in(asked, PASSWORD).await, logged_in(other, PASSWORD).await);
        for user in [&here, &elsewhere] {
            for node in &nodes.servers {
                assert!(is_let_in(node, user).await, "a new login is accepted at once, everywhere");
            }
        }
        here.post("/v1/users/logout", &json!({"everywhere": true})).await.expect(200);
        for user in [&here, &elsewhere] {
            ended_everywhere(&nodes, user).await;
        }
    }
    let tokens = [logged_in(ahead, PASSWORD).await, logged_in(behind, PASSWORD).await];
    let change = json!({"old_password": PASSWORD, "new_password": "another password"});
    let answer = at(behind, &tokens[0]).send(Request::post("/v1/users/password", &change)).await.expect(200);
    for user in &tokens {
        ended_everywhere(&nodes, user).await;
    }
    let renewed = User::with_token(behind, 1, answer["token"].as_str().unwrap());
    for user in
        [renewed, logged_in(ahead, "another password").await, logged_in(behind, "another password").await]
    {
        for node in &nodes.servers {
            assert!(is_let_in(node, &user).await);
        }
    }
    // Logging out ends one token alone.
    let tom = logged_in(ahead, "another password").await;
    at(behind, &tom).post("/v1/users/logout", &json!({})).await.expect(200);
    ended_everywhere(&nodes, &tom).await;
}

fn skew_ms(ready: &Value) -> i64 {
    ready["clock_skew_ms"].as_i64().unwrap_or_else(|| panic!("no skew: {ready}"))
}

#[tokio::test]
async fn a_node_says_how_far_its_clock_is_from_the_databases() {
    let ahead = Cell::new(30);
    let mut nodes = Nodes::start_with(2, |setup| {
        let setup = setup.env("METRICS_ADDRESS", "127.0.0.1:0");
        setup.env("CHATSERVER_FAILPOINTS", &format!("clock_ahead={}", ahead.replace(0)))
    });
    for (node, expected, said) in [(&nodes.servers[0], 30_000, 1), (&nodes.servers[1], 0, 0)] {
        let measured = skew_ms(&node.get("/readyz").await.expect(200));
        // The machine is busy, and the database's clock is the same one.
        assert!((measured - expected).abs() < 5000, "{measured}");
        let page = metrics(node).await;
        let value = page.lines().find_map(|line| line.strip_prefix("chatserver_clock_skew_seconds "));
        let value: f64 = value.unwrap_or_else(|| panic!("no skew: {page}")).parse().unwrap();
        assert!((value * 1000.0 - f64::from(i32::try_from(expected).unwrap())).abs() < 5000.0, "{value}");
        let printed = node.printed();
        let warned = printed.lines().filter(|line| line.contains("s ahead of the database's"));
        assert_eq!(warned.filter(|line| line.contains(r#""level":"WARN""#)).count(), said, "{printed}");
    }
    nodes.postgres().crash().unwrap();
    let is_unknown = async || !metrics(&nodes.servers[0]).await.contains("chatserver_clock_skew");
    eventually(20, "nobody knows without the database", is_unknown).await;
}

async fn metrics(node: &Server) -> String {
    Request::get("/metrics").send(&metrics_address(node).unwrap()).await.text()
}

#[tokio::test]
async fn a_clock_that_leaves_the_databases_and_comes_back_is_two_lines() {
    let clock = RefCell::new(None);
    let nodes = Nodes::start_with(1, |setup| {
        let (setup, its) = setup.with_clock();
        *clock.borrow_mut() = Some(its);
        setup
    });
    let (clock, node) = (clock.into_inner().unwrap(), &nodes.servers[0]);
    let said = |level: &str, text: &str| {
        let level = format!(r#""level":"{level}""#);
        node.printed().lines().filter(|line| line.contains(&level) && line.contains(text)).count()
    };
    for (ahead, level, text) in
        [(-90, "WARN", "s behind the database's"), (0, "INFO", "agrees with the database's again")]
    {
        clock.set(ahead).unwrap();
        eventually(20, text, async || said(level, text) > 0).await;
        let measured = skew_ms(&node.get("/readyz").await.expect(200));
        assert!((measured - ahead * 1000).abs() < 5000, "{measured}");
    }
    assert_eq!((said("WARN", "the database's"), said("INFO", "the database's")), (1, 1));
}
