//! Live events: everything to all members, once, in one order, on each of their connections.

use serde_json::{Value, json};

use crate::support::v2::{brief, briefs, into, is_event, to_user};
use crate::support::{Server, Stream, User};

/// Returns the events of each stream up to the message with this content.
async fn received(streams: &mut [Stream], until: &str) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    for stream in streams {
        all.push(stream.received_until(until).await);
    }
    all
}

async fn streams(server: &Server, users: &[&User]) -> Vec<Stream> {
    let mut streams = Vec::new();
    for user in users {
        streams.push(Stream::connect(server, user).await);
    }
    streams
}

/// A frame without the fields that may differ between users: the marks of one's own reactions.
fn common(frame: &Value) -> Value {
    let mut frame = frame.clone();
    if let Some(reactions) = frame.pointer_mut("/message/reactions").and_then(Value::as_array_mut) {
        reactions.iter_mut().for_each(|reaction| reaction["me"] = Value::Null);
    }
    frame
}

#[tokio::test]
async fn every_change_reaches_each_connection_of_each_member_once_and_in_one_order() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let (spike, tyke) = (server.register("spike").await, server.register("tyke").await);
    let group = tom.group("Cheese", &[&jerry, &spike]).await;
    let conversation = tom.conversation_of(group).await;
    let mut all = streams(&server, &[&tom, &tom, &jerry, &jerry, &spike]).await;
    let mut stranger = Stream::connect(&server, &tyke).await;
    let first = all[0].send(into(&conversation), "first").await;
    let id = &first["id"];
    let about = |op: &str| json!({"op": op, "message_id": id, "content": "First", "emoji": "👍"});
    for (stream, op) in [(0, "edit"), (2, "react"), (4, "react"), (4, "unreact"), (4, "pin"), (0, "unpin")] {
        all[stream].ok(about(op)).await;
    }
    // These have no effect, so there are no further events.
    for (stream, op) in [(0, "edit"), (2, "react"), (4, "unreact"), (0, "unpin")] {
        all[stream].ok(about(op)).await;
    }
    let mut reply = into(&conversation);
    reply["thread_id"] = id.clone();
    all[2].send(reply, "reply").await;
    let mut live = into(&conversation);
    live["op"] = json!("send");
    live["streaming"] = json!(true);
    let growing = all[4].ok(live).await["message"]["id"].clone();
    for (offset, piece) in [(0, "Äpfel "), (6, "und 🧀")] {
        let op = json!({"op": "append", "message_id": growing, "offset": offset, "content": piece});
        all[4].ok(op.clone()).await;
        all[4].ok(op).await;
    }
    all[4].ok(json!({"op": "finish", "message_id": growing})).await;
    all[0].ok(about("delete")).await;
    all[0].send(into(&conversation), "the end").await;

    let received = received(&mut all, "the end").await;
    let expected = [
        "created", "edited", "reaction", "reaction", "reaction", "pinned", "pinned", "created", "thread",
        "created", "append", "append", "finished", "deleted", "created",
    ];
    for one in &received {
        assert_eq!(briefs(one), expected);
        assert!(one.iter().map(common).eq(received[0].iter().map(common)), "one and the same to all");
        let revs: Vec<_> = one.iter().map(rev).collect();
        assert!(revs.is_sorted_by(|one, next| one < next), "each change has a rev of its own: {revs:?}");
    }
    let text: String =
        received[2].iter().filter(|frame| frame["type"] == "append").fold(String::new(), |text, frame| {
            assert_eq!(frame["offset"], text.chars().count());
            assert_eq!((&frame["message_id"], &frame["conversation_id"]), (&growing, &conversation));
            text + frame["content"].as_str().unwrap()
        });
    let finished = received[2].iter().find(|frame| frame["event"] == "finished").unwrap();
    assert_eq!(finished["message"]["content"], text);
    for stream in &mut all {
        stream.ok(json!({"op": "ping"})).await;
        stream.is_quiet().await;
    }
    tom.write(&tyke, "now you").await;
    assert_eq!(briefs(&stranger.received_until("now you").await), ["conversation", "created"]);
}

fn rev(frame: &Value) -> i64 {
    frame["rev"].as_i64().or_else(|| frame["message"]["rev"].as_i64()).expect("a rev")
}

#[tokio::test]
async fn everybody_sees_their_own_reactions_as_their_own() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = tom.group("Cheese", &[&jerry, &spike]).await;
    let conversation = tom.conversation_of(group).await;
    let mut all = streams(&server, &[&tom, &jerry, &jerry, &spike]).await;
    let id = all[0].send(into(&conversation), "first").await["id"].clone();
    let react = |op: &str, emoji: &str| json!({"op": op, "message_id": id, "emoji": emoji});
    all[1].ok(react("react", "👍")).await;
    all[3].ok(react("react", "🧀")).await;
    all[3].ok(react("react", "👍")).await;
    all[1].ok(react("unreact", "👍")).await;
    let reaction = |emoji: &str, count: u32, me: bool| json!({"emoji": emoji, "count": count, "me": me});
    for (stream, (by_jerry, by_spike)) in
        all.iter_mut().zip([(false, false), (true, false), (true, false), (false, true)])
    {
        let expected = [
            json!([reaction("👍", 1, by_jerry)]),
            json!([reaction("👍", 1, by_jerry), reaction("🧀", 1, by_spike)]),
            json!([reaction("👍", 2, by_jerry || by_spike), reaction("🧀", 1, by_spike)]),
        ];
        for reactions in expected {
            let frame = stream.find(|frame| frame["event"] == "reaction").await;
            assert_eq!(frame["message"]["reactions"], reactions);
        }
        let last = stream.find(|frame| frame["event"] == "reaction").await;
        let last = last["message"]["reactions"].as_array().unwrap();
        assert!(
            last.contains(&reaction("👍", 1, by_spike)) && last.contains(&reaction("🧀", 1, by_spike)),
            "{last:?}"
        );
    }
}

#[tokio::test]
async fn pointers_reach_all_and_what_waits_reaches_their_owner() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut all = streams(&server, &[&tom, &jerry, &jerry]).await;
    let sent = all[0].send(to_user(&jerry), "one").await;
    let conversation = sent["conversation_id"].clone();
    all[0].send(to_user(&jerry), "two").await;
    let mut mention = to_user(&jerry);
    mention["mentions"] = json!([jerry.id]);
    all[0].send(mention, "three").await;
    let pointer = |op: &str, seq: u32| json!({"op": op, "conversation_id": conversation, "seq": seq});
    all[1].ok(pointer("delivered", 2)).await;
    all[1].ok(pointer("read", 1)).await;
    // Neither back, nor beyond the end.
    all[1].ok(pointer("read", 1)).await;
    all[1].ok(pointer("delivered", 1)).await;
    all[1].ok(pointer("read", 99)).await;
    all[0].send(to_user(&jerry), "the end").await;
    let received = received(&mut all, "the end").await;
    for (one, is_own) in received.iter().zip([false, true, true]) {
        let receipts: Vec<_> = one.iter().filter(|frame| frame["type"] == "receipt").collect();
        let pointers: Vec<_> = receipts
            .iter()
            .filter(|receipt| receipt["user_id"] == jerry.id)
            .map(|receipt| {
                (receipt["delivered_seq"].as_i64().unwrap(), receipt["read_seq"].as_i64().unwrap())
            })
            .collect();
        assert_eq!(pointers, [(2, 0), (2, 1), (3, 3)]);
        let counts = |number: usize| (&receipts[number]["unread"], &receipts[number]["mentions"]);
        if is_own {
            assert_eq!(counts(1), (&json!(2), &json!(1)), "two and three wait, and three mentions Jerry");
            assert_eq!(counts(2), (&json!(0), &json!(0)));
        } else {
            assert!((0..3).all(|number| counts(number) == (&Value::Null, &Value::Null)), "{receipts:?}");
        }
    }
    assert_eq!(tom.status_of(&jerry, &sent["id"]).await, "READ");
}

#[tokio::test]
async fn a_group_counts_who_is_called_upon() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let group = tom.group("Cheese", &[&jerry, &spike]).await;
    let conversation = tom.conversation_of(group).await;
    let mut toms = Stream::connect(&server, &tom).await;
    let mut say = into(&conversation);
    toms.send(say.clone(), "to nobody").await;
    say["mentions"] = json!([jerry.id]);
    toms.send(say.clone(), "to Jerry").await;
    say["mentions"] = json!([]);
    say["mention_all"] = json!(true);
    let last = toms.send(say, "to all").await;
    for (user, unread, mentions) in [(&tom, 0, 0), (&jerry, 3, 2), (&spike, 3, 1)] {
        let seen = user.get(&format!("/v1/conversations/{conversation}")).await.expect(200);
        assert_eq!((&seen["unread"], &seen["mentions"]), (&json!(unread), &json!(mentions)), "{}", user.id);
    }
    toms.ok(json!({"op": "delete", "message_id": last["id"]})).await;
    let mut jerrys = Stream::connect(&server, &jerry).await;
    jerrys.ok(json!({"op": "read", "conversation_id": conversation, "seq": 1})).await;
    let receipt = jerrys.next("receipt").await;
    assert_eq!(
        (&receipt["unread"], &receipt["mentions"]),
        (&json!(1), &json!(1)),
        "what is deleted waits no more"
    );
}

#[tokio::test]
async fn a_thread_has_its_own_pointer() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut all = streams(&server, &[&tom, &jerry]).await;
    let root = all[0].send(to_user(&jerry), "root").await;
    let mut reply = into(&root["conversation_id"]);
    reply["thread_id"] = root["id"].clone();
    let replies = [all[0].send(reply.clone(), "one").await, all[0].send(reply.clone(), "two").await];
    for count in 1..=2 {
        let frame = all[1].find(|frame| frame["event"] == "thread").await;
        assert_eq!(
            (&frame["message"]["id"], &frame["message"]["thread"]["replies"]),
            (&root["id"], &json!(count))
        );
        assert_eq!(frame["message"]["thread"]["last_reply_at"], replies[count - 1]["timestamp"]);
    }
    let path = format!("/v1/messages/{}/thread", root["id"]);
    assert_eq!(jerry.get(&path).await.expect(200)["unread"], 2);
    let mut read = json!({"op": "read", "conversation_id": root["conversation_id"], "thread_id": root["id"]});
    read["seq"] = replies[0]["seq"].clone();
    all[1].ok(read).await;
    let thread = jerry.get(&path).await.expect(200);
    assert_eq!((&thread["unread"], &thread["read_seq"]), (&json!(1), &replies[0]["seq"]));
    assert_eq!(tom.get(&path).await.expect(200)["unread"], 0);
}

/// At least two shards, and more than one connection for each user.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_connections_of_twenty_members_each_get_each_message_once() {
    const MESSAGES: usize = 40;
    let server = Server::start();
    let tom = server.login("tom").await;
    let mut members = vec![tom.clone()];
    for number in 1..20 {
        members.push(server.register(&format!("member {number}")).await);
    }
    let group = tom.group("Everybody here", &members[1..].iter().collect::<Vec<_>>()).await;
    let conversation = tom.conversation_of(group).await;
    let users: Vec<_> = members.iter().flat_map(|member| [member; 3]).collect();
    let mut all = streams(&server, &users).await;
    for number in 0..MESSAGES {
        let mut op = into(&conversation);
        op["op"] = json!("send");
        op["id"] = json!(number);
        op["content"] = json!(number.to_string());
        all[(number * 7) % 60].say(&op).await;
    }
    for (number, stream) in all.iter_mut().enumerate() {
        let mut seqs = Vec::new();
        while seqs.len() < MESSAGES {
            let frame = stream.frame().await;
            if is_event(&frame) {
                assert_eq!(brief(&frame), "created");
                seqs.push(frame["message"]["seq"].as_u64().unwrap());
            }
        }
        assert!(seqs.iter().copied().eq(1..=MESSAGES as u64), "connection {number}: {seqs:?}");
    }
}
