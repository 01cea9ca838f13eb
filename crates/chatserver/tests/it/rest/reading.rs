//! Marking many conversations as read in one request.

use serde_json::{Value, json};

use crate::support::http::keys;
use crate::support::{Server, Stream, User};

const READ: &str = "/v1/conversations/read";

/// Marks as read, and returns the pairs of conversation and `seq`, and what was not found.
async fn mark(user: &User, body: Value) -> (Vec<(i64, i64)>, Value) {
    let marked = user.post(READ, &body).await.expect(200);
    assert_eq!(keys(&marked), ["not_found", "read"]);
    let read = marked["read"].as_array().unwrap().iter().map(|pointer| {
        assert_eq!(keys(pointer), ["conversation_id", "read_seq"]);
        (pointer["conversation_id"].as_i64().unwrap(), pointer["read_seq"].as_i64().unwrap())
    });
    (read.collect(), marked["not_found"].clone())
}

/// Returns the receipts among the frames up to this message, without their cursors.
async fn receipts(stream: &mut Stream, until: &str) -> Vec<Value> {
    let mut receipts = stream.received_until(until).await;
    receipts.retain(|frame| frame["type"] == "receipt");
    receipts.iter_mut().for_each(|receipt| drop(receipt.as_object_mut().unwrap().remove("cursor")));
    receipts
}

#[tokio::test]
async fn marking_all_sends_what_reading_each_sends() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let (mut toms, mut jerrys) =
        (Stream::connect(&server, &tom).await, Stream::connect(&server, &jerry).await);
    let mut ids = Vec::new();
    let group = tom.group("Cheese", &[&jerry, &spike]).await;
    let mut seen = Vec::new();
    for round in ["each", "all"] {
        ids.clear();
        for message in [
            tom.write(&jerry, "one").await,
            tom.write_group(group, "two").await,
            spike.write(&jerry, "three").await,
        ] {
            ids.push((message["conversation_id"].as_i64().unwrap(), message["seq"].as_i64().unwrap()));
        }
        ids.sort_unstable();
        if round == "each" {
            for (id, seq) in &ids {
                jerry.post(&format!("/v1/conversations/{id}/read"), &json!({ "seq": seq })).await.is_empty();
            }
        } else {
            assert_eq!(mark(&jerry, json!({})).await, (ids.clone(), json!([])));
        }
        tom.write(&jerry, round).await;
        let (of_tom, of_jerry) = (receipts(&mut toms, round).await, receipts(&mut jerrys, round).await);
        assert_eq!((of_tom.len(), of_jerry.len()), (2, 3), "{round}");
        seen.push((of_tom, of_jerry));
    }
    // The second round is the same, at later messages.
    for (each, all) in [(&seen[0].0, &seen[1].0), (&seen[0].1, &seen[1].1)] {
        for (each, all) in each.iter().zip(all) {
            assert_eq!(keys(each), keys(all));
            for field in ["conversation_id", "user_id", "unread", "mentions"] {
                assert_eq!(each.get(field), all.get(field), "{field}");
            }
            assert!(all["read_seq"].as_i64() > each["read_seq"].as_i64());
            assert_eq!(all["read_seq"], all["delivered_seq"]);
        }
    }
    let totals = jerry.get("/v1/unread").await.expect(200);
    assert_eq!(totals["unread"], 1, "the message that ended the round");
    let ended = mark(&jerry, json!({ "all": true })).await.0;
    assert_eq!(ended.len(), 1);
    assert_eq!(mark(&jerry, json!({ "all": true })).await, (vec![], json!([])), "nothing is left");
}

#[tokio::test]
async fn listed_conversations_are_marked_and_others_are_left() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let of = |message: Value| message["conversation_id"].as_i64().unwrap();
    let (direct, others) = (of(tom.write(&jerry, "one").await), of(tom.write(&spike, "two").await));
    let left = of(spike.write(&jerry, "three").await);
    let marked = mark(&jerry, json!({ "conversation_ids": [99, direct, others, direct] })).await;
    assert_eq!(marked, (vec![(direct, 1)], json!([others, 99])));
    let again = mark(&jerry, json!({ "conversation_ids": [direct] })).await;
    assert_eq!(again, (vec![], json!([])));
    assert_eq!(mark(&jerry, json!({ "conversation_ids": [] })).await, (vec![], json!([])));
    assert_eq!(jerry.conversation(&json!(left)).await["unread"], 1);
    assert_eq!(spike.conversation(&json!(others)).await["unread"], 1);
    for bad in [
        json!({ "all": false }),
        json!({ "all": true, "conversation_ids": [direct] }),
        json!({ "conversation_ids": null }),
        json!({ "conversation_ids": [0] }),
        json!({ "conversation_ids": ["1"] }),
        json!({ "conversation_id": [direct] }),
        json!({ "conversation_ids": vec![direct; 1001] }),
    ] {
        jerry.post(READ, &bad).await.invalid();
    }
    assert_eq!(jerry.conversation(&json!(left)).await["unread"], 1, "a refused request marks nothing");
    assert_eq!(mark(&jerry, json!({ "conversation_ids": vec![left; 1000] })).await.0, [(left, 1)]);
}

#[tokio::test]
async fn more_conversations_than_one_transaction_takes_are_marked() {
    const GROUPS: usize = 250;
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut ids = Vec::new();
    for number in 0..GROUPS {
        let group = tom.group(&format!("Cheese {number}"), &[&jerry]).await;
        ids.push(tom.write_group(group, "hi").await["conversation_id"].as_i64().unwrap());
    }
    let listed = ids[..150].to_vec();
    let marked = mark(&jerry, json!({ "conversation_ids": listed })).await.0;
    assert!(marked.iter().map(|(id, _)| id).eq(&ids[..150]));
    let marked = mark(&jerry, json!({})).await.0;
    assert!(marked.iter().map(|(id, _)| id).eq(&ids[150..]));
    assert_eq!(jerry.get("/v1/unread").await.expect(200)["conversations"], 0);
    assert_eq!(mark(&tom, json!({})).await.0.len(), GROUPS, "the pointers of a sender move, too");
}
