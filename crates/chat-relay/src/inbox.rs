//! The relay's input: one bounded queue for this node's commits, messages from the bus and answers from the journal,
//! and beside it the state of the bus. Nothing here waits, and nothing is decided.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chat_core::Result;
use chat_core::cluster::Link;
use chat_core::event::Event;
use chat_core::sync::Epoch;

use crate::sequencer::Answer;

/// Inputs that may wait for the relay.
const QUEUE: usize = 8192;
/// Upper bound for those from the bus, so that a flood of them leaves room for this node's commits.
const FROM_BUS: usize = QUEUE / 4 * 3;

/// An input of the relay's thread.
pub(crate) enum Input {
    /// A message from the bus, about the log of this epoch.
    Message(Epoch, Bytes),
    /// Events that this node has committed, in the log of this epoch.
    Committed(Epoch, Vec<Arc<Event>>),
    /// The journal's answer, or why it could not be read.
    Answer(Result<Answer>),
    /// Something outside the queue has changed.
    Wake,
}

/// The state of the bus. The relay reads it each time it reads its queue. It is not in the queue, since it must not be
/// lost when that is full.
#[derive(Debug)]
pub(crate) struct Notices {
    pub(crate) link: Link,
    /// A message may have been lost since the relay last read the notices.
    pub(crate) missed: bool,
    /// Messages dropped because the queue was full, since the relay last read the notices.
    pub(crate) n_dropped: u64,
}

#[derive(Debug)]
struct Shared {
    notices: Mutex<Notices>,
    n_from_bus: AtomicUsize,
}

impl Shared {
    fn notices(&self) -> MutexGuard<'_, Notices> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the messages of a bus. Cheap to clone; never blocks.
#[derive(Clone)]
pub struct Inbox {
    queue: SyncSender<Input>,
    shared: Arc<Shared>,
}

/// The relay's end of an [`Inbox`].
pub struct Incoming {
    pub(crate) sender: SyncSender<Input>,
    pub(crate) queue: Receiver<Input>,
    shared: Arc<Shared>,
}

/// The queue between a bus and a relay. The link counts as down until the bus says otherwise.
pub fn channel() -> (Inbox, Incoming) {
    let (sender, queue) = sync_channel(QUEUE);
    let notices = Notices { link: Link::Down, missed: false, n_dropped: 0 };
    let shared = Arc::new(Shared { notices: Mutex::new(notices), n_from_bus: AtomicUsize::new(0) });
    (Inbox { queue: sender.clone(), shared: shared.clone() }, Incoming { sender, queue, shared })
}

impl Inbox {
    /// Queues a message about the log of this epoch. If the queue is full, drops it and counts it as missed.
    pub fn deliver(&self, epoch: Epoch, payload: Bytes) {
        let has_room = self.shared.n_from_bus.fetch_add(1, Ordering::Relaxed) < FROM_BUS;
        if has_room && self.queue.try_send(Input::Message(epoch, payload)).is_ok() {
            return;
        }
        self.shared.n_from_bus.fetch_sub(1, Ordering::Relaxed);
        let mut notices = self.shared.notices();
        notices.missed = true;
        notices.n_dropped += 1;
    }

    /// Reports that the link is up.
    pub fn up(&self) {
        self.notice(|notices| notices.link = Link::Up);
    }

    /// Reports that the link is down.
    pub fn down(&self) {
        self.notice(|notices| notices.link = Link::Down);
    }

    /// Reports that messages were lost before they reached the inbox.
    pub fn missed(&self) {
        self.notice(|_| {});
    }

    /// Changes the notices and marks them as missed: messages may have been lost around every change of the link.
    fn notice(&self, note: impl FnOnce(&mut Notices)) {
        {
            let mut notices = self.shared.notices();
            note(&mut notices);
            notices.missed = true;
        }
        // A full queue needs no wake-up: the relay reads the notices before it takes more from the queue.
        let _: std::result::Result<(), TrySendError<Input>> = self.queue.try_send(Input::Wake);
    }
}

impl Incoming {
    /// Waits for the next message, at most `within`. For tests of a bus without a relay.
    pub fn next(&self, within: Duration) -> Option<Bytes> {
        let until = Instant::now() + within;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if let Input::Message(_, payload) = self.queue.recv_timeout(left).ok()? {
                self.took_message();
                return Some(payload);
            }
        }
    }

    /// The state of the link. For tests of a bus without a relay.
    pub fn link(&self) -> Link {
        self.shared.notices().link
    }

    /// Takes the notices since the last call.
    pub(crate) fn notices(&self) -> Notices {
        let mut notices = self.shared.notices();
        let now = Notices { link: notices.link, missed: notices.missed, n_dropped: notices.n_dropped };
        *notices = Notices { link: now.link, missed: false, n_dropped: 0 };
        now
    }

    /// Records that a message from the bus was taken from the queue.
    pub(crate) fn took_message(&self) {
        self.shared.n_from_bus.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_from_the_bus_leaves_room_and_is_noticed() {
        let (inbox, incoming) = channel();
        for _ in 0..=FROM_BUS {
            inbox.deliver(Epoch(1), Bytes::from_static(b"x"));
        }
        let notices = incoming.notices();
        assert!(notices.missed);
        assert_eq!(notices.n_dropped, 1);
        assert!(incoming.sender.try_send(Input::Wake).is_ok());
        // Taking one makes room for another.
        assert!(matches!(incoming.queue.try_recv(), Ok(Input::Message(..))));
        incoming.took_message();
        inbox.deliver(Epoch(1), Bytes::from_static(b"y"));
        assert!(!incoming.notices().missed);
    }

    #[test]
    fn the_link_is_known_however_full_the_queue_is() {
        let (inbox, incoming) = channel();
        while incoming.sender.try_send(Input::Wake).is_ok() {}
        inbox.up();
        let notices = incoming.notices();
        assert_eq!((notices.link, notices.missed), (Link::Up, true));
        inbox.down();
        assert_eq!(incoming.notices().link, Link::Down);
    }
}
