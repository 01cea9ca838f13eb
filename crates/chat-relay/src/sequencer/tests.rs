//! The sequencer under every kind of failure: single failures by hand, all of them combined at random.

mod random;
mod world;

use std::time::Duration;

use chat_core::cluster::{JournalPage, Link};
use chat_core::ids::Position;

use super::*;
use world::{Fixed, event, group_joined, header, keys, ms};

/// A sequencer at a log position, with the link up and no question for a while.
fn at(position: i64) -> Sequencer {
    let mut sequencer = Sequencer::new(Position(position));
    sequencer.link(Link::Up);
    let turn = sequencer.turn(Duration::ZERO);
    assert_eq!(turn.question, Some(Question::End));
    sequencer.answer(Answer::End(Position(position)), Duration::ZERO);
    sequencer
}

fn drained(sequencer: &mut Sequencer, interest: &dyn Interest) -> Vec<i64> {
    let mut next = Vec::new();
    sequencer.drain(interest, &mut next);
    next.iter().map(|event| event.position.0).collect()
}

fn page(positions: std::ops::RangeInclusive<i64>) -> Answer {
    let up_to = Position(*positions.end());
    let events = positions.map(|position| Arc::new(event(position, 1))).collect();
    Answer::Page(JournalPage::Events { events, up_to })
}

fn nothing_after(position: i64) -> Answer {
    Answer::Page(JournalPage::Events { events: Vec::new(), up_to: Position(position) })
}

#[test]
fn an_event_of_another_node_is_delivered_at_once_even_before_its_header() {
    let mut sequencer = at(10);
    sequencer.event(Position(11), Some(Arc::new(event(11, 1))), 50);
    assert_eq!(drained(&mut sequencer, &Fixed::users([1])), [11]);
    sequencer.header(header(11, &[1]));
    assert!(drained(&mut sequencer, &Fixed::users([1])).is_empty());
    assert_eq!(sequencer.turn(ms(1)).question, None);
    assert_eq!(sequencer.lag(), 0);
}

#[test]
fn events_that_concern_no_client_here_are_skipped() {
    let mut sequencer = at(0);
    sequencer.header(header(1, &[5, 1, 5]));
    sequencer.event(Position(2), Some(Arc::new(event(2, 1))), 50);
    assert_eq!(drained(&mut sequencer, &Fixed::users([1])), [2]);
    assert_eq!(sequencer.position(), Position(3));
}

#[test]
fn own_events_wait_for_earlier_ones_of_other_nodes() {
    let mut sequencer = at(0);
    sequencer.committed(&[Arc::new(event(2, 1)), Arc::new(event(3, 1))]);
    assert!(drained(&mut sequencer, &Fixed::users([1])).is_empty());
    assert_eq!(sequencer.lag(), 3);
    sequencer.event(Position(1), Some(Arc::new(event(1, 1))), 50);
    assert_eq!(drained(&mut sequencer, &Fixed::users([1])), [1, 2, 3]);
}

#[test]
fn the_journal_is_asked_when_the_wait_is_over() {
    let mut sequencer = at(0);
    sequencer.header(header(1, &[1]));
    let turn = sequencer.turn(ms(100));
    assert_eq!((turn.question, turn.wake_at), (None, Some(ms(120))));
    assert_eq!(sequencer.turn(ms(119)).question, None);
    let turn = sequencer.turn(ms(120));
    assert_eq!((turn.question, turn.wake_at), (Some(Question::After(Position(0))), None));
    // One question at a time.
    assert_eq!(sequencer.turn(ms(300)).question, None);
    sequencer.answer(page(1..=1), ms(301));
    assert_eq!(drained(&mut sequencer, &Fixed::users([1])), [1]);
    // An event that still arrives afterwards is not delivered twice.
    sequencer.event(Position(1), Some(Arc::new(event(1, 1))), 50);
    assert!(drained(&mut sequencer, &Fixed::users([1])).is_empty());
}

#[test]
fn there_is_no_wait_while_the_link_is_down() {
    let mut sequencer = at(0);
    sequencer.link(Link::Down);
    sequencer.committed(&[Arc::new(event(2, 1))]);
    assert_eq!(sequencer.turn(ms(5)).question, Some(Question::After(Position(0))));
}

#[test]
fn the_journal_is_read_regularly_while_the_link_is_down() {
    let mut sequencer = Sequencer::new(Position(7));
    assert_eq!(sequencer.turn(ms(0)).question, Some(Question::After(Position(7))));
    sequencer.answer(nothing_after(7), ms(1));
    let turn = sequencer.turn(ms(1));
    assert_eq!((turn.question, turn.wake_at), (None, Some(TAIL_DOWN)));
    assert_eq!(sequencer.turn(TAIL_DOWN).question, Some(Question::After(Position(7))));
}

#[test]
fn a_loss_at_the_end_is_found_by_asking_for_the_end() {
    let mut sequencer = at(3);
    assert_eq!(sequencer.turn(TAIL_UP - ms(1)).question, None);
    assert_eq!(sequencer.turn(TAIL_UP).question, Some(Question::End));
    sequencer.answer(Answer::End(Position(5)), TAIL_UP);
    assert_eq!(sequencer.turn(TAIL_UP).question, None, "the events may still arrive");
    assert_eq!(sequencer.turn(TAIL_UP + BUS_WAIT).question, Some(Question::After(Position(3))));
}

#[test]
fn a_known_loss_is_read_without_a_wait() {
    let mut sequencer = at(3);
    sequencer.missed();
    assert_eq!(sequencer.turn(ms(1)).question, Some(Question::After(Position(3))));
}

#[test]
fn a_full_page_is_followed_by_the_next() {
    let mut sequencer = Sequencer::new(Position(0));
    assert!(sequencer.turn(ms(0)).question.is_some());
    sequencer.answer(page(1..=i64::from(PAGE)), ms(1));
    assert_eq!(drained(&mut sequencer, &Fixed::users([1])).len(), usize::from(PAGE));
    let next = sequencer.turn(ms(1)).question;
    assert_eq!(next, Some(Question::After(Position(i64::from(PAGE)))));
}

#[test]
fn a_journal_that_fails_is_not_asked_for_a_while() {
    let mut sequencer = at(0);
    sequencer.header(header(1, &[1]));
    sequencer.turn(ms(0));
    assert!(sequencer.turn(BUS_WAIT).question.is_some());
    sequencer.answer(Answer::Failed, ms(30));
    let turn = sequencer.turn(ms(30));
    assert_eq!((turn.question, turn.wake_at), (None, Some(ms(30) + RETRY)));
    assert_eq!(sequencer.turn(ms(30) + RETRY).question, Some(Question::After(Position(0))));
}

#[test]
fn all_clients_resume_from_the_end_of_a_journal_that_is_too_short() {
    let mut sequencer = at(3);
    sequencer.committed(&[Arc::new(event(40, 1))]);
    sequencer.turn(ms(0));
    assert!(sequencer.turn(BUS_WAIT).question.is_some());
    sequencer.answer(Answer::Page(JournalPage::Gone), BUS_WAIT);
    assert!(drained(&mut sequencer, &Fixed::users([1])).is_empty());
    let turn = sequencer.turn(BUS_WAIT);
    assert_eq!((turn.question, turn.all_clients_resume), (Some(Question::End), false));
    sequencer.committed(&[Arc::new(event(41, 1))]);
    sequencer.answer(Answer::End(Position(40)), BUS_WAIT);
    assert!(drained(&mut sequencer, &Fixed::users([1])).is_empty(), "not before all clients have to resume");
    assert!(sequencer.turn(BUS_WAIT).all_clients_resume);
    assert_eq!(drained(&mut sequencer, &Fixed::users([1])), [41]);
    assert!(!sequencer.turn(BUS_WAIT).all_clients_resume, "only once");
}

#[test]
fn all_clients_resume_if_the_log_was_restored_to_an_earlier_state() {
    let mut sequencer = at(30);
    assert_eq!(sequencer.turn(TAIL_UP).question, Some(Question::End));
    sequencer.answer(Answer::End(Position(20)), TAIL_UP);
    assert!(sequencer.turn(TAIL_UP).all_clients_resume);
    sequencer.committed(&[Arc::new(event(21, 1))]);
    assert_eq!(drained(&mut sequencer, &Fixed::users([1])), [21]);
}

#[test]
fn events_beyond_the_end_of_the_journal_are_not_waited_for() {
    let mut sequencer = at(3);
    sequencer.header(header(1_000_000, &[1]));
    sequencer.turn(ms(0));
    assert!(sequencer.turn(BUS_WAIT).question.is_some());
    sequencer.answer(nothing_after(3), BUS_WAIT);
    assert_eq!(sequencer.lag(), 0);
    let turn = sequencer.turn(BUS_WAIT);
    assert_eq!((turn.question, turn.all_clients_resume), (None, false));
}

#[test]
fn events_received_after_the_question_are_kept() {
    let mut sequencer = Sequencer::new(Position(0));
    assert!(sequencer.turn(ms(0)).question.is_some());
    sequencer.event(Position(2), Some(Arc::new(event(2, 1))), 50);
    sequencer.answer(nothing_after(0), ms(1));
    sequencer.event(Position(1), Some(Arc::new(event(1, 1))), 50);
    assert_eq!(drained(&mut sequencer, &Fixed::users([1])), [1, 2]);
}

#[test]
fn too_many_events_behind_a_gap_are_dropped_and_read() {
    let mut sequencer = at(0);
    let last = i64::try_from(MAX_PENDING).unwrap() + 2;
    for position in 2..=last {
        sequencer.event(Position(position), Some(Arc::new(event(position, 1))), 1);
    }
    assert_eq!(sequencer.n_overflows(), 1);
    assert!(sequencer.pending.len() < MAX_PENDING);
    assert_eq!(sequencer.lag(), u64::try_from(last).unwrap());
    assert_eq!(sequencer.turn(ms(0)).question, Some(Question::After(Position(0))), "at once");
}

#[test]
fn large_events_count_by_their_bytes() {
    let mut sequencer = at(0);
    for position in 2..=5 {
        sequencer.event(Position(position), Some(Arc::new(event(position, 1))), MAX_PENDING_BYTES / 3);
    }
    assert_eq!((sequencer.n_overflows(), sequencer.pending.len()), (1, 0));
}

#[test]
fn an_event_of_a_later_release_is_skipped() {
    let mut sequencer = at(0);
    sequencer.event(Position(1), None, 5);
    sequencer.event(Position(2), Some(Arc::new(event(2, 1))), 5);
    assert_eq!(drained(&mut sequencer, &Fixed::users([1])), [2]);
    // The journal leaves such events out.
    let events = vec![Arc::new(event(4, 1))];
    sequencer.missed();
    assert!(sequencer.turn(ms(0)).question.is_some());
    sequencer.answer(Answer::Page(JournalPage::Events { events, up_to: Position(5) }), ms(1));
    assert_eq!(drained(&mut sequencer, &Fixed::users([1])), [4]);
    assert_eq!(sequencer.position(), Position(5));
}

#[test]
fn a_new_member_gets_the_very_next_event_of_the_group() {
    let interest = crate::interest::InterestSet::default();
    interest.user(chat_core::ids::UserId(1), true, || {});
    let mut sequencer = at(0);
    sequencer.header(Header { first: Position(1), keys: vec![keys(&[1]), vec![world::GROUP]] });
    sequencer.event(Position(1), Some(Arc::new(group_joined(1, 1))), 5);
    assert_eq!(drained(&mut sequencer, &interest), [1]);
    // If the second event had been skipped, the log position would be 2.
    assert_eq!(sequencer.position(), Position(1));
}

#[test]
fn a_missing_event_may_cease_to_be_of_interest() {
    let mut sequencer = at(0);
    sequencer.header(header(1, &[1]));
    assert!(drained(&mut sequencer, &Fixed::users([1])).is_empty());
    assert!(drained(&mut sequencer, &Fixed::users([])).is_empty());
    assert_eq!(sequencer.position(), Position(1));
}

#[test]
fn nothing_known_of_the_previous_log_counts_for_another() {
    let mut sequencer = at(10);
    for position in [13, 14] {
        sequencer.event(Position(position), Some(Arc::new(event(position, 1))), 50);
    }
    assert_eq!(sequencer.turn(ms(25)).question, None);
    assert_eq!(sequencer.turn(ms(50)).question, Some(Question::After(Position(10))));
    sequencer.switch_to(Position(5));
    assert_eq!((sequencer.position(), sequencer.lag()), (Position(5), 0));
    assert_eq!(sequencer.turn(ms(51)).question, None, "the previous question is still open");
    sequencer.answer(page(11..=12), ms(52));
    let turn = sequencer.turn(ms(52));
    assert_eq!((turn.question, turn.all_clients_resume), (Some(Question::End), false));
    sequencer.answer(Answer::End(Position(5)), ms(53));
    // The new log uses the same log positions again.
    sequencer.committed(&[Arc::new(event(6, 1))]);
    assert_eq!(drained(&mut sequencer, &Fixed::users([1])), [6]);
    sequencer.committed(&[Arc::new(event(13, 1))]);
    assert!(drained(&mut sequencer, &Fixed::users([1])).is_empty(), "7 to 12 are still to come");
}
