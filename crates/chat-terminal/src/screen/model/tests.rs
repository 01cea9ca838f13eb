//! Tests of the model without a terminal or a server: inputs in, effects out.

mod conversations;
mod counts;

use std::borrow::Cow;

use chat_client::v2::{Event, Op};
use chat_protocol::conversation::{Conversation, Conversations, OwnPart};
use chat_protocol::message::Message;
use chat_protocol::rest::User;
use chat_protocol::time::Time;
use chat_protocol::v2::{
    Ack, At, ConversationFrame, Hello, MessageFrame, Receipt, Refusal, ServerFrame, Typing,
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;
use crate::screen::request::{Failure, Response};
use crate::screen::viewport;

/// 2025-10-25T16:00:00Z, in seconds since 1970.
pub(crate) const START: i64 = 1_761_408_000;

pub(crate) fn user(id: i64, name: &str) -> User {
    User { id, username: name.into(), email: None, created_at: Time(0) }
}

pub(crate) fn message(conversation: i64, seq: i64, sender: i64, content: &str) -> Message {
    let at = Time((START + seq) * 1_000_000);
    let json = serde_json::json!({
        "id": conversation * 100_000 + seq, "sender_id": sender, "recipient_id": 3 - sender, "group_id": 0,
        "type": "text", "content": content, "media_url": "", "timestamp": at, "status": "PENDING",
        "conversation_id": conversation, "seq": seq, "rev": seq, "media": [], "reply_to": null, "quote": null,
        "thread_id": null, "thread": null, "forwarded_from": null, "reactions": [], "mentions": [],
        "mention_all": false, "custom": null, "client_msg_id": null, "edited_at": null, "deleted_at": null,
        "pinned_at": null, "pinned_by": null, "streaming": null,
    });
    serde_json::from_value(json).unwrap()
}

pub(crate) fn own(unread: u32) -> OwnPart {
    OwnPart {
        role: Some("member".into()),
        delivered_seq: 0,
        read_seq: 0,
        unread,
        mentions: 0,
        marked_unread: false,
        muted_until: None,
        archived: false,
        pinned: false,
        draft: None,
        capabilities: vec!["post".into()],
    }
}

/// A direct conversation with user 2, or the group of that number.
pub(crate) fn conversation(id: i64, last: Option<Message>, own: OwnPart) -> Conversation {
    let is_direct = id == 1;
    Conversation {
        id,
        kind: Cow::Borrowed(if is_direct { "direct" } else { "group" }),
        user_id: is_direct.then_some(2),
        group_id: (!is_direct).then_some(id),
        name: (!is_direct).then(|| format!("Group {id}")),
        owner_id: (!is_direct).then_some(1),
        rev: 1,
        last_seq: last.as_ref().map_or(0, |message| message.seq),
        n_members: 2,
        created_at: Time(START * 1_000_000),
        last_message: last.map(Box::new),
        own: Some(own),
    }
}

/// A model with the effects that it has returned, and a clock.
pub(crate) struct Harness {
    pub(crate) model: Model,
    pub(crate) effects: Vec<Effect>,
    second: i64,
}

impl Harness {
    /// Tom's screen before the first input.
    pub(crate) fn new(size: (u16, u16)) -> Self {
        let config = Config {
            me: user(1, "tom"),
            server: "127.0.0.1:8080".into(),
            zone: TimeZone::UTC,
            new_key: chat_client::new_key,
            pending: None,
        };
        Self { model: Model::new(config, size), effects: Vec::new(), second: START + 3600 }
    }

    /// Tom's screen with these conversations. The first is open and has exactly these messages.
    pub(crate) fn chatting(size: (u16, u16), conversations: &[Conversation], messages: &[Message]) -> Self {
        let mut harness = Self::new(size);
        harness.greet(false);
        harness.live();
        harness.load(conversations);
        if let Some(conversation) = harness.model.room_id() {
            harness.respond(
                Request::Older { conversation, thread: None, before: None },
                Ok(Response::Messages(messages.to_vec())),
            );
        }
        harness.respond(Request::User(2), Ok(Response::User(user(2, "jerry"))));
        harness.effects.clear();
        harness
    }

    pub(crate) fn load(&mut self, conversations: &[Conversation]) {
        let asked_at = self.model.state.now();
        let page = Conversations { conversations: conversations.to_vec(), next_cursor: None };
        self.respond(Request::Conversations { asked_at, cursor: None }, Ok(Response::Conversations(page)));
    }

    pub(crate) fn update(&mut self, input: Input) {
        let now = Timestamp::from_second(self.second).unwrap();
        self.effects.extend(self.model.update(now, input));
    }

    pub(crate) fn wait(&mut self, seconds: i64) {
        self.second += seconds;
        self.update(Input::Tick);
    }

    pub(crate) fn receive(&mut self, frame: ServerFrame) {
        self.update(Input::Stream(Box::new(Event::Frame(frame))));
    }

    pub(crate) fn greet(&mut self, resumed: bool) {
        self.receive(ServerFrame::Hello(Hello {
            user_id: 1,
            session_id: "s".into(),
            cursor: "c-1".into(),
            heartbeat_ms: 20_000,
            resumed,
            features: Vec::new(),
            server_version: "0".into(),
        }));
    }

    pub(crate) fn live(&mut self) {
        self.receive(ServerFrame::Live(At { cursor: "c-1".into() }));
    }

    pub(crate) fn disconnect(&mut self) {
        let again_in = std::time::Duration::from_secs(3);
        self.update(Input::Stream(Box::new(Event::Disconnected {
            why: "the connection broke".into(),
            again_in,
        })));
    }

    pub(crate) fn receive_message(&mut self, event: &'static str, message: Message) {
        self.receive(ServerFrame::Message(MessageFrame {
            event: event.into(),
            conversation_id: message.conversation_id,
            message: Box::new(message),
            cursor: "c-2".into(),
        }));
    }

    pub(crate) fn respond(&mut self, request: Request, outcome: Result<Response, Failure>) {
        let generation = self.model.generation;
        self.update(Input::Completed(Completed { request, generation, outcome }));
    }

    pub(crate) fn key(&mut self, code: KeyCode) {
        self.update(Input::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }

    pub(crate) fn control(&mut self, letter: char) {
        self.update(Input::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)));
    }

    pub(crate) fn type_text(&mut self, text: &str) {
        for c in text.chars() {
            self.key(KeyCode::Char(c));
        }
    }

    /// Types a text and presses Enter.
    pub(crate) fn enter(&mut self, text: &str) {
        self.type_text(text);
        self.key(KeyCode::Enter);
    }

    pub(crate) fn submitted(&self) -> Vec<&Op> {
        let ops = self.effects.iter().filter_map(|effect| match effect {
            Effect::Submit(op) => Some(op),
            _ => None,
        });
        ops.collect()
    }

    pub(crate) fn sends(&self) -> Vec<chat_protocol::v2::Send> {
        let sends = self.submitted().into_iter().filter_map(|op| match op {
            Op::Send(send) => Some(send.clone()),
            _ => None,
        });
        sends.collect()
    }

    fn requests(&self) -> Vec<&Request> {
        let requests = self.effects.iter().filter_map(|effect| match effect {
            Effect::Request(request, _) => Some(request),
            _ => None,
        });
        requests.collect()
    }
}

/// The messages 1 to `n` with Jerry. Odd ones are Jerry's, even ones Tom's.
fn numbered_messages(n: i64) -> Vec<Message> {
    (1..=n).map(|seq| message(1, seq, 1 + seq % 2, &format!("number {seq}"))).collect()
}

fn with_jerry(n: i64) -> Harness {
    let messages = numbered_messages(n);
    Harness::chatting((80, 24), &[conversation(1, messages.last().cloned(), own(0))], &messages)
}

/// Acknowledges a send, counted from 0, as the message `seq`.
fn ack(harness: &mut Harness, number: usize, seq: i64) {
    let op = Op::Send(harness.sends()[number].clone());
    let Op::Send(send) = &op else { panic!() };
    let mut stored = message(1, seq, 1, send.body.content.as_deref().unwrap());
    stored.client_msg_id.clone_from(&send.body.client_msg_id);
    let ack = Ack {
        id: None,
        message: Some(Box::new(stored)),
        duplicate: None,
        message_id: None,
        rev: None,
        length: None,
    };
    harness.update(Input::Stream(Box::new(Event::Acked { id: 1, op, ack })));
}

#[test]
fn a_sent_message_waits_for_the_server_and_is_shown_once() {
    let mut harness = with_jerry(3);
    harness.enter("hello");
    harness.enter("again");
    let sends = harness.sends();
    assert_eq!(sends.iter().map(|send| send.conversation_id).collect::<Vec<_>>(), [Some(1), Some(1)]);
    assert_ne!(sends[0].body.client_msg_id, sends[1].body.client_msg_id);
    assert_eq!(harness.model.n_waiting(), 2);
    let mut stored = message(1, 4, 1, "hello");
    stored.client_msg_id.clone_from(&sends[0].body.client_msg_id);
    harness.receive_message("created", stored);
    assert_eq!(harness.model.n_waiting(), 1);
    ack(&mut harness, 1, 5);
    assert_eq!((harness.model.n_waiting(), viewport::shown_seqs(&harness.model)), (0, vec![1, 2, 3, 4, 5]));
}

#[test]
fn a_message_sent_offline_is_submitted_once() {
    let mut harness = with_jerry(3);
    harness.disconnect();
    harness.enter("meanwhile");
    harness.greet(true);
    harness.live();
    assert_eq!((harness.sends().len(), harness.model.n_waiting()), (1, 1));
    ack(&mut harness, 0, 4);
    assert_eq!(harness.model.n_waiting(), 0);
}

#[test]
fn a_refused_message_stays_with_the_reason_and_can_be_resent_or_dropped() {
    let mut harness = with_jerry(1);
    harness.enter("hello");
    let op = Op::Send(harness.sends()[0].clone());
    let refusal = Refusal {
        id: None,
        code: "forbidden".into(),
        error: "not here\u{1b}[2J".into(),
        temporary: false,
        retry_after_ms: None,
        policy: None,
    };
    harness.update(Input::Stream(Box::new(Event::Refused { id: 1, op, refusal })));
    assert_eq!(harness.model.outgoing[0].refused.as_deref(), Some("not here"));
    harness.enter("/retry");
    assert_eq!((harness.sends().len(), harness.model.outgoing.len()), (2, 1));
    harness.model.outgoing[0].refused = Some("again".into());
    harness.enter("/drop");
    assert_eq!(harness.model.outgoing, []);
}

#[test]
fn messages_on_the_screen_are_read_and_others_stay_unread() {
    let mut harness = with_jerry(2);
    let last = |harness: &Harness| harness.submitted().iter().filter(|op| matches!(op, Op::Read(_))).count();
    harness.receive_message("created", message(1, 3, 2, "hi"));
    assert_eq!((last(&harness), harness.model.count(1).unread), (1, 0));
    harness.update(Input::Focus(false));
    harness.receive_message("created", message(1, 4, 2, "are you there?"));
    assert_eq!((last(&harness), harness.model.count(1).unread), (1, 1));
    assert!(harness.effects.iter().any(|effect| matches!(effect, Effect::Ring)));
    harness.update(Input::Focus(true));
    assert_eq!((last(&harness), harness.model.count(1).unread), (2, 0));
}

#[test]
fn unread_messages_elsewhere_are_counted_once_and_mentions_apart() {
    let direct = conversation(1, Some(message(1, 9, 2, "hi")), own(0));
    let mut group = conversation(7, Some(message(7, 4, 2, "hi")), own(3));
    group.created_at = Time(0);
    let mut harness = Harness::chatting((80, 24), &[direct, group], &[message(1, 9, 2, "hi")]);
    assert_eq!(harness.model.chat, Some(Chat::Room(1)));
    let mut mention = message(7, 5, 2, "@tom");
    mention.mentions = vec![1];
    for _ in 0..2 {
        harness.receive_message("created", mention.clone());
    }
    harness.receive_message("edited", Message { rev: 99, ..message(7, 5, 2, "@tom!") });
    harness.receive_message("created", message(7, 6, 1, "mine"));
    let count = harness.model.count(7);
    assert_eq!((count.unread, count.mentions), (4, 1));
    // Read on another device.
    harness.receive(ServerFrame::Receipt(Receipt {
        conversation_id: 7,
        user_id: 1,
        delivered_seq: 6,
        read_seq: 6,
        unread: Some(0),
        mentions: Some(0),
        ..Receipt::default()
    }));
    assert_eq!(harness.model.count(7).unread, 0);
}

#[test]
fn typing_is_shown_until_it_expires_and_signalled_now_and_then() {
    let mut harness = with_jerry(1);
    harness.receive(ServerFrame::Typing(Typing { conversation_id: 1, user_id: 2, expires_in_ms: 5_000 }));
    assert_eq!(harness.model.typists(1).collect::<Vec<_>>(), [2]);
    harness.wait(6);
    assert_eq!(harness.model.typists(1).count(), 0);
    harness.type_text("hello");
    let signals =
        |harness: &Harness| harness.submitted().iter().filter(|op| matches!(op, Op::Typing(_))).count();
    assert_eq!(signals(&harness), 1);
    harness.wait(4);
    harness.type_text(" there");
    assert_eq!(signals(&harness), 2);
}

#[test]
fn history_is_loaded_page_by_page_until_it_is_whole() {
    let all = numbered_messages(250);
    let conversations = [conversation(1, all.last().cloned(), own(0))];
    let mut harness = Harness::chatting((80, 24), &conversations, &all[150..]);
    let older = |harness: &Harness| {
        let befores = harness.requests().into_iter().filter_map(|request| match request {
            Request::Older { before, .. } => *before,
            _ => None,
        });
        befores.collect::<Vec<_>>()
    };
    for _ in 0..8 {
        harness.key(KeyCode::PageUp);
    }
    assert_eq!(older(&harness), [151], "once, and before the top is reached");
    harness.respond(
        Request::Older { conversation: 1, thread: None, before: Some(151) },
        Ok(Response::Messages(all[50..150].to_vec())),
    );
    for _ in 0..8 {
        harness.key(KeyCode::PageUp);
    }
    assert_eq!(older(&harness), [151, 51]);
    harness.respond(
        Request::Older { conversation: 1, thread: None, before: Some(51) },
        Ok(Response::Messages(all[..50].to_vec())),
    );
    for _ in 0..8 {
        harness.key(KeyCode::PageUp);
    }
    assert_eq!((older(&harness).len(), viewport::shown_seqs(&harness.model)[0]), (2, 1));
}

#[test]
fn a_new_message_does_not_scroll_the_messages_being_read() {
    let mut harness = with_jerry(90);
    harness.key(KeyCode::PageUp);
    let before = viewport::shown_seqs(&harness.model);
    harness.receive_message("created", message(1, 91, 2, "news"));
    assert_eq!(viewport::shown_seqs(&harness.model), before);
    assert_eq!(harness.model.count(1).unread, 1, "it has not been seen");
    for _ in 0..3 {
        harness.key(KeyCode::PageDown);
    }
    assert_eq!(viewport::shown_seqs(&harness.model).last(), Some(&91));
    assert_eq!(harness.model.count(1).unread, 0);
}

#[test]
fn messages_are_selected_and_acted_on() {
    let mut harness = with_jerry(30);
    harness.key(KeyCode::Up);
    harness.key(KeyCode::Up);
    harness.key(KeyCode::Char('+'));
    harness.key(KeyCode::Char('1'));
    assert!(
        matches!(harness.submitted().last(), Some(Op::React(react)) if react.message_id == 100_029 && react.emoji == "👍")
    );
    harness.key(KeyCode::Char('r'));
    harness.enter("yes");
    assert_eq!(harness.sends()[0].body.reply_to, Some(100_029));
    // Message 29 is Jerry's, 28 is Tom's own.
    harness.key(KeyCode::Up);
    harness.key(KeyCode::Up);
    harness.key(KeyCode::Up);
    harness.key(KeyCode::Char('d'));
    assert_eq!(
        harness.model.prompt.as_ref().unwrap().choices.len(),
        2,
        "one's own may be deleted for everyone"
    );
    harness.key(KeyCode::Enter);
    assert!(
        matches!(harness.submitted().last(), Some(Op::Delete(delete)) if delete.message_id == 100_028 && delete.scope.is_none())
    );
}

#[test]
fn the_last_own_message_is_edited_and_the_draft_comes_back() {
    let mut harness = with_jerry(4);
    harness.control('e');
    assert_eq!(harness.model.pane().unwrap().editor.text(), "number 4");
    harness.enter("!");
    assert!(
        matches!(harness.submitted().last(), Some(Op::Edit(edit)) if edit.message_id == 100_004 && edit.edit.content == "number 4!")
    );
    harness.type_text("a draft");
    harness.key(KeyCode::Up);
    harness.key(KeyCode::Char('e'));
    harness.key(KeyCode::Esc);
    assert_eq!(harness.model.pane().unwrap().editor.text(), "a draft");
}

#[test]
fn a_message_on_its_way_is_not_edited_and_neither_is_the_one_before_it() {
    let mut harness = with_jerry(4);
    harness.enter("on its way");
    harness.control('e');
    assert_eq!(harness.model.pane().unwrap().editor.text(), "");
    ack(&mut harness, 0, 5);
    harness.control('e');
    assert_eq!(harness.model.pane().unwrap().editor.text(), "on its way");
}

#[test]
fn a_new_conversation_begins_with_its_first_message() {
    let mut harness = Harness::chatting((80, 24), &[], &[]);
    harness.control('k');
    harness.type_text("jer");
    harness.respond(Request::Users("jer".into()), Ok(Response::Users(vec![user(2, "jerry")])));
    harness.key(KeyCode::Enter);
    assert_eq!(harness.model.chat, Some(Chat::User(2)));
    harness.enter("hi");
    assert_eq!(harness.sends()[0].to_user, Some(2));
    harness.receive(ServerFrame::Conversation(ConversationFrame {
        conversation: Box::new(conversation(1, None, own(0))),
        cursor: String::new(),
    }));
    ack(&mut harness, 0, 1);
    assert_eq!((harness.model.chat, harness.model.outgoing.len()), (Some(Chat::Room(1)), 0));
}

#[test]
fn a_stream_that_cannot_resume_reloads_everything() {
    let mut harness = with_jerry(5);
    harness.disconnect();
    harness.greet(false);
    harness.live();
    assert!(harness.requests().iter().any(|request| matches!(request, Request::Conversations { .. })));
    harness.load(&[conversation(1, Some(message(1, 9, 2, "later")), own(4))]);
    let again = harness
        .requests()
        .into_iter()
        .filter(|request| matches!(request, Request::Older { before: None, .. }));
    assert_eq!(again.count(), 1, "what is open is loaded again");
}

#[test]
fn a_found_message_is_shown_among_its_neighbours_and_the_end_is_loaded_again() {
    let all = numbered_messages(400);
    let mut harness =
        Harness::chatting((80, 24), &[conversation(1, all.last().cloned(), own(0))], &all[300..]);
    harness.control('f');
    harness.enter("cheese");
    harness.respond(
        Request::Search { words: "cheese".into(), conversation: None },
        Ok(Response::Messages(vec![all[99].clone()])),
    );
    harness.key(KeyCode::Enter);
    assert!(matches!(harness.requests().last(), Some(Request::Around { seq: 100, .. })));
    harness.respond(
        Request::Around { conversation: 1, seq: 100 },
        Ok(Response::Messages(all[70..170].to_vec())),
    );
    let seqs = viewport::shown_seqs(&harness.model);
    assert!(seqs.contains(&100) && !seqs.contains(&400), "{seqs:?}");
    harness.key(KeyCode::Esc);
    assert!(matches!(harness.requests().last(), Some(Request::Older { before: None, .. })));
}

/// The thread's pane would wait for messages that go to the conversation's.
#[test]
fn a_jump_to_a_message_that_the_open_thread_has_not_loaded_leads_to_the_conversation() {
    let all = numbered_messages(400);
    let mut harness =
        Harness::chatting((80, 24), &[conversation(1, all.last().cloned(), own(0))], &all[300..]);
    let root = &all[349];
    harness.model.open(Chat::Thread(1, root.id));
    harness.model.jump(1, root.seq);
    assert_eq!(harness.model.chat, Some(Chat::Room(1)));
    assert_eq!(harness.model.pane().and_then(|pane| pane.selected), Some(root.seq));
}

#[test]
fn a_date_shows_the_messages_from_then_on() {
    let mut all = numbered_messages(400);
    // The first of them was sent on 2025-10-25, those from 300 on the day after.
    for message in &mut all[299..] {
        message.timestamp.0 += 24 * 3600 * 1_000_000;
    }
    let mut harness =
        Harness::chatting((80, 24), &[conversation(1, all.last().cloned(), own(0))], &all[390..]);
    harness.enter("/date 2025-10-26");
    let request = harness.requests().last().cloned().unwrap();
    let Request::Date { conversation: 1, at } = request else { panic!("{request:?}") };
    assert_eq!(at.to_string(), "2025-10-26T00:00:00Z");
    harness.respond(request.clone(), Ok(Response::Messages(all[200..350].to_vec())));
    let seqs = viewport::shown_seqs(&harness.model);
    assert!(seqs.contains(&300) && !seqs.contains(&400), "{seqs:?}");
    assert_eq!(harness.model.pane().unwrap().selected, Some(300));

    harness.key(KeyCode::Esc);
    harness.enter("/date 2025-10-26 09:30");
    let request = harness.requests().last().cloned().unwrap();
    assert!(matches!(&request, Request::Date { at, .. } if at.to_string() == "2025-10-26T09:30:00Z"));
    let late = Request::Date { conversation: 1, at: chat_protocol::time::Time(i64::MAX) };
    harness.respond(late, Ok(Response::Messages(all[300..].to_vec())));
    assert_eq!(harness.model.pane().unwrap().selected, Some(400));
    assert_eq!(harness.model.notice.as_ref().unwrap().text, "nothing was sent here after that");

    for bad in ["/date", "/date yesterday", "/date 2025-13-01"] {
        harness.key(KeyCode::Esc);
        harness.enter(bad);
        assert!(harness.model.notice.as_ref().unwrap().text.starts_with("/date needs a day"), "{bad}");
    }
    assert_eq!(harness.requests().iter().filter(|it| matches!(it, Request::Date { .. })).count(), 2);
}

#[test]
fn quitting_with_unsent_messages_asks_first() {
    let mut harness = with_jerry(1);
    harness.disconnect();
    harness.enter("unsent");
    harness.control('c');
    assert!(!harness.effects.iter().any(|effect| matches!(effect, Effect::Quit)));
    harness.key(KeyCode::Down);
    harness.key(KeyCode::Enter);
    assert!(harness.effects.iter().any(|effect| matches!(effect, Effect::Quit)));
}
