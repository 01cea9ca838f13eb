//! The log: JSON lines in a file and on a standard output that is no terminal, without anything secret.

use serde_json::{Value, json};

use crate::support::people::{PASSWORD, p2p};
use crate::support::server::bytes_of;
use crate::support::{Request, Server, Setup, User, Ws};

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[tokio::test]
async fn both_logs_are_json_lines() {
    let mut server = Server::start();
    server.stop();
    let file = String::from_utf8(bytes_of(&server.setup.path("logs/app.log"))).unwrap();
    for log in [file, server.printed()] {
        let lines = lines(&log);
        let messages: Vec<_> = lines.iter().filter_map(|line| line["fields"]["message"].as_str()).collect();
        assert!(messages.contains(&"ready") && messages.contains(&"stopped"), "{messages:?}");
        for line in lines {
            assert!(line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{line}");
            assert!(line["level"].is_string(), "{line}");
        }
    }
}

#[tokio::test]
async fn the_level_decides_what_is_logged() {
    let quiet = Setup::new().arg("--log-file").arg("quiet.log").start();
    quiet.get("/nothing").await;
    assert!(!quiet.printed().contains("\"DEBUG\""));
    let loud = Setup::new().env("LOG_LEVEL", "debug").start();
    loud.get("/nothing").await;
    crate::support::eventually(10, "a line about the request", async || loud.printed().contains("/nothing"))
        .await;
}

/// A session with everything in it that must not be written down; gives those words.
async fn session(server: &Server) -> Vec<String> {
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let mut secrets: Vec<_> = [&tom, &jerry, &spike].map(|user| user.token.clone()).into();
    secrets.push(PASSWORD.into());
    for (wrong, body) in [
        ("wrong-password-1", json!({"username": "tom", "password": "wrong-password-1"})),
        ("wrong-password-2", json!({"email": "nobody@temp.com", "password": "wrong-password-2"})),
        ("wrong-password-3", json!({"username": 7, "password": "wrong-password-3"})),
    ] {
        server.post("/v1/users/login", &body).await;
        secrets.push(wrong.into());
    }
    let broken = Request::new("POST", "/v1/users/register").header("Content-Type", "application/json");
    server.send(broken.body(r#"{"username":"x","password":"wrong-password-4""#)).await;
    secrets.push("wrong-password-4".into());
    stream(server, &tom, &jerry, &mut secrets).await;
    secrets
}

/// Streams by every way in, refused ones too, and messages that are nobody else's business.
async fn stream(server: &Server, tom: &User, jerry: &User, secrets: &mut Vec<String>) {
    let granted = tom.post("/v1/ws-ticket", &json!({})).await.expect(201);
    let ticket = granted["ticket"].as_str().unwrap().to_owned();
    for path in [format!("/ws?token={}", tom.token), format!("/ws?ticket={ticket}")] {
        let mut ws = Ws::open(server, &path, &[]).await.ok().unwrap();
        ws.frame().await;
        ws.text("plain text that nobody else should read").await;
        ws.error_code().await;
        ws.leave().await;
    }
    let offered = format!("chatserver.v1, bearer.{}", jerry.token);
    let ws = Ws::open(server, "/ws", &[("Sec-WebSocket-Protocol", &offered)]).await.ok().unwrap();
    ws.leave().await;
    for path in [
        format!("/ws?token={}x", tom.token),
        format!("/ws?ticket={ticket}"),
        format!("/nothing?token={}", tom.token),
    ] {
        server.get(&path).await;
        let _ = Ws::open(server, &path, &[]).await;
    }
    let body = json!({"content": "a message that nobody else should read"});
    tom.post(&p2p(jerry.id), &body).await.expect(201);
    secrets.extend([ticket, "that nobody else should read".into()]);
}

#[tokio::test]
async fn no_token_password_ticket_or_message_is_in_any_log() {
    let mut server = Setup::new().env("LOG_LEVEL", "trace").start();
    let mut secrets = session(&server).await;
    server.stop();
    secrets.push(server.setup.secret());
    let file = String::from_utf8(bytes_of(&server.setup.path("logs/app.log"))).unwrap();
    for (name, log) in [("app.log", file), ("standard output", server.printed())] {
        assert!(log.contains("/v1/users/login"), "{name} tells of the requests");
        for secret in &secrets {
            assert!(!log.contains(secret.as_str()), "{secret} is in {name}");
        }
    }
}
