//! Messages from while a user was away, and live ones that arrive during their replay.

use serde_json::{Value, json};

use crate::support::people::p2p;
use crate::support::raw_ws::{PING, PONG, TEXT};
use crate::support::{RawWs, Server, Setup, User, Ws, eventually};

async fn delivered(from: &User, to: &User, id: &Value) {
    eventually(20, "DELIVERED", async || from.status_of(to, id).await == "DELIVERED").await;
}

#[tokio::test]
async fn what_was_missed_comes_right_after_the_welcome_in_order_and_once() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = spike.group("Cheese", &[&tom, &jerry]).await;
    let mut sent = Vec::new();
    for number in 0..5 {
        sent.push(tom.write(&jerry, &format!("direct {number}")).await["id"].clone());
        sent.push(spike.write_group(group, &format!("group {number}")).await["id"].clone());
        sent.push(spike.write(&jerry, &format!("another {number}")).await["id"].clone());
        jerry.write(&tom, "Jerry's own are no news to Jerry").await;
    }
    let mut ws = Ws::greeted_next(&server, &jerry).await;
    assert_eq!(ws.frame().await["type"], "system");
    let frames = ws.frames(15).await;
    assert_eq!(frames.iter().map(|frame| frame["ID"].clone()).collect::<Vec<_>>(), sent);
    assert_eq!(frames[0]["type"], "text");
    assert_eq!(frames[1]["type"], "group_message");
    let live = tom.write(&jerry, "live").await["id"].clone();
    assert_eq!(ws.frame().await["ID"], live, "nothing came twice");

    // Once confirmed, none of it is sent again.
    delivered(&tom, &jerry, &live).await;
    delivered(&spike, &jerry, &sent[14]).await;
    ws.leave().await;
    let fresh = spike.write_group(group, "fresh").await["id"].clone();
    let mut ws = Ws::connect(&server, &jerry).await;
    assert_eq!(ws.frame().await["ID"], fresh);
}

#[tokio::test]
async fn what_was_missed_outlives_the_server() {
    let mut server = Setup::new().start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let id = tom.write(&jerry, "before the crash").await["id"].clone();
    server.kill();
    let server = server.setup.start();
    let mut ws = Ws::connect(&server, &jerry).await;
    assert_eq!(ws.frame().await["ID"], id);
}

/// A new member has not missed earlier messages: they are in the history.
#[tokio::test]
async fn a_groups_past_is_not_sent_to_a_new_member() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[]).await;
    tom.write_group(group, "before").await;
    tom.add(group, jerry.id).await.expect(200);
    tom.write_group(group, "after").await;
    let mut ws = Ws::connect(&server, &jerry).await;
    assert_eq!(ws.frame().await["content"], "after");
}

/// Sends this many messages on one kept connection each.
fn flood(
    server: &Server,
    from: &User,
    to: i64,
    count: usize,
    connections: usize,
) -> Vec<tokio::task::JoinHandle<()>> {
    let url = chat_client::ServerUrl::parse(&server.url()).unwrap();
    let send_share = |_| {
        let (url, token) = (url.clone(), from.token.clone());
        tokio::spawn(async move {
            let mut connection = chat_client::Connection::open(&url).await.unwrap();
            for number in 0..count / connections {
                let body = json!({"content": number.to_string()}).to_string();
                let sent =
                    connection.send("POST".parse().unwrap(), &p2p(to), Some(&token), Some(body.into())).await;
                assert_eq!(sent.unwrap().status.as_u16(), 201);
            }
        })
    };
    (0..connections).map(send_share).collect()
}

async fn all(tasks: Vec<tokio::task::JoinHandle<()>>) {
    for task in tasks {
        task.await.unwrap();
    }
}

/// Returns every message with another user that should have arrived, in order.
async fn expected_ids(user: &User, with: &User) -> Vec<Value> {
    let stored = user.all_messages(&format!("/v1/messages/history/{}", with.id)).await;
    stored.iter().map(|message| message["id"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_missed_and_live_ones_meanwhile_come_in_order_and_once() {
    const MISSED: usize = 2000;
    const LIVE: usize = 400;
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    all(flood(&server, &tom, 2, MISSED, 16)).await;
    let live = flood(&server, &tom, 2, LIVE, 4);
    let mut ws = Ws::connect(&server, &jerry).await;
    let frames = ws.frames(MISSED + LIVE).await;
    all(live).await;
    let ids: Vec<_> = frames.iter().map(|frame| frame["ID"].clone()).collect();
    assert_eq!(ids, expected_ids(&jerry, &tom).await);

    let last = ids.last().unwrap().clone();
    delivered(&tom, &jerry, &last).await;
    let mut second = Ws::connect(&server, &jerry).await;
    let fresh = tom.write(&jerry, "fresh").await["id"].clone();
    for ws in [&mut ws, &mut second] {
        assert_eq!(ws.frame().await["ID"], fresh, "and nothing of it again");
    }
}

/// The client does not read, so the replay stops in the middle of its only page. More messages arrive meanwhile than
/// the queue holds, so the rest must be read from the log.
#[tokio::test]
async fn live_ones_beyond_the_queue_are_not_lost_during_a_replay() {
    const MISSED: usize = 100;
    const LIVE: usize = 50;
    let server = Setup::new().arg("--max-queued-frames").arg(16).start();
    let (tom, jerry) = server.tom_and_jerry().await;
    // JSON takes six bytes for each of these, which makes more than the system's buffers hold.
    let large = "\u{1}".repeat(16_000);
    for _ in 0..MISSED {
        tom.write(&jerry, &large).await;
    }
    let mut ws = RawWs::connect_narrow(&server, &jerry.token).await;
    assert!(ws.frame().await.unwrap().text().contains("\"system\""));
    let first = ws.frame().await.unwrap();
    for number in 0..LIVE {
        tom.write(&jerry, &number.to_string()).await;
    }
    let mut ids = vec![serde_json::from_slice::<Value>(&first.payload).unwrap()["ID"].clone()];
    while ids.len() < MISSED + LIVE {
        let frame = ws.frame().await.expect("the connection stays");
        match frame.opcode {
            TEXT => ids.push(serde_json::from_slice::<Value>(&frame.payload).unwrap()["ID"].clone()),
            PING => ws.send(PONG, &frame.payload).await,
            _ => panic!("{frame:?} after {} messages", ids.len()),
        }
    }
    assert_eq!(ids, expected_ids(&jerry, &tom).await);
}

/// A user's own messages from another device are part of the same order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ones_own_messages_during_a_replay_keep_the_order() {
    const MISSED: usize = 2000;
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    all(flood(&server, &tom, 2, MISSED, 16)).await;
    let mut both = flood(&server, &tom, 2, 320, 8);
    both.extend(flood(&server, &jerry, 1, 320, 8));
    let mut ws = Ws::connect(&server, &jerry).await;
    all(both).await;
    let end = tom.write(&jerry, "the end").await["id"].clone();
    let mut ids = Vec::new();
    while ids.last() != Some(&end) {
        ids.push(ws.frame().await["ID"].clone());
    }
    let numbers: Vec<_> = ids.iter().map(|id| id.as_i64().unwrap()).collect();
    let misplaced = numbers.windows(2).filter(|pair| pair[0] >= pair[1]).count();
    assert_eq!(misplaced, 0, "of {} frames", numbers.len());
}
