//! Sockets that could hold up the server: silent, with half a head, half a body, or idle. Each is closed, and other
//! clients notice nothing.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::people::p2p;
use crate::support::{Answer, Request, Server, within};

/// Sends these bytes and nothing more. Returns the answer, and how long it took the server to close.
async fn closed_after(address: &str, bytes: &[u8]) -> (Vec<u8>, Duration) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let began = Instant::now();
    socket.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = within(20, socket.read_to_end(&mut answer)).await;
    (answer, began.elapsed())
}

const LIMIT: Duration = Duration::from_secs(10);

/// All at the same time, since each takes its time.
#[tokio::test]
async fn sockets_that_say_nothing_or_half_of_it_are_closed_within_10_seconds() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let whole = Request::post(&p2p(2), &json!({"content": "hi"})).bearer(&tom.token).bytes(&server.address);
    let half_a_body = &whole[..whole.len() - 3];
    let (silent, one_byte, half_a_head, idle, body, drip) = tokio::join!(
        closed_after(&server.address, b""),
        closed_after(&server.address, b"G"),
        closed_after(&server.address, b"GET /ping HTTP/1.1\r\nHost: x\r\nX-Half:"),
        closed_after(&server.address, b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"),
        closed_after(&server.address, half_a_body),
        drip(&server.address),
    );
    for (why, (_, took)) in
        [("silent", &silent), ("one byte", &one_byte), ("half a head", &half_a_head), ("idle", &idle)]
    {
        assert!(*took < LIMIT, "{why}: {took:?}");
    }
    assert!(drip < LIMIT, "one byte a second: {drip:?}");
    assert_eq!(Answer::parse(&idle.0).status, 200);
    assert_eq!(Answer::parse(&body.0).status, 408);
    assert!(body.1 < LIMIT + Duration::from_secs(2), "half a body: {:?}", body.1);
    assert_eq!(tom.get("/v1/chats").await.expect(200), json!([]));
}

/// Sends a head byte by byte, so that the socket is never silent for long.
async fn drip(address: &str) -> Duration {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let began = Instant::now();
    socket.write_all(b"GET /ping HTTP/1.1\r\nX-Drip: ").await.unwrap();
    let mut byte = [0];
    loop {
        match tokio::time::timeout(Duration::from_secs(1), socket.read(&mut byte)).await {
            Err(_) if began.elapsed() < LIMIT => drop(socket.write_all(b"x").await),
            _ => return began.elapsed(),
        }
    }
}

#[tokio::test]
async fn many_silent_sockets_keep_nobody_waiting() {
    let server = Server::start();
    let mut silent = Vec::new();
    for _ in 0..500 {
        silent.push(TcpStream::connect(&server.address).await.unwrap());
    }
    let began = Instant::now();
    server.login("tom").await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

/// Each check takes 19 MiB while it runs, so the number of concurrent checks is bounded. A chat goes on meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_logins_takes_bounded_memory_and_the_chat_goes_on() {
    let server = Server::start();
    let before = server.resident_kib("VmRSS");
    let (tom, jerry) = server.tom_and_jerry().await;
    let body = json!({"username": "tom", "password": "password124"});
    let flood = (0..150).map(|_| {
        let (address, request) = (server.address.clone(), Request::post("/v1/users/login", &body));
        tokio::spawn(async move { request.send(&address).await.status })
    });
    let flood: Vec<_> = flood.collect();
    let began = Instant::now();
    tom.write(&jerry, "meanwhile").await;
    let took = began.elapsed();
    for login in flood {
        let status = login.await.unwrap();
        assert!([401, 503].contains(&status), "{status}");
    }
    assert!(took < Duration::from_secs(2), "{took:?}");
    let grown = server.resident_kib("VmHWM").saturating_sub(before) / 1024;
    let cores = std::thread::available_parallelism().unwrap().get() as u64;
    let allowed = server.ids().len() as u64 * ((cores + 1) * 19 + 32);
    assert!(grown <= allowed, "{grown} MiB at the peak for the hashes of {cores} cores");
}
