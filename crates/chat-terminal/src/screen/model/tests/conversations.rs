//! Tests of threads, drafts and the "marked unread" flag.

use chat_protocol::message::{Thread, ThreadSummary};

use super::*;

/// Two messages, the first of which has a thread of two replies, one of them Tom's.
fn with_a_thread() -> (Harness, [Message; 2]) {
    let mut root = message(1, 1, 2, "root");
    root.thread = Some(ThreadSummary { replies: 2, last_reply_at: Time(START * 1_000_000) });
    let reply = |seq, sender, text| Message { thread_id: Some(root.id), ..message(1, seq, sender, text) };
    let replies = [reply(2, 1, "mine"), reply(4, 2, "theirs")];
    let [mine, theirs] = replies.clone();
    let all = [root, mine, message(1, 3, 2, "aside"), theirs];
    (Harness::chatting((80, 24), &[conversation(1, all.last().cloned(), own(0))], &all), replies)
}

#[test]
fn a_thread_is_opened_read_and_answered_apart_from_its_conversation() {
    let (mut harness, replies) = with_a_thread();
    harness.key(KeyCode::Up);
    harness.key(KeyCode::Char('t'));
    let root = 100_001;
    assert_eq!(harness.model.chat, Some(Chat::Thread(1, root)));
    assert!(matches!(
        harness.requests()[..],
        [.., Request::Thread(100_001), Request::Older { thread: Some(100_001), before: None, .. }]
    ));
    let thread = Thread { root: message(1, 1, 2, "root"), read_seq: 2, unread: 1 };
    harness.respond(Request::Thread(root), Ok(Response::Thread(Box::new(thread))));
    let older = Request::Older { conversation: 1, thread: Some(root), before: None };
    harness.respond(older, Ok(Response::Messages(replies.to_vec())));
    assert_eq!(viewport::shown_seqs(&harness.model), [1, 2, 4], "the root and its replies, and nothing else");
    assert_eq!(harness.model.pane().unwrap().new_from, Some(3));
    let reads = |harness: &Harness| {
        let pointers = harness.submitted().into_iter().filter_map(|op| match op {
            Op::Read(pointer) => pointer.thread_id.map(|thread| (thread, pointer.seq)),
            _ => None,
        });
        pointers.collect::<Vec<_>>()
    };
    assert_eq!(reads(&harness), [(root, 4)]);
    harness.enter("an answer");
    let send = harness.sends().pop().unwrap();
    assert_eq!((send.conversation_id, send.body.thread_id, send.body.reply_to), (Some(1), Some(root), None));
    // A reply to one of the replies belongs to the same thread.
    harness.key(KeyCode::Up);
    harness.key(KeyCode::Char('r'));
    harness.enter("to you");
    let send = harness.sends().pop().unwrap();
    assert_eq!((send.body.thread_id, send.body.reply_to), (Some(root), Some(100_004)));
    harness.receive_message("created", Message { thread_id: Some(root), ..message(1, 5, 2, "more") });
    harness.receive_message("created", message(1, 6, 2, "elsewhere"));
    assert_eq!(viewport::shown_seqs(&harness.model).last(), Some(&5));
    assert_eq!(reads(&harness), [(root, 4), (root, 5)]);
    assert!(harness.model.count(1).unread > 0, "the conversation has not been read");
    harness.key(KeyCode::Esc);
    assert_eq!((harness.model.chat, harness.model.count(1).unread), (Some(Chat::Room(1)), 0));
}

#[test]
fn enter_goes_to_the_quoted_message_or_to_the_thread() {
    let (mut harness, _) = with_a_thread();
    for _ in 0..4 {
        harness.key(KeyCode::Up);
    }
    harness.key(KeyCode::Enter);
    assert_eq!(harness.model.chat, Some(Chat::Thread(1, 100_001)), "from the root");
    // A reply in the thread to a message outside it leads back to the conversation.
    let mut reply = message(1, 7, 2, "to the aside");
    (reply.thread_id, reply.reply_to) = (Some(100_001), Some(100_003));
    let older = Request::Older { conversation: 1, thread: Some(100_001), before: None };
    harness.respond(older, Ok(Response::Messages(vec![reply])));
    harness.key(KeyCode::Up);
    harness.key(KeyCode::Enter);
    let pane = harness.model.pane().unwrap();
    assert_eq!((harness.model.chat, pane.selected), (Some(Chat::Room(1)), Some(3)));
}

fn drafts(harness: &Harness) -> Vec<&str> {
    let texts = harness.requests().into_iter().filter_map(|request| match request {
        Request::SaveDraft { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// Responds to the last request to save a draft, with success or a temporary failure.
fn respond_to_draft(harness: &mut Harness, is_saved: bool) {
    let mut requests = harness.requests().into_iter();
    let last = requests.rfind(|request| matches!(request, Request::SaveDraft { .. })).unwrap().clone();
    let Request::SaveDraft { text, .. } = &last else { panic!() };
    let kept = OwnPart { draft: Some(text.clone()), ..own(0) };
    let outcome = match is_saved {
        true => Ok(Response::Conversation(Box::new(conversation(1, None, kept)))),
        false => Err(Failure { why: "it does not answer".into(), is_temporary: true }),
    };
    harness.respond(last, outcome);
}

fn receive_draft(harness: &mut Harness, draft: &str) {
    let part = OwnPart { draft: Some(draft.into()).filter(|draft: &String| !draft.is_empty()), ..own(0) };
    harness.receive(ServerFrame::Conversation(ConversationFrame {
        conversation: Box::new(conversation(1, None, part)),
        cursor: String::new(),
    }));
}

#[test]
fn a_draft_is_saved_at_the_server_and_removed_when_sent() {
    let mut harness = with_jerry(1);
    harness.type_text("half a");
    assert_eq!(drafts(&harness), [""; 0], "somebody is typing");
    harness.wait(2);
    assert_eq!(drafts(&harness), ["half a"]);
    respond_to_draft(&mut harness, false);
    harness.wait(2);
    assert_eq!(drafts(&harness), ["half a", "half a"], "it did not get there");
    respond_to_draft(&mut harness, true);
    harness.enter(" sentence");
    assert_eq!(drafts(&harness).last(), Some(&""));
    respond_to_draft(&mut harness, true);
    harness.type_text("/mute");
    harness.wait(5);
    harness.key(KeyCode::Enter);
    harness.control('e');
    harness.wait(5);
    assert_eq!(drafts(&harness).len(), 3, "neither commands nor other texts for messages are drafts");
}

#[test]
fn a_draft_of_another_device_appears_and_follows_its_changes() {
    let mut harness = with_jerry(1);
    let text = |harness: &Harness| harness.model.pane().unwrap().editor.text().to_owned();
    receive_draft(&mut harness, "on the phone");
    assert_eq!(text(&harness), "on the phone");
    receive_draft(&mut harness, "");
    assert_eq!(text(&harness), "", "it was sent there");
    harness.type_text("here");
    receive_draft(&mut harness, "there");
    assert_eq!(text(&harness), "here", "what is typed here is not taken away");
}

#[test]
fn a_draft_is_saved_before_quitting() {
    let mut harness = with_jerry(1);
    harness.type_text("half a");
    harness.update(Input::Leave);
    assert_eq!((drafts(&harness), harness.model.is_saving()), (vec!["half a"], true));
    respond_to_draft(&mut harness, true);
    assert!(!harness.model.is_saving());
}

#[test]
fn an_unread_mark_lasts_until_the_conversation_is_opened_again() {
    let mut harness = with_jerry(1);
    let reads = |harness: &Harness| harness.submitted().iter().filter(|op| matches!(op, Op::Read(_))).count();
    let before = reads(&harness);
    harness.key(KeyCode::Tab);
    harness.key(KeyCode::Char('u'));
    assert!(
        matches!(harness.requests().last(), Some(Request::SetState { state, .. }) if state.marked_unread == Some(true))
    );
    let marked = OwnPart { marked_unread: true, read_seq: 1, ..own(0) };
    harness.receive(ServerFrame::Conversation(ConversationFrame {
        conversation: Box::new(conversation(1, None, marked)),
        cursor: String::new(),
    }));
    harness.key(KeyCode::Tab);
    harness.wait(1);
    assert_eq!(reads(&harness), before, "it is before the person's eyes all the time");
    harness.key(KeyCode::Tab);
    harness.key(KeyCode::Enter);
    harness.wait(1);
    assert_eq!(reads(&harness), before + 1);
}
