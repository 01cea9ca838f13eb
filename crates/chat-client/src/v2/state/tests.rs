//! A client ends with the server's state, however REST answers, live frames and resumed frames interleave and
//! repeat.

mod model;

use std::collections::VecDeque;

use chat_protocol::conversation::Conversation;
use chat_protocol::message::Message;
use chat_protocol::v2::{At, ServerFrame};
use proptest::collection::vec;
use proptest::prelude::*;

use self::model::{Op, Server, op};
use super::super::cursor_of;
use super::*;

/// A step of the server or of its client.
#[derive(Debug, Clone)]
enum Step {
    /// The server performs a change.
    Op(Op),
    /// The next frames arrive, at most this number.
    Deliver(u8),
    /// The connection breaks; the client resumes from its cursor, or from the one that it had this number of
    /// cursors before.
    Reconnect(u8),
    /// The server answers a REST call.
    Ask,
    /// One of the answers arrives.
    Answer(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => op().prop_map(Step::Op),
        3 => (1..6_u8).prop_map(Step::Deliver),
        1 => prop_oneof![Just(0), 0..9_u8].prop_map(Step::Reconnect),
        1 => Just(Step::Ask),
        1 => any::<u8>().prop_map(Step::Answer),
    ]
}

/// A REST answer, as of one moment.
struct Answer {
    asked: Moment,
    conversations: Vec<Conversation>,
    messages: Vec<Message>,
}

/// A client, and the frames and answers on their way to it.
struct Client {
    state: State,
    cursors: Vec<u64>,
    frames: VecDeque<ServerFrame>,
    /// Number of frames of the server's log that the present connection has taken.
    taken: usize,
    answers: Vec<Answer>,
}

impl Client {
    /// Connects without a cursor, and then requests everything over REST.
    fn connect(server: &Server) -> Self {
        let mut state = State::default();
        state.apply(&server.hello());
        let cursors = vec![server.position()];
        let taken = server.live().len();
        let mut client = Self { state, cursors, frames: VecDeque::new(), taken, answers: Vec::new() };
        client.ask(server);
        client
    }

    fn ask(&mut self, server: &Server) {
        let (conversations, messages) = server.rest();
        self.answers.push(Answer { asked: self.state.now(), conversations, messages });
    }

    fn answer(&mut self, number: usize) {
        if self.answers.is_empty() {
            return;
        }
        let answer = self.answers.remove(number % self.answers.len());
        for conversation in &answer.conversations {
            self.state.load_conversation(answer.asked, conversation);
        }
        self.state.load_messages(&answer.messages);
    }

    fn deliver(&mut self, server: &Server, count: usize) {
        self.frames.extend(server.live().get(self.taken..).unwrap_or_default().iter().cloned());
        self.taken = server.live().len();
        for frame in self.frames.drain(..count.min(self.frames.len())) {
            assert_ne!(self.state.apply(&frame), Applied::Gap, "{frame:?}");
            self.cursors.extend(cursor_of(&frame).and_then(|cursor| cursor.parse::<u64>().ok()));
        }
    }

    fn reconnect(&mut self, server: &Server, back: usize) {
        let newest = self.cursors.len() - 1;
        let from = self.cursors[newest.saturating_sub(back)];
        self.frames = server.resume(from).into();
        self.frames.push_back(ServerFrame::Live(At { cursor: server.position().to_string() }));
        self.taken = server.live().len();
    }

    fn step(&mut self, server: &mut Server, step: Step) {
        match step {
            Step::Op(op) => server.perform(op),
            Step::Deliver(count) => self.deliver(server, count.into()),
            Step::Reconnect(back) => self.reconnect(server, back.into()),
            Step::Ask => self.ask(server),
            Step::Answer(number) => self.answer(number.into()),
        }
    }

    fn settle(&mut self, server: &Server) {
        self.deliver(server, usize::MAX);
        while !self.answers.is_empty() {
            self.answer(0);
        }
    }
}

/// Leaves out the fields that follow from others and move no `rev`.
fn comparable(conversation: &Conversation) -> Conversation {
    Conversation { rev: 0, last_seq: 0, last_message: None, own: None, ..conversation.clone() }
}

fn check(state: &State, server: &Server, connected_at: u64) {
    let (conversations, messages) = server.rest();
    for conversation in &conversations {
        let room = &state.rooms()[&conversation.id];
        assert_eq!(room.about().map(comparable), Some(comparable(conversation)));
        assert_eq!(room.own(), conversation.own.as_ref());
        let expected: Vec<&Message> =
            messages.iter().filter(|message| message.conversation_id == conversation.id).collect();
        assert_eq!(room.messages().values().collect::<Vec<_>>(), expected);
        for (user, pointers) in server.pointers_since(conversation.id, connected_at) {
            assert_eq!(room.pointers().get(&user), Some(&pointers));
        }
    }
    assert_eq!(state.rooms().len(), conversations.len());
    assert!(state.early.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn every_order_of_arrival_ends_in_the_servers_state(
        before in vec(op(), 0..12),
        steps in vec(step(), 0..80),
    ) {
        let mut server = Server::new();
        // No frame reports what was hidden before; a client that loads over REST does not get it.
        before.into_iter().filter(|op| !matches!(op, Op::Hide(_))).for_each(|op| server.perform(op));
        let mut client = Client::connect(&server);
        let connected_at = server.position();
        for step in steps {
            client.step(&mut server, step);
        }
        client.settle(&server);
        check(&client.state, &server, connected_at);
    }
}

fn loaded_state(server: &Server) -> State {
    let mut client = Client::connect(server);
    client.settle(server);
    client.state
}

#[test]
fn a_missing_piece_is_noticed() {
    let mut server = Server::new();
    server.perform(Op::Begin);
    let mut state = loaded_state(&server);
    server.perform(Op::Append(0));
    server.perform(Op::Append(0));
    let [.., first, second] = server.live() else { panic!("two frames") };
    assert_eq!(state.apply(second), Applied::Gap);
    assert_eq!(state.apply(first), Applied::New);
    assert_eq!(state.apply(second), Applied::New);
    assert_eq!(state.apply(second), Applied::Known);
}

#[test]
fn a_room_that_was_left_stays_empty() {
    let mut server = Server::new();
    server.perform(Op::Send);
    let mut client = Client::connect(&server);
    client.ask(&server);
    client.answer(0);
    let (mut gone, _) = server.rest();
    let mut gone = gone.remove(0);
    gone.rev += 1;
    gone.own.as_mut().unwrap().role = None;
    let id = gone.id;
    let frame = chat_protocol::v2::ConversationFrame { conversation: Box::new(gone), cursor: "9".into() };
    client.state.apply(&ServerFrame::Conversation(frame));
    // An answer from before arrives late.
    client.answer(0);
    let room = &client.state.rooms()[&id];
    assert!(room.messages().is_empty());
    assert_eq!(room.own().map(|own| own.role.clone()), Some(None));
}

#[test]
fn reading_removes_the_unread_mark() {
    let mut server = Server::new();
    server.perform(Op::Send);
    let mut state = loaded_state(&server);
    let (mut marked, _) = server.rest();
    let mut marked = marked.remove(0);
    marked.own.as_mut().unwrap().marked_unread = true;
    let asked = state.now();
    state.load_conversation(asked, &marked);
    let mut receipt = chat_protocol::v2::Receipt {
        conversation_id: marked.id,
        user_id: state.user.unwrap(),
        delivered_seq: marked.last_seq,
        read_seq: 0,
        cursor: "9".into(),
        ..Default::default()
    };
    let is_marked = |state: &State| state.rooms()[&marked.id].own().unwrap().marked_unread;
    state.apply(&ServerFrame::Receipt(receipt.clone()));
    assert!(is_marked(&state), "it was delivered, not read");
    (receipt.read_seq, receipt.unread) = (marked.last_seq, Some(0));
    state.apply(&ServerFrame::Receipt(receipt));
    assert!(!is_marked(&state));
    state.load_conversation(asked, &marked);
    assert!(!is_marked(&state), "an answer from before comes late");
}
