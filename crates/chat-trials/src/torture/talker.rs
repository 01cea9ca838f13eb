//! A client of the v2 stream that sends, edits, reacts, reads and writes piece by piece, and keeps what it is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chat_client::link::Backoff;
use chat_client::v2::{Applied, Event, Op, Options, Session, State, Way};
use chat_client::{Client, Error, ServerUrl};
use chat_protocol::message::{AppendRequest, EditRequest, FinishRequest, Message, SendRequest};
use chat_protocol::v2::{Ack, Append, Edit, Finish, Pointer, React, Receipt, Send, ServerFrame};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::arena::{Era, Person, Pulse, Target};
use super::dice::Dice;
use super::ledger::{Ledger, Place};
use super::truth;
use super::verdict::{Findings, Log, Sight, Violation, compare};

const FIRST_DELAY: Duration = Duration::from_millis(20);
const LONGEST_DELAY: Duration = Duration::from_millis(500);
/// After so long without a frame a client looks whether it has everything.
const QUIET: Duration = Duration::from_millis(50);
const EMOJI: [&str; 3] = ["👍", "🧀", ":mouse:"];

/// The client.
pub(super) struct Talker {
    me: Person,
    session: Session,
    room: usize,
    /// The session ended for good.
    has_ended: bool,
    dice: Dice,
    pulse: Pulse,
    n_sent: u64,
    ledger: Ledger,
    findings: Findings,
    sight: Sight,
    /// By what it was told since the last comparison.
    state: State,
    /// The conversations that it knows the ids of.
    conversations: BTreeMap<Target, i64>,
    /// Messages of its own since the last comparison that were not edited.
    unedited: Vec<i64>,
    /// Messages since the last comparison: id, conversation and `seq`.
    recent: Vec<(i64, i64, i64)>,
    /// Messages of its own that are being written: the text that was acknowledged, and how many pieces will follow.
    growing: BTreeMap<i64, (String, u64)>,
    /// Those of them that nothing is on its way for.
    idle: Vec<i64>,
    n_resumed: u64,
    /// When it last had what the log has.
    agreed_at: Instant,
    /// For what a client has to load that is told to.
    rest: Option<Client>,
    /// What the log had when they were compared last.
    base: Arc<Log>,
    /// Of which log it is told, as its cursors say.
    epoch: String,
    era: Era,
    n_eras: u64,
    /// What was told of the database of before, if it was replaced since the last comparison.
    past: Option<Ledger>,
    /// What it has is of another log, and has to be loaded.
    has_to_load: bool,
    /// How often it had to since the last comparison, and when it was live again.
    beginnings: Beginnings,
}

/// How often a client had to load anew, and when it was live after that.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Beginnings {
    pub(super) count: u64,
    pub(super) live_at: Option<Instant>,
}

impl Talker {
    /// One who has at most so many requests under way.
    pub(super) fn new(
        me: Person,
        url: ServerUrl,
        seed: u64,
        (pulse, era): (Pulse, Era),
        room: usize,
    ) -> Self {
        let mut dice = Dice::new(seed, "talker", me.number);
        let rest = Client::new(&format!("http://{}", url.authority())).ok();
        let rest = rest.map(|client| client.with_token(me.token.clone()));
        let session = Session::new(Options {
            url,
            token: me.token.clone(),
            way: if me.number.is_multiple_of(2) { Way::Header } else { Way::Subprotocol },
            cursor: None,
            name: format!("v2-{}", me.number),
            outbox: room,
            window: room,
            backoff: Backoff::new(FIRST_DELAY, LONGEST_DELAY, dice.throw()),
        });
        Self {
            me,
            session,
            room,
            has_ended: false,
            dice,
            pulse,
            n_sent: 0,
            ledger: Ledger::default(),
            findings: Findings::default(),
            sight: Sight::default(),
            state: State::default(),
            conversations: BTreeMap::new(),
            unedited: Vec::new(),
            recent: Vec::new(),
            growing: BTreeMap::new(),
            idle: Vec::new(),
            n_resumed: 0,
            agreed_at: Instant::now(),
            rest,
            base: Arc::default(),
            epoch: String::new(),
            n_eras: era.number(),
            era,
            past: None,
            has_to_load: false,
            beginnings: Beginnings::default(),
        }
    }

    /// Waits until the stream is there.
    pub(super) async fn arrive(mut self, patience: Duration) -> Self {
        let arriving = async {
            while !self.has_ended {
                let event = self.session.next().await;
                let is_live = matches!(event, Ok(Event::Frame(ServerFrame::Live(_))));
                self.take(event);
                if is_live {
                    return;
                }
            }
        };
        if timeout(patience, arriving).await.is_err() {
            self.findings.note(Violation::Unanswered, || "a client could not connect".into());
        }
        self
    }

    /// Does this and that until it is told to stop, and then waits until all is answered or the time is up.
    pub(super) async fn play(mut self, mut stop: watch::Receiver<bool>, patience: Duration) -> Self {
        let mut acts_at = Instant::now();
        while !self.has_ended && !*stop.borrow_and_update() {
            tokio::select! {
                event = self.session.next() => {
                    self.take(event);
                    self.load_if_told().await;
                }
                () = sleep_until(acts_at) => {
                    if self.session.n_waiting() < self.room {
                        self.act();
                    }
                    acts_at = Instant::now() + self.dice.millis(0, 12);
                }
                _ = stop.changed() => {}
            }
        }
        let answered = async {
            while !self.has_ended && self.session.n_waiting() > 0 {
                let event = self.session.next().await;
                self.take(event);
                self.load_if_told().await;
            }
        };
        // What is missing then stands in the ledger as unanswered.
        let _ = timeout(patience, answered).await;
        self.ledger.unanswered += u64::try_from(self.session.n_waiting()).unwrap_or(0);
        self
    }

    /// Waits until it has what the log has; what is different when the time is up is noted. Then it begins anew.
    pub(super) async fn agree(mut self, log: Arc<Log>, patience: Duration) -> Self {
        let ends_at = Instant::now() + patience;
        while !self.has_ended {
            if let Ok(event) = timeout(QUIET, self.session.next()).await {
                self.take(event);
                self.load_if_told().await;
                if Instant::now() < ends_at {
                    continue;
                }
            }
            let findings = compare(self.me.id, &self.state, &log);
            if findings.is_nothing() {
                self.agreed_at = Instant::now();
                break;
            }
            if Instant::now() >= ends_at {
                self.findings.add(findings);
                break;
            }
        }
        self.state = State::default();
        self.base = log;
        self.forget_messages();
        self
    }

    /// What it knows, and what it knew of the database of before.
    pub(super) fn take_ledger(&mut self) -> (Ledger, Option<Ledger>) {
        (std::mem::take(&mut self.ledger), self.past.take())
    }

    /// Whether it had to load anew since this was asked last.
    pub(super) fn take_beginnings(&mut self) -> Beginnings {
        std::mem::take(&mut self.beginnings)
    }

    pub(super) fn take_findings(&mut self) -> Findings {
        std::mem::take(&mut self.findings)
    }

    /// When it last had what the log has.
    pub(super) fn agreed_at(&self) -> Instant {
        self.agreed_at
    }

    /// How often a connection went on where another had ended.
    pub(super) fn n_resumed(&self) -> u64 {
        self.n_resumed
    }

    fn act(&mut self) {
        let op = match self.dice.between(0, 99) {
            0..12 => self.edit(),
            12..24 => self.react(),
            24..34 => self.read(),
            34..54 => self.grow(),
            _ => None,
        };
        // Nothing to edit, say: then a message.
        if let Some(op) = op.or_else(|| self.send()) {
            // There is room: this was looked at before.
            let _ = self.session.submit(op);
        }
    }

    fn send(&mut self) -> Option<Op> {
        let target = self.me.target(&mut self.dice)?;
        let key = format!("v2-{}-{}", self.me.number, self.n_sent);
        self.n_sent += 1;
        let will_grow = self.dice.is_lucky(10);
        let content = if will_grow { String::new() } else { format!("{key} says {}", self.dice.throw()) };
        self.ledger.sending(&key, &content);
        let body = SendRequest {
            content: Some(content),
            streaming: will_grow.then_some(true),
            client_msg_id: Some(key),
            ..SendRequest::default()
        };
        let known = self.conversations.get(&target).copied().filter(|_| self.dice.is_lucky(50));
        Some(Op::Send(match (known, target) {
            (Some(id), _) => Send { conversation_id: Some(id), body, ..Send::default() },
            (None, Target::User(id)) => Send { to_user: Some(id), body, ..Send::default() },
            (None, Target::Group(id)) => Send { to_group: Some(id), body, ..Send::default() },
        }))
    }

    fn edit(&mut self) -> Option<Op> {
        let message_id = self.unedited.pop()?;
        let content = format!("{message_id} now says {}", self.dice.throw());
        Some(Op::Edit(Edit { message_id, edit: EditRequest { content } }))
    }

    /// The next piece of a message that is being written, or its end.
    fn grow(&mut self) -> Option<Op> {
        let message_id = self.idle.pop()?;
        let (text, pieces) = self.growing.get(&message_id)?;
        if *pieces == 0 {
            return Some(Op::Finish(Finish { message_id, ending: FinishRequest::default() }));
        }
        let offset = u32::try_from(text.chars().count()).ok()?;
        let content = format!("né{} ", self.dice.throw());
        Some(Op::Append(Append { message_id, piece: AppendRequest { offset, content } }))
    }

    fn react(&mut self) -> Option<Op> {
        let (message_id, ..) = *self.dice.one_of(&self.recent)?;
        let emoji = (*self.dice.one_of(&EMOJI)?).to_owned();
        Some(Op::React(React { message_id, emoji }))
    }

    fn read(&mut self) -> Option<Op> {
        let (_, conversation_id, seq) = *self.dice.one_of(&self.recent)?;
        Some(Op::Read(Pointer { conversation_id, seq, thread_id: None }))
    }

    fn forget_messages(&mut self) {
        self.unedited.clear();
        self.recent.clear();
        self.growing.clear();
        self.idle.clear();
    }

    /// The database was replaced: what was told so far is of the one before.
    fn turn(&mut self) {
        let mut past = self.ledger.turn();
        past.unsure.extend(self.growing.keys());
        self.past = Some(past);
        self.forget_messages();
    }

    /// Loads everything since the last comparison, as a client has to that is told to.
    async fn load_if_told(&mut self) {
        while std::mem::take(&mut self.has_to_load) {
            let Some(rest) = self.rest.as_ref().map(|rest| rest.with_token(self.me.token.clone())) else {
                return;
            };
            let Ok(log) = truth::read(&[rest], Some(&self.base)).await else {
                sleep(LONGEST_DELAY).await;
                self.has_to_load = true;
                continue;
            };
            for (conversation, kept) in log {
                self.sight.loaded(conversation, kept.last_seq());
                self.state.load_messages(&kept.messages);
                for (user, (delivered, read)) in kept.pointers {
                    self.state.apply(&ServerFrame::Receipt(receipt(conversation, user, delivered, read)));
                }
            }
        }
    }

    fn take(&mut self, event: Result<Event, Error>) {
        if std::mem::replace(&mut self.n_eras, self.era.number()) != self.n_eras {
            self.turn();
        }
        match event {
            // What it was about may be lost.
            Ok(Event::Refused { op, .. }) if self.past.is_some() && !matches!(op, Op::Send(_)) => {}
            Ok(Event::Frame(frame)) => self.told(&frame),
            Ok(Event::Acked { op, ack, .. }) => {
                self.pulse.beat();
                self.acked(op, ack);
            }
            Ok(Event::Refused { op, refusal, .. }) => {
                self.ledger.refusals.push(format!("{op:?}: {} ({})", refusal.error, refusal.code));
            }
            Ok(Event::Unknown(kind)) => {
                self.findings.note(Violation::Different, || format!("a frame of the unknown type {kind}"));
            }
            Ok(Event::Disconnected { .. }) => {}
            Err(error) => {
                self.has_ended = true;
                self.findings.note(Violation::Refused, || format!("a session ended: {error}"));
            }
        }
    }

    fn told(&mut self, frame: &ServerFrame) {
        if self.state.apply(frame) == Applied::Hole {
            self.findings.note(Violation::Gap, || format!("a piece of text is missing before {frame:?}"));
        }
        match frame {
            ServerFrame::Message(told) => {
                self.is_told_of(&told.cursor);
                self.met(&told.message);
            }
            ServerFrame::Hello(hello) => {
                self.n_resumed += u64::from(hello.resumed);
                if hello.resumed || self.epoch.is_empty() {
                    self.is_told_of(&hello.cursor);
                }
            }
            ServerFrame::Resync(resync) => {
                self.epoch = epoch_of(&resync.cursor).to_owned();
                self.beginnings = Beginnings { count: self.beginnings.count + 1, live_at: None };
                self.state = State::default();
                self.conversations.clear();
                self.forget_messages();
                self.has_to_load = true;
            }
            ServerFrame::Live(_) if self.beginnings.count > 0 => {
                self.beginnings.live_at.get_or_insert_with(Instant::now);
            }
            ServerFrame::Error(refusal) => self.ledger.refusals.push(refusal.error.clone()),
            _ => {}
        }
    }

    /// Whoever is told of another log has been told to load anew.
    fn is_told_of(&mut self, cursor: &str) {
        let epoch = epoch_of(cursor);
        if self.epoch.is_empty() {
            self.epoch = epoch.to_owned();
        } else if self.epoch != epoch {
            let before = std::mem::replace(&mut self.epoch, epoch.to_owned());
            self.findings.note(Violation::Gap, || format!("a client of {before} got the cursor {cursor}"));
        }
    }

    fn met(&mut self, message: &Message) {
        let (conversation, seq) = (message.conversation_id, message.seq);
        self.sight.note(conversation, seq, &mut self.findings);
        self.recent.push((message.id, conversation, seq));
        let target = match (message.group_id, message.sender_id == self.me.id) {
            (0, true) => Target::User(message.recipient_id),
            (0, false) => Target::User(message.sender_id),
            (group, _) => Target::Group(group),
        };
        self.conversations.insert(target, conversation);
    }

    fn acked(&mut self, op: Op, ack: Ack) {
        match (op, ack.message) {
            (Op::Send(send), Some(message)) => {
                let place = Place { id: message.id, conversation: message.conversation_id, seq: message.seq };
                self.ledger.sent(&send.body.client_msg_id.unwrap_or_default(), place, message.rev);
                if send.body.streaming.is_some() {
                    self.growing.insert(message.id, (String::new(), self.dice.between(1, 6)));
                    self.idle.push(message.id);
                } else {
                    self.unedited.push(message.id);
                }
            }
            (Op::Append(append), None) => self.has_grown(&append, ack.length),
            (Op::Finish(finish), Some(_)) => drop(self.growing.remove(&finish.message_id)),
            (Op::Edit(edit), Some(_)) => drop(self.ledger.edits.insert(edit.message_id, edit.edit.content)),
            (Op::React(react), Some(_)) => {
                self.ledger.reactions.push((react.message_id, react.emoji, self.me.id));
            }
            // A message that is lost cannot be read, and a server takes the last one that is there for it.
            (Op::Read(read), None) if self.past.is_some() && !self.knows(&read) => {}
            (Op::Read(read), None) => self.ledger.read(read.conversation_id, self.me.id, read.seq),
            (op, _) => {
                self.findings.note(Violation::Lost, || format!("an ack without what belongs to {op:?}"))
            }
        }
    }

    /// Whether it was told of this message of the database that is there now.
    fn knows(&self, pointer: &Pointer) -> bool {
        let place = (pointer.conversation_id, pointer.seq);
        self.recent.iter().any(|(_, conversation, seq)| (*conversation, *seq) == place)
    }

    fn has_grown(&mut self, append: &Append, length: Option<u32>) {
        let Some((text, pieces)) = self.growing.get_mut(&append.message_id) else { return };
        text.push_str(&append.piece.content);
        *pieces = pieces.saturating_sub(1);
        if length != u32::try_from(text.chars().count()).ok() {
            self.findings.note(Violation::Lost, || format!("a client got {length:?} characters of {text:?}"));
        }
        self.ledger.edits.insert(append.message_id, text.clone());
        self.idle.push(append.message_id);
    }
}

fn epoch_of(cursor: &str) -> &str {
    cursor.split_once('-').map_or(cursor, |(epoch, _)| epoch)
}

fn receipt(conversation_id: i64, user_id: i64, delivered_seq: i64, read_seq: i64) -> Receipt {
    Receipt {
        conversation_id,
        user_id,
        delivered_seq,
        read_seq,
        unread: None,
        mentions: None,
        cursor: String::new(),
    }
}
