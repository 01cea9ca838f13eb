//! The protocol to the letter: the handshake's requirements and answer, and the errors for clients that get it wrong.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::http::exchange;
use crate::support::raw_ws::{CLOSE, TEXT, masked, upgrade};
use crate::support::{Answer, RawWs, Request, Server, Stream, User, eventually, within};

/// Returns the head of the server's answer to these bytes.
async fn head_of(server: &Server, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(&server.address).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(20, socket.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

/// Returns an upgrade with these `Connection` headers.
fn upgrade_with(connection: &[&str], user: &User) -> Vec<u8> {
    let mut request = format!(
        "GET /ws?token={} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        user.token
    );
    for value in connection {
        request += &format!("Connection: {value}\r\n");
    }
    (request + "\r\n").into_bytes()
}

/// Some clients take `close` in the answer for the end of the connection.
#[tokio::test]
async fn switching_protocols_never_says_close() {
    let server = Server::start();
    let tom = server.login("tom").await;
    for connection in [
        &["Upgrade"][..],
        &["close, Upgrade"],
        &["Upgrade, close"],
        &["close", "Upgrade"],
        &["keep-alive, Upgrade"],
    ] {
        let head = head_of(&server, &upgrade_with(connection, &tom)).await;
        assert!(head.starts_with("http/1.1 101 "), "{connection:?}: {head}");
        let fields: Vec<_> = head.lines().filter(|line| line.starts_with("connection:")).collect();
        assert_eq!(fields, ["connection: upgrade"], "{connection:?}: {head}");
    }
}

/// Asks for a stream with these subprotocols.
async fn offered(server: &Server, user: Option<&User>, protocols: &str) -> Answer {
    let request = upgrade("/ws").header("Sec-WebSocket-Protocol", protocols);
    let request = match user {
        Some(user) => request.bearer(&user.token),
        None => request,
    };
    exchange(&server.address, &request.bytes(&server.address)).await
}

#[tokio::test]
async fn a_stream_that_there_is_not_is_refused_with_those_that_there_are() {
    let server = Server::start();
    let tom = server.login("tom").await;
    for wrong in ["chatserver.v3", "ChatServer.V2", "CHATSERVER.v1, other", "chatserver."] {
        let problem = offered(&server, Some(&tom), wrong).await.refused(400, "unknown_subprotocol");
        let sentence = problem["error"].as_str().unwrap();
        assert!(sentence.contains("chatserver.v1") && sentence.contains("chatserver.v2"), "{sentence}");
    }
    let headers = |protocols: String| async {
        let protocols = protocols;
        Stream::open(&server, "/ws", &[("Sec-WebSocket-Protocol", &protocols)]).await
    };
    // A supported one may be accompanied by one of a later server. A token may be among them, as elsewhere.
    for (protocols, kind) in [
        (format!("chatserver.v3, chatserver.v2, bearer.{}", tom.token), "hello"),
        (format!("chatserver.v2, Bearer.{}", tom.token), "hello"),
        (format!("BEARER.{}, chatserver.v2", tom.token), "hello"),
        (format!("bearer.{}", tom.token), "system"),
    ] {
        let mut stream =
            headers(protocols.clone()).await.unwrap_or_else(|status| panic!("{status}: {protocols}"));
        assert_eq!(stream.frame().await["type"], kind, "{protocols}");
    }
}

/// Unknown names are ignored: the stream is v1, and none is chosen.
#[tokio::test]
async fn other_subprotocols_stay_v1() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let request = upgrade("/ws").bearer(&tom.token).header("Sec-WebSocket-Protocol", "graphql-ws, chat");
    let head = head_of(&server, &request.bytes(&server.address)).await;
    assert!(head.starts_with("http/1.1 101 ") && !head.contains("sec-websocket-protocol"), "{head}");
}

#[tokio::test]
async fn an_unknown_caller_learns_every_way_to_authenticate() {
    let server = Server::start();
    let problem = exchange(&server.address, &upgrade("/ws").bytes(&server.address)).await;
    let problem = problem.refused(401, "unauthenticated");
    let sentence = problem["error"].as_str().unwrap();
    for way in ["Authorization: Bearer", "?token=", "?ticket=", "bearer.<token>", "first frame"] {
        assert!(sentence.contains(way), "{way}: {sentence}");
    }
}

#[tokio::test]
async fn http_1_1_names_its_host_once() {
    let server = Server::start();
    for path in ["/ping", "/ws", "/", "/v1/chats", "/nowhere"] {
        for hosts in ["", "Host: a\r\nHost: a\r\n"] {
            let request = format!("GET {path} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
            exchange(&server.address, request.as_bytes()).await.invalid();
        }
    }
    for request in ["GET /ping HTTP/1.0\r\n\r\n", "GET /ping HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n"]
    {
        assert_eq!(exchange(&server.address, request.as_bytes()).await.status, 200, "{request}");
    }
}

/// JSON takes six bytes for each of these characters. A frame may contain whatever a request may.
#[tokio::test]
async fn the_largest_content_fits_into_a_frame_however_it_is_written() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let content = "\u{1}".repeat(16 * 1024);
    let escaped = json!(content).to_string();
    assert!(escaped.len() > 96 * 1024, "each is escaped");
    let mut v2 = RawWs::connect_v2(&server, &tom.token).await;
    let send = format!(r#"{{"op":"send","id":1,"to_user":{},"content":{escaped}}}"#, jerry.id);
    v2.send(TEXT, send.as_bytes()).await;
    let ack = loop {
        let frame = v2.frame().await.expect("an ack");
        assert_ne!(frame.opcode, CLOSE, "{:?}", frame.payload);
        if frame.opcode == TEXT && frame.text().starts_with("{\"type\":\"ack\"") {
            break frame;
        }
    };
    let mut v1 = RawWs::connect(&server, &tom.token).await;
    let send = format!(r#"{{"type":"text","recipient_id":{},"content":{escaped}}}"#, jerry.id);
    v1.send_bytes(&[masked(TEXT, send.as_bytes()), masked(CLOSE, &1000_u16.to_be_bytes())].concat()).await;
    let largest = v1.rest().await.iter().map(|frame| frame.payload.len()).max();
    eprintln!("the largest content: {} bytes on v2, {largest:?} on v1", ack.payload.len());
    let stored = tom.history(&jerry).await;
    assert_eq!(stored.len(), 2);
    assert!(stored.iter().all(|message| message["content"] == json!(content)));
}

/// The server cannot answer such a client in TLS, so at least its log has the reason, once.
#[tokio::test]
async fn tls_to_a_port_without_it_is_noted() {
    const HELLO: [u8; 6] = [0x16, 3, 1, 0, 1, 0];
    let server = Server::start();
    for _ in 0..3 {
        let mut socket = TcpStream::connect(&server.address).await.unwrap();
        socket.write_all(&HELLO).await.unwrap();
        let mut answer = Vec::new();
        let _ = within(20, socket.read_to_end(&mut answer)).await;
    }
    let lines =
        || server.printed().lines().filter(|line| line.contains("speaks TLS to this plain port")).count();
    eventually(10, "it is noted", async || lines() >= 1).await;
    assert!(lines() <= server.ids().len(), "and not for each");
    server.send(Request::get("/ping")).await.expect(200);
}
