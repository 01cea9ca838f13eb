//! Puts the events of all nodes into log order without gaps, leaving out those that concern no client of this node.
//!
//! A state machine without input, output or a clock. It gets this node's commits, messages from other nodes and the
//! journal's answers; it returns the next events and what to ask the journal. Messages from the bus may be lost,
//! duplicated, late and reordered; only the journal is authoritative.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chat_core::cluster::{JournalPage, Link};
use chat_core::event::Event;
use chat_core::ids::Position;

use crate::interest::Interest;
use crate::key::Key;
use crate::wire::Header;

/// How long to wait for a missing event on the bus before the journal is read.
const BUS_WAIT: Duration = Duration::from_millis(20);
/// Interval at which the journal is asked for its end while the link is up: the loss of the last event leaves no gap.
const TAIL_UP: Duration = Duration::from_millis(500);
/// Interval at which the journal is read while the link is down.
const TAIL_DOWN: Duration = Duration::from_millis(100);
/// Wait after a failed read of the journal.
const RETRY: Duration = Duration::from_millis(250);
/// Upper bound for the events of one read of the journal.
pub const PAGE: u16 = 500;
/// Upper bounds for the positions remembered behind a gap and for the bytes of other nodes' events. Beyond them, all
/// are dropped and later read from the journal.
const MAX_PENDING: usize = 16_384;
const MAX_PENDING_BYTES: usize = 32 * 1024 * 1024;

/// A question to the journal. At most one is open at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Which events come after this log position?
    After(Position),
    /// What is the last log position?
    End,
}

/// The answer to a [`Question`].
#[derive(Debug)]
pub enum Answer {
    /// The events after the log position.
    Page(JournalPage),
    /// The last log position.
    End(Position),
    /// The journal could not be read.
    Failed,
}

/// What the caller has to do now.
#[derive(Debug, Default)]
pub struct Turn {
    /// Ask the journal this, and pass the answer to [`Sequencer::answer`].
    pub question: Option<Question>,
    /// Events that clients missed cannot be delivered live any more: all clients have to resume before the next drain.
    pub all_clients_resume: bool,
    /// When to call [`Sequencer::turn`] again even without input. `None` while an answer is awaited.
    pub wake_at: Option<Duration>,
}

/// What is known about a log position that is not next yet.
enum Known {
    /// An event that this node committed.
    Own(Arc<Event>),
    /// An event that another node committed, and its size in bytes.
    Other(Arc<Event>, usize),
    /// The event's audience; the event itself may still arrive.
    Keys(Vec<Key>),
    /// An event of a kind that this release does not know.
    Unsupported,
}

impl Known {
    fn bytes(&self) -> usize {
        if let Self::Other(_, bytes) = self { *bytes } else { 0 }
    }
}

/// A question without an answer yet.
struct Asked {
    question: Question,
    /// [`Sequencer::known_end`] when it was asked.
    known_end: i64,
    /// [`Sequencer::position`] when it was asked.
    position: i64,
}

/// The state machine.
pub struct Sequencer {
    /// Everything up to this log position was delivered or skipped.
    position: i64,
    pending: BTreeMap<i64, Known>,
    pending_bytes: usize,
    /// Events read from the journal and not yet delivered. They are complete up to `covered`.
    page: VecDeque<Arc<Event>>,
    covered: i64,
    /// Highest log position known to be committed.
    known_end: i64,
    /// Up to this log position, the journal is read without waiting for the bus.
    target: i64,
    stuck_since: Option<Duration>,
    asked: Option<Asked>,
    /// The open question was about another log.
    is_outdated: bool,
    /// After a failed read, the time until which the journal is not asked.
    retry_at: Duration,
    next_tail: Duration,
    link: Link,
    /// Something may have been lost just now, so waiting for the bus is useless.
    skips_wait: bool,
    /// The journal no longer has the next events.
    lacks_events: bool,
    all_clients_resume: bool,
    n_overflows: u64,
}

impl Sequencer {
    /// Starts after this log position, with the link down.
    pub fn new(position: Position) -> Self {
        Self {
            position: position.0,
            pending: BTreeMap::new(),
            pending_bytes: 0,
            page: VecDeque::new(),
            covered: position.0,
            known_end: position.0,
            target: position.0,
            stuck_since: None,
            asked: None,
            is_outdated: false,
            retry_at: Duration::ZERO,
            next_tail: Duration::ZERO,
            link: Link::Down,
            skips_wait: false,
            lacks_events: false,
            all_clients_resume: false,
            n_overflows: 0,
        }
    }

    /// Switches to another log that ends at this log position, and forgets everything about the previous one.
    pub fn switch_to(&mut self, position: Position) {
        let asked = self.asked.take();
        *self = Self { link: self.link, n_overflows: self.n_overflows, ..Self::new(position) };
        self.is_outdated = asked.is_some();
        self.asked = asked;
    }

    /// The log position up to which every event was delivered or skipped.
    pub fn position(&self) -> Position {
        Position(self.position)
    }

    /// Number of events known to be committed and not delivered yet.
    pub fn lag(&self) -> u64 {
        u64::try_from(self.known_end - self.position).unwrap_or(0)
    }

    /// How often the bounds for remembered events were exceeded.
    pub fn n_overflows(&self) -> u64 {
        self.n_overflows
    }

    /// Records the state of the link.
    pub fn link(&mut self, link: Link) {
        self.link = link;
    }

    /// Records that messages from the bus may have been lost.
    pub fn missed(&mut self) {
        self.skips_wait = true;
    }

    /// Records events that this node has committed.
    pub fn committed(&mut self, events: &[Arc<Event>]) {
        for event in events {
            self.record(event.position.0, Known::Own(event.clone()));
        }
    }

    /// Records the audiences of events that another node has committed.
    pub fn header(&mut self, header: Header) {
        for (position, keys) in (header.first.0..i64::MAX).zip(header.keys) {
            self.record(position, Known::Keys(keys));
        }
    }

    /// Records an event that another node has committed, and its size in bytes. `None` is an event that this release
    /// does not know.
    pub fn event(&mut self, position: Position, event: Option<Arc<Event>>, bytes: usize) {
        let known = event.map_or(Known::Unsupported, |event| Known::Other(event, bytes));
        self.record(position.0, known);
    }

    fn record(&mut self, position: i64, known: Known) {
        self.known_end = self.known_end.max(position);
        if position <= self.position {
            return;
        }
        let is_new = match self.pending.get(&position) {
            None => true,
            Some(Known::Keys(_)) => !matches!(known, Known::Keys(_)),
            Some(_) => false,
        };
        if !is_new {
            return;
        }
        self.pending_bytes += known.bytes();
        self.pending.insert(position, known);
        if self.pending.len() > MAX_PENDING || self.pending_bytes > MAX_PENDING_BYTES {
            self.forget_pending();
            self.n_overflows += 1;
            self.target = self.known_end;
        }
    }

    fn forget_pending(&mut self) {
        self.pending.clear();
        self.pending_bytes = 0;
    }

    /// Processes the journal's answer.
    pub fn answer(&mut self, answer: Answer, now: Duration) {
        let Some(asked) = self.asked.take() else { return };
        if std::mem::take(&mut self.is_outdated) {
            return;
        }
        match answer {
            Answer::Page(JournalPage::Events { events, up_to }) => self.read(&asked, events, up_to.0, now),
            Answer::Page(JournalPage::Gone) => self.lacks_events = true,
            Answer::End(end) => self.ends(&asked, end.0),
            Answer::Failed => {
                self.retry_at = now + RETRY;
                self.skips_wait |= matches!(asked.question, Question::After(_));
            }
        }
    }

    fn read(&mut self, asked: &Asked, events: Vec<Arc<Event>>, up_to: i64, now: Duration) {
        if up_to <= asked.position {
            return self.drop_unconfirmed(asked, asked.position);
        }
        if events.len() >= usize::from(PAGE) {
            // The page is full, so there may be more.
            self.next_tail = now;
        }
        self.page = events.into();
        self.covered = up_to;
        self.known_end = self.known_end.max(up_to);
    }

    fn ends(&mut self, asked: &Asked, end: i64) {
        if self.lacks_events || end < asked.position {
            // The journal is too short, or the log was restored to an earlier state. The lost events cannot be
            // delivered.
            self.lacks_events = false;
            self.all_clients_resume = true;
            self.position = end;
            self.covered = end;
            self.target = end;
            self.page.clear();
            self.pending = self.pending.split_off(&end.saturating_add(1));
            self.pending_bytes = self.pending.values().map(Known::bytes).sum();
        }
        self.drop_unconfirmed(asked, end);
        self.known_end = self.known_end.max(end);
    }

    /// Drops what is beyond the journal's end. Nodes publish after the commit; so a position that was known before the
    /// journal was asked and is not in it belongs to another log or to a discarded state of this one, and will never
    /// come.
    fn drop_unconfirmed(&mut self, asked: &Asked, end: i64) {
        if asked.known_end > end {
            self.forget_pending();
            self.known_end = end.max(self.position);
            self.target = self.target.min(self.known_end);
        }
    }

    /// Appends the next events to `next`, as far as they are known. Nothing while clients still have to resume: a
    /// client that got an event from after the gap would continue from there.
    pub fn drain(&mut self, interest: &dyn Interest, next: &mut Vec<Arc<Event>>) {
        while !self.lacks_events && !self.all_clients_resume {
            let Some(found) = self.resolve(self.position + 1, interest) else { return };
            self.position += 1;
            self.stuck_since = None;
            if let Some(event) = found {
                interest.note(&event);
                next.push(event);
            }
        }
    }

    /// Resolves a log position: `Some(None)` if it concerns no client here, `None` if it is not known yet.
    fn resolve(&mut self, position: i64, interest: &dyn Interest) -> Option<Option<Arc<Event>>> {
        let of_interest = |event: Arc<Event>| {
            let keys = crate::key::keys_of(&event.change);
            interest.concerns(&keys).then_some(event)
        };
        let is_covered = position <= self.covered;
        let read = self.take_read(position);
        let resolved = match self.pending.get(&position) {
            // The hub finds the audience itself; checking the interest before would cost as much.
            Some(Known::Own(event)) => Some(Some(event.clone())),
            Some(Known::Other(event, _)) => Some(of_interest(event.clone())),
            Some(Known::Unsupported) => Some(None),
            Some(Known::Keys(keys)) if !interest.concerns(keys) => Some(None),
            Some(Known::Keys(_)) | None if is_covered => Some(read.and_then(of_interest)),
            Some(Known::Keys(_)) | None => None,
        };
        if resolved.is_some()
            && let Some(known) = self.pending.remove(&position)
        {
            self.pending_bytes -= known.bytes();
        }
        resolved
    }

    fn take_read(&mut self, position: i64) -> Option<Arc<Event>> {
        while self.page.front().is_some_and(|event| event.position.0 < position) {
            self.page.pop_front();
        }
        let is_it = self.page.front().is_some_and(|event| event.position.0 == position);
        if is_it { self.page.pop_front() } else { None }
    }

    /// Returns what has to be done at `now`. Call [`Self::drain`] first.
    pub fn turn(&mut self, now: Duration) -> Turn {
        if self.known_end <= self.position {
            self.stuck_since = None;
        } else if self.stuck_since.is_none() {
            self.stuck_since = Some(now);
        }
        let question = self.question(now);
        if let Some(question) = question {
            let tail = if self.link == Link::Up { TAIL_UP } else { TAIL_DOWN };
            self.next_tail = now + tail;
            self.asked = Some(Asked { question, known_end: self.known_end, position: self.position });
        }
        let all_clients_resume = std::mem::take(&mut self.all_clients_resume);
        Turn { question, all_clients_resume, wake_at: self.wake_at() }
    }

    fn question(&mut self, now: Duration) -> Option<Question> {
        if self.asked.is_some() || now < self.retry_at {
            return None;
        }
        if self.lacks_events {
            return Some(Question::End);
        }
        let is_due = now >= self.next_tail;
        let has_waited = self.stuck_until().is_some_and(|until| now >= until);
        if has_waited {
            self.target = self.known_end;
        }
        if self.skips_wait || self.position < self.target || (is_due && self.link == Link::Down) {
            self.skips_wait = false;
            return Some(Question::After(self.position()));
        }
        is_due.then_some(Question::End)
    }

    fn stuck_until(&self) -> Option<Duration> {
        let wait = if self.link == Link::Up { BUS_WAIT } else { Duration::ZERO };
        Some(self.stuck_since? + wait)
    }

    fn wake_at(&self) -> Option<Duration> {
        if self.asked.is_some() {
            return None;
        }
        let due = self.stuck_until().map_or(self.next_tail, |until| until.min(self.next_tail));
        Some(due.max(self.retry_at))
    }
}

#[cfg(test)]
mod tests;
