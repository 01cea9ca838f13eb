//! Unread counts in frames: those that a frame carries are what REST answers, live and resumed, with the state of the
//! conversation in which they hold.

use serde_json::{Value, json};

use crate::support::v2::into;
use crate::support::{Server, Stream, User};

/// The members of a frame, or of REST's answer, that tell a user's counts. `rev` of a frame is that of its conversation.
fn counts(of: &Value) -> Value {
    let members = ["unread", "mentions", "read_seq", "last_seq", "rev"];
    members
        .iter()
        .map(|&member| (member.to_owned(), of[member].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// A frame's counts, if it carries counts of this user.
fn carried(frame: &Value, user: &User) -> Option<Value> {
    match frame["type"].as_str() {
        Some("hidden") => Some(counts(frame)),
        Some("receipt") if frame["user_id"] == user.id && frame.get("unread").is_some() => {
            Some(counts(frame))
        }
        Some("conversation") if frame["conversation"].get("unread").is_some() => {
            Some(counts(&frame["conversation"]))
        }
        _ => None,
    }
}

async fn asked(user: &User, conversation: &Value) -> Value {
    counts(&user.conversation(conversation).await)
}

/// Twelve messages of Tom's to a group, of which the 3rd and the 6th mention Jerry and the 9th everybody.
async fn written(toms: &mut Stream, conversation: &Value, jerry: &User) -> Vec<Value> {
    let mut ids = Vec::new();
    for number in 1..=12 {
        let mut to = into(conversation);
        if number == 3 || number == 6 {
            to["mentions"] = json!([jerry.id]);
        }
        to["mention_all"] = json!(number == 9);
        ids.push(toms.send(to, &number.to_string()).await["id"].clone());
    }
    ids
}

#[tokio::test]
async fn counts_in_frames_are_those_of_rest() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    let conversation = tom.conversation_of(group).await;
    let mut toms = Stream::connect(&server, &tom).await;
    let ids = written(&mut toms, &conversation, &jerry).await;
    let mut jerrys = Stream::connect(&server, &jerry).await;
    let mut other = Stream::connect_lean(&server, &jerry).await;
    let start = jerrys.cursor.clone();
    let hide = |index: usize| json!({"op": "delete", "message_id": ids[index], "for": "me"});
    let read = |seq| json!({"op": "read", "conversation_id": conversation, "seq": seq});
    for (op, unread, mentions) in [
        (hide(3), 11, 3),
        (hide(5), 10, 2),
        // Read ones are not unread, hidden or not.
        (read(2), 8, 2),
        (hide(0), 8, 2),
        (read(4), 7, 1),
        (hide(8), 6, 0),
    ] {
        other.ok(op.clone()).await;
        let expected = asked(&jerry, &conversation).await;
        assert_eq!((&expected["unread"], &expected["mentions"]), (&json!(unread), &json!(mentions)), "{op}");
        for stream in [&mut jerrys, &mut other] {
            let frame = stream.find(|frame| carried(frame, &jerry).is_some()).await;
            assert_eq!(carried(&frame, &jerry).unwrap(), expected, "{op}: {frame}");
        }
    }
    jerry
        .patch(&format!("/v1/conversations/{conversation}/state"), &json!({"marked_unread": true}))
        .await
        .expect(200);
    let frame = jerrys.find(|frame| carried(frame, &jerry).is_some()).await;
    assert_eq!(carried(&frame, &jerry).unwrap(), asked(&jerry, &conversation).await, "{frame}");
    // Deleted for everyone: the counts fall unless the message was hidden, read, or one's own.
    for (index, unread) in [(3, 6), (5, 6), (0, 6), (10, 5)] {
        toms.ok(json!({"op": "delete", "message_id": ids[index]})).await;
        assert_eq!(asked(&jerry, &conversation).await["unread"], unread);
    }
    toms.send(into(&conversation), "the last").await;
    let present = asked(&jerry, &conversation).await;
    assert_eq!(present["unread"], 6);
    let (_, missed) = Stream::resume(&server, &jerry, &start).await;
    let resumed: Vec<_> = missed.iter().filter_map(|frame| carried(frame, &jerry)).collect();
    assert_eq!(
        resumed,
        vec![present; 6],
        "four hidden messages, one receipt and the conversation: {missed:#?}"
    );
}
