//! How much a client may send, and the answers to one that sends more.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::raw_ws::{CLOSE, TEXT, masked};
use crate::support::{Got, RawWs, Server, Stream};

/// More frames than a client may send at once, and than the refusals after which it is closed.
const FLOOD: usize = 4000;

/// Reads up to the closing frame. Returns the answers, and the code.
async fn to_the_end(stream: &mut Stream) -> (Vec<Value>, u16) {
    let mut answers = Vec::new();
    loop {
        match stream.ws.next().await {
            Got::Text(text) => answers.push(serde_json::from_str(&text).unwrap()),
            Got::Closed(code, _) => return (answers, code),
            other => panic!("{other:?} after {} answers", answers.len()),
        }
    }
}

#[tokio::test]
async fn a_client_that_sends_too_much_is_asked_to_wait_and_then_closed() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let mut other = Stream::connect(&server, &tom).await;
    for frame in [r#"{"op":"ping","id":1}"#, r#"{"op":5,"id":1}"#, "junk"] {
        let mut stream = Stream::connect(&server, &tom).await;
        for _ in 0..FLOOD {
            // The server may close before all of it is sent.
            if !stream.ws.try_text(frame).await {
                break;
            }
        }
        let (answers, code) = to_the_end(&mut stream).await;
        assert_eq!(code, 4029, "{frame}");
        let refused: Vec<_> = answers.iter().filter(|answer| answer["code"] == "rate_limited").collect();
        assert!(
            !refused.is_empty() && refused.len() < answers.len(),
            "{} of {}",
            refused.len(),
            answers.len()
        );
        for refusal in refused {
            assert_eq!(refusal["temporary"], true, "{refusal}");
            assert!(refusal["retry_after_ms"].as_u64().is_some_and(|wait| wait > 0), "{refusal}");
            assert_eq!(refusal["id"], if frame == "junk" { Value::Null } else { json!(1) });
        }
    }
    other.is_quiet().await;
}

/// This includes the frame that ends the stream, and those behind it that were read together with it.
#[tokio::test]
async fn each_frame_that_was_read_of_a_flood_has_one_answer() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let mut ws = RawWs::connect_v2(&server, &tom.token).await;
    let pings = (0..3000).flat_map(|id| masked(TEXT, json!({"op": "ping", "id": id}).to_string().as_bytes()));
    ws.send_bytes(&pings.collect::<Vec<_>>()).await;
    let mut answered = Vec::new();
    loop {
        let frame = ws.frame().await.expect("a closing frame");
        match frame.opcode {
            TEXT => {
                let answer: Value = serde_json::from_str(frame.text()).unwrap();
                answered.extend(answer["id"].as_u64());
            }
            CLOSE => break assert_eq!(frame.close_code(), 4029),
            _ => {}
        }
    }
    let first: Vec<_> = (0..).take(answered.len()).collect();
    assert_eq!(answered, first, "in order, and none is left out");
    assert!(answered.len() > 200, "{}", answered.len());
}

/// A client that keeps sending after the closing frame could keep the server reading for as long as others have to
/// answer it.
#[tokio::test]
async fn a_flood_that_goes_on_behind_the_closing_frame_is_cut_off() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let mut ws = RawWs::connect_v2(&server, &tom.token).await;
    let ping = json!({"op": "ping", "id": 1, "padding": "x".repeat(1000)}).to_string();
    let flood = masked(TEXT, ping.as_bytes()).repeat(2000);
    ws.send_bytes(&flood).await;
    assert_eq!(ws.closed().await, 4029);
    let began = Instant::now();
    ws.send_until_cut(&flood).await;
    assert!(began.elapsed() < Duration::from_secs(6), "it was read for {:?}", began.elapsed());
}

#[tokio::test]
async fn a_client_that_waits_as_asked_goes_on() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let mut stream = Stream::connect(&server, &tom).await;
    let mut refusals = Vec::new();
    for round in 0.. {
        assert!(round < 1000, "nothing is ever refused");
        for id in 0..100 {
            stream.say(&json!({"op": "ping", "id": id})).await;
        }
        for _ in 0..100 {
            refusals.extend(Some(stream.frame().await).filter(|answer| answer["type"] == "error"));
        }
        if !refusals.is_empty() {
            break;
        }
    }
    let refusal = refusals.pop().unwrap();
    let wait = refusal["retry_after_ms"].as_u64().unwrap();
    assert!(wait < 1000, "{refusal}");
    tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
    stream.say(&json!({"op": "ping", "id": "again"})).await;
    assert_eq!(stream.find(|frame| frame["id"] == "again").await["type"], "pong");
}

#[tokio::test]
async fn what_is_too_big_or_no_text_ends_the_stream() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let mut stream = Stream::connect(&server, &tom).await;
    stream.say(&json!({"op": "ping", "id": 1, "more": "x".repeat(140_000)})).await;
    assert_eq!(stream.closed().await, 1009);
    let mut stream = Stream::connect(&server, &tom).await;
    stream.ws.message(Message::binary(json!({"op": "ping", "id": 1}).to_string())).await;
    assert_eq!(stream.closed().await, 1003);
}
