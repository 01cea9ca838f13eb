//! The sequencer against every kind of misfortune: by hand where the reaction to one of them is told, and by chance for
//! all of them together.

mod chance;
mod world;

use std::time::Duration;

use chat_core::cluster::{JournalPage, Link};
use chat_core::ids::Position;

use super::*;
use world::{Fixed, event, group_joined, header, keys, ms};

/// A sequencer that is up and stands at a place, with nothing to ask for a while.
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
fn an_event_of_another_node_is_handed_on_at_once_even_before_its_header() {
    let mut sequencer = at(10);
    sequencer.event(Position(11), Some(Arc::new(event(11, 1))), 50);
    assert_eq!(drained(&mut sequencer, &Fixed::users([1])), [11]);
    sequencer.header(header(11, &[1]));
    assert!(drained(&mut sequencer, &Fixed::users([1])).is_empty());
    assert_eq!(sequencer.turn(ms(1)).question, None);
    assert_eq!(sequencer.lag(), 0);
}

#[test]
fn what_concerns_nobody_here_is_passed_over() {
    let mut sequencer = at(0);
    sequencer.header(header(1, &[5, 1, 5]));
    sequencer.event(Position(2), Some(Arc::new(event(2, 1))), 50);
    assert_eq!(drained(&mut sequencer, &Fixed::users([1])), [2]);
    assert_eq!(sequencer.position(), Position(3));
}

#[test]
fn own_events_wait_for_what_others_committed_before() {
    let mut sequencer = at(0);
    sequencer.committed(&[Arc::new(event(2, 1)), Arc::new(event(3, 1))]);
    assert!(drained(&mut sequencer, &Fixed::users([1])).is_empty());
    assert_eq!(sequencer.lag(), 3);
    sequencer.event(Position(1), Some(Arc::new(event(1, 1))), 50);
    assert_eq!(drained(&mut sequencer, &Fixed::users([1])), [1, 2, 3]);
}

#[test]
fn the_journal_is_asked_once_patience_is_over() {
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
    // And what arrives after all is not given twice.
    sequencer.event(Position(1), Some(Arc::new(event(1, 1))), 50);
    assert!(drained(&mut sequencer, &Fixed::users([1])).is_empty());
}

#[test]
fn there_is_no_patience_while_the_link_is_down() {
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
fn what_is_lost_last_is_found_by_asking_for_the_end() {
    let mut sequencer = at(3);
    assert_eq!(sequencer.turn(TAIL_UP - ms(1)).question, None);
    assert_eq!(sequencer.turn(TAIL_UP).question, Some(Question::End));
    sequencer.answer(Answer::End(Position(5)), TAIL_UP);
    assert_eq!(sequencer.turn(TAIL_UP).question, None, "it may be on its way");
    assert_eq!(sequencer.turn(TAIL_UP + PATIENCE).question, Some(Question::After(Position(3))));
}

#[test]
fn a_loss_that_is_known_of_is_not_waited_for() {
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
fn a_journal_that_fails_is_left_alone_for_a_while() {
    let mut sequencer = at(0);
    sequencer.header(header(1, &[1]));
    sequencer.turn(ms(0));
    assert!(sequencer.turn(PATIENCE).question.is_some());
    sequencer.answer(Answer::Failed, ms(30));
    let turn = sequencer.turn(ms(30));
    assert_eq!((turn.question, turn.wake_at), (None, Some(ms(30) + RETRY)));
    assert_eq!(sequencer.turn(ms(30) + RETRY).question, Some(Question::After(Position(0))));
}

#[test]
fn everybody_resumes_from_the_end_of_a_journal_that_is_torn() {
    let mut sequencer = at(3);
    sequencer.committed(&[Arc::new(event(40, 1))]);
    sequencer.turn(ms(0));
    assert!(sequencer.turn(PATIENCE).question.is_some());
    sequencer.answer(Answer::Page(JournalPage::Gone), PATIENCE);
    assert!(drained(&mut sequencer, &Fixed::users([1])).is_empty());
    let turn = sequencer.turn(PATIENCE);
    assert_eq!((turn.question, turn.everybody_resumes), (Some(Question::End), false));
    sequencer.committed(&[Arc::new(event(41, 1))]);
    sequencer.answer(Answer::End(Position(40)), PATIENCE);
    assert!(drained(&mut sequencer, &Fixed::users([1])).is_empty(), "not before everybody was told");
    assert!(sequencer.turn(PATIENCE).everybody_resumes);
    assert_eq!(drained(&mut sequencer, &Fixed::users([1])), [41]);
    assert!(!sequencer.turn(PATIENCE).everybody_resumes, "once is enough");
}

#[test]
fn everybody_resumes_if_the_log_was_put_back() {
    let mut sequencer = at(30);
    assert_eq!(sequencer.turn(TAIL_UP).question, Some(Question::End));
    sequencer.answer(Answer::End(Position(20)), TAIL_UP);
    assert!(sequencer.turn(TAIL_UP).everybody_resumes);
    sequencer.committed(&[Arc::new(event(21, 1))]);
    assert_eq!(drained(&mut sequencer, &Fixed::users([1])), [21]);
}

#[test]
fn news_that_the_journal_does_not_bear_out_is_not_waited_for() {
    let mut sequencer = at(3);
    sequencer.header(header(1_000_000, &[1]));
    sequencer.turn(ms(0));
    assert!(sequencer.turn(PATIENCE).question.is_some());
    sequencer.answer(nothing_after(3), PATIENCE);
    assert_eq!(sequencer.lag(), 0);
    let turn = sequencer.turn(PATIENCE);
    assert_eq!((turn.question, turn.everybody_resumes), (None, false));
}

#[test]
fn what_was_heard_after_the_question_is_not_disbelieved() {
    let mut sequencer = Sequencer::new(Position(0));
    assert!(sequencer.turn(ms(0)).question.is_some());
    sequencer.event(Position(2), Some(Arc::new(event(2, 1))), 50);
    sequencer.answer(nothing_after(0), ms(1));
    sequencer.event(Position(1), Some(Arc::new(event(1, 1))), 50);
    assert_eq!(drained(&mut sequencer, &Fixed::users([1])), [1, 2]);
}

#[test]
fn too_much_behind_a_gap_is_let_go_of_and_read() {
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
fn an_event_of_a_later_release_is_passed_over() {
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
fn whoever_joins_a_group_is_given_its_very_next_event() {
    let interest = crate::interest::InterestSet::default();
    interest.user(chat_core::ids::UserId(1), true, || {});
    let mut sequencer = at(0);
    sequencer.header(Header { first: Position(1), keys: vec![keys(&[1]), vec![world::GROUP]] });
    sequencer.event(Position(1), Some(Arc::new(group_joined(1, 1))), 5);
    assert_eq!(drained(&mut sequencer, &interest), [1]);
    // Had the second been passed over, the place would be 2.
    assert_eq!(sequencer.position(), Position(1));
}

#[test]
fn what_is_waited_for_may_cease_to_be_of_interest() {
    let mut sequencer = at(0);
    sequencer.header(header(1, &[1]));
    assert!(drained(&mut sequencer, &Fixed::users([1])).is_empty());
    assert!(drained(&mut sequencer, &Fixed::users([])).is_empty());
    assert_eq!(sequencer.position(), Position(1));
}

#[test]
fn of_another_log_nothing_that_was_known_of_the_one_before_counts() {
    let mut sequencer = at(10);
    for position in [13, 14] {
        sequencer.event(Position(position), Some(Arc::new(event(position, 1))), 50);
    }
    assert_eq!(sequencer.turn(ms(25)).question, None);
    assert_eq!(sequencer.turn(ms(50)).question, Some(Question::After(Position(10))));
    sequencer.turn_to(Position(5));
    assert_eq!((sequencer.position(), sequencer.lag()), (Position(5), 0));
    assert_eq!(sequencer.turn(ms(51)).question, None, "it waits for the answer to what it asked");
    sequencer.answer(page(11..=12), ms(52));
    let turn = sequencer.turn(ms(52));
    assert_eq!((turn.question, turn.everybody_resumes), (Some(Question::End), false));
    sequencer.answer(Answer::End(Position(5)), ms(53));
    // The places are given out again.
    sequencer.committed(&[Arc::new(event(6, 1))]);
    assert_eq!(drained(&mut sequencer, &Fixed::users([1])), [6]);
    sequencer.committed(&[Arc::new(event(13, 1))]);
    assert!(drained(&mut sequencer, &Fixed::users([1])).is_empty(), "7 to 12 are still to come");
}
