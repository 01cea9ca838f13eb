//! What the relay takes in: one bounded queue for what this node commits, what a bus brings and what the journal answers,
//! and beside it what a bus says of itself. Nothing here waits, and nothing is decided.

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
/// How many of them may be the bus's, so that a flood of others' news leaves room for what this node commits.
const FROM_BUS: usize = QUEUE / 4 * 3;

/// What the relay's thread takes in.
pub(crate) enum Input {
    /// Something came over the bus, of the log of this epoch.
    News(Epoch, Bytes),
    /// This node has committed these, in the log of this epoch.
    Committed(Epoch, Vec<Arc<Event>>),
    /// The journal has answered, or could not be read.
    Answer(Result<Answer>),
    /// Something has changed that is not in the queue.
    Wake,
}

/// What a bus has to say of itself, for the relay to look at when it next turns to its queue. It must not be lost when
/// that is full, so it is not in there.
#[derive(Debug)]
pub(crate) struct Notices {
    pub(crate) link: Link,
    /// Something was lost since the relay looked last.
    pub(crate) missed: bool,
    /// How much was dropped since the relay looked last, because its queue was full.
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

/// Where a bus puts what comes in. Cheap to clone; never blocks.
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
    /// Something came in that is of the log of this epoch. Where there is no room for it, it is dropped and counts as missed.
    pub fn deliver(&self, epoch: Epoch, payload: Bytes) {
        let has_room = self.shared.n_from_bus.fetch_add(1, Ordering::Relaxed) < FROM_BUS;
        if has_room && self.queue.try_send(Input::News(epoch, payload)).is_ok() {
            return;
        }
        self.shared.n_from_bus.fetch_sub(1, Ordering::Relaxed);
        let mut notices = self.shared.notices();
        notices.missed = true;
        notices.n_dropped += 1;
    }

    /// News travels from now on.
    pub fn up(&self) {
        self.notice(|notices| notices.link = Link::Up);
    }

    /// News does not travel any more.
    pub fn down(&self) {
        self.notice(|notices| notices.link = Link::Down);
    }

    /// Something was lost before it came here.
    pub fn missed(&self) {
        self.notice(|_| {});
    }

    /// Around every change of the link something may have been lost.
    fn notice(&self, note: impl FnOnce(&mut Notices)) {
        {
            let mut notices = self.shared.notices();
            note(&mut notices);
            notices.missed = true;
        }
        // A full queue needs no waking: the relay looks at the notices before it takes more from it.
        let _: std::result::Result<(), TrySendError<Input>> = self.queue.try_send(Input::Wake);
    }
}

impl Incoming {
    /// What comes in next, for whoever looks at a bus without a relay.
    pub fn next(&self, within: Duration) -> Option<Bytes> {
        let until = Instant::now() + within;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if let Input::News(_, payload) = self.queue.recv_timeout(left).ok()? {
                self.took_news();
                return Some(payload);
            }
        }
    }

    /// Whether news travels, for whoever looks at a bus without a relay.
    pub fn link(&self) -> Link {
        self.shared.notices().link
    }

    /// What the bus has said since this was asked last.
    pub(crate) fn notices(&self) -> Notices {
        let mut notices = self.shared.notices();
        let now = Notices { link: notices.link, missed: notices.missed, n_dropped: notices.n_dropped };
        *notices = Notices { link: now.link, missed: false, n_dropped: 0 };
        now
    }

    /// One piece of news was taken from the queue.
    pub(crate) fn took_news(&self) {
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
        // What was taken makes room for more.
        assert!(matches!(incoming.queue.try_recv(), Ok(Input::News(..))));
        incoming.took_news();
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
