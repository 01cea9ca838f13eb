//! A limit that one address or user has reached does not affect others.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Answer, Request, Server, Setup, User, Ws, eventually, within};

fn behind_a_proxy() -> Setup {
    Setup::new().on_one_node("each node counts what it has").env("TRUSTED_PROXIES", "127.0.0.1")
}

async fn stream(server: &Server, user: &User, client: &str) -> Result<Ws, u16> {
    let path = format!("/ws?token={}", user.token);
    Ws::open(server, &path, &[("X-Forwarded-For", client)]).await
}

async fn ping(server: &Server, client: &str) -> Answer {
    server.send(Request::get("/ping").header("X-Forwarded-For", client)).await
}

#[tokio::test]
async fn behind_a_proxy_an_address_has_a_limit_of_requests_and_streams() {
    let server = behind_a_proxy().env("MAX_CONNECTIONS_PER_ADDRESS", "2").start();
    let spike = server.register("spike").await;
    let (one, other) = ("198.51.100.7", "198.51.100.8");
    let first = stream(&server, &spike, one).await.ok().unwrap();
    let _second = stream(&server, &spike, one).await.ok().unwrap();
    assert_eq!(stream(&server, &spike, one).await.err(), Some(429));
    let refused = ping(&server, one).await;
    assert!(refused.header("retry-after").is_some());
    refused.refused(429, "too_many_connections");
    ping(&server, other).await.expect(200);
    let _third = stream(&server, &spike, other).await.ok().unwrap();
    first.leave().await;
    eventually(10, "a place that was given back", async || ping(&server, one).await.status == 200).await;
}

/// Opens a connection that stays, and sends the header of the PROXY protocol for a client.
async fn announced(server: &Server, header: &str) -> TcpStream {
    let mut socket = TcpStream::connect(&server.address).await.unwrap();
    let request = format!("{header}GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    socket
}

/// Returns the status of the answer, or 0 if the connection is closed.
async fn status(socket: &mut TcpStream) -> u16 {
    let mut head = [0; 12];
    match within(20, socket.read_exact(&mut head)).await {
        Ok(_) => std::str::from_utf8(&head[9..]).unwrap().parse().unwrap(),
        Err(_) => 0,
    }
}

#[tokio::test]
async fn an_address_has_a_limit_of_sockets() {
    let setup = behind_a_proxy().env("PROXY_PROTOCOL", "required").env("MAX_CONNECTIONS_PER_ADDRESS", "2");
    let server = setup.start();
    let (one, other) =
        ("PROXY TCP4 198.51.100.7 127.0.0.1 4711 80\r\n", "PROXY TCP4 198.51.100.8 127.0.0.1 4711 80\r\n");
    let mut held = Vec::new();
    for (header, expected) in [(one, 200), (one, 200), (one, 429), (other, 200)] {
        let mut socket = announced(&server, header).await;
        assert_eq!(status(&mut socket).await, expected, "{header}");
        held.push(socket);
    }
    let mut rest = Vec::new();
    within(20, held[2].read_to_end(&mut rest)).await.unwrap();
    assert!(String::from_utf8_lossy(&rest).contains("too_many_connections"), "in the API's words");
    drop(held);
    eventually(10, "a place that was given back", async || {
        status(&mut announced(&server, one).await).await == 200
    })
    .await;
    // Sockets that send nothing take places as well. One more with each attempt, because an attempt may overtake a
    // socket before it and take its place.
    let silent = "PROXY TCP4 198.51.100.9 127.0.0.1 4711 80\r\n";
    let mut held = Vec::new();
    eventually(10, "no place beside silent sockets", async || {
        let mut socket = TcpStream::connect(&server.address).await.unwrap();
        socket.write_all(silent.as_bytes()).await.unwrap();
        held.push(socket);
        status(&mut announced(&server, silent).await).await == 429
    })
    .await;
    drop(held);
    // A client that does not begin with the header is not one of the proxies.
    assert_eq!(status(&mut announced(&server, "").await).await, 0);
    assert_eq!(status(&mut announced(&server, "PROXY TCP4 nonsense\r\n").await).await, 0);
}

#[test]
fn the_proxy_protocol_is_required_of_proxies_alone() {
    Setup::new().env("PROXY_PROTOCOL", "required").refuse().says("needs TRUSTED_PROXIES");
}

#[tokio::test]
async fn the_proxy_protocol_is_a_flag_too() {
    let header = "PROXY TCP4 198.51.100.7 127.0.0.1 4711 80\r\n";
    let setup = || behind_a_proxy().arg("--proxy-protocol");
    let server = setup().arg("required").start();
    assert_eq!(status(&mut announced(&server, header).await).await, 200);
    let server = setup().arg("off").start();
    assert_eq!(status(&mut announced(&server, "").await).await, 200);
}

#[tokio::test]
async fn clients_that_have_yet_to_say_who_they_are_are_bounded_by_address() {
    let server = behind_a_proxy().start();
    let v2 = ("Sec-WebSocket-Protocol", "chatserver.v2");
    let silent = |client: &'static str| {
        let server = &server;
        async move { Ws::open(server, "/ws", &[v2, ("X-Forwarded-For", client)]).await }
    };
    let held = futures_util::future::join_all((0..100).map(|_| silent("198.51.100.7"))).await;
    assert!(held.iter().all(Result::is_ok));
    assert_eq!(silent("198.51.100.7").await.err(), Some(429));
    assert!(silent("198.51.100.8").await.is_ok());
    let spike = server.register("spike").await;
    assert!(stream(&server, &spike, "198.51.100.7").await.is_ok(), "who says it with the upgrade");
}

#[tokio::test]
async fn a_user_has_a_limit_of_tickets_and_others_get_theirs() {
    let server = Setup::new().on_one_node("each node counts what it gave out").start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let nothing = json!({});
    let asked = futures_util::future::join_all((0..100).map(|_| tom.post("/v1/ws-ticket", &nothing))).await;
    let ticket = asked[0].json()["ticket"].as_str().unwrap().to_owned();
    assert!(asked.iter().all(|answer| answer.status == 201));
    tom.post("/v1/ws-ticket", &json!({})).await.refused(429, "too_many_tickets");
    jerry.post("/v1/ws-ticket", &json!({})).await.expect(201);
    Ws::open(&server, &format!("/ws?ticket={ticket}"), &[]).await.ok().unwrap().leave().await;
    tom.post("/v1/ws-ticket", &json!({})).await.expect(201);
}
