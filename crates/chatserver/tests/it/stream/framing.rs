//! The stream as WebSocket (RFC 6455): protocol violations, and the codes with which they end it.

use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::support::raw_ws::{CLOSE, Frame, PING, PONG, TEXT};
use crate::support::{Got, RawWs, Server, Setup, Ws};

/// Maximum size of a client's message, in bytes.
const LIMIT: usize = 128 * 1024;

async fn raw(server: &Server) -> RawWs {
    let tom = server.login("tom").await;
    let mut ws = RawWs::connect(server, &tom.token).await;
    assert!(ws.frame().await.unwrap().text().contains("\"system\""));
    ws
}

#[tokio::test]
async fn a_closing_frame_is_answered() {
    let server = Server::start();
    let tom = server.login("tom").await;
    for code in [1000, 1001, 3000, 4999] {
        let mut ws = Ws::connect(&server, &tom).await;
        ws.message(Message::Close(Some(CloseFrame { code: code.into(), reason: "bye".into() }))).await;
        assert!(matches!(ws.next().await, Got::Closed(answered, _) if answered == code), "{code}");
    }
    let mut ws = raw(&server).await;
    ws.send(CLOSE, &[]).await;
    assert_eq!(ws.frame().await.unwrap().opcode, CLOSE);
    assert_eq!(ws.frame().await, None, "the server ends the connection");
}

#[tokio::test]
async fn a_ping_is_answered_with_its_payload() {
    let server = Server::start();
    let mut ws = raw(&server).await;
    for payload in [b"".as_slice(), b"hello", &[0xff; 125]] {
        ws.send(PING, payload).await;
        assert_eq!(ws.frame().await, Some(Frame { opcode: PONG, payload: payload.to_vec() }));
    }
    ws.send(PONG, b"nobody asked").await;
    ws.send(PING, b"still there").await;
    assert_eq!(ws.frame().await.unwrap().payload, b"still there");
}

#[tokio::test]
async fn a_binary_message_ends_the_stream_with_1003() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let mut ws = Ws::connect(&server, &tom).await;
    ws.message(Message::Binary(b"{}".to_vec().into())).await;
    assert_eq!(ws.closed().await.0, 1003);
}

#[tokio::test]
async fn a_message_over_the_limit_ends_the_stream_with_1009() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let mut ws = Ws::connect(&server, &tom).await;
    ws.text(&"x".repeat(LIMIT)).await;
    assert_eq!(ws.error_code().await, "no_recipient", "what fits is read");
    ws.text(&"x".repeat(LIMIT + 1)).await;
    assert_eq!(ws.closed().await.0, 1009);
}

/// The length is refused as soon as it is declared.
#[tokio::test]
async fn a_declared_length_over_the_limit_is_not_waited_for() {
    let server = Server::start();
    for length in [LIMIT as u64 + 1, 1 << 32, (1 << 63) - 1] {
        let mut ws = raw(&server).await;
        let mut head = vec![0x81, 0x80 | 127];
        head.extend_from_slice(&length.to_be_bytes());
        head.extend_from_slice(&[1, 2, 3, 4]);
        ws.send_bytes(&head).await;
        assert_eq!(ws.closed().await, 1009, "{length}");
    }
}

/// A proxy forwards all that it was given, and reports nothing to its client if that fails.
#[tokio::test]
async fn a_client_that_is_still_sending_what_is_too_big_can_send_it_and_hears_why() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let mut ws = RawWs::connect(&server, &tom.token).await;
    // More than the buffers of any socket hold.
    ws.send(TEXT, &vec![b'x'; 32 << 20]).await;
    assert_eq!(ws.closed().await, 1009);
}

/// It would be read, as fast as possible, for as long as the server waits for the rest.
#[tokio::test]
async fn a_client_that_sends_an_endless_body_is_cut_off() {
    let server = Server::start();
    let mut ws = raw(&server).await;
    let endless = [0x81, 0x80 | 127, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    ws.send_bytes(&endless).await;
    assert_eq!(ws.closed().await, 1009);
    let began = Instant::now();
    ws.send_until_cut(&[b'x'; 64 * 1024]).await;
    assert!(began.elapsed() < Duration::from_secs(6), "it was read for {:?}", began.elapsed());
}

#[tokio::test]
async fn endless_fragments_end_with_1009() {
    let server = Server::start();
    let mut ws = raw(&server).await;
    let fragment = |first: u8| {
        let mut bytes = vec![first, 0x80 | 126, 0x40, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(&[b'x'; 0x4000]);
        bytes
    };
    ws.send_bytes(&fragment(0x01)).await;
    for _ in 0..LIMIT / 0x4000 {
        ws.send_bytes(&fragment(0x00)).await;
    }
    assert_eq!(ws.closed().await, 1009);
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_with_1002() {
    let server = Server::start();
    for (bytes, why) in [
        (&[0x81, 0x02, b'h', b'i'][..], "not masked"),
        (&[0xC1, 0x80, 0, 0, 0, 0], "RSV1 without an extension"),
        (&[0x83, 0x80, 0, 0, 0, 0], "an opcode that is reserved"),
        (&[0x8B, 0x80, 0, 0, 0, 0], "a control opcode that is reserved"),
        (&[0x09, 0x80, 0, 0, 0, 0], "a ping in fragments"),
        (&[0x89, 0x80 | 126, 0, 126, 0, 0, 0, 0], "a ping over 125 bytes"),
        (&[0x80, 0x80, 0, 0, 0, 0], "a continuation of nothing"),
        (&[0x01, 0x80, 0, 0, 0, 0, 0x81, 0x80, 0, 0, 0, 0], "a new message inside another"),
        (&[0x88, 0x81, 0, 0, 0, 0, 3], "half a close code"),
        (&[0x88, 0x82, 0, 0, 0, 0, 3, 0xED], "close code 1005"),
        (&[0x88, 0x82, 0, 0, 0, 0, 0, 0], "close code 0"),
    ] {
        let mut ws = raw(&server).await;
        ws.send_bytes(bytes).await;
        assert_eq!(ws.closed().await, 1002, "{why}");
    }
}

#[tokio::test]
async fn text_that_is_not_utf8_ends_with_1007() {
    let server = Server::start();
    for payload in [b"\xff".as_slice(), b"h\xc3(", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"] {
        let mut ws = raw(&server).await;
        ws.send(TEXT, payload).await;
        assert_eq!(ws.closed().await, 1007, "{payload:?}");
    }
}

#[tokio::test]
async fn a_message_in_fragments_is_one_message() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut ws = raw(&server).await;
    let text = br#"{"type":"text","recipient_id":2,"content":"in pieces, with a ping between"}"#;
    let mask = |bytes: &[u8], first: u8| {
        let mut frame = vec![first, 0x80 | u8::try_from(bytes.len()).unwrap(), 0, 0, 0, 0];
        frame.extend_from_slice(bytes);
        frame
    };
    ws.send_bytes(&mask(&text[..10], 0x01)).await;
    ws.send(PING, b"between").await;
    assert_eq!(ws.frame().await.unwrap().payload, b"between");
    for byte in &text[10..] {
        ws.send_bytes(&mask(&[*byte], 0x00)).await;
    }
    ws.send_bytes(&mask(b"", 0x80)).await;
    assert!(ws.frame().await.unwrap().text().contains("in pieces"));
    assert_eq!(jerry.history(&tom).await[0]["content"], "in pieces, with a ping between");
}

/// A client may send its first frames together with the request for the upgrade.
#[tokio::test]
async fn what_comes_with_the_handshake_is_not_lost() {
    use crate::support::raw_ws::upgrade;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = Server::start();
    let tom = server.login("tom").await;
    let mut bytes = upgrade("/ws").bearer(&tom.token).bytes(&server.address);
    bytes.extend_from_slice(&[0x89, 0x85, 0, 0, 0, 0, b'e', b'a', b'r', b'l', b'y']);
    let mut socket = tokio::net::TcpStream::connect(&server.address).await.unwrap();
    socket.write_all(&bytes).await.unwrap();
    let mut got = Vec::new();
    let read = async {
        while !got.ends_with(b"\x8a\x05early") {
            assert_ne!(socket.read_buf(&mut got).await.unwrap(), 0, "{}", String::from_utf8_lossy(&got));
        }
    };
    crate::support::within(20, read).await;
}

/// A client that vanishes frees its place.
#[tokio::test]
async fn a_connection_that_breaks_off_is_noticed() {
    let setup = Setup::new().on_one_node("each node counts the connections that it has");
    let server = setup.arg("--max-connections-per-user").arg(1).start();
    let tom = server.login("tom").await;
    for _ in 0..3 {
        let mut opened = None;
        crate::support::eventually(10, "the place is free", async || {
            opened = Ws::open(&server, &format!("/ws?token={}", tom.token), &[]).await.ok();
            opened.is_some()
        })
        .await;
    }
}
