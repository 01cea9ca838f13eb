//! A slow client of the v2 stream is closed, slows down nobody, and loses nothing (README, promise 6).

use serde_json::{Value, json};

use crate::support::raw_ws::{CLOSE, TEXT};
use crate::support::v2::into;
use crate::support::{RawWs, Setup, Stream};

const MESSAGES: usize = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_is_closed_and_resumes_without_loss() {
    let server = Setup::new().arg("--max-queued-frames").arg(16).start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = tom.group("Cheese", &[&jerry, &spike]).await;
    let conversation = tom.conversation_of(group).await;
    let mut asleep = RawWs::connect_narrow_v2(&server, &jerry.token).await;
    // Before `hello` it may not be attached yet, and would miss the first messages.
    let hello: Value = serde_json::from_str(asleep.frame().await.expect("a greeting").text()).unwrap();
    let mut cursor = hello["cursor"].as_str().unwrap().to_owned();
    let mut toms = Stream::connect(&server, &tom).await;
    let mut spikes = Stream::connect(&server, &spike).await;
    // JSON takes six bytes for each of these, which makes more than the system's buffers hold.
    let large = "\u{1}".repeat(10_000);
    for _ in 0..MESSAGES {
        toms.send(into(&conversation), &large).await;
        spikes.next("message").await;
    }
    let mut seqs = Vec::new();
    let code = loop {
        let frame = asleep.frame().await.expect("a close frame before the end");
        match frame.opcode {
            TEXT => {
                let event: Value = serde_json::from_str(frame.text()).unwrap();
                event["cursor"].as_str().unwrap().clone_into(&mut cursor);
                seqs.extend(event["message"]["seq"].as_u64());
            }
            CLOSE => break frame.close_code(),
            _ => {}
        }
    };
    assert_eq!(code, 4008);
    assert!(seqs.len() < MESSAGES, "the one who did not read was closed");
    let (_, missed) = Stream::resume(&server, &jerry, &cursor).await;
    assert!(missed.iter().all(|frame| frame["event"] == "created"));
    seqs.extend(missed.iter().map(|frame| frame["message"]["seq"].as_u64().unwrap()));
    assert!(seqs.iter().copied().eq(1..=MESSAGES as u64), "each once and in order: {seqs:?}");
    assert_eq!(missed.last().unwrap()["message"]["content"], json!(large));
}

/// A page of missed messages is 3 MB, and each of these clients may read it slowly.
#[tokio::test]
async fn clients_that_missed_much_and_take_their_time_hold_little() {
    const CLIENTS: usize = 50;
    let server = Setup::new().on_one_node("it is one process whose memory is looked at").start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let cursor = Stream::connect(&server, &jerry).await.cursor;
    let content = "x".repeat(16_000);
    for _ in 0..20 {
        futures_util::future::join_all((0..10).map(|_| tom.write(&jerry, &content))).await;
    }
    let before = server.resident_kib("VmRSS");
    let resumes = (0..CLIENTS).map(|_| RawWs::resume_narrow_v2(&server, &jerry.token, &cursor));
    let mut clients = futures_util::future::join_all(resumes).await;
    // The first page of each was read when its first message arrives.
    for client in &mut clients {
        let mut next = async || client.frame().await.expect("a frame");
        let mut frame = next().await;
        while frame.opcode != TEXT || !frame.text().contains(r#""type":"message""#) {
            frame = next().await;
        }
    }
    let grown = server.resident_kib("VmRSS").saturating_sub(before) / 1024;
    assert!(grown < 80, "{grown} MiB for {CLIENTS} clients");
}
