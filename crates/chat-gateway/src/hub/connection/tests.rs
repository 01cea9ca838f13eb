//! One connection over a real socket, with a look at its state.

use std::time::Duration;

use axum::http::Extensions;
use chat_websocket::{Decoder, Incoming, Role};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::metrics::Requests;

/// Uptime of a hub that has run for 50 days: more than 32 bits of milliseconds hold.
const UPTIME_MS: u64 = 50 * 24 * 3600 * 1000;
const HEARTBEAT: Duration = Duration::from_secs(15);

async fn connection(expires_at: u64) -> (Connection, TcpStream) {
    connection_at(expires_at, Slowest::default()).await
}

async fn connection_at(expires_at: u64, slowest: Slowest) -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let started = Instant::now().checked_sub(Duration::from_millis(UPTIME_MS)).unwrap();
    let granted = Granted {
        user: UserId(1),
        counts_from: 0,
        expires_at: 0,
        fingerprint: chat_core::access::Fingerprint([0; 16]),
    };
    let bearer = Bearer {
        granted,
        expires_at,
        stream: StreamForm { protocol: Protocol::V1, form: Form::Complete, deflate: None },
        client: ClientAddress::of(&Extensions::new()),
    };
    let context = ConnectionContext {
        limits: OutboxLimits::default(),
        slowest,
        heartbeat: HEARTBEAT,
        started,
        metrics: Arc::new(Metrics::new(Arc::new(Requests::of(&crate::openapi())))),
        node: None,
    };
    (Connection::new(1, bearer, stream.into(), Arc::new(context)), client)
}

#[tokio::test]
async fn a_token_ends_its_stream_however_long_the_server_has_run() {
    let (expired, _client) = connection(UPTIME_MS - 1000).await;
    expired.tick();
    assert!(expired.is_closing());
    let (valid, _client) = connection(UPTIME_MS + 3_600_000).await;
    valid.tick();
    assert!(!valid.is_closing());
}

/// A ping was sent 11 s ago and not answered; the test varies what has come since.
#[tokio::test]
async fn anything_a_client_sends_after_a_ping_is_a_sign_of_life() {
    let since = |active_ms_ago: u64, took_ms_ago: u64| async move {
        let (asked, _client) = connection(u64::MAX).await;
        let now = asked.now();
        asked.active_at.store(now - active_ms_ago, Ordering::Relaxed);
        {
            let mut state = asked.state();
            state.ping.sent_at = Some(now - 11_000);
            state.ping.took_at = now - took_ms_ago;
        }
        asked.tick();
        asked.is_gone()
    };
    assert!(since(40_000, 40_000).await, "nothing came");
    assert!(since(12_000, 12_000).await, "nothing came behind the ping");
    assert!(!since(5_000, 40_000).await, "it said something");
    assert!(!since(40_000, 5_000).await, "it took something");
}

#[tokio::test]
async fn a_client_is_asked_when_it_was_silent_for_a_heartbeat_and_no_sooner() {
    let is_asked = |silent_ms: u64| async move {
        let (idle, _client) = connection(u64::MAX).await;
        idle.active_at.store(idle.now() - silent_ms, Ordering::Relaxed);
        idle.tick();
        idle.state().ping.sent_at.is_some()
    };
    assert!(!is_asked(14_000).await);
    assert!(is_asked(15_100).await);
}

#[tokio::test]
async fn an_idle_connection_has_nothing_to_check_until_a_heartbeat_is_due() {
    let (idle, _client) = connection(u64::MAX).await;
    let next_check = || idle.check_at.load(Ordering::Relaxed);
    idle.tick();
    assert_eq!(next_check(), idle.active_at.load(Ordering::Relaxed) + 15_000);
    idle.push(vec![b'x'].into(), None);
    assert_eq!(next_check(), 0, "something is queued");
    idle.flush_own();
    idle.tick();
    assert_eq!(next_check(), idle.active_at.load(Ordering::Relaxed) + 15_000, "it was written");
    idle.active_at.store(idle.now() - 15_100, Ordering::Relaxed);
    idle.check_at.store(idle.now(), Ordering::Relaxed);
    idle.tick();
    assert!(idle.state().ping.sent_at.is_some());
    assert_eq!(next_check(), 0, "a ping is unanswered");
}

#[tokio::test]
async fn a_token_that_expires_before_the_next_heartbeat_is_checked_then() {
    let (idle, _client) = connection(UPTIME_MS + 1000).await;
    idle.tick();
    assert_eq!(idle.check_at.load(Ordering::Relaxed), UPTIME_MS + 1000);
}

/// What the client has to read first lies in the system's buffers, and its socket looks free.
#[tokio::test]
async fn a_client_that_has_something_to_take_before_a_ping_has_longer_for_its_answer() {
    let after = |bytes: usize, sent_ms_ago: u64| async move {
        let (asked, _client) = connection(u64::MAX).await;
        asked.push(vec![b'x'; bytes].into(), None);
        asked.flush_own();
        let now = asked.now();
        asked.active_at.store(now - 200_000, Ordering::Relaxed);
        asked.tick();
        asked.state().ping.sent_at = Some(now - sent_ms_ago);
        asked.tick();
        asked.is_gone()
    };
    assert!(after(0, 11_000).await);
    assert!(!after(5120, 11_000).await);
    assert!(!after(5120, 19_000).await);
    assert!(after(5120, 21_000).await);
}

/// Reads up to the ping that asks for a sign of life. Returns all pings, each with the bytes of text before it.
async fn pings(client: &mut TcpStream) -> Vec<(usize, Vec<u8>)> {
    let (mut decoder, mut buffer) = (Decoder::new(Role::Client, 1 << 20), vec![0; 4096]);
    let (mut pings, mut before) = (Vec::new(), 0);
    while pings.last().is_none_or(|(_, payload): &(_, Vec<u8>)| payload.len() != 4) {
        let read = client.read(&mut buffer).await.unwrap();
        let fed = decoder.feed(&mut buffer[..read], |incoming| match incoming {
            Incoming::Ping(payload) => pings.push((std::mem::take(&mut before), payload.to_vec())),
            Incoming::Text(text) => before += text.len(),
            _ => {}
        });
        fed.unwrap();
    }
    pings
}

/// The client reads 512 bytes a second, so its answer to the ping comes long after a silent client would be dead. But
/// it answers the pings between frames when it reaches them.
#[tokio::test]
async fn a_client_that_has_a_great_deal_to_take_is_seen_to_take_it() {
    let (asked, mut client) = connection(u64::MAX).await;
    for _ in 0..50 {
        asked.push(encode(Opcode::Text, &[b'x'; 4096]), None);
    }
    asked.flush_own();
    asked.active_at.fetch_sub(30_000, Ordering::Relaxed);
    asked.tick();
    for (before, payload) in pings(&mut client).await {
        let took_ms = u64::try_from(before).unwrap() * 1000 / 512;
        asked.active_at.fetch_sub(took_ms, Ordering::Relaxed);
        {
            let ping = &mut asked.state().ping;
            ping.sent_at = ping.sent_at.map(|at| at - took_ms);
            ping.passed_at = ping.passed_at.saturating_sub(took_ms);
        }
        asked.tick();
        assert!(!asked.is_gone() && asked.state().ping.sent_at.is_some(), "{took_ms} ms for {before} bytes");
        asked.note_activity();
        asked.answered(&payload);
    }
    assert_eq!(asked.state().ping.sent_at, None, "the last one is answered, too");
}

#[tokio::test]
async fn a_client_that_lives_and_answers_no_pings_is_asked_again() {
    let (asked, _client) = connection(u64::MAX).await;
    let now = asked.now();
    asked.state().ping.sent_at = Some(now - 11_000);
    asked.active_at.store(now - 5_000, Ordering::Relaxed);
    asked.tick();
    assert_eq!(asked.state().ping.sent_at, None);
    // A heartbeat later.
    asked.active_at.store(now - 16_000, Ordering::Relaxed);
    asked.check_at.store(now, Ordering::Relaxed);
    asked.tick();
    assert!(asked.state().ping.sent_at.is_some());
}

/// Nothing may follow a close frame, whatever queues it (RFC 6455, section 5.5.1).
#[tokio::test]
async fn nothing_is_queued_behind_the_closing_frame() {
    let (closing, _client) = connection(u64::MAX).await;
    assert_eq!(closing.go_live(0, None), ReplayEnd::Live);
    closing.close(1000, "");
    let frame = Bytes::from_static(b"late");
    assert_eq!(closing.push_live(&frame, StreamPosition { at: 1, delivery: None }), Flush::NotDue);
    assert_eq!(closing.push(frame.clone(), None), Flush::NotDue);
    closing.tick();
    assert_eq!(closing.go_live(2, Some(frame.clone())), ReplayEnd::Live);
    assert!(closing.state().outbox.is_empty());
    assert_eq!(
        closing.push_answer(frame.clone()),
        Flush::Due,
        "but the answer to what was taken goes before it"
    );
    closing.write_close_frame().await;
    assert_eq!(closing.push_answer(frame), Flush::NotDue);
}

/// Otherwise the session would write nothing, and the client would wait for a close frame that nobody writes.
#[tokio::test]
async fn a_reader_that_sees_the_connection_closing_finds_the_close_frame() {
    let (closing, mut clients) = (Arc::new(Mutex::new(None::<Arc<Connection>>)), Vec::new());
    let seen = closing.clone();
    let watcher = std::thread::spawn(move || {
        for _ in 0..1000 {
            let connection = loop {
                if let Some(connection) = seen.lock().unwrap().take() {
                    break connection;
                }
            };
            while !connection.is_closing() {
                std::hint::spin_loop();
            }
            assert!(connection.state().closing_frame.is_some());
        }
    });
    while !watcher.is_finished() {
        let (connection, client) = connection(UPTIME_MS + 3_600_000).await;
        let connection = Arc::new(connection);
        *closing.lock().unwrap() = Some(connection.clone());
        while closing.lock().unwrap().is_some() && !watcher.is_finished() {
            std::thread::yield_now();
        }
        connection.close(close_codes::TOKEN_EXPIRED, "");
        clients.push(client);
        clients.truncate(10);
    }
    watcher.join().unwrap();
}

/// Each tick closes a client that has read nothing since the tick before.
#[tokio::test]
async fn a_client_that_answers_pings_behind_a_full_socket_takes_what_it_is_given() {
    let slowest = Slowest { bytes_per_second: 512, over: Duration::ZERO };
    let (stuck, mut client) = connection_at(u64::MAX, slowest).await;
    while !stuck.is_blocked() {
        stuck.push(encode(Opcode::Text, &[b'x'; 4096]), None);
        stuck.flush_own();
    }
    let look = async || {
        tokio::time::sleep(Duration::from_millis(5)).await;
        stuck.tick();
        stuck.is_closing()
    };
    stuck.tick();
    // The client has read this far, but the socket is as full as before: the client's system opens the window only when
    // it has room for more.
    let mut decoder = Decoder::new(Role::Client, 1 << 20);
    for _ in 0..3 {
        let payload = next_ping(&mut client, &mut decoder).await;
        stuck.answered(&payload);
        assert!(!look().await, "it has come to another ping");
    }
    assert!(look().await, "it has come to nothing since");
}

/// Reads byte by byte up to the next ping between frames.
async fn next_ping(client: &mut TcpStream, decoder: &mut Decoder) -> Vec<u8> {
    let mut ping = None;
    while ping.is_none() {
        let mut byte = [client.read_u8().await.unwrap()];
        let fed = decoder.feed(&mut byte, |incoming| {
            if let Incoming::Ping(payload) = incoming {
                ping = Some(payload.to_vec());
            }
        });
        fed.unwrap();
    }
    ping.unwrap()
}
