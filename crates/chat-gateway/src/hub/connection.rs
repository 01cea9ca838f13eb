//! One client's connection as the hub sees it: the socket, what waits for it, and how alive it is.

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
use tokio::sync::Notify;

use super::outbox::{Delivery, Outbox, Pushed, ReplayEnd, StreamPosition};
use super::pace::{Pace, Slowest, Taken};
use super::protocol::Protocol;
use super::{OutboxLimits, Socket};
use crate::client_address::ClientAddress;
use crate::metrics::Metrics;
use crate::pace::Unsent;
use crate::tokens::Granted;
use ping::Ping;

/// Whose connection it is and until when the token holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bearer {
    pub(crate) granted: Granted,
    /// When the token expires, on the hub's clock (milliseconds).
    pub(crate) expires_at: u64,
    pub(crate) protocol: Protocol,
    /// Where the client is.
    pub(crate) client: ClientAddress,
}

/// What all connections of a server have in common.
pub(crate) struct Surroundings {
    pub(crate) limits: OutboxLimits,
    /// The least that a client must take of what waits for it.
    pub(crate) slowest: Slowest,
    /// A client that was silent for so long is asked for a sign of life.
    pub(crate) heartbeat: Duration,
    /// When the hub's clock stood at zero.
    pub(crate) started: Instant,
    pub(crate) metrics: Arc<Metrics>,
    /// Where there are several.
    pub(crate) node: Option<NodeId>,
}

/// A connected client. Shards queue and write; the session reads, and writes on when the socket was full.
///
/// Who writes on behalf of others wakes the session where the socket takes no more. The session's own writes never do: it
/// is about to wait for the socket anyway, and waking itself it would turn in circles instead.
pub(crate) struct Connection {
    id: u64,
    bearer: Bearer,
    socket: Socket,
    surroundings: Arc<Surroundings>,
    state: Mutex<State>,
    wake: Notify,
    heard_at: AtomicU64,
    is_closing: AtomicBool,
    /// There is nobody left to say a last word to.
    is_gone: AtomicBool,
}

struct State {
    outbox: Outbox,
    /// The socket took no more; the session waits until it does.
    blocked: bool,
    ping: Ping,
    pace: Pace,
    /// The closing frame, until the session has said what else there is to say.
    closing_frame: Option<Bytes>,
}

/// Why the session is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Something can be read.
    Readable,
    /// What waited may be written.
    Writable,
    /// The connection is to end.
    Closing,
}

/// What writing did to the room that the socket has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// The socket took everything, or was full already.
    AsBefore,
    /// It has just become full: the session has to write on.
    JustFilled,
}

/// Whether somebody has to see to it that what was queued is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    /// Whoever has queued the frame calls [`Connection::flush`].
    Due,
    /// Nothing was queued, or it will be written with what was queued before.
    NotDue,
}

/// A second ping for confirmations comes so many milliseconds after the first at the earliest.
const PING_GAP_MS: u64 = 500;

impl Connection {
    pub(crate) fn new(id: u64, bearer: Bearer, socket: Socket, surroundings: Arc<Surroundings>) -> Self {
        let connection = Self {
            id,
            bearer,
            socket,
            surroundings,
            state: Mutex::new(State {
                outbox: Outbox::replaying(),
                blocked: false,
                ping: Ping::default(),
                pace: Pace::default(),
                closing_frame: None,
            }),
            wake: Notify::new(),
            heard_at: AtomicU64::new(0),
            is_closing: AtomicBool::new(false),
            is_gone: AtomicBool::new(false),
        };
        connection.heard();
        connection
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// What no other connection is called, to whichever node.
    pub(crate) fn name(&self) -> String {
        match self.surroundings.node {
            Some(node) => format!("{:x}-{:x}", node.0, self.id),
            None => format!("{:x}", self.id),
        }
    }

    /// What limits by address go by.
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
        self.bearer.protocol
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }

    /// Queues a live frame.
    pub(crate) fn push_live(&self, frame: &Bytes, position: StreamPosition) -> Flush {
        let pushed = {
            let mut state = self.state();
            // Asked under the lock under which it is closed, so that nothing comes behind the closing frame.
            if self.is_closing() {
                return Flush::NotDue;
            }
            state.outbox.push_live(frame, position, self.limits())
        };
        self.after_push(pushed)
    }

    /// The place of the last live frame that was queued. Final once the connection is closing.
    pub(crate) fn last_queued(&self) -> i64 {
        self.state().outbox.last_queued()
    }

    /// Queues a frame that is no live message.
    pub(crate) fn push(&self, frame: Bytes, delivery: Option<Delivery>) -> Flush {
        let pushed = {
            let mut state = self.state();
            if self.is_closing() {
                return Flush::NotDue;
            }
            state.outbox.push(frame, delivery, self.limits())
        };
        self.after_push(pushed)
    }

    /// Queues the answer to a frame that was taken. While the connection is closing it still goes out, before the closing
    /// frame.
    pub(crate) fn push_answer(&self, frame: Bytes) -> Flush {
        let pushed = {
            let mut state = self.state();
            if self.is_closing() && state.closing_frame.is_none() {
                return Flush::NotDue;
            }
            state.outbox.push(frame, None, self.limits())
        };
        self.after_push(pushed)
    }

    /// Whether the client would be given an answer.
    pub(crate) fn takes_answers(&self) -> bool {
        let state = self.state();
        !self.is_gone() && (!self.is_closing() || state.closing_frame.is_some())
    }

    /// Queues a signal, unless the client has not been welcomed yet (it must not be overtaken) or is slow: of all that
    /// waits, signals are the least worth waiting for.
    pub(crate) fn push_signal(&self, frame: &Bytes) -> Flush {
        let takes_signals = {
            let outbox = &self.state().outbox;
            if outbox.is_greeted() && !outbox.has_room(self.limits()) {
                self.surroundings.metrics.signal_shed_by_client();
            }
            outbox.is_greeted() && outbox.has_room(self.limits())
        };
        if takes_signals { self.push(frame.clone(), None) } else { Flush::NotDue }
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

    /// Writes what waits, as far as the socket takes it. Asks for a confirmation on the way if one is due. For shards and
    /// whoever else is not the session: it calls the session where the socket is full.
    pub(crate) fn flush(&self) {
        if self.write_what_waits() == Room::JustFilled {
            self.wake.notify_one();
        }
    }

    /// The same for the session itself, which calls nobody.
    pub(crate) fn flush_own(&self) {
        self.write_what_waits();
    }

    fn write_what_waits(&self) -> Room {
        let mut state = self.state();
        if state.blocked {
            return Room::AsBefore;
        }
        self.ask_if_due(&mut state);
        self.write(&mut state);
        if state.blocked { Room::JustFilled } else { Room::AsBefore }
    }

    fn write(&self, state: &mut State) {
        let before = state.outbox.written();
        let written = self.socket.try_write(&mut state.outbox);
        // Only what a full socket takes is the client's doing; what an empty one takes lies in the system's buffers.
        if state.blocked && state.outbox.written() != before {
            state.ping.took_at = self.now();
        }
        match written {
            Ok(everything) => state.blocked = !everything,
            Err(_) => self.end(),
        }
        if state.outbox.is_empty() {
            state.pace.rest();
        }
    }

    /// Queues a ping behind what the client has yet to confirm, unless one is on its way or was a moment ago.
    fn ask_if_due(&self, state: &mut State) {
        let now = self.now();
        let recently = state.ping.number > 0 && now.saturating_sub(state.ping.last_at) < PING_GAP_MS;
        if state.outbox.has_unconfirmed() && state.ping.sent_at.is_none() && !recently {
            self.ping(state, now);
        }
    }

    fn ping(&self, state: &mut State, now: u64) {
        // The last word may stand in the queue already.
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

    /// Looks after liveness; called every so often by the shard.
    pub(crate) fn tick(&self) {
        let now = self.now();
        if self.bearer.expires_at <= now {
            self.close(close_codes::TOKEN_EXPIRED, "token expired: log in again");
            return;
        }
        let mut state = self.state();
        if self.is_closing() {
            // The session sees to its end, and for how long.
            return;
        }
        if !state.outbox.is_empty() {
            let taken = Taken { by_socket: state.outbox.written(), by_client: state.ping.answered };
            if state.pace.is_below(self.surroundings.slowest, taken, now) {
                drop(state);
                self.close(close_codes::TOO_SLOW, "too slow: reconnect and resume");
                return;
            }
        }
        self.ask_for_life(&mut state, now);
        let wake = !state.blocked && {
            self.write(&mut state);
            state.blocked
        };
        state.outbox.relax();
        drop(state);
        if wake {
            self.wake.notify_one();
        }
    }

    /// Asks a silent client for a sign of life, and ends it if it gave none. Whatever it sends is one, and so is that its
    /// socket, which was full, took more: it may have yet to come to the ping. What a socket has taken that looks free is not
    /// seen; it is allowed for ([`Ping::patience_ms`]).
    fn ask_for_life(&self, state: &mut State, now: u64) {
        let heard_at = self.heard_at.load(Ordering::Relaxed);
        let Some(sent_at) = state.ping.sent_at else {
            let silent = now.saturating_sub(heard_at.max(state.ping.took_at));
            if silent > self.heartbeat_ms() {
                self.ping(state, now);
            } else {
                self.ask_if_due(state);
            }
            return;
        };
        let last_sign = sent_at.max(heard_at).max(state.ping.took_at);
        let patience_ms = state.ping.patience_ms(self.surroundings.slowest, state.outbox.next_mark());
        // Whoever answers those between the frames has yet to come to this one.
        let asked_at = sent_at.max(state.ping.passed_at);
        if now.saturating_sub(last_sign) > patience_ms {
            self.end();
        } else if last_sign > sent_at && now.saturating_sub(asked_at) > patience_ms && state.outbox.is_empty()
        {
            // It lives and answers no pings. What this one asked for is asked again by the next.
            state.ping.sent_at = None;
            state.outbox.ask_again();
        }
    }

    /// The client gave a sign of life: something came from it, or it took a page of what it missed.
    pub(crate) fn heard(&self) {
        self.heard_at.store(self.now(), Ordering::Relaxed);
    }

    /// A pong came: what the client has confirmed by it.
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

    /// Ends the replay, which has given everything up to there, with a last frame of its own.
    pub(crate) fn go_live(&self, given: i64, last: Option<Bytes>) -> ReplayEnd {
        let mut state = self.state();
        if self.is_closing() { ReplayEnd::Live } else { state.outbox.go_live(given, last, self.limits()) }
    }

    /// Begins to end the connection: nothing is queued any more but the answers to what was taken
    /// ([`Connection::push_answer`]), and then the closing frame. A client that does not read is given the closing frame in
    /// place of all that waits.
    pub(crate) fn close(&self, code: u16, reason: &str) {
        let mut state = self.state();
        if self.is_closing.swap(true, Ordering::AcqRel) {
            return;
        }
        // Under the same lock: whoever sees that it closes finds the last word.
        let closing_frame = encode_close(code, reason);
        if state.blocked || code == close_codes::TOO_SLOW {
            state.outbox.replace_all(closing_frame);
        } else {
            state.closing_frame = Some(closing_frame);
        }
        drop(state);
        self.surroundings.metrics.closed(code);
        self.wake.notify_one();
    }

    /// Ends the connection without a word: its socket is broken or its client gone.
    pub(crate) fn end(&self) {
        self.is_gone.store(true, Ordering::Release);
        if !self.is_closing.swap(true, Ordering::AcqRel) {
            self.surroundings.metrics.closed_without_a_word();
        }
        self.wake.notify_one();
    }

    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.try_read(buffer)
    }

    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Waits for work of the session's.
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

    /// Writes on after the socket was full.
    pub(crate) fn resume_writing(&self) {
        self.write(&mut self.state());
    }

    /// The client is to be given what it missed. The system keeps little of that, so that of a client which reads slowly it
    /// is seen that it reads.
    pub(crate) fn begin_replay(&self) {
        self.socket.keep_unsent(Unsent::OfAReplay);
    }

    /// It has been given all of it. What comes now comes in bursts, for which the system has room.
    pub(crate) fn end_replay(&self) {
        self.socket.keep_unsent(Unsent::AsTheSystemLikes);
    }

    /// Waits until nothing waits any more, or the connection is to end.
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

    /// Writes what is left, which after [`Connection::close`] ends with the last word.
    pub(crate) async fn write_last_word(&self) {
        {
            let mut state = self.state();
            if let Some(closing_frame) = state.closing_frame.take() {
                state.outbox.append(closing_frame);
            }
        }
        while let Ok(false) = self.write_some() {
            if self.socket.writable().await.is_err() {
                return;
            }
        }
    }

    fn write_some(&self) -> io::Result<bool> {
        self.socket.try_write(&mut self.state().outbox)
    }

    /// Whether more than half of what may wait is free.
    pub(crate) fn has_room(&self) -> bool {
        self.state().outbox.has_room(self.limits())
    }

    fn is_blocked(&self) -> bool {
        self.state().blocked
    }

    fn limits(&self) -> OutboxLimits {
        self.surroundings.limits
    }

    /// How long a client may be silent before it is asked for a sign of life.
    pub(crate) fn heartbeat_ms(&self) -> u64 {
        milliseconds(self.surroundings.heartbeat)
    }

    /// Milliseconds on the hub's clock.
    fn now(&self) -> u64 {
        milliseconds(self.surroundings.started.elapsed())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
