//! A client that is disconnected again and again while it catches up, and follows the two rules of docs/stream.md, has
//! the server's state in the end.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::v2::{into, to_user};
use crate::support::{Server, Stream, User};

/// State of a client by the two rules.
#[derive(Default)]
struct Known {
    messages: BTreeMap<i64, Value>,
    conversations: BTreeMap<i64, Value>,
}

impl Known {
    fn apply(&mut self, frame: &Value) {
        match frame["type"].as_str().unwrap() {
            "message" => self.message(&frame["message"]),
            "append" => self.append(frame),
            "hidden" => drop(self.messages.remove(&frame["message_id"].as_i64().unwrap())),
            "conversation" => self.conversation(&frame["conversation"]),
            "receipt" | "saved" | "live" => {}
            other => panic!("unexpected: {other}"),
        }
    }

    fn message(&mut self, message: &Value) {
        let known = self.messages.entry(message["id"].as_i64().unwrap()).or_insert(json!({"rev": -1}));
        if message["rev"].as_i64() > known["rev"].as_i64() {
            *known = message.clone();
        }
    }

    fn append(&mut self, frame: &Value) {
        let known =
            self.messages.get_mut(&frame["message_id"].as_i64().unwrap()).expect("an earlier frame had it");
        if frame["rev"].as_i64() > known["rev"].as_i64() {
            let text = known["content"].as_str().unwrap();
            assert_eq!(frame["offset"], text.chars().count(), "a piece is missing");
            known["content"] = json!(format!("{text}{}", frame["content"].as_str().unwrap()));
            known["rev"] = frame["rev"].clone();
        }
    }

    fn conversation(&mut self, conversation: &Value) {
        let known =
            self.conversations.entry(conversation["id"].as_i64().unwrap()).or_insert(json!({"rev": -1}));
        if conversation["rev"].as_i64() >= known["rev"].as_i64() {
            let fields = conversation.as_object().unwrap().clone();
            known.as_object_mut().unwrap().extend(fields);
        }
    }
}

/// Makes one change after another, by Tom, and some by Spike and by Jerry's other client.
struct Changes {
    toms: Stream,
    spikes: Stream,
    jerrys_other: Stream,
    jerry: User,
    conversation: Value,
    sent: Vec<Value>,
}

impl Changes {
    /// Makes a batch of changes of every kind, the same for the same number.
    async fn make(&mut self, number: usize) {
        let direct = to_user(&self.jerry);
        for place in [direct.clone(), into(&self.conversation), direct] {
            let content = format!("message {number}");
            self.sent.push(self.toms.send(place, &content).await["id"].clone());
        }
        let mut live = into(&self.conversation);
        live["op"] = json!("send");
        live["streaming"] = json!(true);
        live["content"] = json!("ä");
        let growing = self.toms.ok(live).await["message"]["id"].clone();
        let piece = json!({"op": "append", "message_id": growing, "offset": 1, "content": "öü"});
        self.toms.ok(piece).await;
        self.sent.push(growing);
        let old = |step: usize| self.sent[(number * step) % self.sent.len()].clone();
        let about = |op: &str, id: Value| json!({"op": op, "message_id": id, "content": number.to_string(), "emoji": "x"});
        // Some of these are refused, for instance because the message is deleted already, which does not matter.
        for op in [about("edit", old(7)), about("pin", old(5)), about("react", old(11))] {
            self.toms.op(op).await;
        }
        self.toms.op(about("finish", old(3))).await;
        if number.is_multiple_of(4) {
            self.toms.op(about("delete", old(13))).await;
            let mut hide = about("delete", old(17));
            hide["for"] = json!("me");
            self.jerrys_other.op(hide).await;
            self.spikes.op(json!({"op": "read", "conversation_id": self.conversation, "seq": number})).await;
        }
        self.spikes.op(about("react", old(2))).await;
    }
}

/// Returns the messages that REST has, without fields that change without a `rev`.
async fn stored(user: &User, paths: &[String]) -> BTreeMap<i64, Value> {
    let mut all = BTreeMap::new();
    for path in paths {
        for message in user.all_messages(path).await {
            all.insert(message["id"].as_i64().unwrap(), without_status(message));
        }
    }
    all
}

fn without_status(mut message: Value) -> Value {
    message["status"] = Value::Null;
    message
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_cut_at_any_place_knows_everything_in_the_end() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = tom.group("Cheese", &[&jerry, &spike]).await;
    let mut changes = Changes {
        toms: Stream::connect(&server, &tom).await,
        spikes: Stream::connect(&server, &spike).await,
        jerrys_other: Stream::connect(&server, &jerry).await,
        conversation: tom.conversation_of(group).await,
        jerry: jerry.clone(),
        sent: Vec::new(),
    };
    changes.make(0).await;
    let mut known = Known::default();
    let mut cursor = Stream::connect(&server, &jerry).await.cursor;
    let paths = [format!("/v1/messages/history/{}", tom.id), format!("/v1/groups/{group}/messages")];
    known.messages = stored(&jerry, &paths).await;
    for number in 1..60 {
        changes.make(number).await;
    }
    // More changes happen while Jerry catches up.
    let meanwhile = tokio::spawn(async move {
        for number in 60..75 {
            changes.make(number).await;
        }
        changes.toms.send(to_user(&changes.jerry), "the end").await;
        changes
    });
    let mut is_over = false;
    for n_taken in [1, 1, 2, 3, 40, 152, 1, 1, 90, 17, 99, usize::MAX] {
        if is_over {
            break;
        }
        let mut stream = Stream::resumed(&server, &jerry, &cursor).await;
        for _ in 0..n_taken {
            let frame = stream.frame().await;
            known.apply(&frame);
            is_over = frame["message"]["content"] == "the end";
            if is_over {
                break;
            }
        }
        cursor = stream.cursor;
    }
    let _changes = meanwhile.await.unwrap();
    // The last hiding may have come after a last change. A client that hid a message drops it whatever follows.
    let stored = stored(&jerry, &paths).await;
    let received: BTreeMap<_, _> =
        known.messages.into_iter().map(|(id, message)| (id, without_status(message))).collect();
    for (id, message) in &stored {
        assert_eq!(received.get(id), Some(message), "message {id}");
    }
    assert!(stored.len() > 250, "{}", stored.len());
}
