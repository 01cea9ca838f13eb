//! Following a message through the logs of several nodes.

use serde_json::Value;

use super::nodes::{Nodes, at, post};
use crate::support::{Server, Stream, eventually};

/// Returns the lines of a node's log about a message.
fn lines(server: &Server, message: &str, id: &Value) -> Vec<Value> {
    let printed = server.printed();
    let lines = printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].take());
    lines.filter(|fields| fields["message"] == message && fields["message.id"] == *id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_has_the_same_position_in_the_logs_of_all_nodes_that_tell_of_it() {
    let nodes = Nodes::start_with(3, |setup| setup.env("LOG_LEVEL", "debug"));
    let (tom, jerry) = nodes.servers[0].tom_and_jerry().await;
    let mut jerrys = Stream::connect(&nodes.servers[1], &at(&nodes.servers[1], &jerry)).await;
    let sent = post(&tom, &jerry, "cheese").await.expect(201);
    jerrys.received_until("cheese").await;
    let delivered = |server: &Server| lines(server, "told", &sent["id"]);
    let [here, there, elsewhere] = &nodes.servers[..] else { panic!("three nodes") };
    // The line may be written a moment after the answer.
    eventually(10, "both nodes say so", async || delivered(here).len() == 1 && delivered(there).len() == 1)
        .await;
    assert_eq!(delivered(here), delivered(there));
    assert_eq!(
        (&delivered(there)[0]["seq"], &delivered(there)[0]["conversation.id"]),
        (&sent["seq"], &sent["conversation_id"])
    );
    assert!(delivered(there)[0]["position"].as_i64() > Some(0));
    // No client is connected there.
    assert!(delivered(elsewhere).is_empty(), "{:?}", delivered(elsewhere));
}
