//! A v2 stream client that sends, edits, reacts, reads and appends text, and records the server's answers and events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chat_client::link::Backoff;
use chat_client::v2::{Applied, Event, Op, Options, Session, State, TokenTransport};
use chat_client::{Client, Error, ServerUrl};
use chat_protocol::message::{AppendRequest, EditRequest, FinishRequest, Message, SendRequest};
use chat_protocol::v2::{Ack, Append, Edit, Finish, Pointer, React, Receipt, Send, ServerFrame};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::record::{ClientRecord, Place};
use super::stored_log;
use super::users::{FirstAck, Recipient, Replacements, User};
use super::verdict::{Findings, Log, SeenOrder, Violation, compare};
use crate::rng::Rng;

const FIRST_DELAY: Duration = Duration::from_millis(20);
const LONGEST_DELAY: Duration = Duration::from_millis(500);
/// After this time without a frame, a client compares its state with the log.
const QUIET: Duration = Duration::from_millis(50);
const EMOJI: [&str; 3] = ["👍", "🧀", ":mouse:"];

/// A client.
pub(super) struct StreamClient {
    me: User,
    session: Session,
    max_requests: usize,
    /// The session ended for good.
    has_ended: bool,
    rng: Rng,
    first_ack: FirstAck,
    n_sent: u64,
    record: ClientRecord,
    findings: Findings,
    seen_order: SeenOrder,
    /// State from the frames since the last comparison.
    state: State,
    /// Ids of the conversations, as far as they are known.
    conversations: BTreeMap<Recipient, i64>,
    /// Own messages since the last comparison that were not edited.
    unedited: Vec<i64>,
    /// Messages since the last comparison: id, conversation and `seq`.
    recent: Vec<(i64, i64, i64)>,
    /// Own messages that are being written: the acknowledged text, and the number of pieces to follow.
    growing: BTreeMap<i64, (String, u64)>,
    /// Those of them without a request in flight.
    idle: Vec<i64>,
    n_resumed: u64,
    /// When the client last had everything in the log.
    agreed_at: Instant,
    /// REST client for reloading.
    rest: Option<Client>,
    /// The log at the last comparison.
    base: Arc<Log>,
    /// Epoch of the log, from the cursors.
    epoch: String,
    replacements: Replacements,
    n_replacements: u64,
    /// The record of the previous database, if it was replaced since the last comparison.
    past: Option<ClientRecord>,
    /// The client has to reload, because its state belongs to another log.
    has_to_load: bool,
    /// Reloads since the last comparison.
    reloads: Reloads,
}

/// How often a client had to reload, and when it was live after that.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reloads {
    pub(super) count: u64,
    pub(super) live_at: Option<Instant>,
}

impl StreamClient {
    /// Creates a client with at most `max_requests` requests in flight.
    pub(super) fn new(
        me: User,
        url: ServerUrl,
        seed: u64,
        (first_ack, replacements): (FirstAck, Replacements),
        max_requests: usize,
    ) -> Self {
        let mut rng = Rng::new(seed, "talker", me.number);
        let rest = Client::new(&format!("http://{}", url.authority())).ok();
        let rest = rest.map(|client| client.with_token(me.token.clone()));
        let session = Session::new(Options {
            url,
            token: me.token.clone(),
            transport: if me.number.is_multiple_of(2) {
                TokenTransport::Header
            } else {
                TokenTransport::Subprotocol
            },
            cursor: None,
            outbox: max_requests,
            window: max_requests,
            backoff: Backoff::new(FIRST_DELAY, LONGEST_DELAY, rng.number()),
        });
        Self {
            me,
            session,
            max_requests,
            has_ended: false,
            rng,
            first_ack,
            n_sent: 0,
            record: ClientRecord::default(),
            findings: Findings::default(),
            seen_order: SeenOrder::default(),
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
            n_replacements: replacements.number(),
            replacements,
            past: None,
            has_to_load: false,
            reloads: Reloads::default(),
        }
    }

    /// Connects and waits until the stream is live, at most `patience`.
    pub(super) async fn connect(mut self, patience: Duration) -> Self {
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

    /// Sends random requests until `stop` is set, then waits until all are answered, at most `patience`.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>, patience: Duration) -> Self {
        let mut acts_at = Instant::now();
        while !self.has_ended && !*stop.borrow_and_update() {
            tokio::select! {
                event = self.session.next() => {
                    self.take(event);
                    self.load_if_needed().await;
                }
                () = sleep_until(acts_at) => {
                    if self.session.n_waiting() < self.max_requests {
                        self.act();
                    }
                    acts_at = Instant::now() + self.rng.millis(0, 12);
                }
                _ = stop.changed() => {}
            }
        }
        let answered = async {
            while !self.has_ended && self.session.n_waiting() > 0 {
                let event = self.session.next().await;
                self.take(event);
                self.load_if_needed().await;
            }
        };
        // Answers that are still missing are recorded as unanswered.
        let _ = timeout(patience, answered).await;
        self.record.unanswered += u64::try_from(self.session.n_waiting()).unwrap_or(0);
        self
    }

    /// Waits until the client has everything in the log, and notes the differences after `patience`. Then starts again
    /// with an empty state.
    pub(super) async fn agree(mut self, log: Arc<Log>, patience: Duration) -> Self {
        let ends_at = Instant::now() + patience;
        while !self.has_ended {
            if let Ok(event) = timeout(QUIET, self.session.next()).await {
                self.take(event);
                self.load_if_needed().await;
                if Instant::now() < ends_at {
                    continue;
                }
            }
            let findings = compare(self.me.id, &self.state, &log);
            if findings.is_empty() {
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

    /// Takes the record, and that of the previous database if it was replaced.
    pub(super) fn take_record(&mut self) -> (ClientRecord, Option<ClientRecord>) {
        (std::mem::take(&mut self.record), self.past.take())
    }

    /// Takes the reloads since the last call.
    pub(super) fn take_reloads(&mut self) -> Reloads {
        std::mem::take(&mut self.reloads)
    }

    pub(super) fn take_findings(&mut self) -> Findings {
        std::mem::take(&mut self.findings)
    }

    /// When the client last had everything in the log.
    pub(super) fn agreed_at(&self) -> Instant {
        self.agreed_at
    }

    /// How often a connection was resumed.
    pub(super) fn n_resumed(&self) -> u64 {
        self.n_resumed
    }

    fn act(&mut self) {
        let op = match self.rng.between(0, 99) {
            0..12 => self.edit(),
            12..24 => self.react(),
            24..34 => self.read(),
            34..54 => self.grow(),
            _ => None,
        };
        // A send if, for example, there is nothing to edit.
        if let Some(op) = op.or_else(|| self.send()) {
            // Cannot be full: the caller has checked that.
            let _ = self.session.submit(op);
        }
    }

    fn send(&mut self) -> Option<Op> {
        let recipient = self.me.recipient(&mut self.rng)?;
        let key = format!("v2-{}-{}", self.me.number, self.n_sent);
        self.n_sent += 1;
        let will_grow = self.rng.percent(10);
        let content = if will_grow { String::new() } else { format!("{key} says {}", self.rng.number()) };
        self.record.sending(&key, &content);
        let body = SendRequest {
            content: Some(content),
            streaming: will_grow.then_some(true),
            client_msg_id: Some(key),
            ..SendRequest::default()
        };
        let known = self.conversations.get(&recipient).copied().filter(|_| self.rng.percent(50));
        Some(Op::Send(match (known, recipient) {
            (Some(id), _) => Send { conversation_id: Some(id), body, ..Send::default() },
            (None, Recipient::User(id)) => Send { to_user: Some(id), body, ..Send::default() },
            (None, Recipient::Group(id)) => Send { to_group: Some(id), body, ..Send::default() },
        }))
    }

    fn edit(&mut self) -> Option<Op> {
        let message_id = self.unedited.pop()?;
        let content = format!("{message_id} now says {}", self.rng.number());
        Some(Op::Edit(Edit { message_id, edit: EditRequest { content } }))
    }

    /// Appends the next piece to a message that is being written, or finishes it.
    fn grow(&mut self) -> Option<Op> {
        let message_id = self.idle.pop()?;
        let (text, pieces) = self.growing.get(&message_id)?;
        if *pieces == 0 {
            return Some(Op::Finish(Finish { message_id, finish: FinishRequest::default() }));
        }
        let offset = u32::try_from(text.chars().count()).ok()?;
        let content = format!("né{} ", self.rng.number());
        Some(Op::Append(Append { message_id, chunk: AppendRequest { offset, content } }))
    }

    fn react(&mut self) -> Option<Op> {
        let (message_id, ..) = *self.rng.one_of(&self.recent)?;
        let emoji = (*self.rng.one_of(&EMOJI)?).to_owned();
        Some(Op::React(React { message_id, emoji }))
    }

    fn read(&mut self) -> Option<Op> {
        let (_, conversation_id, seq) = *self.rng.one_of(&self.recent)?;
        Some(Op::Read(Pointer { conversation_id, seq, thread_id: None }))
    }

    fn forget_messages(&mut self) {
        self.unedited.clear();
        self.recent.clear();
        self.growing.clear();
        self.idle.clear();
    }

    /// The database was replaced: moves the record so far to that of the previous one.
    fn database_replaced(&mut self) {
        let mut past = self.record.take_past();
        past.unsure.extend(self.growing.keys());
        self.past = Some(past);
        self.forget_messages();
    }

    /// Loads everything since the last comparison, if the server asked the client to reload.
    async fn load_if_needed(&mut self) {
        while std::mem::take(&mut self.has_to_load) {
            let Some(rest) = self.rest.as_ref().map(|rest| rest.with_token(self.me.token.clone())) else {
                return;
            };
            let Ok(log) = stored_log::read(&[rest], Some(&self.base)).await else {
                sleep(LONGEST_DELAY).await;
                self.has_to_load = true;
                continue;
            };
            for (conversation, kept) in log {
                self.seen_order.loaded(conversation, kept.last_seq());
                self.state.load_messages(&kept.messages);
                for (user, (delivered, read)) in kept.pointers {
                    self.state.apply(&ServerFrame::Receipt(receipt(conversation, user, delivered, read)));
                }
            }
        }
    }

    fn take(&mut self, event: Result<Event, Error>) {
        if std::mem::replace(&mut self.n_replacements, self.replacements.number()) != self.n_replacements {
            self.database_replaced();
        }
        match event {
            // The message of the request may be lost.
            Ok(Event::Refused { op, .. }) if self.past.is_some() && !matches!(op, Op::Send(_)) => {}
            Ok(Event::Frame(frame)) => self.received(&frame),
            Ok(Event::Acked { op, ack, .. }) => {
                self.first_ack.beat();
                self.acked(op, ack);
            }
            Ok(Event::Refused { op, refusal, .. }) => {
                self.record.refusals.push(format!("{op:?}: {} ({})", refusal.error, refusal.code));
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

    fn received(&mut self, frame: &ServerFrame) {
        if self.state.apply(frame) == Applied::Gap {
            self.findings.note(Violation::Gap, || format!("a piece of text is missing before {frame:?}"));
        }
        match frame {
            ServerFrame::Message(received) => {
                self.check_epoch(&received.cursor);
                self.received_message(&received.message);
            }
            ServerFrame::Hello(hello) => {
                self.n_resumed += u64::from(hello.resumed);
                if hello.resumed || self.epoch.is_empty() {
                    self.check_epoch(&hello.cursor);
                }
            }
            ServerFrame::Resync(resync) => {
                self.epoch = epoch_of(&resync.cursor).to_owned();
                self.reloads = Reloads { count: self.reloads.count + 1, live_at: None };
                self.state = State::default();
                self.conversations.clear();
                self.forget_messages();
                self.has_to_load = true;
            }
            ServerFrame::Live(_) if self.reloads.count > 0 => {
                self.reloads.live_at.get_or_insert_with(Instant::now);
            }
            ServerFrame::Error(refusal) => self.record.refusals.push(refusal.error.clone()),
            _ => {}
        }
    }

    /// Checks that a cursor belongs to the known log: the server must ask the client to reload before it sends events
    /// of another log.
    fn check_epoch(&mut self, cursor: &str) {
        let epoch = epoch_of(cursor);
        if self.epoch.is_empty() {
            self.epoch = epoch.to_owned();
        } else if self.epoch != epoch {
            let before = std::mem::replace(&mut self.epoch, epoch.to_owned());
            self.findings.note(Violation::Gap, || format!("a client of {before} got the cursor {cursor}"));
        }
    }

    fn received_message(&mut self, message: &Message) {
        let (conversation, seq) = (message.conversation_id, message.seq);
        self.seen_order.note(conversation, seq, &mut self.findings);
        self.recent.push((message.id, conversation, seq));
        let recipient = match (message.group_id, message.sender_id == self.me.id) {
            (0, true) => Recipient::User(message.recipient_id),
            (0, false) => Recipient::User(message.sender_id),
            (group, _) => Recipient::Group(group),
        };
        self.conversations.insert(recipient, conversation);
    }

    fn acked(&mut self, op: Op, ack: Ack) {
        match (op, ack.message) {
            (Op::Send(send), Some(message)) => {
                let place = Place { id: message.id, conversation: message.conversation_id, seq: message.seq };
                self.record.sent(&send.body.client_msg_id.unwrap_or_default(), place, message.rev);
                if send.body.streaming.is_some() {
                    self.growing.insert(message.id, (String::new(), self.rng.between(1, 6)));
                    self.idle.push(message.id);
                } else {
                    self.unedited.push(message.id);
                }
            }
            (Op::Append(append), None) => self.has_grown(&append, ack.length),
            (Op::Finish(finish), Some(_)) => drop(self.growing.remove(&finish.message_id)),
            (Op::Edit(edit), Some(_)) => drop(self.record.edits.insert(edit.message_id, edit.edit.content)),
            (Op::React(react), Some(_)) => {
                self.record.reactions.push((react.message_id, react.emoji, self.me.id));
            }
            // A lost message cannot be read; the server moves the pointer to the last message it has instead.
            (Op::Read(read), None) if self.past.is_some() && !self.knows(&read) => {}
            (Op::Read(read), None) => self.record.read(read.conversation_id, self.me.id, read.seq),
            (op, _) => {
                self.findings.note(Violation::Lost, || format!("an ack without what belongs to {op:?}"))
            }
        }
    }

    /// Whether the client received this message from the present database.
    fn knows(&self, pointer: &Pointer) -> bool {
        let wanted = (pointer.conversation_id, pointer.seq);
        self.recent.iter().any(|(_, conversation, seq)| (*conversation, *seq) == wanted)
    }

    fn has_grown(&mut self, append: &Append, length: Option<u32>) {
        let Some((text, pieces)) = self.growing.get_mut(&append.message_id) else { return };
        text.push_str(&append.chunk.content);
        *pieces = pieces.saturating_sub(1);
        if length != u32::try_from(text.chars().count()).ok() {
            self.findings.note(Violation::Lost, || format!("a client got {length:?} characters of {text:?}"));
        }
        self.record.edits.insert(append.message_id, text.clone());
        self.idle.push(append.message_id);
    }
}

fn epoch_of(cursor: &str) -> &str {
    cursor.split_once('-').map_or(cursor, |(epoch, _)| epoch)
}

fn receipt(conversation_id: i64, user_id: i64, delivered_seq: i64, read_seq: i64) -> Receipt {
    Receipt { conversation_id, user_id, delivered_seq, read_seq, ..Receipt::default() }
}
