//! A slow consumer is closed, slows down nobody and loses nothing (README, promise 6).

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::watch;

use crate::support::people::to_group;
use crate::support::raw_ws::{CLOSE, PING, PONG, TEXT};
use crate::support::{Got, RawWs, Server, Setup, Stream, User, Ws, eventually, within};

const MEMBERS: usize = 100;
/// Together more than the queue (1 MiB) and the system's buffers for a loopback socket (some MiB).
const MESSAGES: usize = 390;
const BYTES: usize = 16_000;
/// Number of messages that may be sent before the readers have caught up.
const AT_ONCE: usize = 30;

/// Returns the ids that a member has received, and publishes their number for the sender.
async fn listen(mut ws: Ws, heard: watch::Sender<usize>) -> Vec<i64> {
    let mut ids = Vec::with_capacity(MESSAGES);
    while ids.len() < MESSAGES {
        match ws.next().await {
            Got::Text(text) => ids.push(id_of(&text)),
            other => panic!("{other:?} after {} messages", ids.len()),
        }
        heard.send_replace(ids.len());
    }
    ids
}

/// Reads the beginning of a frame only: there are a hundred thousand of them.
fn id_of(text: &str) -> i64 {
    let digits = text.strip_prefix("{\"ID\":").expect("ID comes first");
    digits.split(',').next().unwrap().parse().unwrap()
}

async fn members(server: &Server, owner: &User) -> (i64, Vec<User>) {
    let group = owner.group("Everybody here", &[]).await;
    let mut members = Vec::new();
    for number in 1..MEMBERS {
        let member = server.register(&format!("member {number}")).await;
        owner.add(group, member.id).await.expect(200);
        members.push(member);
    }
    (group, members)
}

/// Sends all messages, no faster than the readers can follow. Returns the ids.
async fn send_all(owner: &User, group: i64, heard: &mut [watch::Receiver<usize>]) -> Vec<i64> {
    let mut ids = Vec::with_capacity(MESSAGES);
    while ids.len() < MESSAGES {
        for _ in 0..AT_ONCE {
            let body = json!({"content": "x".repeat(BYTES)});
            let sent = owner.post(&to_group(group), &body).await.expect(201);
            ids.push(sent["id"].as_i64().unwrap());
        }
        for member in heard.iter_mut() {
            within(60, member.wait_for(|count| *count >= ids.len())).await.unwrap();
        }
    }
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_100_members_who_never_reads_harms_nobody_and_loses_nothing() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let (group, members) = members(&server, &tom).await;
    let sleeper = &members[0];
    let mut asleep = RawWs::connect_narrow(&server, &sleeper.token).await;
    asleep.until_live().await;
    let (mut listeners, mut heard) = (Vec::new(), Vec::new());
    for member in &members[1..] {
        let (sender, receiver) = watch::channel(0);
        listeners.push(tokio::spawn(listen(Ws::connect(&server, member).await, sender)));
        heard.push(receiver);
    }
    let before = server.resident_kib("VmRSS");
    let sent = send_all(&tom, group, &mut heard).await;
    let grown = server.resident_kib("VmRSS").saturating_sub(before) / 1024;
    assert!(grown < 64, "the server grew by {grown} MiB; it may hold 1 MiB for each client and its caches");
    for listener in listeners {
        assert_eq!(listener.await.unwrap(), sent, "who reads gets everything in order");
    }

    let got = until_the_end(&mut asleep).await;
    assert!(got.len() < MESSAGES, "the one who did not read was closed");
    assert!(sent.starts_with(&got), "what it had been given is the beginning");
    let mut awake = Ws::connect(&server, sleeper).await;
    let mut missed = Vec::new();
    while missed.len() < MESSAGES {
        let Got::Text(text) = awake.next().await else { panic!("after {} messages", missed.len()) };
        missed.push(id_of(&text));
    }
    assert_eq!(missed, sent, "it gets all of it when it returns");
}

/// Returns the ids that arrive before the end of the connection.
async fn until_the_end(ws: &mut RawWs) -> Vec<i64> {
    let mut ids = Vec::new();
    while let Some(frame) = ws.frame().await {
        match frame.opcode {
            TEXT => ids.extend(Some(id_of(frame.text())).filter(|id| *id > 0)),
            CLOSE => assert_eq!(frame.close_code(), 4008),
            _ => {}
        }
    }
    ids
}

/// Sends this many messages to a client that reads nothing meanwhile. Returns whether it was closed for that, with the
/// reason.
async fn is_too_slow(server: &Server, tom: &User, count: usize) -> bool {
    let sleeper = server.register(&format!("sleeper {count}")).await;
    let mut asleep = RawWs::connect_narrow(server, &sleeper.token).await;
    assert!(asleep.frame().await.unwrap().text().contains("\"system\""));
    asleep.until_live().await;
    let mut toms = Ws::connect(server, tom).await;
    let frame = json!({"type": "text", "recipient_id": sleeper.id, "content": "x".repeat(BYTES)});
    for _ in 0..count {
        toms.json(&frame).await;
        toms.frame().await;
    }
    let mut texts = 0;
    while texts < count {
        let frame = asleep.frame().await.expect("a closing frame before the end");
        match frame.opcode {
            TEXT => texts += 1,
            CLOSE => {
                assert_eq!(frame.close_code(), 4008);
                assert!(String::from_utf8_lossy(&frame.payload[2..]).contains("reconnect"));
                return true;
            }
            _ => {}
        }
    }
    false
}

/// How much the system's buffers hold before the server notices differs, so the test tries more and more.
#[tokio::test]
async fn a_consumer_who_wakes_up_in_time_reads_why_it_was_closed() {
    let server = Setup::new().env("MAX_QUEUED_FRAMES", "8").start();
    let tom = server.login("tom").await;
    for count in [50, 200, 800] {
        if is_too_slow(&server, &tom, count).await {
            return;
        }
    }
    panic!("the queue of 8 frames never was too long");
}

/// A server with one worker thread, and clients of both streams that resume with much to catch up and read nothing of
/// it. If waiting for a client occupied a thread, one of them would block the server.
#[tokio::test]
async fn who_resumes_and_reads_nothing_holds_nobody_up() {
    let server = Setup::new().env("TOKIO_WORKER_THREADS", "1").start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let cursor = Stream::connect(&server, &jerry).await.cursor;
    // JSON takes six bytes for each of these, which makes more than the system's buffers hold.
    let large = "\u{1}".repeat(BYTES);
    for _ in 0..40 {
        tom.write(&jerry, &large).await;
    }
    let mut asleep = Vec::new();
    for _ in 0..2 {
        asleep.push(RawWs::connect_narrow(&server, &jerry.token).await);
        asleep.push(RawWs::resume_narrow_v2(&server, &jerry.token, &cursor).await);
    }
    let mut prompt = 0;
    for _ in 0..40 {
        let began = Instant::now();
        within(5, server.get("/healthz")).await.expect(200);
        prompt += usize::from(began.elapsed() < Duration::from_millis(50));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Not all of them, because the machine may be busy.
    assert!(prompt >= 30, "{prompt} of 40 answers within 50 ms");
}

/// A v1 client with a small window that reads all the time, slowly, and answers each ping when it reads it. Catching up
/// takes it longer than a client may read nothing.
#[tokio::test]
async fn who_reads_slowly_and_answers_gets_all_of_it_once_and_it_is_delivered() {
    const MISSED: usize = 7;
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let content = "x".repeat(8000);
    for _ in 0..MISSED {
        tom.write(&jerry, &content).await;
    }
    let mut slow = RawWs::connect_narrow(&server, &jerry.token).await;
    let mut ids = Vec::new();
    while ids.len() < MISSED {
        ids.extend(next_id_slowly(&mut slow).await);
    }
    let mut once = ids.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(ids, once, "in order, each once");
    let path = format!("/v1/messages/history/{}", jerry.id);
    let is_delivered = eventually(20, "all of it is delivered", async || {
        let all = tom.all_messages(&path).await;
        all.len() == MISSED && all.iter().all(|message| message["status"] == "DELIVERED")
    });
    let answers = async {
        loop {
            assert_eq!(next_id_slowly(&mut slow).await, None, "nothing comes again");
        }
    };
    tokio::select! {
        () = is_delivered => {}
        () = answers => {}
    }
}

/// The client missed far more than the system's buffers hold. It pauses until the server has sent a ping, reads up to
/// that ping and nothing more. The server must learn what it has read by then, while most of the rest has yet to be
/// sent. If the ping came later, everything might have been sent by then, and the test would prove nothing.
#[tokio::test]
async fn who_is_still_given_what_it_missed_is_heard() {
    const MISSED: usize = 200;
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    // JSON takes six bytes for each of these.
    let large = "\u{1}".repeat(BYTES);
    for _ in 0..MISSED / 10 {
        futures_util::future::join_all((0..10).map(|_| tom.write(&jerry, &large))).await;
    }
    let mut slow = RawWs::connect_narrow(&server, &jerry.token).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    // Pings between the frames have a longer payload, and confirm nothing.
    let mut asked = false;
    while !asked {
        let frame = slow.frame().await.expect("it is kept");
        if frame.opcode == PING {
            slow.send(PONG, &frame.payload).await;
            asked = frame.payload.len() == 4;
        }
    }
    let path = format!("/v1/messages/history/{}", jerry.id);
    eventually(20, "what it has read is delivered", async || {
        tom.all_messages(&path).await.iter().any(|message| message["status"] == "DELIVERED")
    })
    .await;
}

/// Returns the id in the next frame, if it is a message's. Answers a ping.
async fn next_id_slowly(slow: &mut RawWs) -> Option<i64> {
    let frame = slow.frame_slowly(800, Duration::from_millis(180)).await.expect("a slow client is kept");
    match frame.opcode {
        TEXT => return Some(id_of(frame.text())).filter(|id| *id > 0),
        PING => slow.send(PONG, &frame.payload).await,
        _ => panic!("{frame:?}"),
    }
    None
}
