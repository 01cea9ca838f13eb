//! The lines that the operator sees in the log's target `audit`.

use serde_json::{Value, json};

use super::{behind_proxy, limited};
use crate::support::people::{PASSWORD, p2p};
use crate::support::server::bytes_of;
use crate::support::{Request, Server, Stream, Ws};

/// Returns the audit lines in the log file of a server that has ended.
fn lines(server: &Server) -> Vec<Value> {
    let file = String::from_utf8(bytes_of(&server.setup.path("logs/app.log"))).unwrap();
    let lines = file.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["target"] == "audit").map(|line| line["fields"].clone()).collect()
}

fn login(name: &str, password: &str, id: &str) -> Request {
    let body = json!({"username": name, "password": password});
    Request::post("/v1/users/login", &body).header("X-Request-Id", id)
}

#[tokio::test]
async fn who_came_in_and_who_did_not_is_in_the_log() {
    let mut server = behind_proxy(&[]).start();
    let client = |request: Request| server.send(request.header("X-Forwarded-For", "203.0.113.9"));
    client(login("tom", "wrong-password-1", "id-1")).await.refused(401, "wrong_credentials");
    client(login("TOM", PASSWORD, "id-2")).await.expect(200);
    client(login("my-secret-password", "tom@temp.com", "id-3")).await.refused(401, "wrong_credentials");
    let spike = json!({"username": "spike", "email": "spike@example.com", "password": PASSWORD});
    client(Request::post("/v1/users/register", &spike).header("X-Request-Id", "id-4")).await.expect(201);
    server.stop();
    let logged: Vec<_> = lines(&server)
        .iter()
        .map(|line| {
            ["event", "account", "address", "request_id"].map(|name| line[name].as_str().unwrap().to_owned())
        })
        .collect();
    let expected = [
        ["login_failed", "tom", "203.0.113.9", "id-1"],
        ["login", "tom", "203.0.113.9", "id-2"],
        ["login_failed", "unknown", "203.0.113.9", "id-3"],
        ["registered", "spike", "203.0.113.9", "id-4"],
    ];
    assert_eq!(logged, expected);
    for secret in ["my-secret-password", "wrong-password-1", PASSWORD] {
        assert!(!server.printed().contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn what_was_done_to_access_is_in_the_log() {
    let mut server = limited(&[]).start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("cats", &[&jerry]).await;
    let member = format!("/v1/groups/{group}/members/{}", jerry.id);
    tom.patch(&member, &json!({"role": "admin"})).await.expect(200);
    tom.delete(&member).await.expect(200);
    let wrong = json!({"old_password": "wrong-one", "new_password": "a new one 1"});
    tom.post("/v1/users/password", &wrong).await.refused(401, "wrong_credentials");
    let right = json!({"old_password": PASSWORD, "new_password": "a new one 1"});
    tom.post("/v1/users/password", &right).await.expect(200);
    let second = server.login("jerry").await;
    second.post("/v1/users/logout", &json!({})).await.expect(200);
    jerry.post("/v1/users/logout", &json!({"everywhere": true})).await.expect(200);
    server.stop();
    let logged: Vec<_> = lines(&server)
        .into_iter()
        .filter(|line| line["event"] != "login")
        .map(|line| {
            assert_eq!(line["address"], "127.0.0.1", "{line}");
            assert!(line["request_id"].is_string(), "{line}");
            let about = [&line["user.id"], &line["group.id"], &line["member.id"], &line["role"]];
            (line["event"].as_str().unwrap().to_owned(), json!(about))
        })
        .collect();
    let expected = [
        ("role_changed", json!([tom.id, group, jerry.id, "admin"])),
        ("member_removed", json!([tom.id, group, jerry.id, null])),
        ("password_refused", json!([tom.id, null, null, null])),
        ("password_changed", json!([tom.id, null, null, null])),
        ("logout", json!([jerry.id, null, null, null])),
        ("logout_everywhere", json!([jerry.id, null, null, null])),
    ];
    assert_eq!(logged, expected.map(|(event, about)| (event.to_owned(), about)));
}

/// Over each transport, the log has the address that sends a conversation too many messages.
#[tokio::test]
async fn a_flood_of_a_conversation_has_an_address() {
    for transport in ["REST", "v1", "v2"] {
        let mut server = limited(&[("LIMIT_SEND_CONVERSATION", "1/h:1")]).start();
        let (tom, jerry) = server.tom_and_jerry().await;
        tom.write(&jerry, "x").await;
        let refusal = match transport {
            "REST" => tom.post(&p2p(jerry.id), &json!({"content": "x"})).await.refused(429, "rate_limited"),
            "v1" => {
                let mut stream = Ws::connect(&server, &tom).await;
                stream.json(&json!({"type": "text", "recipient_id": jerry.id, "content": "x"})).await;
                stream.frame().await
            }
            _ => {
                let mut stream = Stream::connect(&server, &tom).await;
                let op = json!({"op": "send", "to_user": jerry.id, "content": "x"});
                stream.op(op).await
            }
        };
        assert_eq!(refusal["code"], "rate_limited", "{transport}: {refusal}");
        server.stop();
        let lines = lines(&server);
        let flood = lines.iter().find(|line| line["event"] == "flood_refused").unwrap();
        let logged = [&flood["policy"], &flood["address"], &flood["user.id"]];
        assert_eq!(logged, [&json!("send-conversation"), &json!("127.0.0.1"), &json!(tom.id)], "{transport}");
    }
}

/// The number of lines is bounded, and one line says how many there would have been.
#[tokio::test]
async fn a_flood_makes_few_lines() {
    let mut server = limited(&[("LIMIT_LOGIN", "1/h:3")]).start();
    for number in 0..200 {
        server.send(login("tom", &format!("wrong-password-{number}"), "id")).await;
    }
    server.stop();
    let lines = lines(&server);
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    assert_eq!(of("login_failed"), 3);
    assert!((1..=3).contains(&of("logins_refused")), "{lines:?}");
    let refused = lines.iter().find(|line| line["event"] == "logins_refused").unwrap();
    assert_eq!((&refused["account"], &refused["address"]), (&json!("tom"), &json!("127.0.0.1")));
    assert_eq!(refused["policy"], "login");
    let left_out: u64 = lines.iter().filter_map(|line| line["lines"].as_u64()).sum();
    assert_eq!(left_out + u64::try_from(of("logins_refused")).unwrap(), 197);
}
