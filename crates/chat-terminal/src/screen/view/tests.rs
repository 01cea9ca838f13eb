//! Tests of the drawn screen, without a terminal.

use chat_protocol::message::{Message, Quote, Reaction, ThreadSummary};
use chat_protocol::time::Time;
use chat_protocol::v2::{AppendFrame, Receipt, ServerFrame, Typing};
use crossterm::event::KeyCode;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::view;
use crate::screen::model::tests::{Harness, conversation, message, own};
use crate::screen::model::{Input, Model};
use crate::screen::request::{Request, Response};

/// The rows of the screen as text.
fn screen(model: &Model) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(model.size.0, model.size.1)).unwrap();
    terminal.draw(|frame| view(model, frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let rows = buffer.content().chunks(usize::from(model.size.0.max(1)));
    rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>()).collect()
}

#[track_caller]
fn shows(model: &Model, text: &str) {
    let screen = screen(model);
    assert!(screen.iter().any(|row| row.contains(text)), "no {text:?} in\n{}", screen.join("\n"));
}

fn chatting(size: (u16, u16), messages: &[Message]) -> Harness {
    Harness::chatting(size, &[conversation(1, messages.last().cloned(), own(0))], messages)
}

#[test]
fn a_message_is_shown_with_all_that_belongs_to_it() {
    let first = message(1, 1, 2, "Is there cheese?");
    let mut second = message(1, 2, 1, "There is.");
    second.quote =
        Some(Quote { message_id: 1, sender_id: 2, content: "Is there cheese?".into(), deleted: false });
    second.edited_at = Some(Time(1));
    second.reactions = vec![Reaction { emoji: "🧀".into(), count: 2, me: false }];
    second.thread = Some(ThreadSummary { replies: 3, last_reply_at: Time(1_761_408_300_000_000) });
    let mut third = message(1, 3, 2, "");
    third.deleted_at = Some(Time(1));
    let harness = chatting((80, 24), &[first, second, third]);
    for text in [
        "16:00 jerry Is there cheese?",
        "┃ jerry: Is there cheese?",
        "There is. (edited)",
        "🧀 ",
        "└ 3 replies, the last at 16:05",
        "deleted",
        "─ today ─",
        "● tom online",
    ] {
        shows(&harness.model, text);
    }
}

#[test]
fn a_thread_shows_its_root() {
    let mut root = message(1, 1, 2, "Is there cheese?");
    root.thread = Some(ThreadSummary { replies: 1, last_reply_at: Time(1_761_408_300_000_000) });
    let reply = Message { thread_id: Some(root.id), ..message(1, 2, 1, "There is.") };
    let mut harness = chatting((80, 24), &[root.clone(), reply.clone(), message(1, 3, 2, "aside")]);
    shows(&harness.model, "└ in the thread of jerry: Is there cheese?");
    for key in [KeyCode::Up, KeyCode::Up, KeyCode::Char('t')] {
        harness.key(key);
    }
    let older = Request::Older { conversation: 1, thread: Some(root.id), before: None };
    harness.respond(older, Ok(Response::Messages(vec![reply])));
    for text in
        ["└ thread jerry: Is there cheese?", "1 reply", "16:00 jerry Is there", "There is.", "Esc back to"]
    {
        shows(&harness.model, text);
    }
    let screen = screen(&harness.model).join("\n");
    assert!(!screen.contains("in the thread of"), "{screen}");
    // The list shows the last message of the conversation.
    assert_eq!(screen.matches("aside").count(), 1, "{screen}");
}

#[test]
fn ticks_show_delivery_and_reading() {
    let mut harness = chatting((80, 24), &[message(1, 1, 1, "hello")]);
    let tick = |harness: &Harness| {
        let rows = screen(&harness.model);
        let row = rows.iter().find(|row| row.contains("tom hello")).unwrap().clone();
        row.matches('✓').count()
    };
    assert_eq!(tick(&harness), 1);
    harness.receive(ServerFrame::Receipt(Receipt {
        conversation_id: 1,
        user_id: 2,
        delivered_seq: 1,
        read_seq: 0,
        ..Receipt::default()
    }));
    assert_eq!(tick(&harness), 2);
}

#[test]
fn text_grows_while_it_is_written() {
    let mut growing = message(1, 1, 2, "Once");
    growing.streaming = Some("growing".into());
    let mut harness = chatting((80, 24), &[growing]);
    shows(&harness.model, "Once▌");
    harness.receive(ServerFrame::Append(AppendFrame {
        conversation_id: 1,
        message_id: 100_001,
        seq: 1,
        rev: 2,
        offset: 4,
        content: " upon".into(),
        cursor: String::new(),
    }));
    shows(&harness.model, "Once upon▌");
}

#[test]
fn the_offline_banner_counts_waiting_messages() {
    let mut harness = chatting((80, 24), &[message(1, 1, 2, "hi")]);
    harness.disconnect();
    harness.enter("meanwhile");
    shows(&harness.model, "Offline · 1 message waits · the connection broke");
    shows(&harness.model, "tom meanwhile");
    shows(&harness.model, "offline, again in 3 s");
}

#[test]
fn the_list_shows_unread_messages_and_typing() {
    let group = conversation(7, Some(message(7, 4, 2, "four")), own(3));
    let direct = conversation(1, Some(message(1, 9, 2, "hi")), own(0));
    let mut harness = Harness::chatting((80, 24), &[direct, group], &[message(1, 9, 2, "hi")]);
    shows(&harness.model, "# Group 7");
    shows(&harness.model, "jerry: four");
    harness.receive(ServerFrame::Typing(Typing { conversation_id: 7, user_id: 2, expires_in_ms: 5_000 }));
    shows(&harness.model, "typing …");
    harness.receive(ServerFrame::Typing(Typing { conversation_id: 1, user_id: 2, expires_in_ms: 5_000 }));
    shows(&harness.model, "jerry is typing …");
}

#[test]
fn the_list_shows_drafts() {
    let mut begun = own(0);
    begun.draft = Some("half a \u{1b}[2Jsentence".into());
    let group = conversation(7, Some(message(7, 4, 2, "four")), begun);
    let direct = conversation(1, Some(message(1, 9, 2, "hi")), own(0));
    let mut harness = Harness::chatting((100, 24), &[direct, group], &[message(1, 9, 2, "hi")]);
    shows(&harness.model, "draft: half a sente");
    harness.control('n');
    shows(&harness.model, "› half a");
    assert!(
        !screen(&harness.model).iter().any(|row| row.contains("draft:")),
        "it stands where it is written"
    );
    harness.control('p');
    shows(&harness.model, "draft: half a");
}

#[test]
fn a_narrow_screen_shows_one_thing_at_a_time() {
    let mut harness = chatting((40, 10), &[message(1, 1, 2, "Is there cheese?")]);
    shows(&harness.model, "Is there cheese?");
    harness.key(KeyCode::Tab);
    shows(&harness.model, "jerry");
    assert!(!screen(&harness.model).iter().any(|row| row.contains("16:00 jerry Is")));
    harness.key(KeyCode::F(1));
    shows(&harness.model, "Keys");
    for _ in 0..5 {
        harness.key(KeyCode::Down);
    }
    shows(&harness.model, "    cancel a reply or edit;");
}

#[test]
fn prompts_are_drawn_over_the_screen() {
    let mut harness = chatting((80, 24), &[message(1, 1, 2, "hi")]);
    for (open, text) in [('k', "go to"), ('f', "search"), ('g', "name of the new group")] {
        harness.control(open);
        shows(&harness.model, text);
        harness.key(KeyCode::Esc);
    }
    harness.key(KeyCode::F(1));
    shows(&harness.model, "Ctrl-K");
}

fn hostile() -> impl Strategy<Value = String> {
    "(\\PC|[\u{0}-\u{9f}]|\u{1b}[\\[\\]P(;?0-9a-zA-Z]{1,6}|[\u{202a}-\u{202e}\u{2066}-\u{2069}]|\u{301}{1,30}|漢|👨‍👩‍👧|[א-ת]{1,5}|\n){0,40}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// For any text of other users and any screen size, no cell contains a character that controls a terminal.
    #[test]
    fn text_of_other_users_never_controls_the_terminal(
        texts in proptest::collection::vec(hostile(), 4),
        size in (1_u16..120, 1_u16..40),
        keys in proptest::collection::vec(0_usize..8, 0..12),
    ) {
        let [content, name, group, emoji] = &texts[..] else { panic!() };
        let mut sent = message(7, 1, 2, content);
        sent.reactions = vec![Reaction { emoji: emoji.clone(), count: 1, me: false }];
        sent.quote = Some(Quote { message_id: 1, sender_id: 2, content: content.clone(), deleted: false });
        sent.media = vec![chat_protocol::message::Media { url: name.clone(), kind: Some(emoji.clone()), ..Default::default() }];
        let mut room = conversation(7, Some(sent.clone()), own(1));
        room.name = Some(group.clone());
        let mut harness = Harness::chatting(size, &[room], &[sent]);
        harness.respond(
            Request::User(2),
            Ok(Response::User(crate::screen::model::tests::user(2, name))),
        );
        harness.update(Input::Paste(content.clone()));
        let codes = [KeyCode::Up, KeyCode::Down, KeyCode::Tab, KeyCode::PageUp, KeyCode::F(1), KeyCode::Esc, KeyCode::Char('+'), KeyCode::Enter];
        for key in keys {
            harness.key(codes[key]);
            for cell in screen(&harness.model) {
                prop_assert!(!cell.chars().any(|c| c.is_control()
                    || ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c)), "{cell:?}");
            }
        }
    }
}
