//! A shard: the task that owns part of the connections. It drains its inbox, queues frames, and then writes each
//! connection's queue once. After it has written to many connections it rests as long as that took, and only queues. So
//! the busier it is, the more frames go into one system call.

use std::sync::Arc;
use std::time::Duration;

use chat_core::access::{Ended, Revoked};
use chat_core::conversations::Audience;
use chat_core::event::{Change, Signal};
use chat_core::ids::{ConversationId, UserId};
use chat_core::ports::Clock;
use chat_protocol::close_codes;
use chat_wire::Form;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, sleep_until};

use super::announcement::{Announcement, Notice};
use super::index::{Attached, Index};
use super::outbox::StreamPosition;
use super::waiting_receipts::{Frame, WaitingReceipts};
use super::{CloseReason, Command, Connection, Flush, Protocol, StreamForm};
use crate::metrics::Metrics;

/// Upper bound for the commands handled before their frames are written.
const DRAIN: usize = 64;
/// Time between two checks of confirmations and liveness.
const TICK: Duration = Duration::from_millis(500);
/// Connections written before other tasks get a turn.
const WRITES_IN_A_ROW: usize = 16;
/// Groups whose waiting receipts are queued before they are written.
const DUE_IN_A_ROW: usize = 16;
/// Number of connections written in one round after which the shard rests. Without the rest, a shard that writes each
/// message as it comes leaves little time to those who send, so the next message comes alone as well.
const MANY_WRITES: usize = 100;
/// Shortest rest for each connection written: about as long as the system call takes.
const REST_PER_WRITE: Duration = Duration::from_micros(5);
/// Longest rest. It bounds by how much a frame is late.
const MAX_REST: Duration = Duration::from_millis(10);
/// Period over which the clients of a server that shuts down reconnect, in milliseconds.
const RECONNECT_SPREAD_MS: u64 = 5_000;
/// Period over which the clients of a server that missed events reconnect, in milliseconds.
const RESUME_SPREAD_MS: u64 = 1_000;

impl Attached for Connection {
    fn id(&self) -> u64 {
        self.id()
    }

    fn user(&self) -> UserId {
        self.user()
    }
}

pub(crate) struct Shard {
    index: Index<Connection>,
    touched: Vec<Arc<Connection>>,
    waiting: WaitingReceipts,
    /// Nothing is written before.
    rests_until: Instant,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
}

impl Shard {
    pub(crate) fn new(metrics: Arc<Metrics>, clock: Arc<dyn Clock>) -> Self {
        let waiting = WaitingReceipts::default();
        let (index, rests_until) = (Index::new(), Instant::now());
        Self { index, touched: Vec::new(), waiting, rests_until, metrics, clock }
    }

    /// Runs until the hub is gone.
    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        let mut commands = Vec::with_capacity(DRAIN);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // What is due follows what is queued, so that queues do not grow without a write.
            let due = self.waiting.next_due().filter(|_| self.touched.is_empty());
            tokio::select! {
                taken = inbox.recv_many(&mut commands, DRAIN) => {
                    if taken == 0 {
                        return self.write().await;
                    }
                    commands.drain(..).for_each(|command| self.handle(command));
                }
                () = sleep_until(self.rests_until), if !self.touched.is_empty() => {}
                _ = tick.tick() => self.tick().await,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.send_due();
                }
            }
            if !self.touched.is_empty() && Instant::now() >= self.rests_until {
                self.write().await;
            }
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Publish(announcements) => announcements.iter().for_each(|one| self.announce(one)),
            Command::Signal(notice) => self.notify(&notice),
            Command::Attach(connection) => self.index.attach(connection),
            Command::Joined(connection, memberships) => self.index.joined(&connection, memberships),
            Command::Detach(connection) => {
                self.index.detach(&connection);
                self.waiting.forget(connection.id());
            }
            Command::Revoke(ended) => {
                ended.iter().for_each(|Ended { user, which }| self.revoke(*user, *which));
            }
            Command::CloseAll(reason) => self.close_all(reason),
            // The caller may have stopped waiting.
            Command::Answer(answer) => drop(answer.send(())),
        }
    }

    fn announce(&mut self, announcement: &Announcement) {
        let position = announcement.event.position;
        match &announcement.event.change {
            Change::MemberChanged { conversation, user, .. } => {
                self.index.member_changed(position, conversation.id, *user, true);
                self.deliver(announcement);
            }
            Change::MemberRemoved { conversation, user } => {
                self.deliver(announcement);
                self.index.member_changed(position, conversation.id, *user, false);
            }
            Change::AccessRevoked { user, which } => self.revoke(*user, *which),
            _ => self.deliver(announcement),
        }
    }

    /// Queues the announcement's frame with every connection concerned, or lets it wait with those that take receipts
    /// later.
    fn deliver(&mut self, announcement: &Announcement) {
        let (touched, waiting, mut deliveries) = (&mut self.touched, &mut self.waiting, 0);
        let mut is_waiting = false;
        let change = &announcement.event.change;
        let mut push = |user: UserId, connection: &Arc<Connection>| {
            let StreamForm { protocol, form, deflate } = connection.stream();
            if form == Form::Lean && protocol == Protocol::V2 {
                if let Audience::Group(group) = announcement.audience
                    && chat_wire::v2::may_wait(change, user)
                    && waiting.lacks(connection.id(), group)
                {
                    is_waiting = true;
                    return;
                }
                // Its cursor promises that everything before it was sent.
                let frames = if waiting.is_empty() { None } else { waiting.take(connection.id(), deflate) };
                deliveries += push_receipts(frames, connection, touched);
            }
            let Some((frame, position)) = announcement.frame(user, connection.stream()) else { return };
            deliveries += 1;
            if connection.push_live(&frame, position) == Flush::Due {
                touched.push(connection.clone());
            }
        };
        match announcement.audience {
            Audience::User(user) => {
                self.index.of_user(user).iter().for_each(|connection| push(user, connection));
            }
            Audience::Pair(one, other) => {
                for user in [one, other] {
                    self.index.of_user(user).iter().for_each(|connection| push(user, connection));
                }
            }
            Audience::Group(conversation) => {
                self.index.of_group(conversation).for_each(|(user, connection)| push(user, connection));
            }
        }
        self.metrics.deliveries.inc_by(deliveries);
        if is_waiting {
            self.let_wait(announcement);
        }
        if let Some(traced) = announcement.traced.as_ref().filter(|_| deliveries > 0) {
            traced.queued(deliveries, self.clock.now());
        }
    }

    /// Keeps the receipts for the connections that lack them.
    fn let_wait(&mut self, announcement: &Announcement) {
        let (Change::PointersMoved(receipts), Audience::Group(group)) =
            (&announcement.event.change, announcement.audience)
        else {
            return;
        };
        if self.waiting.add(group, receipts, announcement.event.position, Instant::now()) {
            self.send_receipts(group);
        }
    }

    /// Queues receipts that have waited long enough: of a few groups, so that they are written before others follow.
    fn send_due(&mut self) {
        let now = Instant::now();
        for _ in 0..DUE_IN_A_ROW {
            let Some(group) = self.waiting.due(now) else { return };
            self.send_receipts(group);
        }
    }

    /// Queues a group's waiting receipts with every connection that lacks them.
    fn send_receipts(&mut self, group: ConversationId) {
        let mut deliveries = 0;
        for (_, connection) in self.index.of_group(group) {
            let frame = self.waiting.take_of(group, connection.id(), connection.stream().deflate);
            deliveries += push_receipts(frame, connection, &mut self.touched);
        }
        self.waiting.sent(group);
        self.metrics.deliveries.inc_by(deliveries);
    }

    /// Closes the connections whose tokens were revoked.
    fn revoke(&self, user: UserId, which: Revoked) {
        for connection in self.index.of_user(user) {
            if connection.granted().is_revoked_by(which) {
                connection.close(close_codes::TOKEN_EXPIRED, "token revoked: log in again");
            }
        }
    }

    fn notify(&mut self, notice: &Notice) {
        let touched = &mut self.touched;
        let mut push = |connection: &Arc<Connection>| {
            let frame = match connection.protocol() {
                Protocol::V1 => Some(&notice.v1),
                Protocol::V2 => notice.v2.as_ref(),
            };
            if frame.is_some_and(|frame| connection.push_signal(frame) == Flush::Due) {
                touched.push(connection.clone());
            }
        };
        match notice.signal {
            Signal::TypingToUser { to, .. } => self.index.of_user(to).iter().for_each(&mut push),
            Signal::TypingToGroup { from, conversation, .. } => self
                .index
                .of_group(conversation)
                .filter(|(user, _)| *user != from)
                .for_each(|(_, connection)| push(connection)),
        }
    }

    async fn write(&mut self) {
        let (begun, n_written) = (Instant::now(), self.touched.len());
        for (count, connection) in self.touched.drain(..).enumerate() {
            connection.flush();
            if count % WRITES_IN_A_ROW == WRITES_IN_A_ROW - 1 {
                tokio::task::yield_now().await;
            }
        }
        let now = Instant::now();
        self.rests_until = now + rest_after(n_written, now - begun);
    }

    async fn tick(&self) {
        for (count, connection) in self.index.all().enumerate() {
            connection.tick();
            if count % WRITES_IN_A_ROW == WRITES_IN_A_ROW - 1 {
                tokio::task::yield_now().await;
            }
        }
    }

    fn close_all(&mut self, reason: CloseReason) {
        let (why, spread_ms) = match reason {
            CloseReason::Restarting => ("server restarts", RECONNECT_SPREAD_MS),
            CloseReason::Missed => ("resume to get what was missed", RESUME_SPREAD_MS),
        };
        for connection in self.index.all() {
            // Any spread will do, so a multiplicative hash of the connection's id is enough.
            let spread = connection.id().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
            let delay_ms = 100 + spread % spread_ms;
            connection.close(close_codes::RESTART, &format!("{why}: reconnect in {delay_ms} ms"));
        }
        if reason == CloseReason::Missed {
            // Departures from groups may be among the missed events, and clients may reconnect before their old
            // connections have ended. So the index starts empty.
            self.index = Index::new();
            self.waiting = WaitingReceipts::default();
        }
    }
}

/// Queues waiting receipts with a connection, if it lacks some. Returns the number of queued entries.
fn push_receipts(
    receipts: Option<Frame>,
    connection: &Arc<Connection>,
    touched: &mut Vec<Arc<Connection>>,
) -> u64 {
    let Some((frame, up_to)) = receipts else { return 0 };
    if connection.push_live(&frame, StreamPosition { at: up_to.0, delivery: None }) == Flush::Due {
        touched.push(connection.clone());
    }
    1
}

/// Returns how long a shard rests after it has written to this many connections within `took`.
fn rest_after(n_written: usize, took: Duration) -> Duration {
    if n_written < MANY_WRITES {
        return Duration::ZERO;
    }
    let shortest = REST_PER_WRITE.saturating_mul(u32::try_from(n_written).unwrap_or(u32::MAX));
    took.max(shortest).min(MAX_REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_rests_as_long_as_it_wrote_within_bounds() {
        let rest_us = |n_written, took_ms| rest_after(n_written, Duration::from_millis(took_ms)).as_micros();
        assert_eq!(rest_us(99, 50), 0);
        assert_eq!(rest_us(100, 0), 500);
        assert_eq!(rest_us(1_000, 7), 7_000);
        assert_eq!(rest_us(100_000, 900), 10_000);
    }
}
