//! Connecting to the v2 stream: each way to authenticate, and failed attempts.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::http::{exchange, keys};
use crate::support::raw_ws::{CLOSE, CONTINUATION, PING, PONG, TEXT, masked, upgrade};
use crate::support::v2::V2;
use crate::support::{Got, RawWs, Server, Setup, Stream, User, Ws, jwt};

async fn ticket(user: &User) -> String {
    let granted = user.post("/v1/ws-ticket", &json!({})).await.expect(201);
    granted["ticket"].as_str().unwrap().to_owned()
}

/// Opens a stream of the user in each possible way, at this path.
async fn by_each_way(server: &Server, user: &User, path: &str) -> Vec<Stream> {
    let token = &user.token;
    let (bearer, offered) = (format!("Bearer {token}"), format!("{V2}, bearer.{token}"));
    let ticket = ticket(user).await;
    let v2 = ("Sec-WebSocket-Protocol", V2);
    let mut streams = Vec::new();
    for (query, headers) in [
        (String::new(), vec![v2, ("Authorization", bearer.as_str())]),
        (String::new(), vec![("Sec-WebSocket-Protocol", offered.as_str())]),
        (format!("?ticket={ticket}"), vec![v2]),
        (format!("?token={token}"), vec![v2]),
        (String::new(), vec![v2]),
    ] {
        let stream = Stream::open(server, &format!("{path}{query}"), &headers).await;
        streams.push(stream.unwrap_or_else(|status| panic!("{status} for {path}{query} {headers:?}")));
    }
    streams.last_mut().unwrap().say(&json!({"op": "auth", "token": token})).await;
    streams
}

#[tokio::test]
async fn every_way_in_leads_to_the_same_stream() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut streams = by_each_way(&server, &tom, "/ws").await;
    streams.extend(by_each_way(&server, &tom, "/v1/ws").await);
    let mut sessions = Vec::new();
    for stream in &mut streams {
        assert_eq!(
            stream.ws.protocol.as_deref(),
            Some(V2),
            "the protocol that was chosen, and never the token"
        );
        let hello = stream.frame().await;
        let expected = [
            "cursor",
            "features",
            "heartbeat_ms",
            "resumed",
            "server_version",
            "session_id",
            "type",
            "user_id",
        ];
        assert_eq!(keys(&hello), expected);
        assert_eq!((&hello["type"], &hello["user_id"]), (&json!("hello"), &json!(tom.id)));
        assert_eq!(hello["resumed"], false);
        assert_eq!(hello["heartbeat_ms"], 15_000);
        assert_eq!(stream.frame().await["type"], "live", "without a cursor nothing is missed");
        sessions.push(hello["session_id"].as_str().unwrap().to_owned());
    }
    sessions.sort();
    sessions.dedup();
    assert_eq!(sessions.len(), streams.len(), "each session has a name of its own");
    jerry.write(&tom, "to all of Tom's").await;
    for stream in &mut streams {
        assert_eq!(stream.frame().await["type"], "conversation");
        assert_eq!(stream.frame().await["message"]["content"], "to all of Tom's");
        stream.is_quiet().await;
    }
}

#[tokio::test]
async fn the_first_of_our_protocols_that_a_client_names_is_spoken() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let first = |frame: &serde_json::Value| frame["type"].as_str().unwrap().to_owned();
    for (offered, chosen, begins) in [
        (None, None, "system"),
        (Some("chat"), None, "system"),
        (Some("chatserver.v1"), Some("chatserver.v1"), "system"),
        (Some("chatserver.v1, chatserver.v2"), Some("chatserver.v1"), "system"),
        (Some("chatserver.v2, chatserver.v1"), Some("chatserver.v2"), "hello"),
        (Some("chatserver.v3, chatserver.v2"), Some("chatserver.v2"), "hello"),
    ] {
        let headers: Vec<_> =
            offered.map(|offered| ("Sec-WebSocket-Protocol", offered)).into_iter().collect();
        // An independent client would refuse an answer without a protocol if it asked for one.
        let request = headers
            .iter()
            .fold(upgrade("/ws").bearer(&tom.token), |request, (name, value)| request.header(name, value));
        if chosen.is_some() || offered.is_none() {
            let path = format!("/ws?token={}", tom.token);
            let mut ws = Ws::open(&server, &path, &headers).await.ok().unwrap();
            assert_eq!(ws.protocol.as_deref(), chosen, "{offered:?}");
            assert_eq!(first(&ws.frame().await), begins, "{offered:?}");
        } else {
            let head = head_of(&server, &request.bytes(&server.address)).await;
            assert!(!head.to_lowercase().contains("sec-websocket-protocol"), "{head}");
        }
    }
}

/// Returns the head of an answer, and cuts the connection after it.
async fn head_of(server: &Server, request: &[u8]) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(&server.address).await.unwrap();
    socket.write_all(request).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(crate::support::within(20, socket.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn a_first_frame_resumes_where_it_says() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let cursor = Stream::connect(&server, &tom).await.cursor;
    jerry.write(&tom, "meanwhile").await;
    let auth = |cursor: &str| json!({"op": "auth", "token": tom.token, "cursor": cursor});

    let mut stream = Stream::unknown(&server).await;
    stream.say(&auth(&cursor)).await;
    assert_eq!(stream.frame().await["resumed"], true);
    let missed = stream.until(|frame| frame["type"] == "live").await;
    assert_eq!(missed[missed.len() - 2]["message"]["content"], "meanwhile");

    let mut stream = Stream::unknown(&server).await;
    stream.say(&auth("not one of ours")).await;
    assert_eq!(stream.frame().await["resumed"], false);
    assert_eq!(stream.frame().await["type"], "resync");
    assert_eq!(stream.frame().await["type"], "live");

    // A cursor in the URL counts for every way to authenticate.
    let path = format!("/ws?cursor={cursor}");
    let mut stream = Stream::open(&server, &path, &[("Sec-WebSocket-Protocol", V2)]).await.ok().unwrap();
    stream.say(&json!({"op": "auth", "token": tom.token})).await;
    assert_eq!(stream.frame().await["resumed"], true);
    assert_eq!(stream.find(|frame| frame["event"] == "created").await["message"]["content"], "meanwhile");
}

/// The server sends nothing before the client has authenticated: after a wrong first frame, the closing frame is the
/// first that the client reads.
#[tokio::test]
async fn a_wrong_first_frame_is_the_last() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let token = &tom.token;
    for wrong in [
        json!({"op": "ping", "id": 1}).to_string(),
        json!({"op": "send", "id": 1, "to_user": 2, "content": "x", "token": token}).to_string(),
        json!({"op": "auth"}).to_string(),
        json!({"op": "auth", "token": 5}).to_string(),
        json!({"op": "auth", "token": token, "cursor": 5}).to_string(),
        json!(["auth", token]).to_string(),
        token.clone(),
        String::new(),
    ] {
        let mut stream = Stream::unknown(&server).await;
        jerry.write(&tom, "for Tom alone").await;
        stream.ws.text(&wrong).await;
        assert_eq!(stream.closed_at_once().await, 1008, "{wrong}");
    }
    let mut stream = Stream::unknown(&server).await;
    stream.ws.message(Message::binary(json!({"op": "auth", "token": token}).to_string())).await;
    assert_eq!(stream.closed_at_once().await, 1008);
    let mut stream = Stream::unknown(&server).await;
    stream.ws.json(&json!({"op": "auth", "token": "x".repeat(200_000)})).await;
    assert_eq!(stream.closed_at_once().await, 1009);
}

#[tokio::test]
async fn a_wrong_member_of_the_auth_frame_is_named() {
    let server = Server::start();
    let token = server.login("tom").await.token;
    for (wrong, reason) in [
        (json!({"lean": 1}), "lean must be true or false"),
        (json!({"max_changes": "9"}), "max_changes must be an integer of at least 0"),
        (json!({"cursor": 5}), "cursor must be a string"),
        (json!({"op": "ping", "lean": 1}), "the first frame must be an auth frame"),
    ] {
        let mut frame = json!({"op": "auth", "token": token});
        frame.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let mut stream = Stream::unknown(&server).await;
        stream.ws.json(&frame).await;
        assert_eq!(stream.turned_away().await, (1008, reason.into()));
    }
    let mut stream = Stream::unknown(&server).await;
    stream.ws.json(&json!({"op": "auth", "token": token, "lean": null, "max_changes": null})).await;
    assert_eq!(stream.frame().await["type"], "hello");
}

/// Libraries send pings and pongs of their own, some as soon as they are connected.
#[tokio::test]
async fn control_frames_before_the_first_text_are_answered_as_anywhere() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let auth = masked(TEXT, json!({"op": "auth", "token": tom.token}).to_string().as_bytes());
    let mut ws = RawWs::connect_unknown(&server).await;
    for number in 0..20_u16 {
        ws.send(PONG, b"").await;
        ws.send(PING, &number.to_be_bytes()).await;
        let pong = ws.frame().await.expect("a pong");
        assert_eq!((pong.opcode, pong.payload), (PONG, number.to_be_bytes().to_vec()));
    }
    let pieces = |text: &[u8]| {
        let (first, last) = text.split_at(text.len() / 2);
        let mut first = masked(TEXT, first);
        // Not the last fragment.
        first[0] &= 0x7F;
        [first, masked(PING, b"between"), masked(CONTINUATION, last)].concat()
    };
    ws.send_bytes(&pieces(json!({"op": "auth", "token": tom.token}).to_string().as_bytes())).await;
    let pong = ws.frame().await.expect("a pong");
    assert_eq!((pong.opcode, pong.payload.as_slice()), (PONG, &b"between"[..]));
    assert!(ws.frame().await.expect("a greeting").text().contains("\"hello\""));
    let mut ws = RawWs::connect_unknown(&server).await;
    ws.send_bytes(&[masked(PING, b"at once"), auth].concat()).await;
    assert_eq!(ws.frame().await.expect("a pong").opcode, PONG);
    assert!(ws.frame().await.expect("a greeting").text().contains("\"hello\""));
    for code in [1000_u16, 4321] {
        let mut ws = RawWs::connect_unknown(&server).await;
        ws.send(CLOSE, &code.to_be_bytes()).await;
        assert_eq!(ws.closed().await, code);
    }
}

#[tokio::test]
async fn a_silent_client_is_closed_after_five_seconds_and_gets_nothing() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let began = Instant::now();
    let mut stream = Stream::unknown(&server).await;
    jerry.write(&tom, "for Tom alone").await;
    let Got::Closed(code, _) = stream.ws.next().await else { panic!("something came before the end") };
    assert_eq!(code, 1008);
    assert!(began.elapsed() >= Duration::from_millis(4900), "{:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_token_that_is_not_valid_opens_nothing() {
    let server = Setup::new().env("JWT_SECRET", jwt::SECRET).start();
    let tom = server.login("tom").await;
    let mut expired = jwt::claims(tom.id);
    for (name, hours) in [("iat", -2), ("nbf", -2), ("exp", -1)] {
        expired[name] = json!(jwt::now() + hours * 3600);
    }
    let mut forged = tom.token.clone();
    forged.truncate(tom.token.len() - 4);
    for wrong in ["x", &forged, &jwt::signed(&expired)] {
        for (query, extra) in [
            (format!("?token={wrong}"), None),
            (format!("?ticket={wrong}"), None),
            (String::new(), Some(("Authorization", format!("Bearer {wrong}")))),
            (String::new(), Some(("Sec-WebSocket-Protocol", format!("bearer.{wrong}")))),
        ] {
            let request = upgrade(&format!("/ws{query}")).header("Sec-WebSocket-Protocol", V2);
            let request = match &extra {
                Some((name, value)) => request.header(name, value),
                None => request,
            };
            let answer = exchange(&server.address, &request.bytes(&server.address)).await;
            answer.refused(401, "unauthenticated");
        }
        let mut stream = Stream::unknown(&server).await;
        stream.say(&json!({"op": "auth", "token": wrong})).await;
        assert_eq!(stream.closed_at_once().await, 4001, "{wrong}");
    }
    let mut stream = Stream::unknown(&server).await;
    stream.say(&json!({"op": "auth", "token": tom.token})).await;
    assert_eq!(stream.frame().await["type"], "hello", "the same way in is open to who has a token");
}

#[tokio::test]
async fn a_first_frame_of_one_too_many_is_refused_with_the_reason() {
    let setup = Setup::new().on_one_node("each node counts the connections that it has");
    let server = setup.arg("--max-connections-per-user").arg(1).start();
    let tom = server.login("tom").await;
    let mut only = Stream::connect(&server, &tom).await;
    let mut stream = Stream::unknown(&server).await;
    stream.say(&json!({"op": "auth", "token": tom.token})).await;
    assert_eq!(stream.closed_at_once().await, 4029);
    let bearer = format!("Bearer {}", tom.token);
    let headers = [("Sec-WebSocket-Protocol", V2), ("Authorization", bearer.as_str())];
    assert_eq!(Stream::open(&server, "/ws", &headers).await.err(), Some(429));
    only.is_quiet().await;
}
