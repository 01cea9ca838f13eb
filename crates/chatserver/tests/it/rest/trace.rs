//! The delivery trace of one message, as its author and those who lead the group see it.

use serde_json::{Value, json};

use crate::support::http::keys;
use crate::support::{Setup, Stream, User, eventually};

async fn trace(user: &User, message: &Value) -> Value {
    user.get(&format!("/v1/messages/{message}/trace")).await.expect(200)
}

fn time(value: &Value) -> jiff::Timestamp {
    value.as_str().unwrap_or_else(|| panic!("{value} is no time")).parse().unwrap()
}

/// Only a lone server knows the whole trace.
#[track_caller]
fn is_complete(trace: &Value) {
    let is_alone = trace["fanned_out"][0]["node"].is_null();
    assert_eq!(trace["complete"], is_alone, "{trace}");
}

fn one_node() -> Setup {
    Setup::new().on_one_node("each node remembers what it did itself")
}

#[tokio::test]
async fn a_message_is_followed_from_its_acceptance_to_its_reading() {
    let server = one_node().start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut toms = Stream::connect(&server, &tom).await;
    let mut jerrys = Stream::connect(&server, &jerry).await;
    let _jerrys_other = Stream::connect(&server, &jerry).await;
    let sent = tom.write(&jerry, "cheese").await;
    toms.received_until("cheese").await;
    jerrys.received_until("cheese").await;
    // The third client's frame may be queued a moment later than the others arrived.
    let given = async || trace(&tom, &sent["id"]).await["fanned_out"][0]["connections"] == 3;
    eventually(10, "three connections", given).await;
    let fresh = trace(&tom, &sent["id"]).await;
    let names = ["accepted_at", "committed_at", "complete", "conversation_id", "fanned_out", "members"];
    assert_eq!(keys(&fresh), [&names[..], &["message_id", "position", "seq"]].concat());
    assert_eq!((&fresh["message_id"], &fresh["conversation_id"]), (&sent["id"], &sent["conversation_id"]));
    assert_eq!((&fresh["seq"], &fresh["accepted_at"]), (&sent["seq"], &sent["timestamp"]));
    assert!(fresh["position"].as_i64().unwrap() > 0, "{fresh}");
    assert_eq!(fresh["fanned_out"].as_array().unwrap().len(), 1, "{fresh}");
    assert!(time(&fresh["accepted_at"]) <= time(&fresh["committed_at"]), "{fresh}");
    assert!(time(&fresh["committed_at"]) <= time(&fresh["fanned_out"][0]["at"]), "{fresh}");
    let unreached =
        json!([{"user_id": 2, "delivered": false, "read": false, "delivered_at": null, "read_at": null}]);
    assert_eq!(fresh["members"], unreached);
    is_complete(&fresh);

    let pointer =
        |op: &str| json!({"op": op, "conversation_id": sent["conversation_id"], "seq": sent["seq"]});
    jerrys.ok(pointer("delivered")).await;
    let delivered = trace(&tom, &sent["id"]).await["members"][0].clone();
    assert_eq!((&delivered["delivered"], &delivered["read"]), (&json!(true), &json!(false)));
    let delivered_at = time(&delivered["delivered_at"]);
    assert!(delivered_at >= time(&fresh["committed_at"]), "{delivered}");
    assert_eq!(delivered["read_at"], Value::Null);
    jerrys.ok(pointer("read")).await;
    let read = trace(&tom, &sent["id"]).await["members"][0].clone();
    assert_eq!((&read["delivered"], &read["read"]), (&json!(true), &json!(true)));
    assert_eq!(time(&read["delivered_at"]), delivered_at, "later moves change nothing");
    assert!(time(&read["read_at"]) >= delivered_at, "{read}");
}

#[tokio::test]
async fn a_message_for_nobody_who_is_there_waits() {
    let server = one_node().start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = tom.write(&jerry, "cheese").await;
    // In a cluster, the node that sends to the clients may learn of it a moment after the author has the answer.
    let heard = async || trace(&tom, &sent["id"]).await["committed_at"].is_string();
    eventually(10, "it was handed on", heard).await;
    let trace = trace(&tom, &sent["id"]).await;
    let fan_out = &trace["fanned_out"][0];
    assert_eq!((&fan_out["at"], &fan_out["connections"]), (&Value::Null, &json!(0)));
}

#[tokio::test]
async fn after_a_restart_only_what_is_kept_for_good_is_delivered() {
    let mut server = one_node().start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let sent = tom.write(&jerry, "cheese").await;
    let at = format!("/v1/conversations/{}/read", sent["conversation_id"]);
    jerry.post(&at, &json!({"seq": 1})).await.is_empty();
    let before = trace(&tom, &sent["id"]).await;
    server.kill();
    let server = server.setup.start();
    let tom = server.login("tom").await;
    let after = trace(&tom, &sent["id"]).await;
    for kept in ["message_id", "conversation_id", "seq", "position", "accepted_at"] {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
    assert_eq!((&after["committed_at"], &after["fanned_out"]), (&Value::Null, &json!([])));
    let member =
        json!({"user_id": 2, "delivered": true, "read": true, "delivered_at": null, "read_at": null});
    assert_eq!(after["members"], json!([member]));
    assert_eq!(after["complete"], false);
}

/// A new member has read all earlier messages, which says nothing about this message's delivery.
#[tokio::test]
async fn a_trace_is_about_those_who_were_members_then_and_still_are() {
    let server = one_node().start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let (spike, tyke) = (server.register("spike").await, server.register("tyke").await);
    let group = tom.group("Cheese", &[&jerry, &spike]).await;
    let sent = jerry.write_group(group, "cheese").await;
    tom.add(group, tyke.id).await.expect(200);
    let members = async |user: &User| {
        let trace = trace(user, &sent["id"]).await;
        let ids =
            trace["members"].as_array().unwrap().iter().map(|member| member["user_id"].as_i64().unwrap());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(members(&jerry).await, [tom.id, spike.id]);
    assert_eq!(members(&tom).await, [tom.id, spike.id], "the owner sees the same");
    let refused = spike.get(&format!("/v1/messages/{}/trace", sent["id"])).await;
    refused.refused(403, "forbidden");
    tom.delete(&format!("/v1/groups/{group}/members/{}", spike.id)).await.expect(200);
    assert_eq!(members(&jerry).await, [tom.id]);
}
