//! Tom and Jerry exist if nobody else can reach them, once, and not otherwise.

use serde_json::json;

use crate::support::http::exchange;
use crate::support::people::PASSWORD;
use crate::support::server::bytes_of;
use crate::support::{Answer, Request, Server, Setup};

async fn login_status(server: &Server, name: &str) -> u16 {
    server.post("/v1/users/login", &json!({"username": name, "password": PASSWORD})).await.status
}

#[tokio::test]
async fn a_new_database_on_loopback_has_tom_and_jerry_once() {
    let mut server = Setup::new().start();
    for _ in 0..3 {
        let tom = server.login("tom").await;
        let users = tom.get("/v1/users").await.expect(200);
        let brief: Vec<_> =
            users.as_array().unwrap().iter().map(|user| json!([user["id"], user["username"]])).collect();
        assert_eq!(brief, [json!([1, "tom"]), json!([2, "jerry"])]);
        assert_eq!(users[0]["email"], "tom@temp.com");
        assert_eq!(
            server.login("jerry").await.get("/v1/users/2").await.expect(200)["email"],
            "jerry@temp.com"
        );
        server.stop();
        server = server.setup.clone().start();
    }
}

#[tokio::test]
async fn beyond_loopback_there_are_no_demo_users() {
    let mut server = Setup::new().env("HOST", "0.0.0.0").start();
    assert_eq!(login_status(&server, "tom").await, 401);
    assert_eq!(server.register("spike").await.id, 1);
    server.stop();
    // The database gets none later either: it is not new any more.
    let server = server.setup.clone().env("HOST", "127.0.0.1").start();
    assert_eq!([login_status(&server, "tom").await, login_status(&server, "spike").await], [401, 200]);
}

#[tokio::test]
async fn beyond_loopback_a_database_with_demo_users_is_refused() {
    let mut server = Setup::new().start();
    server.stop();
    let setup = server.setup.clone();
    let before = bytes_of(&setup.database());
    let open = setup.clone().env("HOST", "0.0.0.0");
    let refusal = open.refuse();
    refusal.says("--demo");
    refusal.says("change its password on 127.0.0.1");
    assert!(refusal.stderr.contains("tom"), "{refusal:?}");
    assert_eq!(bytes_of(&setup.database()), before);
    let with_demo = open.arg("--demo").start();
    assert_eq!(login_status(&with_demo, "tom").await, 200);
}

#[tokio::test]
async fn demo_makes_them_wherever_one_asks_for_them() {
    let mut server = Setup::new().arg("--host").arg("0.0.0.0").start();
    let spike = server.register("jerry").await;
    assert_eq!(spike.id, 1);
    server.stop();
    let mut server = server.setup.clone().arg("--demo").start();
    assert_eq!(server.login("tom").await.id, 2, "after the one who was there");
    assert_eq!(server.login("jerry").await.id, 1, "a name that is taken stays whose it is");
    server.stop();
    let server = server.setup.clone().start();
    assert_eq!(server.login("tom").await.get("/v1/users").await.expect(200).as_array().unwrap().len(), 2);
}

/// Headers by which a request shows that a proxy has forwarded it.
const OF_PROXIES: [(&str, &str); 5] = [
    ("Forwarded", "for=192.0.2.1"),
    ("X-Forwarded-For", "192.0.2.1"),
    ("X-Forwarded-Proto", "https"),
    ("Via", "1.1 proxy"),
    ("X-Real-IP", "192.0.2.1"),
];

fn login(name: &str, password: &str) -> Request {
    Request::post("/v1/users/login", &json!({"username": name, "password": password}))
}

async fn by_name(server: &Server, request: &Request, host: &str) -> Answer {
    exchange(&server.address, &request.bytes(host)).await
}

#[tokio::test]
async fn without_demo_users_and_behind_proxies_none_are_made() {
    for setup in [
        Setup::new().arg("--no-demo"),
        Setup::new().env("NO_DEMO", "1"),
        Setup::new().env("TRUSTED_PROXIES", "127.0.0.1,::1"),
    ] {
        let server = setup.start();
        assert_eq!(login_status(&server, "tom").await, 401);
        assert_eq!(server.get("/client.json").await.expect(200)["demo_users"], json!([]));
        assert_eq!(server.register("spike").await.id, 1);
    }
    for no in ["0", ""] {
        let server = Setup::new().env("NO_DEMO", no).start();
        assert_eq!(login_status(&server, "tom").await, 200);
    }
    let server = Setup::new().env("NO_DEMO", "1").arg("--demo").start();
    assert_eq!(login_status(&server, "tom").await, 200, "the operator's wish decides");
}

/// Its first start was ended before it had made both of them.
#[tokio::test]
async fn a_database_without_anybody_else_gets_the_demo_users_that_it_lacks() {
    for made in ["", "tom"] {
        let mut server = Setup::new().start();
        server.stop();
        server.setup.execute(&format!("DELETE FROM users WHERE username <> '{made}'"));
        let server = server.setup.start();
        assert_eq!([login_status(&server, "tom").await, login_status(&server, "jerry").await], [200, 200]);
    }
}

/// Parsed as systemd does.
#[tokio::test]
async fn the_sample_of_a_service_has_no_demo_users() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/systemd/chatserver.env");
    let sample = std::fs::read_to_string(sample).unwrap();
    let mut setup = Setup::new();
    for line in sample.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, value)) = line.split_once('=') else { continue };
        // Other tests use ports as well.
        if !["PORT", "METRICS_ADDRESS"].contains(&name) {
            setup = setup.env(name, value);
        }
    }
    let server = setup.start();
    assert_eq!(login_status(&server, "tom").await, 401);
    assert_eq!(server.register("spike").await.id, 1);
}

#[tokio::test]
async fn a_demo_user_logs_in_on_the_servers_machine_alone() {
    let server = Server::start();
    let tom = login("tom", PASSWORD);
    let offer = Request::get("/client.json");
    for (name, value) in OF_PROXIES {
        server.send(tom.clone().header(name, value)).await.refused(403, "demo_user");
        let wrong = login("tom", "password124").header(name, value);
        server.send(wrong).await.refused(401, "wrong_credentials");
        let offered = server.send(offer.clone().header(name, value)).await.expect(200);
        assert_eq!(offered["demo_users"], json!([]), "{name}");
    }
    for host in ["chat.example.org", "localhost.example.org:8080", "192.0.2.1"] {
        by_name(&server, &tom, host).await.refused(403, "demo_user");
        assert_eq!(by_name(&server, &offer, host).await.expect(200)["demo_users"], json!([]), "{host}");
    }
    for host in ["localhost:1234", "chat.localhost", "127.0.0.2", "[::1]:80"] {
        by_name(&server, &tom, host).await.expect(200);
        assert_eq!(
            by_name(&server, &offer, host).await.expect(200)["demo_users"],
            json!(["tom", "jerry"]),
            "{host}"
        );
    }
    // Other users may log in from anywhere.
    server.register("spike").await;
    server.send(login("spike", PASSWORD).header("Via", "1.1 proxy")).await.expect(200);
    // So may a demo user with a password of their own.
    let tom = server.login("tom").await;
    let change = json!({"old_password": PASSWORD, "new_password": "a password of my own"});
    tom.post("/v1/users/password", &change).await.expect(200);
    server.send(login("tom", "a password of my own").header("Via", "1.1 proxy")).await.expect(200);
}

#[tokio::test]
async fn with_demo_they_log_in_from_everywhere() {
    let server = Setup::new().arg("--demo").start();
    server.send(login("tom", PASSWORD).header("X-Forwarded-For", "192.0.2.1")).await.expect(200);
    by_name(&server, &login("tom", PASSWORD), "chat.example.org").await.expect(200);
    let offered = by_name(&server, &Request::get("/client.json"), "chat.example.org").await.expect(200);
    assert_eq!(offered["demo_users"], json!(["tom", "jerry"]));
}

#[tokio::test]
async fn registering_a_demo_users_name_makes_no_demo_user_and_stops_no_server() {
    let open = Setup::new().env("HOST", "0.0.0.0");
    let mut server = open.start();
    for name in ["tom", "jerry"] {
        let body = json!({"username": name, "email": format!("{name}@temp.com"), "password": PASSWORD});
        server.post("/v1/users/register", &body).await.expect(201);
    }
    assert_eq!(server.get("/client.json").await.expect(200)["demo_users"], json!([]));
    server.send(login("tom", PASSWORD).header("Via", "1.1 proxy")).await.expect(200);
    server.stop();
    let server = server.setup.clone().start();
    assert_eq!(login_status(&server, "tom").await, 200);
    assert_eq!(server.get("/client.json").await.expect(200)["demo_users"], json!([]));
}

/// Strangers may have registered them, or an earlier release without the mark has made them later.
#[tokio::test]
async fn unmarked_accounts_with_everything_of_a_demo_user_are_logged_where_others_come_by() {
    const WARNING: &str = "anybody can log in as ";
    let open = Setup::new().env("HOST", "0.0.0.0");
    let mut server = open.start();
    assert!(!server.printed().contains(WARNING));
    for name in ["spike", "tom", "jerry"] {
        let body = json!({"username": name, "email": format!("{name}@temp.com"), "password": PASSWORD});
        server.post("/v1/users/register", &body).await.expect(201);
    }
    server.stop();
    let mut server = server.setup.clone().start();
    assert!(server.printed().contains("anybody can log in as tom and as jerry: "), "{}", server.printed());
    let change = json!({"old_password": PASSWORD, "new_password": "a password of my own"});
    server.login("jerry").await.post("/v1/users/password", &change).await.expect(200);
    server.stop();
    for (setup, is_logged) in [
        (server.setup.clone(), true),
        (server.setup.clone().env("HOST", "127.0.0.1"), false),
        (server.setup.clone().env("HOST", "127.0.0.1").env("NO_DEMO", "1"), true),
        (server.setup.clone().arg("--demo"), false),
    ] {
        let mut server = setup.start();
        assert_eq!(server.printed().contains("anybody can log in as tom: "), is_logged);
        server.stop();
    }
}
