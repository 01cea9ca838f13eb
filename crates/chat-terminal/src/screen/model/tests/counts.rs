//! Tests of unread counts after messages were hidden or deleted.

use chat_protocol::v2::Hidden;

use super::*;

/// A harness whose list has a group of which only the last of nine messages is known, the rest of which is unread. It
/// has a mention in the last message.
fn with_unread_group() -> Harness {
    let direct = conversation(1, Some(message(1, 9, 2, "hi")), own(0));
    let mut last = message(7, 9, 2, "@tom");
    last.mentions = vec![1];
    let mut group = conversation(7, Some(last), OwnPart { mentions: 2, ..own(9) });
    (group.rev, group.created_at) = (20, Time(0));
    Harness::chatting((80, 24), &[direct, group], &[message(1, 9, 2, "hi")])
}

fn counts_of_group(harness: &Harness) -> (u32, u32) {
    let count = harness.model.count(7);
    (count.unread, count.mentions)
}

#[test]
fn a_hidden_message_brings_the_counts_without_it() {
    let mut harness = with_unread_group();
    let hidden = Hidden {
        conversation_id: 7,
        message_id: message(7, 4, 2, "").id,
        unread: Some(8),
        mentions: Some(2),
        read_seq: Some(0),
        last_seq: Some(10),
        rev: Some(21),
        cursor: String::new(),
    };
    harness.receive(ServerFrame::Hidden(hidden.clone()));
    assert_eq!(counts_of_group(&harness), (8, 2));
    // A resumed stream: the counts contain a message that follows.
    harness.receive_message("created", Message { rev: 21, ..message(7, 10, 2, "counted") });
    assert_eq!(counts_of_group(&harness), (8, 2));
    harness.receive_message("created", Message { rev: 22, ..message(7, 11, 2, "new") });
    assert_eq!(counts_of_group(&harness), (9, 2));
    // Deleted for everyone: it was not counted any more.
    let deleted = Message { rev: 23, deleted_at: Some(Time(1)), ..message(7, 4, 2, "") };
    harness.receive_message("deleted", deleted);
    assert_eq!(counts_of_group(&harness), (9, 2));
    assert_eq!(harness.requests().len(), 0);
    // From a node of an earlier release.
    let message_id = message(7, 5, 2, "").id;
    harness.receive(ServerFrame::Hidden(Hidden { conversation_id: 7, message_id, ..Hidden::default() }));
    assert!(matches!(harness.requests().last(), Some(Request::Conversation { id: 7, .. })));
}

#[test]
fn a_deletion_lowers_counts_that_contain_the_message() {
    let deleted =
        |seq, sender, rev| Message { rev, deleted_at: Some(Time(1)), ..message(7, seq, sender, "") };
    let mut harness = with_unread_group();
    harness.receive_message("deleted", deleted(8, 2, 19));
    assert_eq!(counts_of_group(&harness), (9, 2), "the counts are newer");
    harness.receive_message("deleted", deleted(3, 1, 21));
    assert_eq!(counts_of_group(&harness), (9, 2), "an own one");
    for _ in 0..2 {
        harness.receive_message("deleted", deleted(9, 2, 22));
        assert_eq!(counts_of_group(&harness), (8, 1), "once, and the mention with it");
    }
    assert_eq!(harness.requests().len(), 0);
    // Only the server knows whether it was hidden or mentioned the user.
    harness.receive_message("deleted", deleted(4, 2, 23));
    let [.., Request::Conversation { asked_at, id: 7 }] = harness.requests()[..] else {
        panic!("{:?}", harness.requests())
    };
    let group = Conversation { rev: 23, ..conversation(7, Some(deleted(9, 2, 22)), own(7)) };
    let request = Request::Conversation { asked_at: *asked_at, id: 7 };
    harness.respond(request, Ok(Response::Conversation(Box::new(group))));
    assert_eq!(counts_of_group(&harness), (7, 0));
}

/// The frame that tells that message 4 is hidden, at `rev` 21.
fn hidden() -> ServerFrame {
    ServerFrame::Hidden(Hidden {
        conversation_id: 7,
        message_id: message(7, 4, 2, "").id,
        unread: Some(8),
        mentions: Some(2),
        read_seq: Some(0),
        last_seq: Some(9),
        rev: Some(21),
        cursor: String::new(),
    })
}

/// An answer with the group as it is at this `rev`, requested before the frame that the test receives first.
fn answer(harness: &mut Harness, rev: i64, unread: u32, asked_at: chat_client::v2::Moment) {
    let group = Conversation { rev, ..conversation(7, Some(message(7, 9, 2, "@tom")), own(unread)) };
    let request = Request::Conversation { asked_at, id: 7 };
    harness.respond(request, Ok(Response::Conversation(Box::new(group))));
}

#[test]
fn an_answer_from_before_a_hidden_message_does_not_bring_it_back() {
    let mut harness = with_unread_group();
    let asked_at = harness.model.state.now();
    harness.receive(hidden());
    answer(&mut harness, 20, 9, asked_at);
    assert_eq!(harness.model.count(7).unread, 8);
    // A hidden message moves no `rev`, so the answer may be of the same.
    answer(&mut harness, 21, 9, asked_at);
    assert_eq!(harness.model.count(7).unread, 8);
    let asked_at = harness.model.state.now();
    answer(&mut harness, 21, 7, asked_at);
    assert_eq!(harness.model.count(7).unread, 7, "requested afterwards");
}

#[test]
fn older_counts_of_a_frame_do_not_replace_those_of_an_answer() {
    let mut harness = with_unread_group();
    let asked_at = harness.model.state.now();
    answer(&mut harness, 22, 7, asked_at);
    harness.receive(hidden());
    assert_eq!(harness.model.count(7).unread, 7);
    let deleted = Message { rev: 22, deleted_at: Some(Time(1)), ..message(7, 5, 2, "") };
    harness.receive_message("deleted", deleted);
    assert_eq!(harness.model.count(7).unread, 7, "the answer contains the deletion");
}

#[test]
fn an_answer_from_before_a_deletion_does_not_bring_it_back() {
    let mut harness = with_unread_group();
    let asked_at = harness.model.state.now();
    let deleted = Message { rev: 21, deleted_at: Some(Time(1)), ..message(7, 9, 2, "") };
    harness.receive_message("deleted", deleted);
    assert_eq!(counts_of_group(&harness), (8, 1));
    answer(&mut harness, 20, 9, asked_at);
    assert_eq!(harness.model.count(7).unread, 8);
}
