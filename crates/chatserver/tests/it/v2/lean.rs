//! Frames for clients that asked for lean ones: the same content as the complete frames, without the defaults.

use serde_json::{Value, json};

use crate::support::frames::lean_defaults;
use crate::support::v2::{V2, into, is_event, to_user};
use crate::support::{Got, Server, Stream, User, Ws};

/// A message of 100 letters, as figures name them.
const LETTERS: &str =
    "One hundred letters, counted with care, so that the size of a frame can be stated and then compared.";

/// A lean message of this conversation with the defaults that the AsyncAPI document states.
fn complete(message: &Value, conversation: &Value) -> Value {
    let mut all = lean_defaults();
    all.insert("conversation_id".into(), conversation.clone());
    let status = if message.get("group_id").is_some() { "SENT" } else { "PENDING" };
    all.insert("status".into(), json!(status));
    all.extend(message.as_object().unwrap().clone());
    all.into()
}

/// A frame with the defaults.
fn complete_frame(frame: &Value) -> Value {
    let mut frame = frame.clone();
    if frame["type"] == "message" {
        assert_eq!(frame["message"]["conversation_id"], Value::Null, "it stands once: {frame}");
        frame["message"] = complete(&frame["message"], &frame["conversation_id"]);
        frame["event"] = frame.get("event").cloned().unwrap_or(json!("created"));
    }
    if frame["type"] == "conversation" && frame["conversation"]["last_message"].is_object() {
        let conversation = frame["conversation"]["id"].clone();
        frame["conversation"]["last_message"] =
            complete(&frame["conversation"]["last_message"], &conversation);
    }
    frame
}

/// A complete frame without the keys of other senders, which lean frames do not have.
fn without_foreign_keys(frame: &Value, viewer: &User) -> Value {
    let mut frame = frame.clone();
    for message in ["/message", "/conversation/last_message"] {
        if let Some(message) = frame.pointer_mut(message)
            && message["sender_id"] != viewer.id
        {
            message["client_msg_id"] = Value::Null;
        }
    }
    frame
}

async fn raw_text(ws: &mut Ws) -> String {
    match ws.next().await {
        Got::Text(text) => text,
        other => panic!("{other:?} instead of a text frame"),
    }
}

/// Writes 100 letters to a conversation, with a key, and returns the frame of each stream as it was sent.
async fn written([tom, others @ ..]: [&mut Stream; 4], to: Value, key: &str) -> (Value, [String; 3]) {
    let mut op = to;
    op["client_msg_id"] = json!(key);
    let sent = tom.send(op, LETTERS).await;
    let mut texts = Vec::new();
    for other in others {
        let mut text = raw_text(&mut other.ws).await;
        while !text.contains(LETTERS) {
            text = raw_text(&mut other.ws).await;
        }
        texts.push(text);
    }
    (sent, texts.try_into().unwrap())
}

#[tokio::test]
async fn a_lean_frame_has_what_is_not_a_default_and_others_get_what_they_always_got() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let conversation = tom.conversation_of(group).await;
    let mut toms = Stream::connect(&server, &tom).await;
    let mut own = Stream::connect_lean(&server, &tom).await;
    let mut lean = Stream::connect_lean(&server, &jerry).await;
    let mut old = Stream::connect(&server, &jerry).await;

    for (key, to, target, conversation, status) in [
        ("0193-of-tom", into(&conversation), format!(r#""group_id":{group}"#), conversation.clone(), "SENT"),
        ("0194-of-tom", to_user(&jerry), format!(r#""recipient_id":{}"#, jerry.id), Value::Null, "PENDING"),
    ] {
        let (sent, [own, lean, old]) = written([&mut toms, &mut own, &mut lean, &mut old], to, key).await;
        let conversation =
            if conversation.is_null() { sent["conversation_id"].clone() } else { conversation };
        let (id, seq, rev, at) = (&sent["id"], &sent["seq"], &sent["rev"], &sent["timestamp"]);
        let cursor = serde_json::from_str::<Value>(&lean).unwrap()["cursor"].clone();
        let lean_with = |key: &str| {
            format!(
                r#"{{"type":"message","conversation_id":{conversation},"message":{{"id":{id},"sender_id":{},{target},"content":"{LETTERS}","timestamp":{at},"seq":{seq},"rev":{rev}{key}}},"cursor":{cursor}}}"#,
                tom.id
            )
        };
        assert_eq!(lean, lean_with(""));
        assert!(lean.len() <= 320, "{} bytes: {lean}", lean.len());
        assert_eq!(own, lean_with(&format!(r#","client_msg_id":"{key}""#)), "the key is its sender's alone");
        let (recipient, group) = if status == "SENT" { (0, group) } else { (jerry.id, 0) };
        assert_eq!(
            old,
            format!(
                r#"{{"type":"message","event":"created","conversation_id":{conversation},"message":{{"id":{id},"sender_id":{},"recipient_id":{recipient},"group_id":{group},"type":"text","content":"{LETTERS}","media_url":"","timestamp":{at},"status":"{status}","conversation_id":{conversation},"seq":{seq},"rev":{rev},"media":[],"reply_to":null,"quote":null,"thread_id":null,"thread":null,"forwarded_from":null,"reactions":[],"mentions":[],"mention_all":false,"custom":null,"client_msg_id":"{key}","edited_at":null,"deleted_at":null,"pinned_at":null,"pinned_by":null,"streaming":null}},"cursor":{cursor}}}"#,
                tom.id
            )
        );
    }
}

/// Does everything that makes frames: Tom and Jerry in a group and in their direct conversation.
async fn everything(toms: &mut Stream, jerrys: &mut Stream, (tom, jerry): (&User, &User), group: &Value) {
    let mut rich = into(group);
    rich["media"] = json!([{"url": "https://example.com/a.png", "type": "image"}]);
    rich["mentions"] = json!([jerry.id]);
    rich["mention_all"] = json!(true);
    rich["custom"] = json!({"id": 1, "sender_id": 2, "seq": null});
    rich["client_msg_id"] = json!("rich");
    let id = toms.send(rich, "rich").await["id"].clone();
    for op in ["edit", "react", "pin"] {
        toms.ok(json!({"op": op, "message_id": id, "content": "edited", "emoji": "👍"})).await;
    }
    jerrys.ok(json!({"op": "react", "message_id": id, "emoji": "👍"})).await;
    for reference in ["reply_to", "thread_id"] {
        let mut reply = into(group);
        reply[reference] = id.clone();
        reply["client_msg_id"] = json!(reference);
        jerrys.send(reply, reference).await;
    }
    toms.ok(json!({"op": "forward", "message_id": id, "to_user": jerry.id})).await;
    let mut growing = to_user(tom);
    growing["streaming"] = json!(true);
    let grown = jerrys.send(growing, "grow").await["id"].clone();
    jerrys.ok(json!({"op": "append", "message_id": grown, "offset": 4, "content": "n"})).await;
    jerrys.ok(json!({"op": "finish", "message_id": grown})).await;
    jerrys.ok(json!({"op": "read", "conversation_id": group, "seq": 3})).await;
    let path = format!("/v1/conversations/{group}/state");
    jerry.patch(&path, &json!({"draft": "Dear", "pinned": true})).await.expect(200);
    toms.ok(json!({"op": "delete", "message_id": id})).await;
    toms.send(into(group), "the end").await;
}

#[tokio::test]
async fn lean_frames_and_the_defaults_are_the_complete_frames_live_and_missed() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let conversation = tom.conversation_of(group).await;
    let mut toms = Stream::connect(&server, &tom).await;
    let mut jerrys = Stream::connect(&server, &jerry).await;
    let mut lean = [Stream::connect_lean(&server, &tom).await, Stream::connect_lean(&server, &jerry).await];
    let cursor = jerrys.cursor.clone();
    everything(&mut toms, &mut jerrys, (&tom, &jerry), &conversation).await;
    // Receipts have tests of their own.
    let is_compared =
        |frame: &&Value| is_event(frame) && !frame["type"].as_str().unwrap().starts_with("receipt");
    let [of_tom, of_jerry] = &mut lean;
    for (complete, lean, user) in [(&mut toms, of_tom, &tom), (&mut jerrys, of_jerry, &jerry)] {
        let expected = complete.received_until("the end").await;
        let expected: Vec<_> =
            expected.iter().filter(is_compared).map(|frame| without_foreign_keys(frame, user)).collect();
        let received = lean.received_until("the end").await;
        let received: Vec<_> = received.iter().filter(is_compared).map(complete_frame).collect();
        assert_eq!(received, expected);
        assert!(received.len() > 12, "{received:?}");
    }
    for user in [&tom, &jerry] {
        let mut missed = Vec::new();
        for query in ["", "&lean=1"] {
            let path = format!("/ws?cursor={cursor}{query}");
            let mut stream = Stream::greeted_next(&server, user, &path).await;
            assert_eq!(stream.frame().await["resumed"], true);
            missed.push(stream.until(|frame| frame["type"] == "live").await);
        }
        let expected: Vec<_> = missed[0].iter().map(|frame| without_foreign_keys(frame, user)).collect();
        let received: Vec<_> = missed[1].iter().map(complete_frame).collect();
        assert_eq!(received, expected);
        assert!(missed[1].len() > 6 && missed[0] != missed[1]);
    }
}

#[tokio::test]
async fn the_answer_to_an_op_is_lean_too_and_the_own_part_is_not() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut toms = Stream::connect_lean(&server, &tom).await;
    let mut op = to_user(&jerry);
    op["client_msg_id"] = json!("k");
    let sent = toms.send(op, "Hello").await;
    let expected = json!({"id": sent["id"], "sender_id": tom.id, "recipient_id": jerry.id, "content": "Hello",
        "timestamp": sent["timestamp"], "conversation_id": sent["conversation_id"], "seq": 1, "rev": 1,
        "client_msg_id": "k"});
    assert_eq!(sent, expected);
    let path = format!("/v1/conversations/{}/state", sent["conversation_id"]);
    tom.patch(&path, &json!({"archived": true})).await.expect(200);
    let changed = toms.find(|frame| frame["conversation"]["archived"] == true).await;
    let mut seen = tom.conversation(&sent["conversation_id"]).await;
    let last_message = seen.as_object_mut().unwrap().remove("last_message");
    let mut changed = changed["conversation"].clone();
    if let Some(message) = changed.as_object_mut().unwrap().remove("last_message") {
        assert_eq!(Some(complete(&message, &sent["conversation_id"])), last_message);
    }
    assert_eq!(changed, seen, "an absent member of it would mean that it is unchanged");
}

#[tokio::test]
async fn a_client_asks_in_the_url_or_in_its_first_frame() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    for (url, said, is_lean) in [
        ("/ws", None, false),
        ("/ws", Some(true), true),
        ("/ws?lean=1", None, true),
        ("/ws?lean=1", Some(false), false),
        ("/ws?lean=0", Some(true), true),
        ("/ws?lean=0", None, false),
    ] {
        let opened = Stream::open(&server, url, &[("Sec-WebSocket-Protocol", "chatserver.v2")]).await;
        let mut stream = opened.unwrap_or_else(|status| panic!("refused with {status}"));
        stream.ws.is_lean = is_lean;
        let mut auth = json!({"op": "auth", "token": tom.token});
        if let Some(said) = said {
            auth["lean"] = json!(said);
        }
        stream.say(&auth).await;
        let hello = stream.next("hello").await;
        assert!(hello["features"].as_array().unwrap().contains(&json!("lean")), "{hello}");
        jerry.write(&tom, "Hello").await;
        let frame = stream.find(|frame| frame["message"]["content"] == "Hello").await;
        assert_eq!(frame["message"].get("reactions").is_none(), is_lean, "{url} {said:?}: {frame}");
    }
    for bad in ["2", "-1", "yes", ""] {
        let path = format!("/ws?token={}&lean={bad}", tom.token);
        let refused = Stream::open(&server, &path, &[("Sec-WebSocket-Protocol", "chatserver.v2")]).await;
        assert_eq!(refused.err(), Some(400), "{bad}");
    }
}

/// Members of a group, each with a stream, and its conversation with one message.
async fn readers(server: &Server, count: usize) -> (Vec<User>, Vec<Stream>, Value) {
    let tom = server.login("tom").await;
    let mut members = vec![tom];
    for number in 1..count {
        members.push(server.register(&format!("member {number}")).await);
    }
    let group = members[0].group("Readers", &members[1..].iter().collect::<Vec<_>>()).await;
    let conversation = members[0].conversation_of(group).await;
    let mut streams = Vec::new();
    for member in &members {
        streams.push(Stream::connect_lean(server, member).await);
    }
    let sent = streams[0].send(into(&conversation), "to all").await;
    for stream in &mut streams {
        stream.received_until("to all").await;
    }
    assert_eq!(sent["seq"], 1);
    (members, streams, conversation)
}

fn pointer(op: &str, conversation: &Value, seq: u32) -> Value {
    json!({"op": op, "conversation_id": conversation, "seq": seq})
}

/// Today each of 20 members would get a frame for each of 40 receipts.
#[tokio::test]
async fn receipts_of_a_group_that_come_together_are_few_frames() {
    const MEMBERS: usize = 20;
    let server = Server::start();
    let (members, mut streams, conversation) = readers(&server, MEMBERS).await;
    let mut old = Stream::connect(&server, &members[1]).await;
    for op in ["delivered", "read"] {
        for stream in &mut streams {
            stream.say(&pointer(op, &conversation, 1)).await;
        }
    }
    let mut counts = Vec::new();
    for (stream, member) in streams.iter_mut().zip(&members) {
        let (mut read, mut count) = (std::collections::BTreeSet::new(), 0);
        while read.len() < MEMBERS {
            let frame = stream.frame().await;
            let receipts = match frame["type"].as_str().unwrap() {
                "receipt" => vec![frame.clone()],
                "receipts" => {
                    assert_eq!(frame["conversation_id"], conversation);
                    frame["receipts"].as_array().unwrap().clone()
                }
                _ => continue,
            };
            count += 1;
            for receipt in receipts {
                let is_own = receipt["user_id"] == member.id;
                assert!(is_own || receipt.get("unread").is_none(), "{receipt}");
                if receipt["read_seq"] == 1 {
                    read.insert(receipt["user_id"].as_i64().unwrap());
                }
            }
        }
        counts.push(count);
    }
    // One before the member's own reading, that one, and those of each second that it took.
    assert!(counts.iter().sum::<usize>() <= 8 * MEMBERS, "{counts:?}");
    let mut complete = 0;
    while complete < 2 * MEMBERS - 1 {
        let frame = old.frame().await;
        assert_ne!(frame["type"], "receipts");
        // The author has read what the author wrote.
        complete += usize::from(frame["type"] == "receipt");
    }
}

#[tokio::test]
async fn receipts_come_before_what_happened_later_and_delay_nothing() {
    let server = Server::start();
    let (members, mut streams, conversation) = readers(&server, 3).await;
    let [toms, first, second] = &mut streams[..] else { unreachable!() };
    first.ok(pointer("delivered", &conversation, 1)).await;
    second.ok(pointer("read", &conversation, 1)).await;
    members[1].write(&members[0], "direct").await;
    let frames = toms.received_until("direct").await;
    let receipts: Vec<_> = frames.iter().filter(|frame| frame["type"] == "receipts").collect();
    let users: Vec<_> = receipts
        .iter()
        .flat_map(|frame| frame["receipts"].as_array().unwrap())
        .map(|receipt| receipt["user_id"].as_i64().unwrap())
        .collect();
    assert_eq!(users, [members[1].id, members[2].id], "{frames:?}");
    // In a direct conversation nothing waits.
    let direct = frames.last().unwrap()["conversation_id"].clone();
    toms.ok(pointer("read", &direct, 1)).await;
    let receipt = first.find(|frame| frame["conversation_id"] == direct && frame["type"] == "receipt").await;
    assert_eq!((&receipt["user_id"], &receipt["read_seq"]), (&json!(members[0].id), &json!(1)));
    assert!(receipt["cursor"].is_string());
}

#[tokio::test]
async fn ones_own_reading_reaches_ones_other_clients_at_once() {
    let server = Server::start();
    let (members, mut streams, conversation) = readers(&server, 3).await;
    let mut other = Stream::connect_lean(&server, &members[1]).await;
    streams[1].ok(pointer("read", &conversation, 1)).await;
    let receipt = other.frame().await;
    assert_eq!(
        (&receipt["type"], &receipt["unread"], &receipt["mentions"]),
        (&json!("receipt"), &json!(0), &json!(0))
    );
    assert!(receipt["cursor"].is_string());
}

#[tokio::test]
async fn receipts_that_waited_when_the_connection_ended_come_when_it_resumes() {
    let server = Server::start();
    let (members, mut streams, conversation) = readers(&server, 3).await;
    let toms = streams.remove(0);
    for (stream, op) in streams.iter_mut().zip(["delivered", "read"]) {
        stream.ok(pointer(op, &conversation, 1)).await;
    }
    let cursor = toms.cursor.clone();
    drop(toms);
    let path = format!("/ws?cursor={cursor}&lean=1");
    let mut resumed = Stream::greeted_next(&server, &members[0], &path).await;
    let missed = resumed.until(|frame| frame["type"] == "live").await;
    let receipts: Vec<_> = missed
        .iter()
        .flat_map(|frame| match frame["type"].as_str().unwrap() {
            "receipts" => frame["receipts"].as_array().unwrap().clone(),
            "receipt" => vec![frame.clone()],
            _ => Vec::new(),
        })
        .map(|receipt| (receipt["user_id"].as_i64().unwrap(), receipt["read_seq"].as_i64().unwrap()))
        .collect();
    for expected in [(members[1].id, 0), (members[2].id, 1)] {
        assert!(receipts.contains(&expected), "{missed:?}");
    }
}

/// The v1 stream has no lean form.
#[tokio::test]
async fn a_v1_client_gets_what_it_always_got() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let path = format!("/ws?token={}&lean=1", jerry.token);
    let mut asked = Ws::open(&server, &path, &[]).await.ok().unwrap();
    let mut plain = Ws::connect(&server, &jerry).await;
    assert_eq!(asked.frame().await["type"], "system");
    let sent = tom.write(&jerry, "Hello").await;
    let expected = format!(
        r#"{{"ID":{},"sender_id":{},"recipient_id":{},"group_id":0,"type":"text","content":"Hello","MediaURL":"","timestamp":{}}}"#,
        sent["id"], tom.id, jerry.id, sent["timestamp"]
    );
    for ws in [&mut asked, &mut plain] {
        assert_eq!(raw_text(ws).await, expected);
    }
}

#[tokio::test]
async fn only_v2_looks_at_the_value() {
    let server = Server::start();
    let bearer = format!("Bearer {}", server.login("tom").await.token);
    for (path, v2) in [("/ws?lean=x", Err(400)), ("/ws?lean=1", Ok(())), ("/ws?max_changes=x", Err(400))] {
        let v1 = Ws::open(&server, path, &[("Authorization", &bearer)]).await;
        assert_eq!(v1.map(drop), Ok(()), "v1 ignores parameters that it does not know: {path}");
        let headers = [("Authorization", bearer.as_str()), ("Sec-WebSocket-Protocol", V2)];
        assert_eq!(Ws::open(&server, path, &headers).await.map(drop), v2, "{path}");
    }
}
