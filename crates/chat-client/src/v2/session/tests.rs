//! A session against a server that is scripted by the test.

use chat_protocol::v2::Send;
use chat_websocket::{Decoder, Incoming, Opcode, Role, accept_key, encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// The server's end of one connection.
struct Peer {
    socket: TcpStream,
    decoder: Decoder,
    frames: VecDeque<Value>,
}

impl Peer {
    /// Accepts the next connection. Returns the request that opened it too.
    async fn accept(listener: &TcpListener) -> (Self, String) {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            assert!(socket.read_buf(&mut head).await.unwrap() > 0);
        }
        let head = String::from_utf8(head).unwrap();
        let key = head.split("Sec-WebSocket-Key: ").nth(1).unwrap().split("\r\n").next().unwrap();
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: chatserver.v2\r\n\r\n",
            accept_key(key)
        );
        socket.write_all(answer.as_bytes()).await.unwrap();
        let decoder = Decoder::new(Role::Server, 65_536);
        (Self { socket, decoder, frames: VecDeque::new() }, head)
    }

    async fn send(&mut self, frame: Value) {
        self.socket.write_all(&encode(Opcode::Text, frame.to_string().as_bytes())).await.unwrap();
    }

    async fn greet(&mut self, resumed: bool, cursor: &str) {
        self.send(
            json!({"type": "hello", "user_id": 1, "session_id": "s", "cursor": cursor, "heartbeat_ms": 1000,
            "resumed": resumed, "features": [], "server_version": "0"}),
        )
        .await;
        self.send(json!({"type": "live", "cursor": cursor})).await;
    }

    /// Returns the client's next frame.
    async fn receive(&mut self) -> Value {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return frame;
            }
            let mut bytes = Vec::new();
            assert!(self.socket.read_buf(&mut bytes).await.unwrap() > 0, "the client has gone");
            let frames = &mut self.frames;
            let fed = self.decoder.feed(&mut bytes, |incoming| {
                if let Incoming::Text(text) = incoming {
                    frames.push_back(serde_json::from_str(text).unwrap());
                }
            });
            fed.unwrap();
        }
    }
}

async fn session() -> (Session, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = ServerUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let session = Session::new(Options {
        url,
        token: "t".into(),
        transport: TokenTransport::Header,
        cursor: None,
        outbox: 3,
        window: 8,
        backoff: Backoff::new(Duration::from_millis(20), Duration::from_millis(100), 1),
    });
    (session, listener)
}

fn send(content: &str) -> Op {
    let mut send = Send { to_user: Some(2), ..Send::default() };
    send.body.content = Some(content.into());
    Op::Send(send)
}

/// Returns the events until this number of requests is settled.
async fn events(session: &mut Session, settled: usize) -> Vec<Event> {
    let mut events = Vec::new();
    let is_settled = |event: &&Event| matches!(event, Event::Acked { .. } | Event::Refused { .. });
    while events.iter().filter(is_settled).count() < settled {
        let event = timeout(Duration::from_secs(10), session.next()).await.expect("nothing happens");
        events.push(event.unwrap());
    }
    events
}

#[tokio::test]
async fn requests_without_an_answer_are_repeated_after_a_reconnect() {
    let (mut session, listener) = session().await;
    let (one, two) = (session.submit(send("one")).unwrap(), session.submit(send("two")).unwrap());
    assert!(session.submit(Op::Ping(chat_protocol::v2::Ping {})).is_some());
    assert!(session.submit(send("three")).is_none(), "the outbox is full");
    let server = tokio::spawn(async move {
        let (mut peer, request) = Peer::accept(&listener).await;
        assert!(request.starts_with("GET /ws?lean=1 HTTP/1.1\r\n"), "{request}");
        peer.greet(false, "c-1").await;
        let (first, second) = (peer.receive().await, peer.receive().await);
        assert_eq!((&first["content"], &second["content"]), (&json!("one"), &json!("two")));
        assert_ne!(first["client_msg_id"], second["client_msg_id"]);
        assert_eq!(peer.receive().await["op"], "ping");
        peer.send(json!({"type": "ack", "id": first["id"]})).await;
        drop(peer);

        let (mut peer, request) = Peer::accept(&listener).await;
        assert!(request.starts_with("GET /ws?cursor=%63%2D%31&lean=1 HTTP/1.1\r\n"), "{request}");
        peer.greet(true, "c-2").await;
        assert_eq!(peer.receive().await, second, "the same once more, and the ping is not");
        peer.send(json!({"type": "error", "id": second["id"], "code": "overloaded", "error": "Later",
            "temporary": true, "retry_after_ms": 5}))
            .await;
        assert_eq!(peer.receive().await, second);
        peer.send(json!({"type": "error", "id": second["id"], "code": "forbidden", "error": "No",
            "temporary": false}))
            .await;
        peer
    });
    let events = events(&mut session, 2).await;
    let peer = server.await.unwrap();
    let index_of = |is_it: fn(&Event) -> bool| events.iter().position(is_it).expect("it happens");
    let acked = index_of(|event| matches!(event, Event::Acked { .. }));
    let lost = index_of(|event| matches!(event, Event::Disconnected { .. }));
    let refused = index_of(|event| matches!(event, Event::Refused { .. }));
    assert!(acked < lost && lost < refused, "{events:?}");
    assert!(matches!(&events[acked], Event::Acked { id, .. } if *id == one));
    assert!(
        matches!(&events[refused], Event::Refused { id, refusal, .. } if *id == two && refusal.code == "forbidden")
    );
    assert_eq!((session.n_waiting(), session.cursor()), (0, Some("c-2")));
    drop(peer);
}

#[tokio::test]
async fn a_session_that_was_revoked_ends() {
    let (mut session, listener) = session().await;
    let server = tokio::spawn(async move {
        let (mut peer, _) = Peer::accept(&listener).await;
        peer.greet(false, "c-1").await;
        let close = chat_websocket::encode_close(4001, "revoked");
        peer.socket.write_all(&close).await.unwrap();
        peer
    });
    let ended = loop {
        let event = timeout(Duration::from_secs(10), session.next()).await.expect("nothing happens");
        if let Err(error) = event {
            break error;
        }
    };
    assert!(matches!(ended, Error::Closed { code: 4001, .. }), "{ended}");
    drop(server.await.unwrap());
}
