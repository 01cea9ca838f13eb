//! The log: JSON lines in a file and on a standard output that is not a terminal, without secrets.

use std::fs::{read_to_string, rename, write};
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use serde_json::{Value, json};

use crate::support::people::{PASSWORD, p2p};
use crate::support::server::bytes_of;
use crate::support::{Request, Server, Setup, User, Ws, eventually};

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
    eventually(10, "a line about the request", async || loud.printed().contains("/nothing")).await;
}

/// Runs a session with everything that must not be logged, and returns those words.
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

/// Opens streams in every way, with refused ones, and sends private messages.
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

/// A server that logs every request.
fn noisy() -> Setup {
    Setup::new().on_one_node("a log is one process's").env("LOG_LEVEL", "debug")
}

fn pid(server: &Server) -> Pid {
    Pid::from_raw(i32::try_from(server.id()).unwrap()).unwrap()
}

/// Waits until a file of the log mentions a request for this path.
async fn tells(server: &Server, file: &str, path: &str) {
    let file = server.setup.path(file);
    eventually(10, path, async || read_to_string(&file).is_ok_and(|text| text.contains(path))).await;
}

#[tokio::test]
async fn a_hangup_ends_nothing_and_has_the_log_go_on_in_the_file_of_its_name() {
    let mut server = noisy().start();
    server.get("/before").await;
    tells(&server, "logs/app.log", "/before").await;
    rename(server.setup.path("logs/app.log"), server.setup.path("logs/moved.log")).unwrap();
    for _ in 0..3 {
        kill_process(pid(&server), Signal::HUP).unwrap();
    }
    // The signal logs a line by itself.
    tells(&server, "logs/app.log", "SIGHUP").await;
    server.get("/after").await;
    tells(&server, "logs/app.log", "/after").await;
    assert!(!read_to_string(server.setup.path("logs/moved.log")).unwrap().contains("/after"));
    server.stop();
}

/// Rotates the server's log once with the real logrotate.
fn rotate(server: &Server, rules: &str) {
    configured(
        server,
        &format!("{} {{\nrotate 3\n{rules}\n}}\n", server.setup.path("logs/app.log").display()),
    );
}

fn configured(server: &Server, text: &str) {
    let path = |name: &str| server.setup.path(name);
    write(path("rotate.conf"), text).unwrap();
    let mut logrotate = Command::new("logrotate");
    logrotate.env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap()));
    let rotated =
        logrotate.args(["--force", "--state"]).arg(path("rotate.state")).arg(path("rotate.conf")).output();
    let rotated = rotated.expect("logrotate is missing: install it, or run ./test.sh, which does");
    // It ignores a line that it does not understand, but reports it.
    let said = String::from_utf8_lossy(&rotated.stderr);
    assert!(rotated.status.success() && said.is_empty(), "{said}");
}

#[tokio::test]
async fn the_sample_for_logrotate_works() {
    let server = noisy().start();
    server.get("/before").await;
    tells(&server, "logs/app.log", "/before").await;
    let sample =
        read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/logrotate/chatserver")).unwrap();
    let (kill, log) =
        ("systemctl kill --kill-whom=main --signal=HUP chatserver.service", "/var/log/chatserver/app.log");
    assert!(sample.contains(kill) && sample.contains(log), "{sample}");
    let here = server.setup.path("logs/app.log").display().to_string();
    configured(&server, &sample.replace(log, &here).replace(kill, &format!("kill -HUP {}", server.id())));
    server.get("/after").await;
    tells(&server, "logs/app.log", "/after").await;
    assert!(!read_to_string(here).unwrap().contains("/before"));
}

#[tokio::test]
async fn logrotate_moves_the_log_away_or_copies_and_cuts_it() {
    let server = noisy().start();
    let hang_up = format!("create 0600\npostrotate\nkill -HUP {}\nendscript", server.id());
    for (number, rules) in [&hang_up, "copytruncate", &hang_up, "copytruncate"].into_iter().enumerate() {
        let (before, after) = (format!("/before-{number}"), format!("/after-{number}"));
        server.get(&before).await;
        tells(&server, "logs/app.log", &before).await;
        rotate(&server, rules);
        server.get(&after).await;
        tells(&server, "logs/app.log", &after).await;
        let old = read_to_string(server.setup.path("logs/app.log.1")).unwrap();
        assert!(old.contains(&before) && !old.contains(&after), "{rules}");
        let new = read_to_string(server.setup.path("logs/app.log")).unwrap();
        assert!(!new.contains(&before), "{rules}");
    }
}

#[tokio::test]
async fn a_want_of_descriptors_is_one_line_and_ends_when_there_are_some() {
    let server = noisy().start();
    // The server inherits this process's limit and raises it to the maximum.
    let maximum = getrlimit(Resource::Nofile).maximum;
    let files = |current| prlimit(Some(pid(&server)), Resource::Nofile, Rlimit { current, maximum }).unwrap();
    files(Some(0));
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(tokio::net::TcpStream::connect(&server.address).await.unwrap());
    }
    let lines = || server.printed().matches("cannot accept connections").count();
    eventually(10, "a line", async || lines() > 0).await;
    // Twenty attempts a second: without a bound there would be many lines by now.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    files(maximum);
    drop(waiting);
    server.get("/ping").await.expect(200);
    assert_eq!(lines(), 1, "{}", server.printed());
}
