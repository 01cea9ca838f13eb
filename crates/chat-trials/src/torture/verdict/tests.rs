//! Each kind of violation is found, and a correct log has none.

use chat_protocol::message::Reaction;
use chat_protocol::time::Time;
use chat_protocol::v2::{MessageFrame, Receipt, ServerFrame};

use super::*;

fn message(id: i64, seq: i64, key: &str) -> Message {
    Message {
        id,
        sender_id: 1,
        recipient_id: 0,
        group_id: 5,
        kind: "text".into(),
        content: format!("text of {key}"),
        media_url: String::new(),
        timestamp: Time(0),
        status: "SENT".into(),
        conversation_id: 5,
        seq,
        rev: seq,
        media: Vec::new(),
        reply_to: None,
        quote: None,
        thread_id: None,
        thread: None,
        forwarded_from: None,
        reactions: Vec::new(),
        mentions: Vec::new(),
        mention_all: false,
        custom: None,
        client_msg_id: Some(key.into()),
        edited_at: None,
        deleted_at: None,
        pinned_at: None,
        pinned_by: None,
        streaming: None,
    }
}

/// The record and the log of three messages that were sent, acknowledged and stored.
fn correct() -> (ClientRecord, Log) {
    let mut record = ClientRecord::default();
    let mut kept =
        StoredConversation { pointers: [(1, (3, 2)), (2, (0, 0))].into(), ..StoredConversation::default() };
    for (number, key) in (1..).zip(["a", "b", "c"]) {
        let message = message(10 + number, number, key);
        record.sending(key, &message.content);
        record.sent(key, place_of(&message), message.rev);
        kept.messages.push(message);
    }
    record.read(5, 1, 2);
    (record, [(5, kept)].into())
}

/// The violations that are found after the record or the log was corrupted.
fn found(corrupt: impl FnOnce(&mut ClientRecord, &mut StoredConversation)) -> Vec<(Violation, u64)> {
    let (mut record, mut log) = correct();
    corrupt(&mut record, log.get_mut(&5).unwrap());
    judge(&record, &log).counts.into_iter().collect()
}

#[test]
fn a_correct_log_has_no_violations() {
    assert_eq!(found(|_, _| ()), []);
    // A retry that got the same answer.
    assert_eq!(found(|record, kept| record.sent("b", place_of(&kept.messages[1]), 1)), []);
    // The messages of an earlier cycle are before the base.
    let since = |record: &mut ClientRecord, kept: &mut StoredConversation| {
        kept.base = 1;
        kept.messages.remove(0);
        record.sends.remove("a");
    };
    assert_eq!(found(since), []);
}

#[test]
fn a_missing_message_is_lost_and_leaves_a_gap() {
    let violations = found(|_, kept| drop(kept.messages.remove(1)));
    assert_eq!(violations, [(Violation::Lost, 1), (Violation::Gap, 1)]);
    assert_eq!(found(|_, kept| drop(kept.messages.pop())), [(Violation::Lost, 1)]);
}

#[test]
fn a_message_at_another_place_or_with_another_text_is_lost() {
    let violations = found(|record, _| record.sends.get_mut("c").unwrap().reported[0].id += 1);
    assert_eq!(violations, [(Violation::Lost, 1)]);
    assert_eq!(found(|_, kept| kept.messages[0].content.clear()), [(Violation::Lost, 1)]);
    assert_eq!(found(|_, kept| kept.messages[2].rev = 1), [(Violation::Lost, 1)]);
}

#[test]
fn a_message_that_is_stored_twice_is_doubled() {
    let violations = found(|_, kept| kept.messages.push(message(20, 4, "b")));
    assert_eq!(violations, [(Violation::Doubled, 1)]);
}

#[test]
fn a_retry_that_gets_another_place_is_doubled() {
    let violations = found(|record, _| record.sent("b", Place { id: 20, conversation: 5, seq: 4 }, 2));
    assert_eq!(violations, [(Violation::Doubled, 1)]);
}

#[test]
fn a_log_out_of_order_is_in_disorder() {
    let violations = found(|_, kept| kept.messages[2].id = 1);
    assert!(violations.contains(&(Violation::Disorder, 1)), "{violations:?}");
    let violations = found(|_, kept| kept.messages.swap(0, 1));
    assert!(violations.iter().any(|(violation, _)| *violation == Violation::Disorder), "{violations:?}");
}

#[test]
fn a_message_that_no_client_sent_is_a_phantom() {
    let violations = found(|_, kept| kept.messages.push(message(20, 4, "z")));
    assert_eq!(violations, [(Violation::Phantom, 1)]);
}

#[test]
fn missing_answers_and_refusals_are_noted() {
    assert_eq!(
        found(|record, _| record.sends.get_mut("a").unwrap().reported.clear()),
        [(Violation::Unanswered, 1)]
    );
    assert_eq!(found(|record, _| record.unanswered = 2), [(Violation::Unanswered, 2)]);
    assert_eq!(found(|record, _| record.refusals.push("no".into())), [(Violation::Refused, 1)]);
}

#[test]
fn a_missing_edit_reaction_or_read_pointer_is_lost() {
    let edited = |record: &mut ClientRecord| drop(record.edits.insert(11, "new".into()));
    assert_eq!(found(|record, _| edited(record)), [(Violation::Lost, 1)]);
    let kept_edit = |record: &mut ClientRecord, kept: &mut StoredConversation| {
        edited(record);
        kept.messages[0].content = "new".into();
    };
    assert_eq!(found(kept_edit), []);

    let reacted =
        |record: &mut ClientRecord| record.reactions.extend([(12, "+".into(), 1), (12, "+".into(), 2)]);
    let shown = |kept: &mut StoredConversation, count| {
        kept.messages[1].reactions.push(Reaction { emoji: "+".into(), count, me: false });
    };
    assert_eq!(found(|record, _| reacted(record)), [(Violation::Lost, 1)]);
    for (count, expected) in [(1, Some(Violation::Lost)), (2, None), (3, Some(Violation::Phantom))] {
        let violations = found(|record, kept| {
            reacted(record);
            shown(kept, count);
        });
        assert_eq!(violations.first().map(|(violation, _)| *violation), expected);
    }

    assert_eq!(found(|record, _| record.read(5, 1, 3)), [(Violation::Lost, 1)]);
}

fn state_of(kept: &StoredConversation) -> State {
    let mut state = State::default();
    for message in &kept.messages {
        state.apply(&ServerFrame::Message(MessageFrame {
            event: "created".into(),
            conversation_id: 5,
            message: Box::new(Message { status: "PENDING".into(), ..message.clone() }),
            cursor: "c".into(),
        }));
    }
    state.apply(&ServerFrame::Receipt(Receipt {
        conversation_id: 5,
        user_id: 1,
        delivered_seq: 3,
        read_seq: 2,
        cursor: "c".into(),
        ..Receipt::default()
    }));
    state
}

#[test]
fn a_client_that_differs_from_the_log_is_noticed() {
    let (_, log) = correct();
    let different = |user, change: fn(&mut StoredConversation)| {
        let mut log = log.clone();
        let state = state_of(&log[&5]);
        change(log.get_mut(&5).unwrap());
        compare(user, &state, &log).count(Violation::Different)
    };
    assert_eq!(different(1, |_| ()), 0);
    assert_eq!(different(1, |kept| kept.messages[1].rev += 1), 1);
    assert_eq!(different(1, |kept| kept.messages.push(message(20, 4, "d"))), 1);
    assert_eq!(different(1, |kept| drop(kept.messages.pop())), 1);
    assert_eq!(different(2, |kept| kept.pointers.extend([(2, (1, 0))])), 1);
    // A user who is not a member receives nothing.
    assert_eq!(different(3, |kept| drop(kept.messages.pop())), 0);
}

#[test]
fn a_client_that_receives_a_later_message_first_is_noticed() {
    let gaps = |seen: &[i64]| {
        let (mut seen_order, mut findings) = (SeenOrder::default(), Findings::default());
        seen.iter().for_each(|seq| seen_order.note(5, *seq, &mut findings));
        findings.count(Violation::Gap)
    };
    assert_eq!(gaps(&[1, 2, 2, 1, 3]), 0);
    assert_eq!(gaps(&[1, 3, 2, 4]), 1);
    assert_eq!(gaps(&[2]), 1);
}
