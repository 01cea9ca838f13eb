//! One client's connection as the hub sees it: its socket, its outbox and its liveness.

mod checks;
mod ping;
mod sending;
#[cfg(test)]
mod tests;

use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chat_core::cluster::NodeId;
use chat_core::ids::{ConversationId, Seq, UserId};
use chat_protocol::close_codes;
use chat_websocket::{Opcode, encode, encode_close};
use chat_wire::Form;
use tokio::sync::Notify;

use super::outbox::{Delivery, Outbox, Pushed, ReplayEnd, StreamPosition};
use super::pace::{Pace, Slowest, Taken};
use super::protocol::Protocol;
use super::socket::Written;
use super::stream_form::StreamForm;
use super::{OutboxLimits, Socket};
use crate::client_address::ClientAddress;
use crate::metrics::Metrics;
use crate::pace::Unsent;
use crate::tokens::Granted;
use ping::Ping;

/// The user of a connection and the validity of the token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bearer {
    pub(crate) granted: Granted,
    /// Expiry of the token, on the hub's clock, in milliseconds.
    pub(crate) expires_at: u64,
    pub(crate) stream: StreamForm,
    /// Address of the client.
    pub(crate) client: ClientAddress,
}

/// State that all connections of a server share.
pub(crate) struct ConnectionContext {
    pub(crate) limits: OutboxLimits,
    /// Slowest pace at which a client may read.
    pub(crate) slowest: Slowest,
    /// Silence after which the server pings a client.
    pub(crate) heartbeat: Duration,
    /// The zero of the hub's clock.
    pub(crate) started: Instant,
    pub(crate) metrics: Arc<Metrics>,
    /// `None` outside a cluster.
    pub(crate) node: Option<NodeId>,
}

/// A connected client. Shards queue and write; the session reads, and continues writing after the socket was full.
///
/// A write on behalf of others wakes the session when the socket is full. The session's own writes do not: it is about
/// to wait for the socket anyway, and would loop if it woke itself.
pub(crate) struct Connection {
    id: u64,
    bearer: Bearer,
    socket: Socket,
    context: Arc<ConnectionContext>,
    state: Mutex<State>,
    wake: Notify,
    /// When the next check has anything to look at, on the hub's clock, in milliseconds. Changed under the lock of
    /// `state`.
    check_at: AtomicU64,
    active_at: AtomicU64,
    is_closing: AtomicBool,
    /// The socket is broken or the client has gone, so no close frame can be sent.
    is_gone: AtomicBool,
}

struct State {
    outbox: Outbox,
    /// The socket is full; the session waits until it can be written again.
    blocked: bool,
    ping: Ping,
    pace: Pace,
    /// The close frame. It is queued once the session has sent its last answers.
    closing_frame: Option<Bytes>,
}

/// Why the session was woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Data can be read.
    Readable,
    /// Queued data can be written.
    Writable,
    /// The connection is to end.
    Closing,
}

/// Effect of a write on the state of the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SocketState {
    /// The socket took everything, or was full before.
    Unchanged,
    /// The socket has just become full: the session has to continue writing.
    JustFilled,
}

/// Whether the caller has to write what was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    /// The caller must call [`Connection::flush`].
    Due,
    /// Nothing was queued, or it will be written with what was queued before.
    NotDue,
}

/// Smallest frame of a replay that is compressed, in bytes.
const LARGE_REPLAYED: usize = 4 * 1024;
/// Minimum time between two pings for confirmations, in milliseconds.
const PING_GAP_MS: u64 = 500;

impl Connection {
    pub(crate) fn new(id: u64, bearer: Bearer, socket: Socket, context: Arc<ConnectionContext>) -> Self {
        let connection = Self {
            id,
            bearer,
            socket,
            context,
            state: Mutex::new(State {
                outbox: Outbox::replaying(),
                blocked: false,
                ping: Ping::default(),
                pace: Pace::default(),
                closing_frame: None,
            }),
            wake: Notify::new(),
            check_at: AtomicU64::new(0),
            active_at: AtomicU64::new(0),
            is_closing: AtomicBool::new(false),
            is_gone: AtomicBool::new(false),
        };
        connection.note_activity();
        connection
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Name of the connection, unique among all nodes.
    pub(crate) fn name(&self) -> String {
        match self.context.node {
            Some(node) => format!("{:x}-{:x}", node.0, self.id),
            None => format!("{:x}", self.id),
        }
    }

    /// Address by which limits count the client.
    pub(crate) fn client(&self) -> ClientAddress {
        self.bearer.client
    }

    pub(crate) fn user(&self) -> UserId {
        self.bearer.granted.user
    }

    pub(crate) fn granted(&self) -> &Granted {
        &self.bearer.granted
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.bearer.stream.protocol
    }

    pub(crate) fn form(&self) -> Form {
        self.bearer.stream.form
    }

    /// How the client takes its frames.
    pub(crate) fn stream(&self) -> StreamForm {
        self.bearer.stream
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }

    /// Queues a live frame, which is already in the form that the client takes.
    pub(crate) fn push_live(&self, frame: &Bytes, position: StreamPosition) -> Flush {
        let pushed = {
            let mut state = self.state();
            // Checked under the lock under which it is set, so that nothing follows the close frame.
            if self.is_closing() {
                return Flush::NotDue;
            }
            self.check_soon();
            state.outbox.push_live(frame, position, self.limits())
        };
        self.after_push(pushed)
    }

    /// Position of the last live frame that was queued. Final once the connection is closing.
    pub(crate) fn last_queued(&self) -> i64 {
        self.state().outbox.last_queued()
    }

    /// Queues a frame that is not a live event.
    pub(crate) fn push(&self, frame: Bytes, delivery: Option<Delivery>) -> Flush {
        self.push_as_is(self.compressed(frame), delivery)
    }

    fn push_as_is(&self, frame: Bytes, delivery: Option<Delivery>) -> Flush {
        let pushed = {
            let mut state = self.state();
            if self.is_closing() {
                return Flush::NotDue;
            }
            self.check_soon();
            state.outbox.push(frame, delivery, self.limits())
        };
        self.after_push(pushed)
    }

    /// Queues the answer to a client's frame. While the connection is closing, answers still go out before the close
    /// frame.
    pub(crate) fn push_answer(&self, frame: Bytes) -> Flush {
        let frame = self.compressed(frame);
        let pushed = {
            let mut state = self.state();
            if self.is_closing() && state.closing_frame.is_none() {
                return Flush::NotDue;
            }
            self.check_soon();
            state.outbox.push(frame, None, self.limits())
        };
        self.after_push(pushed)
    }

    /// Whether an answer would still reach the client.
    pub(crate) fn takes_answers(&self) -> bool {
        let state = self.state();
        !self.is_gone() && (!self.is_closing() || state.closing_frame.is_some())
    }

    /// Queues a signal. Drops it if the client has not had its first frame yet, which nothing may overtake, or is slow:
    /// signals are the least important of what waits.
    pub(crate) fn push_signal(&self, frame: &Bytes) -> Flush {
        let takes_signals = {
            let outbox = &self.state().outbox;
            if outbox.is_greeted() && !outbox.has_room(self.limits()) {
                self.context.metrics.signal_shed_by_client();
            }
            outbox.is_greeted() && outbox.has_room(self.limits())
        };
        if takes_signals { self.push(frame.clone(), None) } else { Flush::NotDue }
    }

    /// Queues a frame of a replay. Small ones are not compressed: nobody else gets the same bytes, so each client that
    /// comes back would cost as much as a whole group does live.
    pub(crate) fn push_replayed(&self, frame: Bytes, delivery: Option<Delivery>) -> Flush {
        if frame.len() < LARGE_REPLAYED {
            self.push_as_is(frame, delivery)
        } else {
            self.push(frame, delivery)
        }
    }

    /// The frame, compressed if the client takes it so and it gets smaller.
    fn compressed(&self, frame: Bytes) -> Bytes {
        self.bearer.stream.deflate.and_then(|deflate| deflate.compress(&frame)).unwrap_or(frame)
    }

    fn after_push(&self, pushed: Pushed) -> Flush {
        match pushed {
            Pushed::Queued { first: true } => Flush::Due,
            Pushed::Queued { first: false } | Pushed::Held | Pushed::AlreadyGiven => Flush::NotDue,
            Pushed::TooSlow => {
                self.close(close_codes::TOO_SLOW, "too slow: reconnect and resume");
                Flush::NotDue
            }
        }
    }

    /// Writes as much of the queue as the socket takes, after a ping for confirmations if one is due. For callers other
    /// than the session; wakes the session if the socket becomes full.
    pub(crate) fn flush(&self) {
        if self.write_queued() == SocketState::JustFilled {
            self.wake.notify_one();
        }
    }

    /// The same for the session itself, which needs no waking.
    pub(crate) fn flush_own(&self) {
        self.write_queued();
    }

    fn write_queued(&self) -> SocketState {
        let mut state = self.state();
        if state.blocked {
            return SocketState::Unchanged;
        }
        self.ping_if_due(&mut state);
        self.write(&mut state);
        if state.blocked { SocketState::JustFilled } else { SocketState::Unchanged }
    }

    fn write(&self, state: &mut State) {
        let before = state.outbox.written();
        let written = self.socket.try_write(&mut state.outbox);
        // Only what a full socket takes shows that the client reads; what an empty one takes may lie in the system's
        // buffers.
        if state.blocked && state.outbox.written() != before {
            state.ping.took_at = self.now();
        }
        match written {
            Ok(written) => state.blocked = written == Written::InPart,
            Err(_) => self.end(),
        }
        if state.outbox.is_empty() {
            state.pace.rest();
        }
    }

    /// Queues a ping behind unconfirmed messages, unless one is unanswered or was sent less than [`PING_GAP_MS`] ago.
    fn ping_if_due(&self, state: &mut State) {
        let now = self.now();
        let recently = state.ping.number > 0 && now.saturating_sub(state.ping.last_at) < PING_GAP_MS;
        if state.outbox.has_unconfirmed() && state.ping.sent_at.is_none() && !recently {
            self.ping(state, now);
        }
    }

    fn ping(&self, state: &mut State, now: u64) {
        // The close frame may be in the queue already.
        if self.is_closing() {
            return;
        }
        state.ping.number = state.ping.number.wrapping_add(1).max(1);
        let frame = encode(Opcode::Ping, &state.ping.number.to_be_bytes());
        let position = state.outbox.position();
        if let Pushed::Queued { .. } = state.outbox.push(frame, None, self.limits()) {
            state.outbox.ask();
            state.ping.sent(now, position);
        }
    }

    /// Notes a sign of life: data from the client, or a page of the replay that it took.
    pub(crate) fn note_activity(&self) {
        self.active_at.store(self.now(), Ordering::Relaxed);
    }

    /// Handles a pong. Returns the messages that the client confirmed with it.
    pub(crate) fn answered(&self, payload: &[u8]) -> Vec<(ConversationId, Seq)> {
        let mut state = self.state();
        if let Some(position) = state.outbox.came_to(payload) {
            state.ping.passed(self.now(), position);
            return Vec::new();
        }
        if state.ping.sent_at.is_none() || payload != state.ping.number.to_be_bytes() {
            return Vec::new();
        }
        let taken = state.ping.answered();
        state.outbox.passed(taken);
        state.outbox.confirmed()
    }

    /// Ends the replay, which has delivered everything up to `given`, with the frame `last`.
    pub(crate) fn go_live(&self, given: i64, last: Option<Bytes>) -> ReplayEnd {
        let mut state = self.state();
        self.check_soon();
        if self.is_closing() { ReplayEnd::Live } else { state.outbox.go_live(given, last, self.limits()) }
    }

    /// Starts closing the connection. From now on only answers are queued ([`Connection::push_answer`]), then the close
    /// frame. For a client that does not read, the close frame replaces everything that waits.
    pub(crate) fn close(&self, code: u16, reason: &str) {
        let mut state = self.state();
        if self.is_closing.swap(true, Ordering::AcqRel) {
            return;
        }
        // Under the same lock, so that a reader that sees the connection closing finds the close frame.
        let closing_frame = encode_close(code, reason);
        if state.blocked || code == close_codes::TOO_SLOW {
            state.outbox.replace_all(closing_frame);
        } else {
            state.closing_frame = Some(closing_frame);
        }
        drop(state);
        self.context.metrics.closed(code);
        self.wake.notify_one();
    }

    /// Ends the connection without a close frame: its socket is broken or its client has gone.
    pub(crate) fn end(&self) {
        self.is_gone.store(true, Ordering::Release);
        if !self.is_closing.swap(true, Ordering::AcqRel) {
            self.context.metrics.closed_without_code();
        }
        self.wake.notify_one();
    }

    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.try_read(buffer)
    }

    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Waits until the session has work.
    pub(crate) async fn woken(&self) -> io::Result<Woken> {
        loop {
            if self.is_closing() {
                return Ok(Woken::Closing);
            }
            if self.is_blocked() {
                tokio::select! {
                    readable = self.socket.readable() => return readable.map(|()| Woken::Readable),
                    writable = self.socket.writable() => return writable.map(|()| Woken::Writable),
                    () = self.wake.notified() => {}
                }
            } else {
                tokio::select! {
                    readable = self.socket.readable() => return readable.map(|()| Woken::Readable),
                    () = self.wake.notified() => {}
                }
            }
        }
    }

    /// Continues writing after the socket was full.
    pub(crate) fn resume_writing(&self) {
        self.write(&mut self.state());
    }

    /// Prepares the socket for a replay: the system buffers little, so that the server can see that a slow client
    /// reads.
    pub(crate) fn begin_replay(&self) {
        self.socket.keep_unsent(Unsent::OfAReplay);
    }

    /// Restores the system's buffering after a replay. Live frames come in bursts, for which the system has room.
    pub(crate) fn end_replay(&self) {
        self.socket.keep_unsent(Unsent::AsTheSystemLikes);
    }

    /// Waits until the queue is empty. Breaks when the connection is to end.
    pub(crate) async fn drained(&self) -> ControlFlow<()> {
        loop {
            self.resume_writing();
            if self.is_closing() {
                return ControlFlow::Break(());
            }
            if !self.is_blocked() {
                return ControlFlow::Continue(());
            }
            tokio::select! {
                writable = self.socket.writable() => if writable.is_err() { return ControlFlow::Break(()) },
                () = self.wake.notified() => {}
            }
        }
    }

    /// Writes the rest of the queue; after [`Connection::close`] it ends with the close frame.
    pub(crate) async fn write_close_frame(&self) {
        {
            let mut state = self.state();
            if let Some(closing_frame) = state.closing_frame.take() {
                state.outbox.append(closing_frame);
            }
        }
        while let Ok(Written::InPart) = self.write_some() {
            if self.socket.writable().await.is_err() {
                return;
            }
        }
    }

    fn write_some(&self) -> io::Result<Written> {
        self.socket.try_write(&mut self.state().outbox)
    }

    /// Whether more than half of the outbox is free.
    pub(crate) fn has_room(&self) -> bool {
        self.state().outbox.has_room(self.limits())
    }

    fn is_blocked(&self) -> bool {
        self.state().blocked
    }

    fn limits(&self) -> OutboxLimits {
        self.context.limits
    }

    /// Silence after which the server pings a client, in milliseconds.
    pub(crate) fn heartbeat_ms(&self) -> u64 {
        milliseconds(self.context.heartbeat)
    }

    /// Milliseconds on the hub's clock.
    fn now(&self) -> u64 {
        milliseconds(self.context.started.elapsed())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
