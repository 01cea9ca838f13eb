//! `permessage-deflate` (RFC 7692) on both streams: who gets compressed messages, and what a client may send.

use serde_json::{Value, json};

use crate::support::raw_ws::{PING, TEXT, deflated, masked_compressed};
use crate::support::v2::V2;
use crate::support::{RawWs, Server, Setup, User};

const V1: &str = "chatserver.v1";
/// As browsers offer it.
const BROWSER: &str = "permessage-deflate; client_max_window_bits";
const AGREED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
/// Maximum size of a client's message, in bytes.
const LIMIT: usize = 128 * 1024;
/// One hundred letters.
const LETTER: &str =
    "Please look at the deploy before lunch; the train was late again and I could not finish the answers.";

async fn offering(server: &Server, user: &User, path: &str, protocol: &str, offer: &str) -> (RawWs, String) {
    let opened = RawWs::connect_offering(server, (&user.token, path, protocol), offer).await;
    (opened.0, opened.1.unwrap_or_default())
}

/// The next message: its text, and the bytes of its payload if it was compressed.
async fn message(ws: &mut RawWs) -> (String, Option<usize>) {
    loop {
        let (frame, compressed) = ws.maybe_compressed_frame().await;
        let is_message = frame.opcode == TEXT && frame.text().contains("content\":\"Please");
        if is_message {
            return (frame.text().to_owned(), compressed);
        }
        assert!(compressed.is_none() || frame.payload.len() >= 256, "small frames stay as they are");
    }
}

async fn until_live(ws: &mut RawWs) {
    ws.send(PING, b"live?").await;
    while ws.maybe_compressed_frame().await.0.payload != b"live?" {}
}

#[tokio::test]
async fn those_who_offer_it_get_the_same_frames_compressed_and_others_as_before() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    assert_eq!(LETTER.len(), 100);
    for (protocol, path, largest) in [(V2, "/ws?lean=1", 250 - 4), (V2, "/ws", 450), (V1, "/ws", 250)] {
        let (mut first, agreed) = offering(&server, &jerry, path, protocol, BROWSER).await;
        assert_eq!(agreed, AGREED);
        let (mut second, agreed) = offering(&server, &jerry, path, protocol, "permessage-deflate").await;
        assert_eq!(agreed, AGREED);
        let narrow = "permessage-deflate; server_max_window_bits=10";
        let (mut narrow, agreed) = offering(&server, &jerry, path, protocol, narrow).await;
        assert_eq!(agreed, format!("{AGREED}; server_max_window_bits=10"));
        let unmet = "permessage-deflate; server_max_window_bits=8, permessage-deflate; mystery";
        let (mut plain, declined) = offering(&server, &jerry, path, protocol, unmet).await;
        assert_eq!(declined, "");
        for ws in [&mut first, &mut second, &mut narrow, &mut plain] {
            until_live(ws).await;
        }
        // A v1 frame with one letter is too short.
        let content = if protocol == V1 { format!("{LETTER} {LETTER}") } else { LETTER.to_owned() };
        tom.write(&jerry, &content).await;
        let (expected, compressed) = message(&mut plain).await;
        assert_eq!(compressed, None);
        for ws in [&mut first, &mut second, &mut narrow] {
            let (text, compressed) = message(ws).await;
            assert_eq!(text, expected);
            let compressed = compressed.expect("over 256 bytes");
            assert!(compressed <= largest, "{compressed} of {} bytes on {protocol} {path}", expected.len());
        }
    }
}

#[tokio::test]
async fn answers_and_long_missed_messages_come_compressed_too() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let (mut ws, _) = offering(&server, &jerry, "/ws", V2, BROWSER).await;
    let hello: Value = serde_json::from_str(ws.maybe_compressed_frame().await.0.text()).unwrap();
    let long = LETTER.repeat(5000 / LETTER.len());
    for content in [LETTER, &long] {
        tom.write(&jerry, content).await;
    }
    let path = format!("/ws?cursor={}", hello["cursor"].as_str().unwrap());
    let (mut resumed, _) = offering(&server, &jerry, &path, V2, BROWSER).await;
    for (content, is_compressed) in [(LETTER, false), (&long, true)] {
        let (missed, compressed) = message(&mut resumed).await;
        assert_eq!((missed.contains(content), compressed.is_some()), (true, is_compressed), "{missed}");
    }
    let send = json!({"op": "send", "id": 1, "to_user": tom.id, "content": LETTER}).to_string();
    resumed.send(TEXT, send.as_bytes()).await;
    loop {
        let (text, compressed) = message(&mut resumed).await;
        assert!(compressed.is_some(), "{text}");
        if text.contains("\"ack\"") {
            break;
        }
    }
}

#[tokio::test]
async fn a_client_may_send_compressed_messages_within_the_limit() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    for protocol in [V1, V2] {
        let (mut ws, _) = offering(&server, &tom, "/ws", protocol, BROWSER).await;
        until_live(&mut ws).await;
        let send = match protocol {
            V1 => json!({"type": "text", "recipient_id": jerry.id, "content": LETTER}),
            _ => json!({"op": "send", "id": 1, "to_user": jerry.id, "content": LETTER}),
        };
        ws.send_bytes(&masked_compressed(TEXT, &deflated(send.to_string().as_bytes()))).await;
        message(&mut ws).await;
        assert_eq!(jerry.history(&tom).await.last().unwrap()["content"], LETTER);
    }
    for (payload, code) in [
        (deflated(&vec![b' '; LIMIT]), None),
        (deflated(&vec![b' '; LIMIT + 1]), Some(1009)),
        (deflated(&vec![b' '; 20 << 20]), Some(1009)),
        (vec![0xFF; 100], Some(1007)),
        (deflated(&[0xFF; 300]), Some(1007)),
    ] {
        let (mut ws, _) = offering(&server, &tom, "/ws", V2, BROWSER).await;
        until_live(&mut ws).await;
        ws.send_bytes(&masked_compressed(TEXT, &payload)).await;
        match code {
            None => until_live(&mut ws).await,
            Some(code) => assert_eq!(ws.closed().await, code, "{} bytes", payload.len()),
        }
    }
}

#[tokio::test]
async fn a_first_frame_may_be_compressed() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let (mut ws, agreed) = RawWs::connect_offering_unknown(&server, BROWSER).await;
    assert_eq!(agreed.as_deref(), Some(AGREED));
    let auth = json!({"op": "auth", "token": jerry.token}).to_string();
    ws.send_bytes(&masked_compressed(TEXT, &deflated(auth.as_bytes()))).await;
    until_live(&mut ws).await;
    tom.write(&jerry, LETTER).await;
    assert!(message(&mut ws).await.1.is_some());
}

#[tokio::test]
async fn without_an_agreement_a_compressed_message_ends_the_stream() {
    let server = Setup::new().env("COMPRESSION", "off").start();
    let tom = server.login("tom").await;
    for (offer, protocol) in [(BROWSER, V1), (BROWSER, V2)] {
        let (mut ws, declined) = offering(&server, &tom, "/ws", protocol, offer).await;
        assert_eq!(declined, "");
        ws.send_bytes(&masked_compressed(TEXT, &deflated(b"{}"))).await;
        assert_eq!(ws.closed().await, 1002);
    }
}
