//! The model without a terminal or a server: what is told to it, and what it wants done.

mod conversations;

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
use crate::screen::errand::{Failure, Fruit};
use crate::screen::walk;

/// 2025-10-25T16:00:00Z
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

/// A model and what it has wanted so far.
pub(crate) struct Bench {
    pub(crate) model: Model,
    pub(crate) wanted: Vec<Effect>,
    second: i64,
}

impl Bench {
    /// Tom's screen, before anything came.
    pub(crate) fn new(size: (u16, u16)) -> Self {
        let fixed = Circumstances {
            me: user(1, "tom"),
            server: "127.0.0.1:8080".into(),
            zone: TimeZone::UTC,
            name: "run".into(),
            wish: None,
        };
        Self { model: Model::new(fixed, size), wanted: Vec::new(), second: START + 3600 }
    }

    /// Tom's screen with these conversations, the first of which is open, whole, with these messages.
    pub(crate) fn chatting(size: (u16, u16), conversations: &[Conversation], messages: &[Message]) -> Self {
        let mut bench = Self::new(size);
        bench.greet(false);
        bench.live();
        bench.load(conversations);
        if let Some(conversation) = bench.model.room_id() {
            bench.answer(
                Errand::Older { conversation, thread: None, before: None },
                Ok(Fruit::Messages(messages.to_vec())),
            );
        }
        bench.answer(Errand::User(2), Ok(Fruit::User(user(2, "jerry"))));
        bench.wanted.clear();
        bench
    }

    pub(crate) fn load(&mut self, conversations: &[Conversation]) {
        let asked = self.model.state.now();
        let page = Conversations { conversations: conversations.to_vec(), next_cursor: None };
        self.answer(Errand::Conversations { asked, cursor: None }, Ok(Fruit::Conversations(page)));
    }

    pub(crate) fn take(&mut self, input: Input) {
        let now = Timestamp::from_second(self.second).unwrap();
        self.wanted.extend(self.model.update(now, input));
    }

    pub(crate) fn wait(&mut self, seconds: i64) {
        self.second += seconds;
        self.take(Input::Tick);
    }

    pub(crate) fn hear(&mut self, frame: ServerFrame) {
        self.take(Input::Stream(Box::new(Event::Frame(frame))));
    }

    pub(crate) fn greet(&mut self, resumed: bool) {
        self.hear(ServerFrame::Hello(Hello {
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
        self.hear(ServerFrame::Live(At { cursor: "c-1".into() }));
    }

    pub(crate) fn disconnect(&mut self) {
        let again_in = std::time::Duration::from_secs(3);
        self.take(Input::Stream(Box::new(Event::Disconnected {
            why: "the connection broke".into(),
            again_in,
        })));
    }

    pub(crate) fn arrive(&mut self, event: &'static str, message: Message) {
        self.hear(ServerFrame::Message(MessageFrame {
            event: event.into(),
            conversation_id: message.conversation_id,
            message: Box::new(message),
            cursor: "c-2".into(),
        }));
    }

    pub(crate) fn answer(&mut self, errand: Errand, outcome: Result<Fruit, Failure>) {
        let generation = self.model.generation;
        self.take(Input::Answer(Answer { errand, generation, outcome }));
    }

    pub(crate) fn key(&mut self, code: KeyCode) {
        self.take(Input::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }

    pub(crate) fn control(&mut self, letter: char) {
        self.take(Input::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)));
    }

    pub(crate) fn write(&mut self, text: &str) {
        for c in text.chars() {
            self.key(KeyCode::Char(c));
        }
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.write(text);
        self.key(KeyCode::Enter);
    }

    pub(crate) fn asked(&self) -> Vec<&Op> {
        let ops = self.wanted.iter().filter_map(|effect| match effect {
            Effect::Ask(op) => Some(op),
            _ => None,
        });
        ops.collect()
    }

    pub(crate) fn sends(&self) -> Vec<chat_protocol::v2::Send> {
        let sends = self.asked().into_iter().filter_map(|op| match op {
            Op::Send(send) => Some(send.clone()),
            _ => None,
        });
        sends.collect()
    }

    fn errands(&self) -> Vec<&Errand> {
        let errands = self.wanted.iter().filter_map(|effect| match effect {
            Effect::Run(errand, _) => Some(errand),
            _ => None,
        });
        errands.collect()
    }
}

fn talk(n: i64) -> Vec<Message> {
    (1..=n).map(|seq| message(1, seq, 1 + seq % 2, &format!("number {seq}"))).collect()
}

fn with_jerry(n: i64) -> Bench {
    let messages = talk(n);
    Bench::chatting((80, 24), &[conversation(1, messages.last().cloned(), own(0))], &messages)
}

fn ack(bench: &mut Bench, number: usize, seq: i64) {
    let op = Op::Send(bench.sends()[number].clone());
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
    bench.take(Input::Stream(Box::new(Event::Acked { id: 1, op, ack })));
}

#[test]
fn what_is_sent_waits_until_the_server_has_it_and_stands_there_once() {
    let mut bench = with_jerry(3);
    bench.say("hello");
    bench.say("again");
    let sends = bench.sends();
    assert_eq!(sends.iter().map(|send| send.conversation_id).collect::<Vec<_>>(), [Some(1), Some(1)]);
    assert_ne!(sends[0].body.client_msg_id, sends[1].body.client_msg_id);
    assert_eq!(bench.model.n_waiting(), 2);
    let mut stored = message(1, 4, 1, "hello");
    stored.client_msg_id.clone_from(&sends[0].body.client_msg_id);
    bench.arrive("created", stored);
    assert_eq!(bench.model.n_waiting(), 1);
    ack(&mut bench, 1, 5);
    assert_eq!((bench.model.n_waiting(), walk::shown_seqs(&bench.model)), (0, vec![1, 2, 3, 4, 5]));
}

#[test]
fn what_is_sent_while_offline_is_asked_for_once() {
    let mut bench = with_jerry(3);
    bench.disconnect();
    bench.say("meanwhile");
    bench.greet(true);
    bench.live();
    assert_eq!((bench.sends().len(), bench.model.n_waiting()), (1, 1));
    ack(&mut bench, 0, 4);
    assert_eq!(bench.model.n_waiting(), 0);
}

#[test]
fn what_is_refused_stays_with_the_reason_and_can_be_sent_again_or_dropped() {
    let mut bench = with_jerry(1);
    bench.say("hello");
    let op = Op::Send(bench.sends()[0].clone());
    let refusal = Refusal {
        id: None,
        code: "forbidden".into(),
        error: "not here\u{1b}[2J".into(),
        temporary: false,
        retry_after_ms: None,
        policy: None,
    };
    bench.take(Input::Stream(Box::new(Event::Refused { id: 1, op, refusal })));
    assert_eq!(bench.model.outgoing[0].refused.as_deref(), Some("not here"));
    bench.say("/retry");
    assert_eq!((bench.sends().len(), bench.model.outgoing.len()), (2, 1));
    bench.model.outgoing[0].refused = Some("again".into());
    bench.say("/drop");
    assert_eq!(bench.model.outgoing, []);
}

#[test]
fn what_is_seen_is_read_and_what_is_not_waits() {
    let mut bench = with_jerry(2);
    let last = |bench: &Bench| bench.asked().iter().filter(|op| matches!(op, Op::Read(_))).count();
    bench.arrive("created", message(1, 3, 2, "hi"));
    assert_eq!((last(&bench), bench.model.count(1).unread), (1, 0));
    bench.take(Input::Focus(false));
    bench.arrive("created", message(1, 4, 2, "are you there?"));
    assert_eq!((last(&bench), bench.model.count(1).unread), (1, 1));
    assert!(bench.wanted.iter().any(|effect| matches!(effect, Effect::Ring)));
    bench.take(Input::Focus(true));
    assert_eq!((last(&bench), bench.model.count(1).unread), (2, 0));
}

#[test]
fn what_waits_elsewhere_is_counted_once_and_mentions_apart() {
    let direct = conversation(1, Some(message(1, 9, 2, "hi")), own(0));
    let mut group = conversation(7, Some(message(7, 4, 2, "hi")), own(3));
    group.created_at = Time(0);
    let mut bench = Bench::chatting((80, 24), &[direct, group], &[message(1, 9, 2, "hi")]);
    assert_eq!(bench.model.place, Some(Place::Room(1)));
    let mut called = message(7, 5, 2, "@tom");
    called.mentions = vec![1];
    for _ in 0..2 {
        bench.arrive("created", called.clone());
    }
    bench.arrive("edited", Message { rev: 99, ..message(7, 5, 2, "@tom!") });
    bench.arrive("created", message(7, 6, 1, "mine"));
    let count = bench.model.count(7);
    assert_eq!((count.unread, count.mentions), (4, 1));
    // Read on another device.
    let cursor = String::new();
    bench.hear(ServerFrame::Receipt(Receipt {
        conversation_id: 7,
        user_id: 1,
        delivered_seq: 6,
        read_seq: 6,
        unread: Some(0),
        mentions: Some(0),
        cursor,
    }));
    assert_eq!(bench.model.count(7).unread, 0);
}

#[test]
fn typing_is_shown_until_it_is_over_and_told_now_and_then() {
    let mut bench = with_jerry(1);
    bench.hear(ServerFrame::Typing(Typing { conversation_id: 1, user_id: 2, expires_in_ms: 5_000 }));
    assert_eq!(bench.model.typists(1).collect::<Vec<_>>(), [2]);
    bench.wait(6);
    assert_eq!(bench.model.typists(1).count(), 0);
    bench.write("hello");
    let told = |bench: &Bench| bench.asked().iter().filter(|op| matches!(op, Op::Typing(_))).count();
    assert_eq!(told(&bench), 1);
    bench.wait(4);
    bench.write(" there");
    assert_eq!(told(&bench), 2);
}

#[test]
fn history_is_loaded_page_by_page_until_it_is_whole() {
    let all = talk(250);
    let conversations = [conversation(1, all.last().cloned(), own(0))];
    let mut bench = Bench::chatting((80, 24), &conversations, &all[150..]);
    let older = |bench: &Bench| {
        let befores = bench.errands().into_iter().filter_map(|errand| match errand {
            Errand::Older { before, .. } => *before,
            _ => None,
        });
        befores.collect::<Vec<_>>()
    };
    for _ in 0..8 {
        bench.key(KeyCode::PageUp);
    }
    assert_eq!(older(&bench), [151], "once, and before the top is reached");
    bench.answer(
        Errand::Older { conversation: 1, thread: None, before: Some(151) },
        Ok(Fruit::Messages(all[50..150].to_vec())),
    );
    for _ in 0..8 {
        bench.key(KeyCode::PageUp);
    }
    assert_eq!(older(&bench), [151, 51]);
    bench.answer(
        Errand::Older { conversation: 1, thread: None, before: Some(51) },
        Ok(Fruit::Messages(all[..50].to_vec())),
    );
    for _ in 0..8 {
        bench.key(KeyCode::PageUp);
    }
    assert_eq!((older(&bench).len(), walk::shown_seqs(&bench.model)[0]), (2, 1));
}

#[test]
fn what_comes_does_not_move_what_is_being_read() {
    let mut bench = with_jerry(90);
    bench.key(KeyCode::PageUp);
    let before = walk::shown_seqs(&bench.model);
    bench.arrive("created", message(1, 91, 2, "news"));
    assert_eq!(walk::shown_seqs(&bench.model), before);
    assert_eq!(bench.model.count(1).unread, 1, "it has not been seen");
    for _ in 0..3 {
        bench.key(KeyCode::PageDown);
    }
    assert_eq!(walk::shown_seqs(&bench.model).last(), Some(&91));
    assert_eq!(bench.model.count(1).unread, 0);
}

#[test]
fn messages_are_chosen_and_acted_on() {
    let mut bench = with_jerry(30);
    bench.key(KeyCode::Up);
    bench.key(KeyCode::Up);
    bench.key(KeyCode::Char('+'));
    bench.key(KeyCode::Char('1'));
    assert!(
        matches!(bench.asked().last(), Some(Op::React(react)) if react.message_id == 100_029 && react.emoji == "👍")
    );
    bench.key(KeyCode::Char('r'));
    bench.say("yes");
    assert_eq!(bench.sends()[0].body.reply_to, Some(100_029));
    // 29 is Jerry's, 28 is Tom's: an even number plus one.
    bench.key(KeyCode::Up);
    bench.key(KeyCode::Up);
    bench.key(KeyCode::Up);
    bench.key(KeyCode::Char('d'));
    assert_eq!(
        bench.model.prompt.as_ref().unwrap().choices.len(),
        2,
        "one's own may be deleted for everyone"
    );
    bench.key(KeyCode::Enter);
    assert!(
        matches!(bench.asked().last(), Some(Op::Delete(delete)) if delete.message_id == 100_028 && delete.scope.is_none())
    );
}

#[test]
fn the_own_last_message_is_edited_and_the_text_that_was_there_comes_back() {
    let mut bench = with_jerry(4);
    bench.control('e');
    assert_eq!(bench.model.desk().unwrap().editor.text(), "number 4");
    bench.say("!");
    assert!(
        matches!(bench.asked().last(), Some(Op::Edit(edit)) if edit.message_id == 100_004 && edit.edit.content == "number 4!")
    );
    bench.write("a draft");
    bench.key(KeyCode::Up);
    bench.key(KeyCode::Char('e'));
    bench.key(KeyCode::Esc);
    assert_eq!(bench.model.desk().unwrap().editor.text(), "a draft");
}

#[test]
fn a_message_on_its_way_is_not_edited_and_neither_is_the_one_before_it() {
    let mut bench = with_jerry(4);
    bench.say("on its way");
    bench.control('e');
    assert_eq!(bench.model.desk().unwrap().editor.text(), "");
    ack(&mut bench, 0, 5);
    bench.control('e');
    assert_eq!(bench.model.desk().unwrap().editor.text(), "on its way");
}

#[test]
fn a_new_conversation_begins_with_its_first_message() {
    let mut bench = Bench::chatting((80, 24), &[], &[]);
    bench.control('k');
    bench.write("jer");
    bench.answer(Errand::Users("jer".into()), Ok(Fruit::Users(vec![user(2, "jerry")])));
    bench.key(KeyCode::Enter);
    assert_eq!(bench.model.place, Some(Place::User(2)));
    bench.say("hi");
    assert_eq!(bench.sends()[0].to_user, Some(2));
    bench.hear(ServerFrame::Conversation(ConversationFrame {
        conversation: Box::new(conversation(1, None, own(0))),
        cursor: String::new(),
    }));
    ack(&mut bench, 0, 1);
    assert_eq!((bench.model.place, bench.model.outgoing.len()), (Some(Place::Room(1)), 0));
}

#[test]
fn a_stream_that_cannot_resume_loads_all_anew() {
    let mut bench = with_jerry(5);
    bench.disconnect();
    bench.greet(false);
    bench.live();
    assert!(bench.errands().iter().any(|errand| matches!(errand, Errand::Conversations { .. })));
    bench.load(&[conversation(1, Some(message(1, 9, 2, "later")), own(4))]);
    let again =
        bench.errands().into_iter().filter(|errand| matches!(errand, Errand::Older { before: None, .. }));
    assert_eq!(again.count(), 1, "what is open is loaded again");
}

#[test]
fn a_found_message_is_shown_among_its_neighbours_and_the_end_is_loaded_again() {
    let all = talk(400);
    let mut bench = Bench::chatting((80, 24), &[conversation(1, all.last().cloned(), own(0))], &all[300..]);
    bench.control('f');
    bench.say("cheese");
    bench.answer(
        Errand::Search { words: "cheese".into(), conversation: None },
        Ok(Fruit::Messages(vec![all[99].clone()])),
    );
    bench.key(KeyCode::Enter);
    assert!(matches!(bench.errands().last(), Some(Errand::Around { seq: 100, .. })));
    bench.answer(Errand::Around { conversation: 1, seq: 100 }, Ok(Fruit::Messages(all[70..170].to_vec())));
    let seqs = walk::shown_seqs(&bench.model);
    assert!(seqs.contains(&100) && !seqs.contains(&400), "{seqs:?}");
    bench.key(KeyCode::Esc);
    assert!(matches!(bench.errands().last(), Some(Errand::Older { before: None, .. })));
}

#[test]
fn leaving_with_something_unsent_is_asked_about() {
    let mut bench = with_jerry(1);
    bench.disconnect();
    bench.say("unsent");
    bench.control('c');
    assert!(!bench.wanted.iter().any(|effect| matches!(effect, Effect::Quit)));
    bench.key(KeyCode::Down);
    bench.key(KeyCode::Enter);
    assert!(bench.wanted.iter().any(|effect| matches!(effect, Effect::Quit)));
}
