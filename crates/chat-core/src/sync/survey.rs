//! What one page of a resumption hands on to the next: in which conversations changes are still to come, and at which
//! log position the next one is. So a page looks only at the conversations that have changes in it, and never twice at
//! the same row. Pure: stores look up positions, and note what they have read.
//!
//! A survey covers the log up to the end that it had when the survey was made. Later changes have later positions and
//! belong to the next survey. It says nothing about access: stores check for each page that the user is a member.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::page::{ChangedConversation, PageBuilder};
use crate::ids::{ConversationId, Position, Seq};

/// Number of pages that are not many: so much may be looked at for one page.
const FEW_PAGES: i64 = 4;

/// A kind of change in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The conversation itself, or the user's own part of it.
    Itself,
    /// Messages that were posted.
    Posted,
    /// Older messages that changed.
    Changed,
    /// Pointers that moved.
    Moved,
}

/// A position of a source, and there the message's `seq` if the source is [`Source::Posted`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub position: Position,
    pub seq: Option<Seq>,
}

impl From<Position> for Row {
    fn from(position: Position) -> Self {
        Self { position, seq: None }
    }
}

/// Where a source is to be read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stop {
    /// The source has no unread change before this row. It may have none at it.
    pub next: Row,
    pub conversation: ConversationId,
    pub source: Source,
}

/// What a store has read of a source for a page.
#[derive(Debug, Clone)]
pub struct Reading {
    stop: Stop,
    /// The rows in log order. The last one may be beyond the page.
    rows: Vec<Row>,
    /// Whether the source had no other row.
    is_complete: bool,
}

impl Reading {
    /// Begins to read a source.
    pub fn of(stop: Stop) -> Self {
        Self { stop, rows: Vec::new(), is_complete: true }
    }

    /// Notes a row, whether or not it is in the page.
    pub fn note(&mut self, row: impl Into<Row>) {
        self.rows.push(row.into());
    }

    /// Number of noted rows.
    pub fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// Notes that the source may have further rows.
    pub fn interrupt(&mut self) {
        self.is_complete = false;
    }

    /// Returns where to go on after a log position; `None` if nothing is left.
    fn next(self, after: Position) -> Option<Stop> {
        let unread = self.rows.iter().find(|row| row.position > after).copied();
        let rest = || self.rows.last().copied().unwrap_or(self.stop.next);
        let next = unread.or_else(|| (!self.is_complete).then(rest))?;
        Some(Stop { next, ..self.stop })
    }
}

/// The sources of a user's changes that are not read yet.
#[derive(Debug, Clone)]
pub struct Survey {
    /// The log position after which the last page began.
    after: Position,
    end: Position,
    /// Departures up to this log position are in an earlier page.
    departures: Position,
    /// The log position from which on the last page may hold changes.
    first: Position,
    /// Number of log positions in which about a page of changes is expected.
    span: i64,
    waiting: BinaryHeap<Reverse<Stop>>,
    /// The sources that the last page has read. The client may resume from within that page.
    read: Vec<Reading>,
}

/// Whether the changes between two log positions may be many more than a page: then it pays to look up first how many
/// they are.
pub fn is_far(after: Position, end: Position, limit: u16) -> bool {
    end.0.saturating_sub(after.0) > FEW_PAGES * i64::from(limit)
}

/// Returns how many messages these conversations have, each from its first one on.
pub fn n_messages(concerned: &[ChangedConversation], firsts: &HashMap<ConversationId, Row>) -> u64 {
    let from_first = |conversation: &ChangedConversation| {
        let first = firsts.get(&conversation.id)?.seq?;
        u64::try_from(conversation.last.0 - first.0 + 1).ok()
    };
    concerned.iter().filter_map(from_first).sum()
}

impl Survey {
    /// Begins a survey of the log between two positions. `firsts` has the first message that belongs to the changes in
    /// each of these conversations, if it was looked up.
    pub fn begin(
        (after, end): (Position, Position),
        limit: u16,
        concerned: &[ChangedConversation],
        firsts: Option<&HashMap<ConversationId, Row>>,
    ) -> Self {
        let mut survey = Self {
            after,
            end,
            departures: after,
            first: after,
            span: end.0.saturating_sub(after.0),
            waiting: BinaryHeap::new(),
            read: Vec::new(),
        };
        let missed = firsts.map_or(0, |firsts| n_messages(concerned, firsts));
        let missed = i64::try_from(missed).unwrap_or(i64::MAX);
        for conversation in concerned {
            let first = firsts.map(|firsts| firsts.get(&conversation.id));
            survey.add(conversation, first.map(Option::<&Row>::copied));
        }
        let few = FEW_PAGES * i64::from(limit);
        if missed > few {
            survey.span = survey.span.saturating_mul(few) / missed;
        }
        survey
    }

    fn add(&mut self, conversation: &ChangedConversation, first: Option<Option<Row>>) {
        let after = self.after;
        let unknown = Some(Row::from(after));
        let is_active = conversation.changed > after;
        let sources = [
            (Source::Itself, conversation.seen_at(after).map(Row::from)),
            (Source::Posted, first.unwrap_or(unknown).filter(|_| is_active)),
            (Source::Changed, unknown.filter(|_| is_active)),
            (Source::Moved, unknown.filter(|_| conversation.receipts > after)),
        ];
        let id = conversation.id;
        let stops = sources.into_iter().filter_map(|(source, next)| Some((source, next?)));
        self.waiting.extend(stops.map(|(source, next)| Reverse(Stop { next, conversation: id, source })));
    }

    /// Returns the survey for a page after a log position; `None` if it does not cover what follows.
    #[must_use]
    pub fn continued(mut self, after: Position) -> Option<Self> {
        if after < self.after || after >= self.end {
            return None;
        }
        self.after = after;
        let next = self.read.drain(..).filter_map(|reading| reading.next(after)).map(Reverse);
        self.waiting.extend(next);
        Some(self)
    }

    /// Returns an empty page. It ends where the next changes are expected to fill it.
    pub fn page(&mut self, limit: u16) -> PageBuilder {
        let first = self.waiting.peek().map_or(self.end, |Reverse(stop)| stop.next.position);
        self.first = first.max(self.after);
        let end = Position(self.first.0.saturating_add(self.span.max(limit.into())));
        PageBuilder::new(self.after, end.min(self.end), limit)
    }

    /// Takes the next source that may have a change up to the horizon.
    pub fn due(&mut self, horizon: Position) -> Option<Stop> {
        let Reverse(stop) = *self.waiting.peek()?;
        if stop.next.position > horizon {
            return None;
        }
        self.waiting.pop();
        Some(stop)
    }

    /// Notes what was read of a source.
    pub fn note(&mut self, reading: Reading) {
        self.read.push(reading);
    }

    /// Returns the log position after which departures are not known to the client.
    pub fn departures_after(&self) -> Position {
        self.departures.max(self.after)
    }

    /// Ends a page that reaches up to a log position and was read when the log ended at `log_end`. Returns what the
    /// next page needs; `None` if the survey is complete.
    #[must_use]
    pub fn turn_page(mut self, up_to: Position, log_end: Position) -> Option<Box<Self>> {
        if up_to >= self.end {
            return None;
        }
        self.departures = log_end;
        // A page that was full has shown how many positions it takes. One that was not can be larger.
        self.span = up_to.0.saturating_sub(self.first.0).saturating_mul(2);
        Some(Box::new(self))
    }
}

#[cfg(test)]
mod tests;
