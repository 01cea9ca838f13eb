//! Any interleaving, loss, duplication and delay of several nodes' messages and of the journal's answers: events that
//! concern a client here are delivered in order, once, and none is missing.

use std::sync::Arc;
use std::time::Duration;

use chat_core::cluster::{JournalPage, Link};
use chat_core::event::Event;
use chat_core::ids::Position;
use proptest::prelude::*;

use super::super::*;
use super::world::{Fixed, event, header};

/// Users 0 to 3 exist; users 0 and 1 have clients at this node.
const N_USERS: i64 = 4;
/// Number of this node.
const US: u8 = 0;

/// A batch: the node that committed it, and the user that each event concerns.
#[derive(Debug, Clone)]
struct Batch {
    node: u8,
    users: Vec<i64>,
}

/// What happens next. Numbers select one of the possible choices.
#[derive(Debug, Clone)]
enum Step {
    Commit(Batch),
    /// Any message arrives, perhaps again.
    Arrive(usize),
    /// The oldest message that has not arrived does.
    ArriveInOrder,
    /// The oldest message that has not arrived is lost.
    Lose,
    /// The journal answers the question, with its state of now or of when it was asked.
    Answer {
        stale: bool,
        page: usize,
    },
    Fail,
    Pass(u64),
    Link(bool),
    Missed,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let batch = (0..3_u8, prop::collection::vec(0..N_USERS, 1..5));
    let step = prop_oneof![
        6 => batch.prop_map(|(node, users)| Step::Commit(Batch { node, users })),
        6 => any::<usize>().prop_map(Step::Arrive),
        8 => Just(Step::ArriveInOrder),
        2 => Just(Step::Lose),
        3 => (any::<bool>(), 1..4_usize).prop_map(|(stale, page)| Step::Answer { stale, page }),
        1 => Just(Step::Fail),
        3 => (1..60_u64).prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::Link),
        1 => Just(Step::Missed),
    ];
    prop::collection::vec(step, 1..80)
}

#[derive(Clone)]
enum Message {
    Committed(Vec<Arc<Event>>),
    Header(Header),
    Event(Arc<Event>),
}

struct World {
    sequencer: Sequencer,
    now: Duration,
    log: Vec<Arc<Event>>,
    messages: Vec<Message>,
    n_arrived: usize,
    /// The open question and the end of the log when it was asked.
    question: Option<(Question, usize)>,
    delivered: Vec<i64>,
}

impl World {
    fn new() -> Self {
        Self {
            sequencer: Sequencer::new(Position(0)),
            now: Duration::ZERO,
            log: Vec::new(),
            messages: Vec::new(),
            n_arrived: 0,
            question: None,
            delivered: Vec::new(),
        }
    }

    fn interest() -> Fixed {
        Fixed::users([0, 1])
    }

    fn commit(&mut self, batch: &Batch) {
        let first = i64::try_from(self.log.len()).unwrap() + 1;
        let events: Vec<_> =
            (first..).zip(&batch.users).map(|(position, user)| Arc::new(event(position, *user))).collect();
        self.log.extend(events.iter().cloned());
        if batch.node == US {
            self.messages.push(Message::Committed(events));
            return;
        }
        // Events that concern no user here are not sent to this node.
        let ours = events.iter().zip(&batch.users).filter(|(_, user)| **user < 2);
        self.messages.extend(ours.map(|(event, _)| Message::Event(event.clone())));
        self.messages.push(Message::Header(header(first, &batch.users)));
    }

    fn arrive(&mut self, number: usize) {
        match self.messages[number].clone() {
            Message::Committed(events) => self.sequencer.committed(&events),
            Message::Header(header) => self.sequencer.header(header),
            Message::Event(event) => self.sequencer.event(event.position, Some(event), 40),
        }
    }

    fn answer(&mut self, stale: bool, page: usize) {
        let Some((question, end_then)) = self.question.take() else { return };
        let end = if stale { end_then } else { self.log.len() };
        let answer = match question {
            Question::End => Answer::End(Position(i64::try_from(end).unwrap())),
            Question::After(position) => {
                let from = usize::try_from(position.0).unwrap();
                let to = end.min(from + page);
                let events = self.log[from..to].to_vec();
                let up_to = Position(i64::try_from(to).unwrap());
                Answer::Page(JournalPage::Events { events, up_to })
            }
        };
        self.sequencer.answer(answer, self.now);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Commit(batch) => self.commit(batch),
            Step::Arrive(number) if !self.messages.is_empty() => self.arrive(number % self.messages.len()),
            Step::ArriveInOrder if self.n_arrived < self.messages.len() => {
                self.arrive(self.n_arrived);
                self.n_arrived += 1;
            }
            Step::Lose if self.n_arrived < self.messages.len() => self.n_arrived += 1,
            Step::Arrive(_) | Step::ArriveInOrder | Step::Lose => {}
            Step::Answer { stale, page } => self.answer(*stale, *page),
            Step::Fail => {
                if self.question.take().is_some() {
                    self.sequencer.answer(Answer::Failed, self.now);
                }
            }
            Step::Pass(ms) => self.now += Duration::from_millis(*ms),
            Step::Link(is_up) => self.sequencer.link(if *is_up { Link::Up } else { Link::Down }),
            Step::Missed => self.sequencer.missed(),
        }
        self.turn();
    }

    /// Drains and turns as the relay's thread does.
    fn turn(&mut self) -> Turn {
        let mut next = Vec::new();
        self.sequencer.drain(&Self::interest(), &mut next);
        self.delivered.extend(next.iter().map(|event| event.position.0));
        let turn = self.sequencer.turn(self.now);
        if let Some(question) = turn.question {
            assert!(self.question.is_none(), "two questions at a time");
            self.question = Some((question, self.log.len()));
        }
        assert!(!turn.all_clients_resume, "the journal is complete");
        turn
    }

    /// Lets only time pass and the journal answer. Returns the time until every event was delivered.
    fn settle(&mut self) -> Duration {
        let from = self.now;
        let end = Position(i64::try_from(self.log.len()).unwrap());
        for _ in 0..1000 {
            let turn = self.turn();
            if self.sequencer.position() == end {
                return self.now - from;
            }
            if self.question.is_some() {
                self.answer(false, usize::from(PAGE));
            } else {
                let at = turn.wake_at.unwrap();
                assert!(at > self.now, "a busy loop");
                self.now = at;
            }
        }
        panic!("it never reaches {end}, but stays at {}", self.sequencer.position());
    }
}

/// Checks that every event that concerns users here was delivered, in order. This node's own events may be among them.
fn check(world: &World) -> Result<(), TestCaseError> {
    prop_assert!(world.delivered.is_sorted_by(|one, other| one < other), "order: {:?}", world.delivered);
    let interest = World::interest();
    for event in &world.log {
        let is_wanted = interest.concerns(&crate::key::keys_of(&event.change));
        let is_delivered = world.delivered.binary_search(&event.position.0).is_ok();
        prop_assert!(is_delivered || !is_wanted, "{} is missing in {:?}", event.position, world.delivered);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_event_of_interest_is_delivered_in_order_and_once(steps in steps()) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.step(step));
        let took = world.settle();
        check(&world)?;
        // The worst case: a failed read, the interval of asking for the end, and the wait for the bus.
        prop_assert!(took <= RETRY + TAIL_UP + BUS_WAIT, "{took:?}");
    }

    #[test]
    fn only_own_events_are_delivered_beside_those_of_interest(steps in steps()) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.step(step));
        world.settle();
        let own: Vec<i64> = world.messages.iter().flat_map(|messages| match messages {
            Message::Committed(events) => events.iter().map(|event| event.position.0).collect(),
            _ => Vec::new(),
        }).collect();
        let interest = World::interest();
        for position in &world.delivered {
            let event = &world.log[usize::try_from(*position - 1).unwrap()];
            let is_wanted = interest.concerns(&crate::key::keys_of(&event.change));
            prop_assert!(is_wanted || own.contains(position), "{position}");
        }
    }

    #[test]
    fn the_journal_is_not_read_if_nothing_is_lost(
        batches in prop::collection::vec((0..3_u8, prop::collection::vec(0..N_USERS, 1..5)), 1..20),
    ) {
        let mut world = World::new();
        world.sequencer = super::at(0);
        for (node, users) in batches {
            world.step(&Step::Commit(Batch { node, users }));
            while world.n_arrived < world.messages.len() {
                world.step(&Step::ArriveInOrder);
                prop_assert!(world.question.is_none());
            }
            prop_assert_eq!(world.sequencer.lag(), 0);
        }
        check(&world)?;
    }
}
