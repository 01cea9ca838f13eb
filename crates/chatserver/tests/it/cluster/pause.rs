//! A node that hangs, as a machine does that swaps or a virtual machine that is moved: its users move to other nodes,
//! their requests take effect exactly once, and when the node goes on it recovers.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::nodes::{Nodes, at, post, signal};
use crate::support::http::read_answer;
use crate::support::v2::to_user;
use crate::support::{Request, Stream, User, within};

/// Returns the next presence of the user with another status than this.
async fn presence_becomes(stream: &mut Stream, user: &User, status: &str) -> Value {
    let is_it = |frame: &Value| frame["type"] == "presence" && frame["user_id"] == user.id;
    loop {
        let frame = within(30, stream.find(is_it)).await;
        if frame["status"] == status {
            return frame;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_hangs_writes_nothing_stale_and_its_users_are_gone_and_come_back() {
    let nodes = Nodes::start(2);
    let [one, other] = &nodes.servers[..] else { unreachable!() };
    let (tom, jerry) = one.tom_and_jerry().await;
    let jerry_there = at(other, &jerry);
    let conversation = post(&tom, &jerry, "before").await.expect(201)["conversation_id"].clone();
    let mut toms = Stream::connect(one, &tom).await;
    toms.ok(json!({"op": "view", "conversation_ids": [conversation]})).await;
    toms.next("presence").await;
    let mut jerrys = Stream::connect(other, &jerry).await;
    presence_becomes(&mut toms, &jerry, "online").await;

    signal(other, Signal::STOP);
    // The node finds this request when it goes on. Its client has gone to the other node meanwhile.
    let body = json!({ "content": "once", "client_msg_id": "once" });
    let request = Request::post(&format!("/v1/messages/p2p/{}", tom.id), &body).bearer(&jerry_there.token);
    let mut waiting = TcpStream::connect(&other.address).await.unwrap();
    waiting.write_all(&request.bytes(&other.address)).await.unwrap();
    let first = post(&jerry, &tom, "once").await.expect(201);
    let gone = presence_becomes(&mut toms, &jerry, "offline").await;
    assert!(gone["last_seen"].is_string(), "{gone}");

    signal(other, Signal::CONT);
    presence_becomes(&mut toms, &jerry, "online").await;
    let late = within(20, read_answer(&mut waiting)).await.json();
    assert_eq!(late["id"], first["id"], "{late}");
    let history = tom.history(&jerry).await;
    assert_eq!(history.len(), 2, "{history:?}");
    // A client that stayed at the hanging node has missed nothing, and can send.
    let received = jerrys.received_until("once").await;
    assert_eq!(received.iter().filter(|frame| frame["type"] == "message").count(), 1, "{received:?}");
    jerrys.send(to_user(&tom), "still here").await;
    within(20, toms.received_until("still here")).await;
}

/// A transaction that a node has begun must not keep the others from writing while that node hangs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_hangs_in_the_middle_of_a_write_does_not_hold_up_the_others() {
    let nodes = Nodes::start(2);
    let [one, other] = &nodes.servers[..] else { unreachable!() };
    let (tom, jerry) = one.tom_and_jerry().await;
    let jerry_there = at(other, &jerry);
    post(&tom, &jerry, "before").await.expect(201);
    for round in 0..5 {
        // It is up to chance which part of a write the pause interrupts.
        let busy: Vec<_> = (0..20)
            .map(|number| {
                let (tom, jerry) = (tom.clone(), jerry_there.clone());
                tokio::spawn(async move { post(&jerry, &tom, &format!("busy {round} {number}")).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(7 * round)).await;
        signal(other, Signal::STOP);
        let writes = async { while post(&tom, &jerry, &format!("other {round}")).await.status >= 300 {} };
        within(5, writes).await;
        signal(other, Signal::CONT);
        for posted in busy {
            let status = within(20, posted).await.unwrap().status;
            assert!([201, 503].contains(&status), "{status}");
        }
    }
    // Each key once, with consecutive numbers, whatever the answers were.
    let history = tom.all_messages(&format!("/v1/messages/history/{}", jerry.id)).await;
    let mut keys: Vec<_> = history.iter().map(|message| message["content"].to_string()).collect();
    keys.sort();
    let n_messages = keys.len();
    keys.dedup();
    assert_eq!(keys.len(), n_messages, "{keys:?}");
    let seqs: Vec<_> = history.iter().map(|message| message["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=u64::try_from(n_messages).unwrap()).collect::<Vec<_>>());
}
