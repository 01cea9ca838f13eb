//! Each kind of violation is found, and what is right is not taken for one.

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

/// Three messages that were sent, acknowledged and stored.
fn good() -> (Ledger, Log) {
    let mut ledger = Ledger::default();
    let mut kept = Kept { pointers: [(1, (3, 2)), (2, (0, 0))].into(), ..Kept::default() };
    for (number, key) in (1..).zip(["a", "b", "c"]) {
        let message = message(10 + number, number, key);
        ledger.sending(key, &message.content);
        ledger.sent(key, place_of(&message), message.rev);
        kept.messages.push(message);
    }
    ledger.read(5, 1, 2);
    (ledger, [(5, kept)].into())
}

/// What is found once the log, or what was told, is spoilt.
fn found(spoil: impl FnOnce(&mut Ledger, &mut Kept)) -> Vec<(Violation, u64)> {
    let (mut ledger, mut log) = good();
    spoil(&mut ledger, log.get_mut(&5).unwrap());
    judge(&ledger, &log).counts.into_iter().collect()
}

#[test]
fn nothing_is_wrong_with_what_is_right() {
    assert_eq!(found(|_, _| ()), []);
    // A retry that was told the same.
    assert_eq!(found(|ledger, kept| ledger.sent("b", place_of(&kept.messages[1]), 1)), []);
    // Of an earlier cycle only the end is known.
    let since = |ledger: &mut Ledger, kept: &mut Kept| {
        kept.base = 1;
        kept.messages.remove(0);
        ledger.sends.remove("a");
    };
    assert_eq!(found(since), []);
}

#[test]
fn a_message_that_is_gone_is_lost_and_leaves_a_gap() {
    let spoilt = found(|_, kept| drop(kept.messages.remove(1)));
    assert_eq!(spoilt, [(Violation::Lost, 1), (Violation::Gap, 1)]);
    assert_eq!(found(|_, kept| drop(kept.messages.pop())), [(Violation::Lost, 1)]);
}

#[test]
fn a_message_at_another_place_or_with_another_text_is_lost() {
    let spoilt = found(|ledger, _| ledger.sends.get_mut("c").unwrap().told[0].id += 1);
    assert_eq!(spoilt, [(Violation::Lost, 1)]);
    assert_eq!(found(|_, kept| kept.messages[0].content.clear()), [(Violation::Lost, 1)]);
    assert_eq!(found(|_, kept| kept.messages[2].rev = 1), [(Violation::Lost, 1)]);
}

#[test]
fn a_message_that_is_there_twice_is_doubled() {
    let spoilt = found(|_, kept| kept.messages.push(message(20, 4, "b")));
    assert_eq!(spoilt, [(Violation::Doubled, 1)]);
}

#[test]
fn a_retry_that_is_told_another_place_is_doubled() {
    let spoilt = found(|ledger, _| ledger.sent("b", Place { id: 20, conversation: 5, seq: 4 }, 2));
    assert_eq!(spoilt, [(Violation::Doubled, 1)]);
}

#[test]
fn a_log_out_of_order_is_in_disorder() {
    let spoilt = found(|_, kept| kept.messages[2].id = 1);
    assert!(spoilt.contains(&(Violation::Disorder, 1)), "{spoilt:?}");
    let spoilt = found(|_, kept| kept.messages.swap(0, 1));
    assert!(spoilt.iter().any(|(violation, _)| *violation == Violation::Disorder), "{spoilt:?}");
}

#[test]
fn a_message_that_nobody_sent_is_a_phantom() {
    let spoilt = found(|_, kept| kept.messages.push(message(20, 4, "z")));
    assert_eq!(spoilt, [(Violation::Phantom, 1)]);
}

#[test]
fn what_has_no_answer_or_a_refusal_is_noted() {
    assert_eq!(
        found(|ledger, _| ledger.sends.get_mut("a").unwrap().told.clear()),
        [(Violation::Unanswered, 1)]
    );
    assert_eq!(found(|ledger, _| ledger.unanswered = 2), [(Violation::Unanswered, 2)]);
    assert_eq!(found(|ledger, _| ledger.refusals.push("no".into())), [(Violation::Refused, 1)]);
}

#[test]
fn an_edit_a_reaction_or_a_reading_that_is_gone_is_lost() {
    let edited = |ledger: &mut Ledger| drop(ledger.edits.insert(11, "new".into()));
    assert_eq!(found(|ledger, _| edited(ledger)), [(Violation::Lost, 1)]);
    let kept_edit = |ledger: &mut Ledger, kept: &mut Kept| {
        edited(ledger);
        kept.messages[0].content = "new".into();
    };
    assert_eq!(found(kept_edit), []);

    let reacted = |ledger: &mut Ledger| ledger.reactions.extend([(12, "+".into(), 1), (12, "+".into(), 2)]);
    let shown = |kept: &mut Kept, count| {
        kept.messages[1].reactions.push(Reaction { emoji: "+".into(), count, me: false });
    };
    assert_eq!(found(|ledger, _| reacted(ledger)), [(Violation::Lost, 1)]);
    for (count, expected) in [(1, Some(Violation::Lost)), (2, None), (3, Some(Violation::Phantom))] {
        let spoilt = found(|ledger, kept| {
            reacted(ledger);
            shown(kept, count);
        });
        assert_eq!(spoilt.first().map(|(violation, _)| *violation), expected);
    }

    assert_eq!(found(|ledger, _| ledger.read(5, 1, 3)), [(Violation::Lost, 1)]);
}

fn told(kept: &Kept) -> State {
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
        unread: None,
        mentions: None,
        cursor: "c".into(),
    }));
    state
}

#[test]
fn a_client_that_has_something_else_than_the_log_is_noticed() {
    let (_, log) = good();
    let different = |user, change: fn(&mut Kept)| {
        let mut log = log.clone();
        let state = told(&log[&5]);
        change(log.get_mut(&5).unwrap());
        compare(user, &state, &log).count(Violation::Different)
    };
    assert_eq!(different(1, |_| ()), 0);
    assert_eq!(different(1, |kept| kept.messages[1].rev += 1), 1);
    assert_eq!(different(1, |kept| kept.messages.push(message(20, 4, "d"))), 1);
    assert_eq!(different(1, |kept| drop(kept.messages.pop())), 1);
    assert_eq!(different(2, |kept| kept.pointers.extend([(2, (1, 0))])), 1);
    // Somebody who is no member is told nothing.
    assert_eq!(different(3, |kept| drop(kept.messages.pop())), 0);
}

#[test]
fn a_client_that_sees_a_later_message_first_is_noticed() {
    let gaps = |seen: &[i64]| {
        let (mut sight, mut findings) = (Sight::default(), Findings::default());
        seen.iter().for_each(|seq| sight.note(5, *seq, &mut findings));
        findings.count(Violation::Gap)
    };
    assert_eq!(gaps(&[1, 2, 2, 1, 3]), 0);
    assert_eq!(gaps(&[1, 3, 2, 4]), 1);
    assert_eq!(gaps(&[2]), 1);
}
