//! New and changed conversations, and their members. Per-member state reaches only the member concerned.

use serde_json::{Value, json};

use crate::support::http::keys;
use crate::support::v2::briefs;
use crate::support::{Server, Stream, User, eventually};

const COMMON: [&str; 10] =
    ["created_at", "group_id", "id", "kind", "last_seq", "n_members", "name", "owner_id", "rev", "user_id"];

/// Returns the conversation in the next conversation frame.
async fn conversation(stream: &mut Stream) -> Value {
    let mut frame = stream.frame().await;
    assert_eq!(frame["type"], "conversation", "{frame}");
    frame["conversation"].take()
}

/// Checks that a conversation has exactly the fields that all members see.
#[track_caller]
fn is_common(conversation: &Value) {
    assert_eq!(keys(conversation), COMMON, "{conversation}");
}

async fn patch(user: &User, path: &str, body: &Value) {
    user.patch(path, body).await.expect(200);
}

async fn remove(user: &User, group: i64, member: &User) {
    let path = format!("/v1/groups/{group}/members/{}", member.id);
    user.delete(&path).await.expect(200);
}

#[tokio::test]
async fn a_first_message_makes_a_conversation_that_each_sees_from_their_side() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut toms = Stream::connect(&server, &tom).await;
    let mut jerrys = Stream::connect(&server, &jerry).await;
    tom.write(&jerry, "Hello").await;
    for (stream, other) in [(&mut toms, &jerry), (&mut jerrys, &tom)] {
        let made = conversation(stream).await;
        is_common(&made);
        assert_eq!((&made["kind"], &made["user_id"]), (&json!("direct"), &json!(other.id)));
        assert_eq!((&made["group_id"], &made["n_members"]), (&Value::Null, &json!(2)));
        let message = stream.frame().await;
        assert_eq!((&message["event"], &message["conversation_id"]), (&json!("created"), &made["id"]));
    }
    jerry.write(&tom, "Hello yourself").await;
    assert_eq!(briefs(&toms.received_until("Hello yourself").await), ["created"], "it is made once");
}

#[tokio::test]
async fn members_who_join_leave_or_rise_get_their_own_state_and_others_do_not() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let mut toms = Stream::connect(&server, &tom).await;
    let mut jerrys = Stream::connect(&server, &jerry).await;
    let mut jerrys_other = Stream::connect(&server, &jerry).await;
    let mut spikes = Stream::connect(&server, &spike).await;
    let group = tom.group("Cheese", &[]).await;
    let made = conversation(&mut toms).await;
    assert_eq!(
        (&made["role"], &made["name"], &made["n_members"]),
        (&json!("owner"), &json!("Cheese"), &json!(1))
    );
    assert!(made["capabilities"].as_array().unwrap().contains(&json!("change_role")));

    tom.add(group, jerry.id).await.expect(200);
    for stream in [&mut jerrys, &mut jerrys_other] {
        let joined = conversation(stream).await;
        assert_eq!((&joined["role"], &joined["n_members"]), (&json!("member"), &json!(2)));
    }
    let seen = conversation(&mut toms).await;
    is_common(&seen);
    assert_eq!(seen["n_members"], 2);
    // Adding a member twice has the effect of once.
    tom.add(group, jerry.id).await.expect(200);
    tom.add(group, spike.id).await.expect(200);
    is_common(&conversation(&mut toms).await);
    is_common(&conversation(&mut jerrys).await);
    assert_eq!(conversation(&mut spikes).await["role"], "member");

    patch(&tom, &format!("/v1/groups/{group}"), &json!({"name": "Gouda"})).await;
    for stream in [&mut toms, &mut jerrys, &mut spikes] {
        let renamed = conversation(stream).await;
        is_common(&renamed);
        assert_eq!(renamed["name"], "Gouda");
    }
    patch(&tom, &format!("/v1/groups/{group}/members/{}", jerry.id), &json!({"role": "admin"})).await;
    let risen = conversation(&mut jerrys).await;
    assert_eq!(risen["role"], "admin");
    assert!(risen["capabilities"].as_array().unwrap().contains(&json!("add_member")));
    is_common(&conversation(&mut toms).await);
    is_common(&conversation(&mut spikes).await);

    remove(&jerry, group, &spike).await;
    let removed = conversation(&mut spikes).await;
    assert_eq!((&removed["role"], &removed["capabilities"]), (&Value::Null, &json!([])));
    for stream in [&mut toms, &mut jerrys] {
        let seen = conversation(stream).await;
        is_common(&seen);
        assert_eq!(seen["n_members"], 2);
    }
    // Jerry's other client has received the same events.
    let others = jerrys_other.until(|frame| frame["conversation"]["n_members"] == 2).await;
    assert_eq!(
        others.iter().map(|frame| frame["conversation"]["role"].as_str()).collect::<Vec<_>>(),
        [None, None, Some("admin"), None]
    );
    for stream in [&mut toms, &mut jerrys, &mut jerrys_other, &mut spikes] {
        stream.is_quiet().await;
    }
}

#[tokio::test]
async fn a_member_who_gives_a_group_away_is_notified() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let mut toms = Stream::connect(&server, &tom).await;
    let mut jerrys = Stream::connect(&server, &jerry).await;
    patch(&tom, &format!("/v1/groups/{group}/members/{}", jerry.id), &json!({"role": "owner"})).await;
    for (stream, role) in [(&mut toms, "admin"), (&mut jerrys, "owner")] {
        let seen = [conversation(stream).await, conversation(stream).await];
        let own: Vec<_> = seen.iter().filter(|seen| seen.get("role").is_some()).collect();
        assert_eq!(own.len(), 1, "{seen:?}");
        assert_eq!(own[0]["role"], role);
        assert!(seen.iter().all(|seen| seen["owner_id"] == jerry.id), "{seen:?}");
        stream.is_quiet().await;
    }
}

/// Promise 7: within a second of the answer, nothing of the group arrives any more, and the conversation cannot be
/// read.
#[tokio::test]
async fn who_is_removed_hears_and_sees_nothing_more() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let id = tom.conversation_of(group).await;
    let secret = tom.write_group(group, "findable").await["id"].clone();
    let mut jerrys = Stream::connect(&server, &jerry).await;
    remove(&tom, group, &jerry).await;
    let mut toms = Stream::connect(&server, &tom).await;
    tom.write_group(group, "behind Jerry's back").await;
    toms.ok(json!({"op": "edit", "message_id": secret, "content": "findable still"})).await;
    toms.ok(json!({"op": "typing", "conversation_id": id})).await;
    patch(&tom, &format!("/v1/groups/{group}"), &json!({"name": "Gouda"})).await;
    tom.write(&jerry, "the end").await;
    assert_eq!(briefs(&jerrys.received_until("the end").await), ["conversation", "conversation", "created"]);
    for path in [
        format!("/v1/groups/{group}/messages"),
        format!("/v1/groups/{group}/members"),
        format!("/v1/conversations/{id}"),
        format!("/v1/conversations/{id}/messages"),
        format!("/v1/conversations/{id}/presence"),
        format!("/v1/messages/{secret}"),
    ] {
        let status = jerry.get(&path).await.status;
        assert!([403, 404].contains(&status), "{status} for {path}");
    }
    let search = "/v1/search?q=findable";
    eventually(20, "Tom finds it", async || tom.get(search).await.expect(200)["count"] == 1).await;
    assert_eq!(jerry.get(search).await.expect(200)["count"], 0);
    for op in [
        json!({"op": "send", "conversation_id": id, "content": "x"}),
        json!({"op": "react", "message_id": secret, "emoji": "x"}),
        json!({"op": "read", "conversation_id": id, "seq": 1}),
        json!({"op": "typing", "conversation_id": id}),
        json!({"op": "view", "conversation_ids": [id]}),
    ] {
        let answer = jerrys.op(op.clone()).await;
        assert_eq!(answer["type"], "error", "{op}");
    }
}
