//! Following a request or a frame through the log, by the id that its client sent.

use serde_json::{Value, json};

use crate::support::people::p2p;
use crate::support::{Request, Server, Setup, Stream, User, cluster, eventually};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn traceparent() -> String {
    format!("00-{TRACE}-00f067aa0ba902b7-01")
}

/// Returns the lines of the log with this message.
fn lines(server: &Server, message: &str) -> Vec<Value> {
    let printed = server.printed();
    let lines = printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["fields"]["message"] == message).collect()
}

/// Waits for the line with this message that fulfils the condition. It may be written a moment after the answer.
async fn line(server: &Server, message: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let found = || lines(server, message).into_iter().find(&is_so);
    eventually(10, message, async || found().is_some()).await;
    found().unwrap()
}

async fn send(tom: &User, traceparent: &str) -> Value {
    let request = Request::post(&p2p(2), &json!({"content": "cheese"})).header("traceparent", traceparent);
    tom.send(request).await.expect(201)
}

#[tokio::test]
async fn a_request_is_followed_by_the_trace_id_of_its_client() {
    let server = Setup::new().env("LOG_LEVEL", "debug").start();
    let (tom, _) = server.tom_and_jerry().await;
    let sent = send(&tom, &traceparent()).await;
    let of_trace = |line: &Value| line["span"]["trace_id"] == TRACE;
    let fields = line(&server, "sent", of_trace).await["fields"].take();
    assert_eq!(
        (&fields["message.id"], &fields["conversation.id"], &fields["seq"], &fields["door"]),
        (&sent["id"], &sent["conversation_id"], &sent["seq"], &json!("rest"))
    );
    let trace = tom.get(&format!("/v1/messages/{}/trace", sent["id"])).await.expect(200);
    if !cluster::is_wanted() {
        // A node of a cluster may learn the log position only after it has answered.
        assert_eq!(fields["position"], trace["position"]);
    }
    let request = line(&server, "request", |line| line["fields"]["trace_id"] == TRACE).await;
    assert_eq!(request["fields"]["path"], p2p(2));

    let sent = send(&tom, "00-nonsense-00f067aa0ba902b7-01").await;
    let of_message = |line: &Value| line["fields"]["message.id"] == sent["id"];
    let span = line(&server, "sent", of_message).await["span"].take();
    assert!(span["request_id"].is_string() && span["trace_id"].is_null(), "{span}");
}

#[tokio::test]
async fn a_frame_is_followed_by_its_op_and_id() {
    let server = Setup::new().env("LOG_LEVEL", "debug").start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut stream = Stream::greeted_next(&server, &tom, "/ws").await;
    let session = stream.next("hello").await["session_id"].clone();
    let op = json!({"op": "send", "id": "cheese-1", "to_user": jerry.id, "content": "cheese"});
    stream.say(&op).await;
    let id = stream.next("ack").await["message"]["id"].clone();
    let line = line(&server, "sent", |line| line["fields"]["message.id"] == id).await;
    assert_eq!(line["span"], json!({"name": "op", "op": "send", "id": "cheese-1", "session": session}));
    assert_eq!(line["fields"]["door"], "v2");
}

/// Otherwise the id would be missing when it is needed most.
#[tokio::test]
async fn a_failure_names_the_trace_at_any_level() {
    let server = Server::start();
    let (tom, _) = server.tom_and_jerry().await;
    let vandal = rusqlite::Connection::open(server.setup.database()).unwrap();
    vandal.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    vandal.execute_batch("ALTER TABLE messages RENAME TO gone").unwrap();
    let request = Request::post(&p2p(2), &json!({"content": "cheese"})).header("traceparent", &traceparent());
    tom.send(request).await.refused(500, "internal");
    line(&server, "a request failed", |line| line["fields"]["trace_id"] == TRACE).await;
}
