//! Delivery status: delivered means that the recipient's client has confirmed the message (README, promise 5).

use serde_json::json;

use crate::support::raw_ws::{PING, PONG, TEXT};
use crate::support::{RawWs, Server, Setup, User, Ws, eventually};

async fn becomes_delivered(from: &User, to: &User, id: &serde_json::Value) {
    eventually(10, "DELIVERED", async || from.status_of(to, id).await == "DELIVERED").await;
}

#[tokio::test]
async fn a_message_is_pending_until_the_recipients_client_has_it() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let offline = tom.write(&jerry, "while away").await["id"].clone();
    assert_eq!(tom.status_of(&jerry, &offline).await, "PENDING");
    assert_eq!(jerry.status_of(&tom, &offline).await, "PENDING", "reading over REST confirms nothing");
    let mut ws = Ws::connect(&server, &jerry).await;
    assert_eq!(ws.frame().await["ID"], offline);
    becomes_delivered(&tom, &jerry, &offline).await;
    assert_eq!(jerry.status_of(&tom, &offline).await, "DELIVERED");
    assert_eq!(tom.get("/v1/chats").await.expect(200)[0]["status"], "DELIVERED");
    let live = tom.write(&jerry, "live").await;
    assert_eq!(live["status"], "PENDING");
    becomes_delivered(&tom, &jerry, &live["id"]).await;
}

#[tokio::test]
async fn only_the_recipients_clients_count() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let mut toms = Ws::connect(&server, &tom).await;
    let _spikes = Ws::connect(&server, &spike).await;
    let unread = tom.write(&jerry, "Jerry is away").await["id"].clone();
    assert_eq!(toms.frame().await["ID"], unread, "the sender's own copy");
    // By the time that Spike's confirmation is stored, one of Tom's would be too.
    let other = tom.write(&spike, "Spike is here").await["id"].clone();
    becomes_delivered(&tom, &spike, &other).await;
    let answer = spike.write(&tom, "and Tom too").await["id"].clone();
    becomes_delivered(&spike, &tom, &answer).await;
    assert_eq!(tom.status_of(&jerry, &unread).await, "PENDING");
}

/// Returns the next ping after messages, and skips other frames.
async fn ping(ws: &mut RawWs) -> Vec<u8> {
    loop {
        let frame = ws.frame().await.expect("a ping");
        if frame.opcode == PING {
            return frame.payload;
        }
    }
}

#[tokio::test]
async fn a_client_that_reads_but_answers_no_ping_has_nothing() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let _spikes = Ws::connect(&server, &spike).await;
    let id = tom.write(&jerry, "are you there?").await["id"].clone();
    let mut ws = RawWs::connect(&server, &jerry.token).await;
    let payload = ping(&mut ws).await;

    // Signs of life other than the answer, in turn.
    for (opcode, bytes) in
        [(PONG, b"wrong".as_slice()), (PONG, b""), (PING, b"x"), (TEXT, b"{\"type\":\"typing\"}")]
    {
        ws.send(opcode, bytes).await;
    }
    // The stream's own error frame shows that the server has read all of that; Spike's confirmation, that a later one
    // was stored.
    loop {
        let frame = ws.frame().await.expect("the connection stays");
        if frame.opcode == TEXT && frame.text().contains("\"error\"") {
            break;
        }
    }
    let control = tom.write(&spike, "control").await["id"].clone();
    becomes_delivered(&tom, &spike, &control).await;
    assert_eq!(tom.status_of(&jerry, &id).await, "PENDING");

    ws.send(PONG, &payload).await;
    becomes_delivered(&tom, &jerry, &id).await;
}

#[tokio::test]
async fn what_was_not_confirmed_comes_again() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "are you there?").await;
    for _ in 0..3 {
        let mut ws = RawWs::connect(&server, &jerry.token).await;
        let welcome = ws.frame().await.unwrap();
        assert!(welcome.text().contains("\"system\""));
        assert!(ws.frame().await.unwrap().text().contains("are you there?"));
    }
    assert_eq!(tom.history(&jerry).await[0]["status"], "PENDING");
}

/// An answered ping confirms the messages before it, and none after it.
#[tokio::test]
async fn a_late_answer_confirms_nothing_newer() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let first = tom.write(&jerry, "first").await["id"].clone();
    let mut ws = RawWs::connect(&server, &jerry.token).await;
    let payload = ping(&mut ws).await;
    let second = tom.write(&jerry, "second").await["id"].clone();
    assert!(ws.frame().await.unwrap().text().contains("second"));
    ws.send(PONG, &payload).await;
    becomes_delivered(&tom, &jerry, &first).await;
    assert_eq!(tom.status_of(&jerry, &second).await, "PENDING");
    let payload = ping(&mut ws).await;
    ws.send(PONG, &payload).await;
    becomes_delivered(&tom, &jerry, &second).await;
}

#[tokio::test]
async fn a_confirmation_outlives_the_server() {
    let mut server = Setup::new().start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let _ws = Ws::connect(&server, &jerry).await;
    let id = tom.write(&jerry, "hello").await["id"].clone();
    becomes_delivered(&tom, &jerry, &id).await;
    server.kill();
    let server = server.setup.start();
    let (tom, jerry) = server.tom_and_jerry().await;
    assert_eq!(tom.status_of(&jerry, &id).await, "DELIVERED");
}

#[tokio::test]
async fn a_group_message_is_sent_and_stays_so() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let mut ws = Ws::connect(&server, &jerry).await;
    assert_eq!(tom.write_group(group, "hello").await["status"], "SENT");
    assert_eq!(ws.frame().await["content"], "hello");
    let direct = tom.write(&jerry, "by then it is confirmed").await["id"].clone();
    becomes_delivered(&tom, &jerry, &direct).await;
    for user in [&tom, &jerry] {
        assert_eq!(user.messages(&format!("/v1/groups/{group}/messages")).await[0]["status"], "SENT");
    }
    assert_eq!(json!(tom.status_of(&jerry, &direct).await), "DELIVERED");
}
