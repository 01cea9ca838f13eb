//! What this server remembers of the messages it delivered lately: when it was told of them, how many clients it gave them
//! to, and when pointers passed. Bounded and lost at its end; nothing but traces and log lines may rest on it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chat_core::event::{Change, Event};
use chat_core::ids::{ConversationId, MessageId, Position, Seq, UserId};
use chat_core::receipts::Pointers;
use chat_core::time::Timestamp;

/// Messages that are remembered.
const MESSAGES: usize = 10_000;
/// Moves of pointers that are remembered.
const MOVES: usize = 20_000;

/// The last messages and moves of pointers, each oldest first.
#[derive(Default)]
pub(crate) struct DeliveryTrace {
    messages: Mutex<VecDeque<Arc<TracedMessage>>>,
    moves: Mutex<Moves>,
}

/// A message that this server was told of.
pub(crate) struct TracedMessage {
    message: MessageId,
    pub(crate) position: Position,
    pub(crate) committed_at: Timestamp,
    connections: AtomicU64,
    /// When it was queued for the last of them, in microseconds since 1970; 0: for none.
    queued_at: AtomicI64,
}

#[derive(Default)]
struct Moves {
    kept: VecDeque<Move>,
    /// The last move that is kept no more was at this time.
    forgotten_at: Timestamp,
}

struct Move {
    conversation: ConversationId,
    user: UserId,
    pointers: Pointers,
    at: Timestamp,
}

/// When a message had reached a member, as far as it is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reached {
    pub(crate) delivered_at: Option<Timestamp>,
    pub(crate) read_at: Option<Timestamp>,
}

/// What is remembered of a message.
pub(crate) struct Remembered {
    pub(crate) traced: Arc<TracedMessage>,
    pub(crate) reached: HashMap<UserId, Reached>,
    /// Whether every move of a pointer since then is.
    pub(crate) is_all: bool,
}

impl TracedMessage {
    /// The message was queued for so many clients more.
    pub(crate) fn queued(&self, connections: u64, at: Timestamp) {
        self.connections.fetch_add(connections, Ordering::Relaxed);
        self.queued_at.fetch_max(at.0, Ordering::Relaxed);
    }

    /// For how many clients it was queued, and when for the last of them.
    pub(crate) fn fan_out(&self) -> (u64, Option<Timestamp>) {
        let at = Some(self.queued_at.load(Ordering::Relaxed)).filter(|at| *at > 0);
        (self.connections.load(Ordering::Relaxed), at.map(Timestamp))
    }
}

impl DeliveryTrace {
    /// Takes in what was committed, of which this server is told at this time; gives what is to be kept up to date of each new message, in the order of the events.
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

    /// A message, if it is remembered.
    pub(crate) fn of(&self, message: MessageId) -> Option<Arc<TracedMessage>> {
        // Whoever asks asks for a new one, most of the time.
        lock(&self.messages).iter().rev().find(|traced| traced.message == message).cloned()
    }

    /// What is remembered of the message with this place in this conversation.
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

    /// When each member's pointers passed this place. If not every move is there, the first one that is may come after one
    /// that passed it, so it counts only for those who are known to have been before the place.
    fn reached(&self, conversation: ConversationId, seq: Seq, is_all: bool) -> HashMap<UserId, Reached> {
        let mut before: HashMap<UserId, Pointers> = HashMap::new();
        let mut reached: HashMap<UserId, Reached> = HashMap::new();
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

/// Adds to the end of a queue and takes from its beginning what is too much.
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
