//! Presence and typing: sent to those who watch, and never stored.

use serde_json::{Value, json};

use crate::support::v2::to_user;
use crate::support::{Server, Setup, Stream, User};

fn look_at(conversations: &[&Value]) -> Value {
    json!({"op": "view", "conversation_ids": conversations})
}

fn choose(status: &str) -> Value {
    json!({"op": "presence", "status": status})
}

/// Waits for the next presence, which must be this user's, and returns it.
#[track_caller]
fn presence_of(stream: &mut Stream, user: &User, status: &str) -> impl Future<Output = Value> {
    let (caller, expected) = (std::panic::Location::caller(), json!([user.id, status]));
    async move {
        let frame = stream.next("presence").await;
        assert_eq!(json!([frame["user_id"], frame["status"]]), expected, "{frame} at {caller}");
        assert_eq!(
            frame["last_seen"].is_string(),
            frame["status"] == "offline" && frame["last_seen"] != Value::Null
        );
        frame
    }
}

#[tokio::test]
async fn watchers_get_presence_and_others_do_not() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = tom.group("Cheese", &[&jerry, &spike]).await;
    let conversation = tom.conversation_of(group).await;
    let mut toms = Stream::connect(&server, &tom).await;
    let mut blind = [Stream::connect(&server, &tom).await, Stream::connect(&server, &spike).await];
    toms.ok(look_at(&[&conversation])).await;
    let never_seen = presence_of(&mut toms, &jerry, "offline").await;
    assert_eq!(never_seen["last_seen"], Value::Null);
    presence_of(&mut toms, &spike, "online").await;

    let mut jerrys = Stream::connect(&server, &jerry).await;
    presence_of(&mut toms, &jerry, "online").await;
    jerrys.ok(choose("away")).await;
    presence_of(&mut toms, &jerry, "away").await;
    // The most present of a user's clients counts.
    let mut second = Stream::connect(&server, &jerry).await;
    presence_of(&mut toms, &jerry, "online").await;
    second.ok(choose("away")).await;
    presence_of(&mut toms, &jerry, "away").await;
    jerrys.ok(choose("invisible")).await;
    let gone = presence_of(&mut toms, &jerry, "offline").await;
    assert!(gone["last_seen"].is_string(), "{gone}");
    second.ok(choose("online")).await;
    toms.is_quiet().await;
    jerrys.ok(choose("online")).await;
    presence_of(&mut toms, &jerry, "online").await;
    second.ws.leave().await;
    jerrys.ws.leave().await;
    let gone = presence_of(&mut toms, &jerry, "offline").await;
    assert!(gone["last_seen"].is_string(), "{gone}");
    for stream in &mut blind {
        stream.is_quiet().await;
    }
}

#[tokio::test]
async fn when_somebody_was_last_seen_is_the_same_wherever_it_is_asked() {
    let server = Setup::new().on_one_node("another node hears of it a moment later").start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let conversation = tom.write(&jerry, "Hello").await["conversation_id"].clone();
    let mut toms = Stream::connect(&server, &tom).await;
    toms.ok(look_at(&[&conversation])).await;
    toms.next("presence").await;
    let jerrys = Stream::connect(&server, &jerry).await;
    presence_of(&mut toms, &jerry, "online").await;
    jerrys.ws.leave().await;
    let gone = presence_of(&mut toms, &jerry, "offline").await;
    toms.ok(look_at(&[&conversation])).await;
    assert_eq!(presence_of(&mut toms, &jerry, "offline").await["last_seen"], gone["last_seen"]);
    let path = format!("/v1/conversations/{conversation}/presence");
    assert_eq!(tom.get(&path).await.expect(200)[0]["last_seen"], gone["last_seen"]);
    let mut server = server;
    server.stop();
    let server = server.setup.start();
    let tom = User::with_token(&server, tom.id, &tom.token);
    assert_eq!(tom.get(&path).await.expect(200)[0]["last_seen"], gone["last_seen"], "after a restart");
}

#[tokio::test]
async fn a_view_replaces_the_one_before() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let with_jerry = tom.write(&jerry, "Hello").await["conversation_id"].clone();
    let with_spike = tom.write(&spike, "Hello").await["conversation_id"].clone();
    let group = tom.group("Cheese", &[&jerry, &spike]).await;
    let cheese = tom.conversation_of(group).await;
    let mut toms = Stream::connect(&server, &tom).await;
    let mut jerrys = Stream::connect(&server, &jerry).await;
    let mut spikes = Stream::connect(&server, &spike).await;
    toms.ok(look_at(&[&with_jerry, &with_spike, &cheese])).await;
    presence_of(&mut toms, &jerry, "online").await;
    presence_of(&mut toms, &spike, "online").await;
    toms.is_quiet().await;
    toms.ok(look_at(&[&with_spike])).await;
    presence_of(&mut toms, &spike, "online").await;
    jerrys.ok(choose("away")).await;
    toms.is_quiet().await;
    spikes.ok(choose("away")).await;
    presence_of(&mut toms, &spike, "away").await;
    toms.is_quiet().await;
    // A view that is refused changes nothing.
    toms.refused(look_at(&[&json!(999)]), "conversation_not_found").await;
    spikes.ok(choose("online")).await;
    presence_of(&mut toms, &spike, "online").await;
    toms.ok(look_at(&[])).await;
    spikes.ok(choose("away")).await;
    toms.is_quiet().await;
}

#[tokio::test]
async fn who_is_no_longer_a_member_neither_sees_nor_is_seen() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = tom.group("Cheese", &[&jerry, &spike]).await;
    let conversation = tom.conversation_of(group).await;
    let mut toms = Stream::connect(&server, &tom).await;
    let mut jerrys = Stream::connect(&server, &jerry).await;
    let mut spikes = Stream::connect(&server, &spike).await;
    for stream in [&mut toms, &mut jerrys, &mut spikes] {
        stream.ok(look_at(&[&conversation])).await;
        stream.next("presence").await;
        stream.next("presence").await;
    }
    let path = format!("/v1/groups/{group}/members/{}", jerry.id);
    tom.delete(&path).await.expect(200);
    for stream in [&mut toms, &mut jerrys, &mut spikes] {
        stream.next("conversation").await;
    }
    jerrys.ok(choose("away")).await;
    toms.ok(choose("away")).await;
    jerrys.is_quiet().await;
    presence_of(&mut spikes, &tom, "away").await;
    spikes.is_quiet().await;
    toms.is_quiet().await;
}

/// A user in two common conversations is still seen when one of them ends.
#[tokio::test]
async fn who_is_met_elsewhere_too_is_still_seen_there() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let cheese = tom.conversation_of(group).await;
    let direct = tom.write(&jerry, "Hello").await["conversation_id"].clone();
    let mut toms = Stream::connect(&server, &tom).await;
    let mut jerrys = Stream::connect(&server, &jerry).await;
    for views in [[&cheese, &direct], [&direct, &cheese]] {
        tom.add(group, jerry.id).await.expect(200);
        toms.ok(look_at(&views)).await;
        presence_of(&mut toms, &jerry, "online").await;
        jerrys.ok(choose("away")).await;
        presence_of(&mut toms, &jerry, "away").await;
        toms.is_quiet().await;
        tom.delete(&format!("/v1/groups/{group}/members/{}", jerry.id)).await.expect(200);
        toms.find(|frame| frame["conversation"]["n_members"] == 1).await;
        jerrys.ok(choose("online")).await;
        presence_of(&mut toms, &jerry, "online").await;
    }
}

#[tokio::test]
async fn typing_reaches_the_others_and_is_not_kept() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = tom.group("Cheese", &[&jerry, &spike]).await;
    let conversation = tom.conversation_of(group).await;
    let mut toms = [Stream::connect(&server, &tom).await, Stream::connect(&server, &tom).await];
    let mut others = [Stream::connect(&server, &jerry).await, Stream::connect(&server, &spike).await];
    let cursor = others[0].cursor.clone();
    toms[0].ok(json!({"op": "typing", "conversation_id": conversation})).await;
    for stream in &mut others {
        let typing = stream.frame().await;
        assert_eq!((&typing["type"], &typing["user_id"]), (&json!("typing"), &json!(tom.id)));
        assert_eq!(typing["conversation_id"], conversation);
        assert!(typing["expires_in_ms"].as_u64().is_some_and(|ms| (1000..=60_000).contains(&ms)), "{typing}");
    }
    let direct = toms[0].send(to_user(&jerry), "the end").await["conversation_id"].clone();
    for stream in &mut toms {
        let frames = stream.received_until("the end").await;
        assert!(
            frames.iter().all(|frame| frame["type"] != "typing"),
            "one's own typing is no news: {frames:?}"
        );
    }
    toms[0].ok(json!({"op": "typing", "conversation_id": direct})).await;
    assert_eq!(others[0].next("typing").await["conversation_id"], direct);
    others[1].is_quiet().await;
    let (_, missed) = Stream::resume(&server, &jerry, &cursor).await;
    assert!(missed.iter().all(|frame| frame["type"] != "typing"), "{missed:?}");
    assert_eq!(missed.len(), 2, "the conversation and its message: {missed:?}");
}
