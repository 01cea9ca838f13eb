//! Connecting to the stream: the handshake, authentication, and the welcome.

use serde_json::json;

use crate::support::http::{exchange, keys};
use crate::support::raw_ws::upgrade;
use crate::support::{Answer, Request, Server, Setup, User, Ws, eventually, within};

async fn ticket(user: &User) -> String {
    let granted = user.post("/v1/ws-ticket", &json!({})).await.expect(201);
    assert_eq!(keys(&granted), ["expires_in", "ticket"]);
    assert_eq!(granted["expires_in"], 30);
    granted["ticket"].as_str().unwrap().to_owned()
}

async fn ask(server: &Server, request: &Request) -> Answer {
    exchange(&server.address, &request.bytes(&server.address)).await
}

#[tokio::test]
async fn the_first_frame_is_the_welcome_to_the_letter() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let welcome = Ws::greeted_next(&server, &tom).await.frame().await;
    let expected =
        ["ID", "MediaURL", "content", "group_id", "recipient_id", "sender_id", "timestamp", "type"];
    assert_eq!(keys(&welcome), expected);
    let at: jiff::Timestamp = welcome["timestamp"].as_str().unwrap().parse().unwrap();
    assert!((0..60).contains(&jiff::Timestamp::now().duration_since(at).as_secs()), "{at}");
    let mut rest = welcome.clone();
    rest.as_object_mut().unwrap().remove("timestamp");
    let zeros = json!({
        "ID": 0, "sender_id": 0, "recipient_id": 0, "group_id": 0, "type": "system",
        "content": "Welcome to the chat server.", "MediaURL": ""
    });
    assert_eq!(rest, zeros);
}

/// Nothing precedes the welcome, and from the welcome on nothing is missed, not even one's own messages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_been_welcomed_misses_nothing_and_nothing_comes_before() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = jerry.group("Cheese", &[&tom]).await;
    let mut toms = Ws::connect(&server, &tom).await;
    let typist = tokio::spawn(async move {
        while toms.try_json(&json!({"type": "typing", "recipient_id": 2})).await {
            tokio::task::yield_now().await;
        }
    });
    for number in 0..40 {
        let mut ws = Ws::connect(&server, &jerry).await;
        let sent = if number % 2 == 0 {
            jerry.write_group(group, "own").await
        } else {
            jerry.write(&tom, "own").await
        };
        let first = within(20, first_message(&mut ws)).await;
        assert_eq!(first["ID"], sent["id"], "after connection {number}");
        ws.leave().await;
    }
    typist.abort();
}

/// Returns the next frame that is not a typing signal.
async fn first_message(ws: &mut Ws) -> serde_json::Value {
    loop {
        let frame = ws.frame().await;
        if frame["type"] != "typing" {
            return frame;
        }
    }
}

#[tokio::test]
async fn a_token_may_come_in_every_documented_way() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let token = &tom.token;
    let (bearer, offered) = (format!("Bearer {token}"), format!("chatserver.v1, bearer.{token}"));
    let mut streams = Vec::new();
    for path in ["/ws", "/v1/ws"] {
        let ticket = ticket(&tom).await;
        streams.push(Ws::open(&server, &format!("{path}?token={token}"), &[]).await.ok().unwrap());
        streams.push(Ws::open(&server, path, &[("Authorization", &bearer)]).await.ok().unwrap());
        streams.push(Ws::open(&server, &format!("{path}?ticket={ticket}"), &[]).await.ok().unwrap());
        let browser = Ws::open(&server, path, &[("Sec-WebSocket-Protocol", &offered)]).await.ok().unwrap();
        assert_eq!(browser.protocol.as_deref(), Some("chatserver.v1"), "and never the token");
        streams.push(browser);
    }
    for ws in &mut streams {
        assert_eq!(ws.frame().await["type"], "system");
    }
    jerry.write(&tom, "to all of Tom's").await;
    for ws in &mut streams {
        assert_eq!(ws.frame().await["content"], "to all of Tom's");
    }
}

#[tokio::test]
async fn nobody_comes_in_without_a_token() {
    let server = Server::start();
    for path in ["/ws", "/v1/ws", "/ws?token=", "/ws?ticket=", "/ws?token=x", "/ws?ticket=x"] {
        let answer = ask(&server, &upgrade(path)).await;
        answer.refused(401, "unauthenticated");
        assert!(answer.header("www-authenticate").is_some(), "{path}");
    }
    let only_v1 = upgrade("/ws").header("Sec-WebSocket-Protocol", "chatserver.v1");
    ask(&server, &only_v1).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn of_20_who_race_with_one_ticket_one_comes_in() {
    let server = Server::start();
    let tom = server.login("tom").await;
    for _ in 0..5 {
        let request = upgrade(&format!("/ws?ticket={}", ticket(&tom).await)).bytes(&server.address);
        let racers = (0..20).map(|_| {
            let (address, request) = (server.address.clone(), request.clone());
            tokio::spawn(async move { status_of(&address, &request).await })
        });
        let racers: Vec<_> = racers.collect();
        let mut statuses = Vec::new();
        for racer in racers {
            statuses.push(racer.await.unwrap());
        }
        statuses.sort_unstable();
        let mut expected = vec![401; 20];
        expected[0] = 101;
        assert_eq!(statuses, expected);
    }
}

/// Returns the status of the answer to a request. The connection may stay open.
async fn status_of(address: &str, request: &[u8]) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket.write_all(request).await.unwrap();
    let mut line = [0; 12];
    crate::support::within(20, socket.read_exact(&mut line)).await.unwrap();
    std::str::from_utf8(&line[9..]).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_ticket_is_no_token_and_the_other_way_round() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let ticket = ticket(&tom).await;
    User::with_token(&server, 1, &ticket).get("/v1/chats").await.refused(401, "unauthenticated");
    assert_eq!(Ws::open(&server, &format!("/ws?token={ticket}"), &[]).await.err(), Some(401));
    assert_eq!(Ws::open(&server, &format!("/ws?ticket={}", tom.token), &[]).await.err(), Some(401));
    assert!(Ws::open(&server, &format!("/ws?ticket={ticket}"), &[]).await.is_ok(), "none of that used it up");
}

#[tokio::test]
async fn a_broken_handshake_is_refused_in_words() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let plain = Request::get("/ws").bearer(&tom.token);
    let answer = ask(&server, &plain).await;
    answer.refused(426, "upgrade_required");
    assert!(!answer.json()["error"].as_str().unwrap().contains("proxy"), "nobody asked for an upgrade");
    // What a proxy leaves of a handshake if it forwards only headers that it knows.
    let left = plain.clone().header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    let answer = ask(&server, &left.header("Sec-WebSocket-Version", "13")).await;
    answer.refused(426, "upgrade_required");
    assert!(answer.json()["error"].as_str().unwrap().contains("proxy dropped the upgrade"));
    let version = |version: &str| {
        plain
            .clone()
            .header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("Sec-WebSocket-Version", version)
    };
    for wrong in ["8", "12", "14", "x", ""] {
        let answer = ask(&server, &version(wrong)).await;
        answer.refused(426, "upgrade_required");
        assert_eq!(answer.header("sec-websocket-version"), Some("13"), "RFC 6455, 4.4");
        assert_eq!(answer.header("upgrade"), Some("websocket"), "RFC 9110, 15.5.22");
    }
    for key in
        ["", "short", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ==dGhl", "!!!!!!!!!!!!!!!!!!!!!!=="]
    {
        let request = plain
            .clone()
            .header("Upgrade", "WebSocket")
            .header("Connection", "keep-alive, upgrade")
            .header("Sec-WebSocket-Key", key)
            .header("Sec-WebSocket-Version", "13");
        ask(&server, &request).await.invalid();
    }
}

/// Reason why the limits are tested on one node.
const COUNTED: &str = "each node counts the connections that it has";

#[tokio::test]
async fn a_user_has_as_many_connections_as_the_setting_says() {
    let server = Setup::new().on_one_node(COUNTED).arg("--max-connections-per-user").arg(3).start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut toms = Vec::new();
    for _ in 0..3 {
        toms.push(Ws::connect(&server, &tom).await);
    }
    let answer = ask(&server, &upgrade("/ws").bearer(&tom.token)).await;
    answer.refused(429, "too_many_connections");
    assert!(answer.header("retry-after").is_some());
    let _jerrys = Ws::connect(&server, &jerry).await;
    jerry.write(&tom, "still there?").await;
    for ws in &mut toms {
        assert_eq!(ws.frame().await["content"], "still there?");
    }
    toms.pop().unwrap().leave().await;
    eventually(10, "the place is free again", async || {
        Ws::open(&server, &format!("/ws?token={}", tom.token), &[]).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn the_server_has_as_many_connections_as_the_setting_says() {
    let server = Setup::new().on_one_node(COUNTED).env("MAX_CONNECTIONS", "2").start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let _streams = [Ws::connect(&server, &tom).await, Ws::connect(&server, &jerry).await];
    let answer = ask(&server, &upgrade("/ws").bearer(&tom.token)).await;
    answer.refused(503, "overloaded");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(server.get("/ping").await.status, 200);
}
