//! Surveys: page after page, each source is read once and in order, and only when it has something for the page.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::ids::MessageId;

/// A conversation in which messages were posted and nothing else happened.
fn conversation(id: i64, messages: &BTreeSet<i64>) -> ChangedConversation {
    let at = Position;
    ChangedConversation {
        id: ConversationId(id),
        last: Seq(i64::try_from(messages.len()).unwrap()),
        n_members: 2,
        changed: at(messages.last().copied().unwrap_or(0)),
        meta: at(0),
        receipts: at(0),
        joined: at(0),
        state: at(0),
        is_back: false,
    }
}

fn row((index, position): (usize, &i64)) -> Row {
    Row { position: Position(*position), seq: Some(Seq(i64::try_from(index).unwrap() + 1)) }
}

/// Conversations with the positions of their messages, as a store has them.
struct Log {
    conversations: Vec<BTreeSet<i64>>,
    end: Position,
    /// How often a source was read.
    reads: usize,
}

impl Log {
    fn new(conversations: Vec<BTreeSet<i64>>) -> Self {
        Self { conversations, end: Position(100), reads: 0 }
    }

    fn begin(&self, after: Position, limit: u16) -> Survey {
        let numbered = || (1..).zip(&self.conversations);
        let concerned: Vec<_> = numbered().map(|(id, messages)| conversation(id, messages)).collect();
        let first = |(id, messages): (i64, &BTreeSet<i64>)| {
            let first = messages.iter().enumerate().map(row).find(|row| row.position > after)?;
            Some((ConversationId(id), first))
        };
        let firsts = is_far(after, self.end, limit).then(|| numbered().filter_map(first).collect());
        Survey::begin((after, self.end), limit, &concerned, firsts.as_ref())
    }

    /// Reads a page as a store does. Returns the positions in it, where it ends, and what the next page needs.
    fn page(
        &mut self,
        (after, survey): (Position, Option<Box<Survey>>),
        limit: u16,
    ) -> (Vec<i64>, Position, Option<Box<Survey>>) {
        let survey = survey.and_then(|survey| survey.continued(after));
        let mut survey = survey.unwrap_or_else(|| self.begin(after, limit));
        let mut page = survey.page(limit);
        let mut found = Vec::new();
        while let Some(stop) = survey.due(page.horizon()) {
            self.reads += 1;
            let index = usize::try_from(stop.conversation.0 - 1).unwrap();
            let mut reading = Reading::of(stop);
            if stop.source == Source::Posted {
                for row in self.conversations[index].iter().enumerate().map(row) {
                    if stop.next.seq.is_some_and(|first| row.seq < Some(first)) || row.position <= after {
                        continue;
                    }
                    reading.note(row);
                    if row.position > page.horizon() {
                        break;
                    }
                    page.posted(row.position, MessageId(row.position.0));
                    found.push(row.position.0);
                }
            }
            survey.note(reading);
            page.narrow();
        }
        let page = page.finish(Vec::new());
        let up_to = page.up_to();
        assert!(survey.first <= up_to || found.is_empty());
        found.retain(|position| *position <= up_to.0);
        found.sort_unstable();
        (found, up_to, survey.turn_page(up_to, self.end))
    }
}

#[test]
fn a_conversation_without_changes_in_the_page_is_not_read() {
    let busy: BTreeSet<i64> = (1..=90).collect();
    let mut log = Log::new((0..20).map(|id| BTreeSet::from([91 + id % 5])).chain([busy]).collect());
    let (first, up_to, survey) = log.page((Position(0), None), 5);
    assert_eq!((first, up_to), (vec![1, 2, 3, 4, 5], Position(5)));
    log.reads = 0;
    let (second, up_to, survey) = log.page((up_to, survey), 5);
    assert_eq!((second, up_to), (vec![6, 7, 8, 9, 10], Position(10)));
    assert_eq!(log.reads, 1);
    assert!(survey.is_some());
}

#[test]
fn a_survey_covers_what_follows_its_last_page_and_nothing_else() {
    let mut log = Log::new(vec![(1..=90).collect()]);
    let (_, up_to, survey) = log.page((Position(10), None), 5);
    assert_eq!(up_to, Position(15));
    for (after, is_covered) in [(9, false), (10, true), (13, true), (15, true), (100, false), (101, false)] {
        let continued = survey.clone().unwrap().continued(Position(after));
        assert_eq!(continued.is_some(), is_covered, "{after}");
    }
}

#[test]
fn departures_are_announced_once() {
    let mut log = Log::new(vec![(1..=90).collect()]);
    assert_eq!(log.begin(Position(3), 5).departures_after(), Position(3));
    let (_, up_to, survey) = log.page((Position(3), None), 5);
    assert_eq!(survey.unwrap().continued(up_to).unwrap().departures_after(), log.end);
}

#[test]
fn few_positions_are_looked_at_for_a_page() {
    let busy: BTreeSet<i64> = (1..=100).collect();
    let log = Log::new(vec![busy]);
    assert_eq!(log.begin(Position(0), 5).page(5).horizon(), Position(20));
    // Few changes in many positions are one page.
    let log = Log::new(vec![[3, 50, 90].into()]);
    assert_eq!(log.begin(Position(0), 5).page(5).horizon(), Position(100));
}

proptest! {
    // Each page is cut somewhere, as it is for a client to which it would be too large.
    #[test]
    fn every_change_comes_once_and_in_order(
        conversations in prop::collection::vec(prop::collection::btree_set(1..100_i64, 0..30), 1..6),
        limit in 1..6_u16,
        cuts in prop::collection::vec(0..8_usize, 1..20),
    ) {
        // A position belongs to one change.
        let mut seen = BTreeSet::new();
        let mut conversations = conversations;
        conversations.iter_mut().for_each(|messages| messages.retain(|position| seen.insert(*position)));
        let mut log = Log::new(conversations);
        let (mut received, mut at) = (Vec::new(), (Position(0), None));
        let mut cuts = cuts.into_iter().cycle();
        while at.0 < log.end {
            let (mut found, mut up_to, survey) = log.page(at.clone(), limit);
            prop_assert!(found.len() <= usize::from(limit));
            let cut = cuts.next().unwrap();
            if (1..found.len()).contains(&cut) {
                found.truncate(cut);
                up_to = Position(found[cut - 1]);
            }
            prop_assert!(up_to > at.0);
            received.extend(found);
            at = (up_to, survey);
        }
        prop_assert!(received.iter().eq(&seen));
    }
}
