//! Threads, drafts, and the mark that a conversation is unread.

use chat_protocol::message::{Thread, ThreadSummary};

use super::*;

/// Two messages, and below the first a thread of two replies, one of them Tom's.
fn with_a_thread() -> (Bench, [Message; 2]) {
    let mut root = message(1, 1, 2, "root");
    root.thread = Some(ThreadSummary { replies: 2, last_reply_at: Time(START * 1_000_000) });
    let reply = |seq, sender, text| Message { thread_id: Some(root.id), ..message(1, seq, sender, text) };
    let replies = [reply(2, 1, "mine"), reply(4, 2, "theirs")];
    let [mine, theirs] = replies.clone();
    let all = [root, mine, message(1, 3, 2, "aside"), theirs];
    (Bench::chatting((80, 24), &[conversation(1, all.last().cloned(), own(0))], &all), replies)
}

#[test]
fn a_thread_is_opened_read_and_answered_apart_from_its_conversation() {
    let (mut bench, replies) = with_a_thread();
    bench.key(KeyCode::Up);
    bench.key(KeyCode::Char('t'));
    let root = 100_001;
    assert_eq!(bench.model.place, Some(Place::Thread(1, root)));
    assert!(matches!(
        bench.errands()[..],
        [.., Errand::Thread(100_001), Errand::Older { thread: Some(100_001), before: None, .. }]
    ));
    let told = Thread { root: message(1, 1, 2, "root"), read_seq: 2, unread: 1 };
    bench.answer(Errand::Thread(root), Ok(Fruit::Thread(Box::new(told))));
    let older = Errand::Older { conversation: 1, thread: Some(root), before: None };
    bench.answer(older, Ok(Fruit::Messages(replies.to_vec())));
    assert_eq!(walk::shown_seqs(&bench.model), [1, 2, 4], "the root and its replies, and nothing else");
    assert_eq!(bench.model.desk().unwrap().new_from, Some(3));
    let reads = |bench: &Bench| {
        let pointers = bench.asked().into_iter().filter_map(|op| match op {
            Op::Read(pointer) => pointer.thread_id.map(|thread| (thread, pointer.seq)),
            _ => None,
        });
        pointers.collect::<Vec<_>>()
    };
    assert_eq!(reads(&bench), [(root, 4)]);
    bench.say("an answer");
    let send = bench.sends().pop().unwrap();
    assert_eq!((send.conversation_id, send.body.thread_id, send.body.reply_to), (Some(1), Some(root), None));
    // An answer to one of the replies stays below the same root.
    bench.key(KeyCode::Up);
    bench.key(KeyCode::Char('r'));
    bench.say("to you");
    let send = bench.sends().pop().unwrap();
    assert_eq!((send.body.thread_id, send.body.reply_to), (Some(root), Some(100_004)));
    bench.arrive("created", Message { thread_id: Some(root), ..message(1, 5, 2, "more") });
    bench.arrive("created", message(1, 6, 2, "elsewhere"));
    assert_eq!(walk::shown_seqs(&bench.model).last(), Some(&5));
    assert_eq!(reads(&bench), [(root, 4), (root, 5)]);
    assert!(bench.model.count(1).unread > 0, "the conversation has not been read");
    bench.key(KeyCode::Esc);
    assert_eq!((bench.model.place, bench.model.count(1).unread), (Some(Place::Room(1)), 0));
}

#[test]
fn the_key_that_follows_goes_to_the_quoted_message_or_to_the_thread() {
    let (mut bench, _) = with_a_thread();
    for _ in 0..4 {
        bench.key(KeyCode::Up);
    }
    bench.key(KeyCode::Enter);
    assert_eq!(bench.model.place, Some(Place::Thread(1, 100_001)), "from the root");
    // In the thread, an answer to what is not in it leads out again.
    let mut reply = message(1, 7, 2, "to the aside");
    (reply.thread_id, reply.reply_to) = (Some(100_001), Some(100_003));
    let older = Errand::Older { conversation: 1, thread: Some(100_001), before: None };
    bench.answer(older, Ok(Fruit::Messages(vec![reply])));
    bench.key(KeyCode::Up);
    bench.key(KeyCode::Enter);
    let desk = bench.model.desk().unwrap();
    assert_eq!((bench.model.place, desk.selected), (Some(Place::Room(1)), Some(3)));
}

fn drafts(bench: &Bench) -> Vec<&str> {
    let texts = bench.errands().into_iter().filter_map(|errand| match errand {
        Errand::SaveDraft { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// The server has taken the last draft it was told, or has not.
fn draft_answered(bench: &mut Bench, is_taken: bool) {
    let mut errands = bench.errands().into_iter();
    let last = errands.rfind(|errand| matches!(errand, Errand::SaveDraft { .. })).unwrap().clone();
    let Errand::SaveDraft { text, .. } = &last else { panic!() };
    let kept = OwnPart { draft: Some(text.clone()), ..own(0) };
    let outcome = match is_taken {
        true => Ok(Fruit::Conversation(Box::new(conversation(1, None, kept)))),
        false => Err(Failure { why: "it does not answer".into(), is_passing: true }),
    };
    bench.answer(last, outcome);
}

fn told_draft(bench: &mut Bench, draft: &str) {
    let part = OwnPart { draft: Some(draft.into()).filter(|draft: &String| !draft.is_empty()), ..own(0) };
    bench.hear(ServerFrame::Conversation(ConversationFrame {
        conversation: Box::new(conversation(1, None, part)),
        cursor: String::new(),
    }));
}

#[test]
fn what_is_begun_is_kept_at_the_server_and_what_is_sent_is_not() {
    let mut bench = with_jerry(1);
    bench.write("half a");
    assert_eq!(drafts(&bench), [""; 0], "somebody is typing");
    bench.wait(2);
    assert_eq!(drafts(&bench), ["half a"]);
    draft_answered(&mut bench, false);
    bench.wait(2);
    assert_eq!(drafts(&bench), ["half a", "half a"], "it did not get there");
    draft_answered(&mut bench, true);
    bench.say(" sentence");
    assert_eq!(drafts(&bench).last(), Some(&""));
    draft_answered(&mut bench, true);
    bench.write("/mute");
    bench.wait(5);
    bench.key(KeyCode::Enter);
    bench.control('e');
    bench.wait(5);
    assert_eq!(drafts(&bench).len(), 3, "neither commands nor other texts for messages are drafts");
}

#[test]
fn what_was_begun_elsewhere_is_there_and_changes_with_it() {
    let mut bench = with_jerry(1);
    let text = |bench: &Bench| bench.model.desk().unwrap().editor.text().to_owned();
    told_draft(&mut bench, "on the phone");
    assert_eq!(text(&bench), "on the phone");
    told_draft(&mut bench, "");
    assert_eq!(text(&bench), "", "it was sent there");
    bench.write("here");
    told_draft(&mut bench, "there");
    assert_eq!(text(&bench), "here", "what is typed here is not taken away");
}

#[test]
fn what_is_begun_is_kept_before_leaving() {
    let mut bench = with_jerry(1);
    bench.write("half a");
    bench.take(Input::Leave);
    assert_eq!((drafts(&bench), bench.model.is_saving()), (vec!["half a"], true));
    draft_answered(&mut bench, true);
    assert!(!bench.model.is_saving());
}

#[test]
fn a_mark_of_unread_lasts_until_the_conversation_is_opened_again() {
    let mut bench = with_jerry(1);
    let reads = |bench: &Bench| bench.asked().iter().filter(|op| matches!(op, Op::Read(_))).count();
    let before = reads(&bench);
    bench.key(KeyCode::Tab);
    bench.key(KeyCode::Char('u'));
    assert!(
        matches!(bench.errands().last(), Some(Errand::SetState { state, .. }) if state.marked_unread == Some(true))
    );
    let marked = OwnPart { marked_unread: true, read_seq: 1, ..own(0) };
    bench.hear(ServerFrame::Conversation(ConversationFrame {
        conversation: Box::new(conversation(1, None, marked)),
        cursor: String::new(),
    }));
    bench.key(KeyCode::Tab);
    bench.wait(1);
    assert_eq!(reads(&bench), before, "it is before the person's eyes all the time");
    bench.key(KeyCode::Tab);
    bench.key(KeyCode::Enter);
    bench.wait(1);
    assert_eq!(reads(&bench), before + 1);
}
