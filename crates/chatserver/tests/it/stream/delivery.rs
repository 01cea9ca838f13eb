//! Live messages: their recipients and their order.

use serde_json::{Value, json};

use crate::support::http::keys;
use crate::support::people::p2p;
use crate::support::{Server, User, Ws};

/// Fields of a frame about a message.
const FRAME: [&str; 8] =
    ["ID", "MediaURL", "content", "group_id", "recipient_id", "sender_id", "timestamp", "type"];

async fn streams(server: &Server, user: &User, count: usize) -> Vec<Ws> {
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(Ws::connect(server, user).await);
    }
    streams
}

#[tokio::test]
async fn a_direct_message_comes_to_every_connection_of_both_and_to_nobody_else() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let mut both = streams(&server, &tom, 2).await;
    both.extend(streams(&server, &jerry, 3).await);
    let mut spikes = Ws::connect(&server, &spike).await;
    let url = "https://cdn.tom-and-jerry-media.net/cheese_surprise.png";
    let body = json!({"content": "A special photo for you, Jerry!", "media_url": url});
    let sent = tom.post(&p2p(2), &body).await.expect(201);
    let expected = json!({
        "ID": sent["id"], "sender_id": 1, "recipient_id": 2, "group_id": 0, "type": "image",
        "content": "A special photo for you, Jerry!", "MediaURL": url, "timestamp": sent["timestamp"],
    });
    for ws in &mut both {
        assert_eq!(ws.frame().await, expected);
    }
    tom.write(&spike, "now you").await;
    assert_eq!(spikes.frame().await["content"], "now you", "the first that Spike hears of");
    tom.write(&jerry, "once each").await;
    for ws in both.iter_mut().skip(2) {
        assert_eq!(ws.frame().await["content"], "once each");
    }
}

#[tokio::test]
async fn a_group_message_comes_to_every_connection_of_every_member_once() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let (spike, tyke) = (server.register("spike").await, server.register("tyke").await);
    let group = spike.group("Cheese", &[&tom, &jerry]).await;
    let mut members = streams(&server, &tom, 2).await;
    members.extend(streams(&server, &jerry, 1).await);
    members.extend(streams(&server, &spike, 2).await);
    let mut stranger = Ws::connect(&server, &tyke).await;
    let sent = spike.write_group(group, "GROUP CHAT IS ALIVE!").await;
    let next = jerry.write_group(group, "next").await;
    for ws in &mut members {
        let frame = ws.frame().await;
        assert_eq!(keys(&frame), FRAME);
        let expected = json!({
            "ID": sent["id"], "sender_id": spike.id, "recipient_id": 0, "group_id": group, "type": "group_message",
            "content": "GROUP CHAT IS ALIVE!", "MediaURL": "", "timestamp": sent["timestamp"],
        });
        assert_eq!(frame, expected);
        assert_eq!(ws.frame().await["ID"], next["id"], "the first came once");
    }
    tom.write(&tyke, "for Tyke").await;
    assert_eq!(stranger.frame().await["content"], "for Tyke", "the first that Tyke hears of");
}

/// In the group frame `type` is always `group_message`; the picture is in `MediaURL`.
#[tokio::test]
async fn a_picture_in_a_group_is_a_group_message() {
    let server = Server::start();
    let tom = server.login("tom").await;
    let group = tom.group("Cheese", &[]).await;
    let mut ws = Ws::connect(&server, &tom).await;
    let body = json!({"media_url": "https://example.com/a.png"});
    tom.post(&crate::support::people::to_group(group), &body).await.expect(201);
    let frame = ws.frame().await;
    assert_eq!(frame["type"], "group_message");
    assert_eq!(frame["MediaURL"], "https://example.com/a.png");
    assert_eq!(frame["content"], "");
}

#[tokio::test]
async fn a_new_member_and_a_new_group_are_live_at_once() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut jerrys = Ws::connect(&server, &jerry).await;
    let mut toms = Ws::connect(&server, &tom).await;
    let group = tom.group("Cheese", &[]).await;
    tom.write_group(group, "alone").await;
    tom.add(group, jerry.id).await.expect(200);
    tom.write_group(group, "with Jerry").await;
    assert_eq!(jerrys.frame().await["content"], "with Jerry");
    assert_eq!(toms.frame().await["content"], "alone");
    assert_eq!(toms.frame().await["content"], "with Jerry");
}

#[tokio::test]
async fn a_message_that_was_refused_goes_to_nobody() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let mut ws = Ws::connect(&server, &jerry).await;
    let to_group = crate::support::people::to_group(group);
    spike.post(&to_group, &json!({"content": "let me in"})).await.refused(403, "not_a_member");
    tom.post(&p2p(2), &json!({"content": ""})).await.invalid();
    tom.write(&jerry, "the first one").await;
    assert_eq!(ws.frame().await["content"], "the first one");
}

/// Eight senders at once in a group, half over REST and half over streams: every listener gets the same order, which is
/// the stored one, without gaps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_sees_the_order_of_the_log() {
    const EACH: usize = 40;
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let mut listeners = streams(&server, &jerry, 3).await;
    listeners.extend(streams(&server, &tom, 1).await);
    let mut senders = Vec::new();
    for sender in 0..8 {
        let (user, mut ws) = if sender % 2 == 0 {
            (tom.clone(), None)
        } else {
            (jerry.clone(), Some(Ws::connect(&server, &jerry).await))
        };
        senders.push(tokio::spawn(async move {
            for number in 0..EACH {
                let content = format!("{sender}/{number}");
                match &mut ws {
                    Some(ws) => {
                        ws.json(&json!({"type": "group_message", "group_id": group, "content": content}))
                            .await
                    }
                    None => drop(user.write_group(group, &content).await),
                }
            }
            ws
        }));
    }
    let mut open = Vec::new();
    for sender in senders {
        open.push(sender.await.unwrap());
    }
    let mut heard = Vec::new();
    for ws in &mut listeners {
        let frames = ws.frames(8 * EACH).await;
        heard.push(frames.iter().map(|frame| frame["ID"].clone()).collect::<Vec<Value>>());
    }
    let stored = tom.all_messages(&format!("/v1/groups/{group}/messages")).await;
    let seqs: Vec<_> = stored.iter().map(|message| message["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=8 * EACH as u64).collect::<Vec<_>>());
    let ids: Vec<_> = stored.iter().map(|message| message["id"].clone()).collect();
    for order in heard {
        assert_eq!(order, ids);
    }
    for sender in 0..8 {
        let own = format!("{sender}/");
        let own =
            stored.iter().map(|m| m["content"].as_str().unwrap()).filter(|content| content.starts_with(&own));
        let expected: Vec<_> = (0..EACH).map(|number| format!("{sender}/{number}")).collect();
        assert_eq!(own.collect::<Vec<_>>(), expected, "a sender's own order is kept");
    }
}
