//! SIGTERM: all clients are asked to reconnect, running requests are completed, and the process exits with 0.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::http::read_answer;
use crate::support::people::p2p;
use crate::support::{Request, Server, Setup, Ws, eventually, within};

const LIMIT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn clients_are_asked_to_come_back_later_each_after_a_while_of_its_own() {
    let mut server = Setup::new().on_one_node("each node spreads its own clients").start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut streams = Vec::new();
    for number in 0..20 {
        streams.push(Ws::connect(&server, if number % 2 == 0 { &tom } else { &jerry }).await);
    }
    server.ask_to_end();
    let mut delays = Vec::new();
    for ws in &mut streams {
        let (code, reason) = ws.closed().await;
        assert_eq!(code, 1012);
        let digits: String = reason.chars().filter(char::is_ascii_digit).collect();
        let delay: u64 = digits.parse().unwrap_or_else(|_| panic!("a delay in {reason:?}"));
        assert!(reason.contains("ms") && delay <= 60_000, "{reason}");
        delays.push(delay);
    }
    delays.sort_unstable();
    delays.dedup();
    assert!(delays.len() > 10, "spread, so that they don't all come at once: {delays:?}");
    assert!(server.ended_within(LIMIT).success());
}

#[tokio::test]
async fn a_server_without_clients_ends_soon() {
    let mut server = Server::start();
    let began = std::time::Instant::now();
    server.ask_to_end();
    assert!(server.ended_within(LIMIT).success());
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

/// A server that accepts and reads connections in the order in which they come, so that a test knows what it has read.
fn in_order() -> Server {
    Setup::new().on_one_node("what one has read says nothing of another").start()
}

/// A request whose body is still on its way when the signal comes.
#[tokio::test]
async fn a_send_under_way_is_answered_and_stored() {
    let mut server = in_order();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut ws = Ws::connect(&server, &jerry).await;
    let bytes =
        Request::post(&p2p(2), &json!({"content": "half-way"})).bearer(&tom.token).bytes(&server.address);
    let (head, rest) = bytes.split_at(bytes.len() - 5);
    let mut socket = TcpStream::connect(&server.address).await.unwrap();
    socket.write_all(head).await.unwrap();
    // Its head has been read once a later request is answered.
    tom.get("/v1/chats").await.expect(200);
    server.ask_to_end();
    assert_eq!(ws.closed().await.0, 1012, "by now the server is ending");
    server.runs_for(Duration::from_millis(500)).await;
    socket.write_all(rest).await.unwrap();
    let sent = within(10, read_answer(&mut socket)).await.expect(201);
    assert!(server.ended_within(LIMIT).success());
    let server = server.setup.start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let stored = jerry.history(&tom).await;
    assert_eq!((stored.len(), &stored[0]["id"]), (1, &sent["id"]));
}

/// A request whose head is still on its way when the signal comes.
#[tokio::test]
async fn readiness_ends_at_once() {
    let mut server = in_order();
    let tom = server.login("tom").await;
    let mut ws = Ws::connect(&server, &tom).await;
    let bytes = Request::get("/readyz").bytes(&server.address);
    let (head, rest) = bytes.split_at(bytes.len() - 2);
    let mut socket = TcpStream::connect(&server.address).await.unwrap();
    socket.write_all(head).await.unwrap();
    // The first connection is read first: by then the server has read the other's half head.
    tom.get("/v1/chats").await.expect(200);
    server.ask_to_end();
    assert_eq!(ws.closed().await.0, 1012);
    socket.write_all(rest).await.unwrap();
    let answer = within(10, read_answer(&mut socket)).await;
    answer.refused(503, "draining");
    assert!(answer.header("retry-after").is_some());
    assert!(server.ended_within(LIMIT).success());
}

/// An idle keep-alive connection and one that never finishes its request delay nothing.
#[tokio::test]
async fn idle_and_stuck_connections_do_not_delay_the_end() {
    let mut server = Server::start();
    let tom = server.login("tom").await;
    let stuck =
        Request::post(&p2p(2), &json!({"content": "never ends"})).bearer(&tom.token).bytes(&server.address);
    let mut sockets = Vec::new();
    for bytes in [
        &b""[..],
        b"GET /ping HTTP/1.1\r\n",
        b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n",
        &stuck[..stuck.len() - 3],
    ] {
        let mut socket = TcpStream::connect(&server.address).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        sockets.push(socket);
    }
    let _silent = crate::support::RawWs::connect(&server, &tom.token).await;
    server.ask_to_end();
    assert!(server.ended_within(LIMIT).success());
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut server = in_order();
    let tom = server.login("tom").await;
    let stuck =
        Request::post(&p2p(2), &json!({"content": "never ends"})).bearer(&tom.token).bytes(&server.address);
    let mut socket = TcpStream::connect(&server.address).await.unwrap();
    socket.write_all(&stuck[..stuck.len() - 3]).await.unwrap();
    tom.get("/v1/chats").await.expect(200);
    server.ask_to_end();
    eventually(5, "the listener is closed", async || TcpStream::connect(&server.address).await.is_err())
        .await;
    server.ask_to_end();
    server.ended_within(Duration::from_secs(1));
}

/// A confirmation sent just before the signal is stored.
#[tokio::test]
async fn confirmations_are_written_out() {
    let mut server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let id = tom.write(&jerry, "hello").await["id"].clone();
    let mut ws = crate::support::RawWs::connect(&server, &jerry.token).await;
    let payload = loop {
        let frame = ws.frame().await.unwrap();
        if frame.opcode == crate::support::raw_ws::PING {
            break frame.payload;
        }
    };
    ws.send(crate::support::raw_ws::PONG, &payload).await;
    // The answer to this shows that the pong was read.
    ws.send(crate::support::raw_ws::PING, b"read?").await;
    assert_eq!(ws.frame().await.unwrap().payload, b"read?");
    server.stop();
    let server = server.setup.start();
    let (tom, jerry) = server.tom_and_jerry().await;
    assert_eq!(tom.status_of(&jerry, &id).await, "DELIVERED");
}

/// An orderly stop leaves nothing beside the database that would have to be recovered.
#[test]
fn the_log_of_the_database_is_put_away() {
    let mut server = Server::start();
    server.stop();
    for suffix in ["-wal", "-shm", "-journal"] {
        let left = server.setup.path(&format!("chatserver.db{suffix}"));
        assert!(!left.metadata().is_ok_and(|file| file.len() > 0), "{}", left.display());
    }
}
