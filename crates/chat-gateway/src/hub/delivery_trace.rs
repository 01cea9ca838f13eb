//! Delivery traces of recent messages: when this server got their events, for how many clients it queued them, and when
//! members' pointers passed them. Bounded, and lost on restart; only traces and log lines may depend on it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chat_core::event::{Change, Event};
use chat_core::ids::{ConversationId, MessageId, Position, Seq, UserId};
use chat_core::receipts::Pointers;
use chat_core::time::Timestamp;

/// Upper bound for the remembered messages.
const MESSAGES: usize = 10_000;
/// Upper bound for the remembered pointer moves.
const MOVES: usize = 20_000;

/// The last messages and pointer moves, each oldest first.
#[derive(Default)]
pub(crate) struct DeliveryTrace {
    messages: Mutex<VecDeque<Arc<TracedMessage>>>,
    moves: Mutex<Moves>,
}

/// A message whose event this server got.
pub(crate) struct TracedMessage {
    message: MessageId,
    pub(crate) position: Position,
    pub(crate) committed_at: Timestamp,
    connections: AtomicU64,
    /// When it was queued for the last client, in microseconds since 1970. 0: for none yet.
    queued_at: AtomicI64,
}

#[derive(Default)]
struct Moves {
    kept: VecDeque<Move>,
    /// Time of the last move that was forgotten.
    forgotten_at: Timestamp,
}

struct Move {
    conversation: ConversationId,
    user: UserId,
    pointers: Pointers,
    at: Timestamp,
}

/// When a message reached a member, as far as remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ConversationAccess {
    pub(crate) delivered_at: Option<Timestamp>,
    pub(crate) read_at: Option<Timestamp>,
}

/// Everything remembered of a message.
pub(crate) struct Remembered {
    pub(crate) traced: Arc<TracedMessage>,
    pub(crate) reached: HashMap<UserId, ConversationAccess>,
    /// Whether all pointer moves since its commit are remembered.
    pub(crate) is_all: bool,
}

impl TracedMessage {
    /// Notes that the message was queued for `connections` more clients.
    pub(crate) fn queued(&self, connections: u64, at: Timestamp) {
        self.connections.fetch_add(connections, Ordering::Relaxed);
        self.queued_at.fetch_max(at.0, Ordering::Relaxed);
    }

    /// Number of clients that it was queued for, and the time of the last one.
    pub(crate) fn fan_out(&self) -> (u64, Option<Timestamp>) {
        let at = Some(self.queued_at.load(Ordering::Relaxed)).filter(|at| *at > 0);
        (self.connections.load(Ordering::Relaxed), at.map(Timestamp))
    }
}

impl DeliveryTrace {
    /// Notes committed events that this server got at this time. Returns the traces of new messages, in the order of
    /// the events, to be updated on delivery.
    pub(crate) fn note(&self, events: &[Arc<Event>], at: Timestamp) -> Vec<Option<Arc<TracedMessage>>> {
        let traced: Vec<_> = events.iter().map(|event| traced(event, at)).collect();
        keep(&mut lock(&self.messages), traced.iter().flatten().cloned(), MESSAGES);
        for event in events {
            if let Change::PointersMoved(receipts) = &event.change {
                let mut moves = lock(&self.moves);
                for receipt in receipts {
                    let (user, conversation) = (receipt.user, receipt.conversation);
                    moves.push(Move { conversation, user, pointers: receipt.pointers, at });
                }
            }
        }
        traced
    }

    /// The trace of a message, if it is remembered.
    pub(crate) fn of(&self, message: MessageId) -> Option<Arc<TracedMessage>> {
        // From the newest, because most lookups are for new messages.
        lock(&self.messages).iter().rev().find(|traced| traced.message == message).cloned()
    }

    /// Everything remembered of the message with this `seq` in this conversation.
    pub(crate) fn remembered(
        &self,
        message: MessageId,
        conversation: ConversationId,
        seq: Seq,
    ) -> Option<Remembered> {
        let traced = self.of(message)?;
        let moves = lock(&self.moves);
        let is_all = moves.forgotten_at < traced.committed_at;
        let reached = moves.reached(conversation, seq, is_all);
        Some(Remembered { traced, reached, is_all })
    }
}

impl Moves {
    fn push(&mut self, one: Move) {
        if self.kept.len() >= MOVES
            && let Some(oldest) = self.kept.pop_front()
        {
            self.forgotten_at = oldest.at;
        }
        self.kept.push_back(one);
    }

    /// When each member's pointers passed this `seq`. If moves are missing (`is_all` is false), the first remembered
    /// move may come after one that passed it. So a move counts only for members whose pointer is known to have been
    /// before the `seq`.
    fn reached(
        &self,
        conversation: ConversationId,
        seq: Seq,
        is_all: bool,
    ) -> HashMap<UserId, ConversationAccess> {
        let mut before: HashMap<UserId, Pointers> = HashMap::new();
        let mut reached: HashMap<UserId, ConversationAccess> = HashMap::new();
        for one in self.kept.iter().filter(|one| one.conversation == conversation) {
            let former = before.insert(one.user, one.pointers);
            let passed = |pointer: fn(Pointers) -> Seq| {
                let was_before = former.map_or(is_all, |former| pointer(former) < seq);
                (was_before && pointer(one.pointers) >= seq).then_some(one.at)
            };
            let member = reached.entry(one.user).or_default();
            member.delivered_at = member.delivered_at.or(passed(|pointers| pointers.delivered));
            member.read_at = member.read_at.or(passed(|pointers| pointers.read));
        }
        reached
    }
}

fn traced(event: &Event, at: Timestamp) -> Option<Arc<TracedMessage>> {
    let Change::MessagePosted(message) = &event.change else { return None };
    Some(Arc::new(TracedMessage {
        message: message.id,
        position: event.position,
        committed_at: at,
        connections: AtomicU64::new(0),
        queued_at: AtomicI64::new(0),
    }))
}

/// Appends to a queue and removes the oldest entries above the bound.
fn keep<T>(queue: &mut VecDeque<T>, more: impl Iterator<Item = T>, most: usize) {
    queue.extend(more);
    let too_many = queue.len().saturating_sub(most);
    queue.drain(..too_many);
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(user: i64, delivered: i64, read: i64, at: i64) -> Move {
        let pointers = Pointers { delivered: Seq(delivered), read: Seq(read) };
        Move { conversation: ConversationId(1), user: UserId(user), pointers, at: Timestamp(at) }
    }

    fn reached(moves: &[(i64, i64, i64, i64)], seq: i64, is_all: bool) -> [(Option<i64>, Option<i64>); 2] {
        let mut all = Moves::default();
        for (user, delivered, read, at) in moves {
            all.push(moved(*user, *delivered, *read, *at));
        }
        let reached = all.reached(ConversationId(1), Seq(seq), is_all);
        [1, 2].map(|user| {
            let one = reached.get(&UserId(user)).copied().unwrap_or_default();
            (one.delivered_at.map(|at| at.0), one.read_at.map(|at| at.0))
        })
    }

    #[test]
    fn a_message_has_reached_a_member_when_the_pointer_passed_it_first() {
        let moves = [(1, 5, 0, 10), (1, 6, 5, 20), (2, 4, 0, 30), (1, 9, 9, 40), (2, 7, 7, 50)];
        assert_eq!(reached(&moves, 5, true), [(Some(10), Some(20)), (Some(50), Some(50))]);
        assert_eq!(reached(&moves, 8, true), [(Some(40), Some(40)), (None, None)]);
    }

    #[test]
    fn a_pointer_that_may_have_passed_unseen_has_no_time() {
        let moves = [(1, 5, 0, 10), (1, 6, 5, 20), (2, 4, 0, 30), (2, 7, 7, 50)];
        assert_eq!(reached(&moves, 5, false), [(None, Some(20)), (Some(50), Some(50))]);
    }

    #[test]
    fn other_conversations_do_not_count() {
        let mut all = Moves::default();
        all.push(Move { conversation: ConversationId(2), ..moved(1, 9, 9, 10) });
        assert!(all.reached(ConversationId(1), Seq(1), true).is_empty());
    }

    #[test]
    fn memory_is_bounded_and_what_was_forgotten_is_known() {
        let mut all = Moves::default();
        for at in 1..=20_005 {
            all.push(moved(1, at, 0, at));
        }
        assert_eq!((all.kept.len(), all.forgotten_at), (MOVES, Timestamp(5)));
        let mut queue = VecDeque::from([1, 2]);
        keep(&mut queue, [3, 4].into_iter(), 3);
        assert_eq!(queue, [2, 3, 4]);
    }
}
