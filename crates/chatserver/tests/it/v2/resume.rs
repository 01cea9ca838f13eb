//! What a client gets when it resumes: everything that changed since its cursor, oldest change first, without a gap
//! (README, promise 4).

use serde_json::{Value, json};

use crate::support::v2::{briefs, into, to_user};
use crate::support::{Server, Setup, Stream, User};

async fn patch(user: &User, path: &str, body: &Value) {
    user.patch(path, body).await.expect(200);
}

async fn remove(user: &User, group: i64, member: &User) {
    let path = format!("/v1/groups/{group}/members/{}", member.id);
    user.delete(&path).await.expect(200);
}

#[tokio::test]
async fn who_missed_nothing_is_live_at_once() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    tom.write(&jerry, "before").await;
    let cursor = Stream::connect(&server, &jerry).await.cursor;
    let (again, missed) = Stream::resume(&server, &jerry, &cursor).await;
    assert_eq!((missed.len(), &again.cursor), (0, &cursor));
    // Changes that concern only others are not missed either, but the log position differs.
    tom.write(&spike, "not for Jerry").await;
    let (mut again, missed) = Stream::resume(&server, &jerry, &cursor).await;
    assert_eq!(missed.len(), 0, "{missed:?}");
    let later = again.cursor.clone();
    assert_ne!(later, cursor);
    tom.write(&jerry, "after").await;
    assert_eq!(briefs(&again.received_until("after").await), ["created"]);
    let (_, missed) = Stream::resume(&server, &jerry, &later).await;
    assert_eq!(briefs(&missed), ["created"]);
}

#[tokio::test]
async fn everything_that_was_missed_comes_oldest_change_first() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let (spike, tyke) = (server.register("spike").await, server.register("tyke").await);
    let group = tom.group("Cheese", &[&jerry, &spike]).await;
    let conversation = tom.conversation_of(group).await;
    let mut toms = Stream::connect(&server, &tom).await;
    let mut spikes = Stream::connect(&server, &spike).await;
    let mut ids = Vec::new();
    for number in 0..6 {
        ids.push(toms.send(into(&conversation), &number.to_string()).await["id"].clone());
    }
    let cursor = Stream::connect(&server, &jerry).await.cursor;

    toms.ok(json!({"op": "edit", "message_id": ids[0], "content": "zero"})).await;
    toms.ok(json!({"op": "delete", "message_id": ids[1]})).await;
    spikes.ok(json!({"op": "react", "message_id": ids[2], "emoji": "👍"})).await;
    spikes.ok(json!({"op": "pin", "message_id": ids[3]})).await;
    spikes.ok(json!({"op": "read", "conversation_id": conversation, "seq": 6})).await;
    patch(&tom, &format!("/v1/groups/{group}"), &json!({"name": "Gouda"})).await;
    let mut reply = into(&conversation);
    reply["thread_id"] = ids[4].clone();
    toms.send(reply, "reply").await;
    let other = Stream::connect(&server, &jerry).await.ok(json!({"op": "save", "message_id": ids[5]})).await;
    assert_eq!(other["type"], "ack");
    let mut jerrys_other = Stream::connect(&server, &jerry).await;
    jerrys_other.ok(json!({"op": "delete", "message_id": ids[5], "for": "me"})).await;
    jerrys_other.ok(json!({"op": "read", "conversation_id": conversation, "seq": 3})).await;
    tom.write(&jerry, "in person").await;
    tom.add(group, tyke.id).await.expect(200);
    remove(&tom, group, &tyke).await;

    let (mut stream, missed) = Stream::resume(&server, &jerry, &cursor).await;
    let kinds = [
        "edited",
        "deleted",
        "reaction",
        "pinned",
        "receipt",
        "created",
        "thread",
        "saved",
        "hidden",
        "receipt",
        "conversation",
        "created",
        "conversation",
    ];
    assert_eq!(briefs(&missed), kinds, "{missed:#?}");
    assert_eq!(missed[0]["message"]["content"], "zero");
    assert!(missed[1]["message"]["deleted_at"].is_string() && missed[1]["message"]["content"] == "");
    assert_eq!(missed[2]["message"]["reactions"], json!([{"emoji": "👍", "count": 1, "me": false}]));
    assert_eq!(missed[3]["message"]["pinned_by"], spike.id);
    assert_eq!((&missed[4]["user_id"], &missed[4]["read_seq"]), (&json!(spike.id), &json!(6)));
    assert_eq!(missed[4].get("unread"), None, "what waits for Spike is not Jerry's business");
    assert_eq!(missed[5]["message"]["content"], "reply");
    assert_eq!(
        (&missed[6]["message"]["id"], &missed[6]["message"]["thread"]["replies"]),
        (&ids[4], &json!(1))
    );
    assert_eq!((&missed[7]["message_id"], &missed[7]["saved"]), (&ids[5], &json!(true)));
    assert_eq!(missed[8]["message_id"], ids[5]);
    assert_eq!((&missed[9]["user_id"], &missed[9]["read_seq"]), (&json!(jerry.id), &json!(3)));
    assert_eq!(missed[10]["conversation"]["user_id"], tom.id);
    assert_eq!(missed[11]["message"]["content"], "in person");
    // A conversation comes once and as it is now: it was renamed, and a user joined and left.
    let seen = &missed[12]["conversation"];
    assert_eq!(
        (&seen["name"], &seen["n_members"], &seen["role"]),
        (&json!("Gouda"), &json!(3), &json!("member"))
    );
    assert_eq!(seen["read_seq"], 3);
    assert_eq!(missed[9]["unread"], seen["unread"]);

    let path = format!("/v1/conversations/{conversation}/state");
    let at = stream.cursor.clone();
    patch(&jerry, &path, &json!({"draft": "Dear all"})).await;
    assert_eq!(stream.frame().await["conversation"]["draft"], "Dear all");
    let (_, missed) = Stream::resume(&server, &jerry, &at).await;
    assert_eq!(briefs(&missed), ["conversation"]);
    assert_eq!(missed[0]["conversation"]["draft"], "Dear all");
}

#[tokio::test]
async fn what_is_new_comes_once_as_it_is_now_and_what_one_left_comes_first() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let left = tom.group("Left", &[&jerry]).await;
    let also_left = tom.group("Left too", &[&jerry]).await;
    let cursor = Stream::connect(&server, &jerry).await.cursor;
    let mut toms = Stream::connect(&server, &tom).await;
    let sent = toms.send(to_user(&jerry), "first").await;
    for content in ["second", "third"] {
        toms.ok(json!({"op": "edit", "message_id": sent["id"], "content": content})).await;
    }
    let group = tom.group("Joined", &[]).await;
    tom.write_group(group, "before Jerry").await;
    tom.add(group, jerry.id).await.expect(200);
    tom.write_group(group, "after").await;
    remove(&tom, left, &jerry).await;
    remove(&tom, also_left, &jerry).await;
    tom.write_group(left, "not for Jerry").await;

    let (_, missed) = Stream::resume(&server, &jerry, &cursor).await;
    let kinds =
        ["conversation", "conversation", "conversation", "created", "conversation", "receipt", "created"];
    assert_eq!(briefs(&missed), kinds, "{missed:#?}");
    let names: Vec<_> = missed.iter().filter_map(|frame| frame["conversation"]["name"].as_str()).collect();
    assert_eq!(names[2], "Joined");
    for gone in &missed[..2] {
        assert_eq!(gone["conversation"]["role"], Value::Null, "{gone}");
    }
    assert_eq!(missed[3]["message"]["content"], "third");
    assert_eq!(missed[6]["message"]["content"], "after");

    // A client that is disconnected after any of these frames resumes without a gap.
    for n_taken in 1..missed.len() {
        let mut cut = Stream::resumed(&server, &jerry, &cursor).await;
        for _ in 0..n_taken {
            cut.frame().await;
        }
        let (_, rest) = Stream::resume(&server, &jerry, &cut.cursor).await;
        for frame in &missed[n_taken..] {
            let about = |frame: &Value| {
                [&frame["type"], &frame["conversation"]["id"], &frame["message"]["id"], &frame["user_id"]]
                    .map(Value::clone)
            };
            assert!(
                rest.iter().any(|other| about(other) == about(frame)),
                "after {n_taken} {frame} is lost: {rest:#?}"
            );
        }
    }
}

#[tokio::test]
async fn live_text_is_taken_up_in_the_middle() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut toms = Stream::connect(&server, &tom).await;
    let mut jerrys = Stream::connect(&server, &jerry).await;
    let before = jerrys.cursor.clone();
    let sent = toms.ok(json!({"op": "send", "to_user": jerry.id, "streaming": true})).await["message"].take();
    let append = |offset: usize, content: &str| json!({"op": "append", "message_id": sent["id"], "offset": offset, "content": content});
    toms.ok(append(0, "Es war ")).await;
    jerrys.next("append").await;
    let begun = jerrys.cursor.clone();
    drop(jerrys);
    toms.ok(append(7, "einmal ")).await;

    // One client was there when it began, the other was not.
    let (stream, missed) = Stream::resume(&server, &jerry, &before).await;
    assert_eq!(briefs(&missed), ["conversation", "created"]);
    let (second, missed_by_second) = Stream::resume(&server, &jerry, &begun).await;
    assert_eq!(briefs(&missed_by_second), ["appended"]);
    toms.ok(append(14, "eine ")).await;
    toms.ok(append(19, "Mäusefamilie 🐭")).await;
    toms.ok(json!({"op": "finish", "message_id": sent["id"]})).await;
    let whole = "Es war einmal eine Mäusefamilie 🐭";
    for (mut stream, last) in [(stream, &missed[1]), (second, &missed_by_second[0])] {
        assert_eq!(last["message"]["streaming"], "growing");
        let mut text = last["message"]["content"].as_str().unwrap().to_owned();
        assert_eq!(text, "Es war einmal ");
        loop {
            let frame = stream.frame().await;
            if frame["type"] == "append" {
                assert_eq!(frame["offset"], text.chars().count());
                text += frame["content"].as_str().unwrap();
                continue;
            }
            assert_eq!((&frame["event"], &frame["message"]["content"]), (&json!("finished"), &json!(whole)));
            break;
        }
        assert_eq!(text, whole);
    }
    let (_, missed) = Stream::resume(&server, &jerry, &begun).await;
    assert_eq!(briefs(&missed), ["finished"]);
}

#[tokio::test]
async fn a_cursor_outlives_the_server() {
    let mut server = Setup::new().start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut toms = Stream::connect(&server, &tom).await;
    let mut jerrys = Stream::connect(&server, &jerry).await;
    toms.send(to_user(&jerry), "seen").await;
    jerrys.received_until("seen").await;
    let cursor = jerrys.cursor;
    let mut acknowledged = Vec::new();
    for number in 0..20 {
        acknowledged.push(toms.send(to_user(&jerry), &number.to_string()).await);
    }
    server.kill();
    let server = server.setup.start();
    let (mut stream, missed) = Stream::resume(&server, &jerry, &cursor).await;
    let received: Vec<_> = missed.iter().map(|frame| frame["message"].clone()).collect();
    assert_eq!(received, acknowledged);
    User::with_token(&server, tom.id, &tom.token).write(&jerry, "after").await;
    let frame = stream.frame().await;
    assert_eq!((&frame["message"]["content"], &frame["message"]["seq"]), (&json!("after"), &json!(22)));
}

#[tokio::test]
async fn a_cursor_that_is_not_of_this_log_asks_for_a_reload() {
    let (server, other) = (Server::start(), Server::start());
    let (tom, jerry) = server.tom_and_jerry().await;
    let jerry_elsewhere = other.login("jerry").await;
    let foreign = Stream::connect(&other, &jerry_elsewhere).await.cursor;
    let own = Stream::connect(&server, &jerry).await.cursor;
    for number in 0..3 {
        tom.write(&jerry, &number.to_string()).await;
    }
    let future = format!("{own}9999");
    for wrong in
        [&foreign, &future, "", "x", "-", "0", "00000000-0", "%00", "%F0%9F%A7%80", &"9".repeat(2000)]
    {
        let mut stream = Stream::greeted_next(&server, &jerry, &format!("/ws?cursor={wrong}")).await;
        let hello = stream.frame().await;
        assert_eq!((&hello["type"], &hello["resumed"]), (&json!("hello"), &json!(false)), "{wrong}");
        let resync = stream.frame().await;
        assert_eq!(resync["type"], "resync", "{wrong}");
        assert_eq!(stream.frame().await["type"], "live", "{wrong}");
        let (mut again, missed) = Stream::resume(&server, &jerry, resync["cursor"].as_str().unwrap()).await;
        assert_eq!(missed.len(), 0, "the new cursor is a good one");
        again.is_quiet().await;
        stream.is_quiet().await;
    }
    let (_, missed) = Stream::resume(&server, &jerry, &own).await;
    assert_eq!(missed.len(), 4);
}

/// Reads the first three frames. Returns whether the stream resumed, and the code of `resync` if it did not.
async fn outcome(mut stream: Stream) -> Option<String> {
    let hello = stream.frame().await;
    assert_eq!(hello["type"], "hello");
    if hello["resumed"] == true {
        return None;
    }
    let resync = stream.frame().await;
    assert_eq!(resync["type"], "resync");
    assert_eq!(resync["cursor"], hello["cursor"]);
    assert_eq!(stream.frame().await["type"], "live");
    Some(resync["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_client_reloads_beyond_the_number_of_messages_that_it_or_the_server_allows() {
    for (server, server_allows) in
        [(Server::start(), u64::MAX), (Setup::new().env("RESUME_CHANGES", "3").start(), 3)]
    {
        let (tom, jerry) = server.tom_and_jerry().await;
        let spike = server.register("spike").await;
        tom.write(&jerry, "before").await;
        let cursor = Stream::connect(&server, &jerry).await.cursor;
        for number in 0..4 {
            tom.write(&jerry, &number.to_string()).await;
            // Messages of others and other changes do not count.
            tom.write(&spike, "not for Jerry").await;
            spike.write(&tom, "not for Jerry either").await;
        }
        for asked in [None, Some(0), Some(3), Some(4), Some(u64::MAX)] {
            let expected = (asked.unwrap_or(u64::MAX).min(server_allows) < 4).then_some("too_many_changes");
            let parameter = asked.map(|most| format!("&max_changes={most}")).unwrap_or_default();
            let path = format!("/ws?cursor={cursor}{parameter}");
            let stream = Stream::greeted_next(&server, &jerry, &path).await;
            assert_eq!(outcome(stream).await.as_deref(), expected, "{asked:?} of {server_allows}");

            let mut stream = Stream::unknown(&server).await;
            let mut auth = json!({"op": "auth", "token": jerry.token, "cursor": cursor});
            if let Some(most) = asked {
                auth["max_changes"] = json!(most);
            }
            stream.say(&auth).await;
            assert_eq!(outcome(stream).await.as_deref(), expected, "auth, {asked:?} of {server_allows}");
        }
        let stream = Stream::greeted_next(&server, &jerry, "/ws?cursor=x&max_changes=9").await;
        assert_eq!(outcome(stream).await.as_deref(), Some("unknown_cursor"));
    }
}
