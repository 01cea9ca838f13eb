//! The relay's thread: processes inputs, runs the state machines, and does what they return. The only code of the relay
//! that reads the clock.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use chat_core::cluster::{Journal, JournalPage, Link, PresenceRegistry};
use chat_core::event::Event;
use chat_core::ports::EventSink;
use chat_core::sync::Epoch;
use chat_core::{Error, Result, failpoints};
use tokio::runtime::Handle;

use super::{LogSwitch, Shared};
use crate::bus::Subject;
use crate::inbox::{Incoming, Input};
use crate::key::keys_of;
use crate::presence::{Effect, Nodes};
use crate::sequencer::{Answer, PAGE, Question, Sequencer};
use crate::wire::{self, Bundle, Message};

/// Upper bound for the inputs processed before the state machines' results are carried out.
const DRAIN: usize = 64;
/// A read of the journal that takes longer counts as failed.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Wait before an answer is queued again that found the queue full.
const SEND_AGAIN: Duration = Duration::from_millis(5);

/// What the thread calls, apart from the bus.
pub(super) struct Outside {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) hub: Arc<dyn EventSink>,
    pub(super) presence_registry: Arc<dyn PresenceRegistry>,
    pub(super) all_clients_resume: Box<dyn Fn() + Send>,
    pub(super) set_epoch: Box<dyn Fn(Epoch) + Send>,
    pub(super) runtime: Handle,
}

pub(super) struct Worker {
    shared: Arc<Shared>,
    incoming: Incoming,
    outside: Outside,
    sequencer: Sequencer,
    /// Epoch of the log that this thread follows.
    epoch: Epoch,
    nodes: Nodes,
    started: Instant,
    wake_at: Option<Duration>,
    link: Link,
    /// The last read of the journal failed.
    is_failing: bool,
    n_overflows: u64,
}

impl Worker {
    pub(super) fn new(
        shared: Arc<Shared>,
        incoming: Incoming,
        outside: Outside,
        sequencer: Sequencer,
    ) -> Self {
        Self {
            nodes: Nodes::new(shared.node),
            epoch: Epoch(shared.epoch.load(Ordering::Acquire)),
            shared,
            incoming,
            outside,
            sequencer,
            started: Instant::now(),
            wake_at: Some(Duration::ZERO),
            link: Link::Down,
            is_failing: false,
            n_overflows: 0,
        }
    }

    /// Runs until the relay is closed or dropped.
    pub(super) fn run(mut self) {
        loop {
            let mut n_taken = 0;
            match self.incoming.queue.recv_timeout(self.timeout()) {
                Ok(input) => {
                    self.take(input);
                    n_taken = 1;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while n_taken > 0
                && n_taken < DRAIN
                && let Ok(input) = self.incoming.queue.try_recv()
            {
                self.take(input);
                n_taken += 1;
            }
            self.turn();
            if n_taken < DRAIN && self.shared.is_closing.load(Ordering::Acquire) {
                return self.say_goodbye();
            }
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn timeout(&self) -> Duration {
        let nodes = self.shared.bus.as_ref().map(|_| self.nodes.wake_at());
        let wake_at = [self.wake_at, nodes].into_iter().flatten().min();
        wake_at.map_or(ANSWER_WITHIN, |at| at.saturating_sub(self.now()))
    }

    fn take(&mut self, input: Input) {
        // Inputs queued earlier may be about the previous log; each has its epoch.
        self.follow();
        match input {
            Input::Message(epoch, bytes) => {
                self.incoming.took_message();
                if epoch == self.epoch {
                    self.receive(&bytes);
                }
            }
            Input::Committed(epoch, _) if epoch != self.epoch => return,
            Input::Committed(_, events) => {
                self.publish_events(&events);
                self.sequencer.committed(&events);
            }
            Input::Answer(answer) => self.answered(answer),
            Input::Wake => return,
        }
        self.deliver();
    }

    /// Switches to another log if the one followed here is no longer the current one.
    fn follow(&mut self) {
        if self.shared.epoch.load(Ordering::Acquire) == self.epoch.0 {
            return;
        }
        let log_switch = self.shared.log_switch.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(LogSwitch { to, done }) = log_switch else { return };
        self.epoch = to.epoch;
        self.sequencer.switch_to(to.position);
        if let Some(bus) = &self.shared.bus {
            bus.follow(to.epoch);
            self.nodes.greet();
        }
        self.shared.metrics.switches.inc();
        (self.outside.all_clients_resume)();
        (self.outside.set_epoch)(to.epoch);
        // The caller may have stopped waiting.
        let _ = done.send(());
    }

    fn receive(&mut self, bytes: &[u8]) {
        match wire::read(bytes) {
            Some(Message::Header(header)) => self.sequencer.header(header),
            Some(Message::Events(events)) => {
                self.shared.metrics.received.inc_by(events.len() as u64);
                for received in events {
                    self.sequencer.event(received.position, received.event, received.bytes);
                }
            }
            Some(Message::Signal(signal)) => self.outside.hub.signal(signal),
            Some(Message::Node(node, statement)) => {
                let now = self.now();
                self.nodes.receive(node, statement, now);
            }
            // From another release; the events, if any, will be found missing and read from the journal.
            None => {}
        }
    }

    /// Delivers the next events. Done after each input and not at the end of a turn, so that events that are next do
    /// not count against the bounds for pending ones.
    fn deliver(&mut self) {
        let mut next = Vec::new();
        self.sequencer.drain(&self.shared.interest, &mut next);
        if !next.is_empty() {
            self.shared.metrics.delivered.inc_by(next.len() as u64);
            self.outside.hub.publish(&next);
        }
    }

    /// Publishes a batch: first the events to their audiences, then headers to all nodes, so that a node that learns of
    /// an event has most likely got the event already.
    fn publish_events(&self, events: &[Arc<Event>]) {
        let (Some(bus), Some(first)) = (&self.shared.bus, events.first()) else { return };
        if !bus.is_up() {
            return;
        }
        let mut bundles: BTreeMap<Subject, Bundle> = BTreeMap::new();
        let mut all_keys = Vec::with_capacity(events.len());
        for event in events {
            let bytes = chat_codec::event::encode_one(event);
            let keys = keys_of(&event.change);
            for subject in keys.iter().map(|key| key.subject()) {
                if let Some(full) = bundles.entry(subject).or_default().add(event.position, &bytes) {
                    self.shared.publish(subject, full);
                }
            }
            all_keys.push(keys);
        }
        for (subject, bundle) in bundles {
            self.shared.publish(subject, bundle.into_bytes());
        }
        for header in wire::headers(first.position, all_keys) {
            self.shared.publish(Subject::Log, header);
        }
        self.shared.metrics.published.inc_by(events.len() as u64);
    }

    fn answered(&mut self, answer: Result<Answer>) {
        let answer = match answer {
            Ok(answer) => {
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!("the journal can be read again");
                }
                answer
            }
            Err(error) => {
                self.shared.metrics.failed_reads.inc();
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::warn!(error = %error, "cannot read the journal; retrying");
                }
                Answer::Failed
            }
        };
        if let Answer::Page(JournalPage::Events { events, .. }) = &answer {
            self.shared.metrics.read_events.inc_by(events.len() as u64);
        }
        let now = self.now();
        self.sequencer.answer(answer, now);
    }

    fn turn(&mut self) {
        self.follow();
        self.notice();
        if self.shared.bus.is_some() {
            self.turn_nodes();
        }
        // The interest may have changed, and with it the events to wait for.
        self.deliver();
        let turn = self.sequencer.turn(self.now());
        self.wake_at = turn.wake_at;
        if turn.all_clients_resume {
            tracing::warn!("the journal lacks events that clients missed; all clients must resume");
            self.shared.metrics.resumes.inc();
            (self.outside.all_clients_resume)();
            self.deliver();
        }
        if let Some(question) = turn.question {
            self.ask(question);
        }
        let lag = self.sequencer.lag();
        self.shared.lag.store(lag, Ordering::Relaxed);
        self.shared.metrics.lag.set(lag);
    }

    /// Processes the notices of the bus.
    fn notice(&mut self) {
        let notices = self.incoming.notices();
        self.shared.metrics.dropped.inc_by(notices.n_dropped);
        if notices.missed {
            self.sequencer.missed();
        }
        if notices.link != self.link {
            self.link = notices.link;
            let is_up = self.link == Link::Up;
            self.sequencer.link(self.link);
            self.shared.is_up.store(is_up, Ordering::Relaxed);
            self.shared.metrics.up.set(u64::from(is_up));
            if is_up {
                self.nodes.greet();
            }
        }
        let n_overflows = self.sequencer.n_overflows();
        self.shared.metrics.dropped.inc_by(n_overflows - self.n_overflows);
        self.n_overflows = n_overflows;
    }

    fn turn_nodes(&mut self) {
        let changed = self.shared.take_changed();
        if !changed.is_empty() {
            self.nodes.changed(changed.into_iter().collect());
        }
        let now = self.now();
        let presence_registry = &self.outside.presence_registry;
        for effect in self.nodes.turn(now, || presence_registry.here()) {
            match effect {
                Effect::Publish(statement) => {
                    self.shared.publish(Subject::Node, wire::statement(self.shared.node, &statement));
                }
                Effect::UsersChanged(node, users) => presence_registry.there(node, &users),
                Effect::Lost(node) => presence_registry.lost(node),
            }
        }
        self.shared.has_met.store(self.link == Link::Up && self.nodes.has_met(), Ordering::Release);
    }

    fn ask(&self, question: Question) {
        if matches!(question, Question::After(_)) {
            self.shared.metrics.reads.inc();
            if self.link == Link::Up {
                self.shared.metrics.late.inc();
            }
        }
        let journal = self.outside.journal.clone();
        let queue = self.shared.queue.clone();
        self.outside.runtime.spawn(async move {
            let answer = tokio::time::timeout(ANSWER_WITHIN, query(&*journal, question)).await;
            let late = |_| Err(Error::Unavailable("the journal does not answer".into()));
            send_answer(&queue, Input::Answer(answer.unwrap_or_else(late))).await;
        });
    }

    fn say_goodbye(self) {
        let goodbye = wire::statement(self.shared.node, &crate::presence::Statement::Goodbye);
        self.shared.publish(Subject::Node, goodbye);
    }
}

async fn query(journal: &dyn Journal, question: Question) -> Result<Answer> {
    match question {
        // Simulates a node that treats lost events as if there were none.
        Question::After(_) if failpoints::is_broken("no_journal") => {
            let up_to = journal.end().await?;
            Ok(Answer::Page(JournalPage::Events { events: Vec::new(), up_to }))
        }
        Question::After(position) => journal.read(position, PAGE).await.map(Answer::Page),
        Question::End => journal.end().await.map(Answer::End),
    }
}

/// Queues an answer, retrying while the queue is full: the thread asks again only after an answer, so none may get
/// lost.
async fn send_answer(queue: &SyncSender<Input>, mut answer: Input) {
    while let Err(TrySendError::Full(back)) = queue.try_send(answer) {
        answer = back;
        tokio::time::sleep(SEND_AGAIN).await;
    }
}
