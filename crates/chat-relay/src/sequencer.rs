//! Puts the events of all nodes into the order of their positions, of which none is missing but those that concern
//! nobody here.
//!
//! A state machine without input, output or a clock: it is told what was committed here, what others say and what the
//! journal holds, and says which events are next and what the journal should be asked. What the bus brings may be lost,
//! doubled, late and in any order; only the journal is believed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chat_core::cluster::{JournalPage, Link};
use chat_core::event::Event;
use chat_core::ids::Position;

use crate::interest::Interest;
use crate::key::Key;
use crate::wire::Header;

/// How long what is missing may be on its way before the journal is asked.
const PATIENCE: Duration = Duration::from_millis(20);
/// How often the journal is asked where it ends while news travels: what is lost last leaves no gap to be noticed by.
const TAIL_UP: Duration = Duration::from_millis(500);
/// How often the journal is read while news does not travel.
const TAIL_DOWN: Duration = Duration::from_millis(100);
/// How soon a journal that could not be read is tried again.
const RETRY: Duration = Duration::from_millis(250);
/// Most events asked for at a time.
pub const PAGE: u16 = 500;
/// Most positions remembered behind a gap, and most bytes of others' events. Beyond that all are let go of and read
/// from the journal in their turn.
const MAX_PENDING: usize = 16_384;
const MAX_PENDING_BYTES: usize = 32 * 1024 * 1024;

/// A question to the journal. There is one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// What comes after this place?
    After(Position),
    /// Where does it end?
    End,
}

/// What came of a question.
#[derive(Debug)]
pub enum Answer {
    /// What comes after the place.
    Page(JournalPage),
    /// Where it ends.
    End(Position),
    /// The journal can't be read now.
    Failed,
}

/// What is to be done now.
#[derive(Debug, Default)]
pub struct Turn {
    /// Ask the journal this, and come back with the answer.
    pub question: Option<Question>,
    /// What clients missed can't be given to them live any more: all of them have to resume, before anything more is
    /// drained.
    pub everybody_resumes: bool,
    /// There may be something to do then even if nothing happens.
    pub wake_at: Option<Duration>,
}

/// What is known of a position that is not next yet.
enum Known {
    /// It was committed by this node.
    Own(Arc<Event>),
    /// It was committed by another node, and takes so many bytes.
    Other(Arc<Event>, usize),
    /// Whom it concerns; what it is may be on its way.
    Keys(Vec<Key>),
    /// It is of a kind that this release does not know.
    Strange,
}

impl Known {
    fn bytes(&self) -> usize {
        if let Self::Other(_, bytes) = self { *bytes } else { 0 }
    }
}

/// The question that waits for its answer.
struct Asked {
    question: Question,
    /// How far the log reached by then, by all that was heard.
    heard_of: i64,
    /// The place up to which everything was resolved by then.
    position: i64,
}

/// The state machine.
pub struct Sequencer {
    /// Up to here everything is resolved.
    position: i64,
    pending: BTreeMap<i64, Known>,
    pending_bytes: usize,
    /// Read from the journal and not yet in order, and the place up to which it leaves nothing out.
    page: VecDeque<Arc<Event>>,
    covered: i64,
    /// How far the log reaches, by all that was heard.
    heard_of: i64,
    /// Up to here the journal is read without waiting for what may be on its way.
    target: i64,
    stuck_since: Option<Duration>,
    asked: Option<Asked>,
    /// What was asked last was asked of another log.
    is_outdated: bool,
    /// The journal could not be read; it is left alone until then.
    rests_until: Duration,
    next_tail: Duration,
    link: Link,
    /// Something may have been lost just now, so that waiting for it is in vain.
    hurries: bool,
    /// The journal does not give what comes next.
    is_torn: bool,
    everybody_resumes: bool,
    n_overflows: u64,
}

impl Sequencer {
    /// Begins at a place, with a link that is down.
    pub fn new(position: Position) -> Self {
        Self {
            position: position.0,
            pending: BTreeMap::new(),
            pending_bytes: 0,
            page: VecDeque::new(),
            covered: position.0,
            heard_of: position.0,
            target: position.0,
            stuck_since: None,
            asked: None,
            is_outdated: false,
            rests_until: Duration::ZERO,
            next_tail: Duration::ZERO,
            link: Link::Down,
            hurries: false,
            is_torn: false,
            everybody_resumes: false,
            n_overflows: 0,
        }
    }

    /// Begins anew, with another log that ends there; nothing that is known of the one before counts any more.
    pub fn turn_to(&mut self, position: Position) {
        let asked = self.asked.take();
        *self = Self { link: self.link, n_overflows: self.n_overflows, ..Self::new(position) };
        self.is_outdated = asked.is_some();
        self.asked = asked;
    }

    /// Up to here everything was handed on or is of no interest.
    pub fn position(&self) -> Position {
        Position(self.position)
    }

    /// How many events are known to be committed and were not handed on.
    pub fn lag(&self) -> u64 {
        u64::try_from(self.heard_of - self.position).unwrap_or(0)
    }

    /// How often more was remembered than may be.
    pub fn n_overflows(&self) -> u64 {
        self.n_overflows
    }

    /// Whether news travels.
    pub fn link(&mut self, link: Link) {
        self.link = link;
    }

    /// Something was lost on its way.
    pub fn missed(&mut self) {
        self.hurries = true;
    }

    /// This node has committed these.
    pub fn committed(&mut self, events: &[Arc<Event>]) {
        for event in events {
            self.know(event.position.0, Known::Own(event.clone()));
        }
    }

    /// Another node says whom the events concern that it has committed.
    pub fn header(&mut self, header: Header) {
        for (position, keys) in (header.first.0..i64::MAX).zip(header.keys) {
            self.know(position, Known::Keys(keys));
        }
    }

    /// Another node has committed this, which takes so many bytes. `None`: something that this release does not know.
    pub fn event(&mut self, position: Position, event: Option<Arc<Event>>, bytes: usize) {
        let known = event.map_or(Known::Strange, |event| Known::Other(event, bytes));
        self.know(position.0, known);
    }

    fn know(&mut self, position: i64, known: Known) {
        self.heard_of = self.heard_of.max(position);
        if position <= self.position {
            return;
        }
        let is_news = match self.pending.get(&position) {
            None => true,
            Some(Known::Keys(_)) => !matches!(known, Known::Keys(_)),
            Some(_) => false,
        };
        if !is_news {
            return;
        }
        self.pending_bytes += known.bytes();
        self.pending.insert(position, known);
        if self.pending.len() > MAX_PENDING || self.pending_bytes > MAX_PENDING_BYTES {
            self.forget_pending();
            self.n_overflows += 1;
            self.target = self.heard_of;
        }
    }

    fn forget_pending(&mut self) {
        self.pending.clear();
        self.pending_bytes = 0;
    }

    /// Takes the journal's answer.
    pub fn answer(&mut self, answer: Answer, now: Duration) {
        let Some(asked) = self.asked.take() else { return };
        if std::mem::take(&mut self.is_outdated) {
            return;
        }
        match answer {
            Answer::Page(JournalPage::Events { events, up_to }) => self.read(&asked, events, up_to.0, now),
            Answer::Page(JournalPage::Gone) => self.is_torn = true,
            Answer::End(end) => self.ends(&asked, end.0),
            Answer::Failed => {
                self.rests_until = now + RETRY;
                self.hurries |= matches!(asked.question, Question::After(_));
            }
        }
    }

    fn read(&mut self, asked: &Asked, events: Vec<Arc<Event>>, up_to: i64, now: Duration) {
        if up_to <= asked.position {
            return self.disbelieve(asked, asked.position);
        }
        if events.len() >= usize::from(PAGE) {
            // There may be more.
            self.next_tail = now;
        }
        self.page = events.into();
        self.covered = up_to;
        self.heard_of = self.heard_of.max(up_to);
    }

    fn ends(&mut self, asked: &Asked, end: i64) {
        if self.is_torn || end < asked.position {
            // Torn, or the log was put back to an earlier state. What was cut out is nothing that can be told.
            self.is_torn = false;
            self.everybody_resumes = true;
            self.position = end;
            self.covered = end;
            self.target = end;
            self.page.clear();
            self.pending = self.pending.split_off(&end.saturating_add(1));
            self.pending_bytes = self.pending.values().map(Known::bytes).sum();
        }
        self.disbelieve(asked, end);
        self.heard_of = self.heard_of.max(end);
    }

    /// News follows the commit. So what was heard of before the journal was asked, and is not in it, is of another log,
    /// or of a state of this one that is no more; waiting for it would be in vain.
    fn disbelieve(&mut self, asked: &Asked, end: i64) {
        if asked.heard_of > end {
            self.forget_pending();
            self.heard_of = end.max(self.position);
            self.target = self.target.min(self.heard_of);
        }
    }

    /// Gives out what is next, as far as it is known. Nothing while everybody is still to resume: whoever was given
    /// what comes after the tear would go on from there.
    pub fn drain(&mut self, interest: &dyn Interest, next: &mut Vec<Arc<Event>>) {
        while !self.is_torn && !self.everybody_resumes {
            let Some(found) = self.resolve(self.position + 1, interest) else { return };
            self.position += 1;
            self.stuck_since = None;
            if let Some(event) = found {
                interest.note(&event);
                next.push(event);
            }
        }
    }

    /// What is at a position: `Some(None)` is nothing that would be of interest, `None` is not known yet.
    fn resolve(&mut self, position: i64, interest: &dyn Interest) -> Option<Option<Arc<Event>>> {
        let of_interest = |event: Arc<Event>| {
            let keys = crate::key::keys_of(&event.change);
            interest.concerns(&keys).then_some(event)
        };
        let is_covered = position <= self.covered;
        let read = self.take_read(position);
        let resolved = match self.pending.get(&position) {
            // The hub looks for itself whom it concerns; to ask beforehand would cost as much.
            Some(Known::Own(event)) => Some(Some(event.clone())),
            Some(Known::Other(event, _)) => Some(of_interest(event.clone())),
            Some(Known::Strange) => Some(None),
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

    /// What is to be done at this time, after everything that is there was drained.
    pub fn turn(&mut self, now: Duration) -> Turn {
        if self.heard_of <= self.position {
            self.stuck_since = None;
        } else if self.stuck_since.is_none() {
            self.stuck_since = Some(now);
        }
        let question = self.question(now);
        if let Some(question) = question {
            let tail = if self.link == Link::Up { TAIL_UP } else { TAIL_DOWN };
            self.next_tail = now + tail;
            self.asked = Some(Asked { question, heard_of: self.heard_of, position: self.position });
        }
        let everybody_resumes = std::mem::take(&mut self.everybody_resumes);
        Turn { question, everybody_resumes, wake_at: self.wake_at() }
    }

    fn question(&mut self, now: Duration) -> Option<Question> {
        if self.asked.is_some() || now < self.rests_until {
            return None;
        }
        if self.is_torn {
            return Some(Question::End);
        }
        let is_due = now >= self.next_tail;
        let is_impatient = self.stuck_until().is_some_and(|until| now >= until);
        if is_impatient {
            self.target = self.heard_of;
        }
        if self.hurries || self.position < self.target || (is_due && self.link == Link::Down) {
            self.hurries = false;
            return Some(Question::After(self.position()));
        }
        is_due.then_some(Question::End)
    }

    fn stuck_until(&self) -> Option<Duration> {
        let patience = if self.link == Link::Up { PATIENCE } else { Duration::ZERO };
        Some(self.stuck_since? + patience)
    }

    fn wake_at(&self) -> Option<Duration> {
        if self.asked.is_some() {
            return None;
        }
        let due = self.stuck_until().map_or(self.next_tail, |until| until.min(self.next_tail));
        Some(due.max(self.rests_until))
    }
}

#[cfg(test)]
mod tests;
