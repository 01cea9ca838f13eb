//! Nodes of the releases before subjects had levels of their own: they spell them otherwise, so that rights could not be
//! given. As long as one of them is heard, everything is said on both and listened to on both. What a node of this
//! release says there has a header, which those do not look at, and by which others of this release know that it comes on
//! its own subject too. To be taken away when no release before this one can be in a cluster any more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::{HeaderMap, Message};
use chat_core::sync::Epoch;
use chat_relay::Subject;

/// They say every 2 seconds that they are there.
const GONE_AFTER: Duration = Duration::from_secs(15);
const HEADER: &str = "Chatserver-Twin";

pub(crate) struct Earlier {
    /// As all of their subjects begin, of whatever log, and none of ours.
    begins: String,
    headers: HeaderMap,
    is_there: AtomicBool,
    heard: Mutex<Option<Instant>>,
}

impl Earlier {
    pub(crate) fn new(prefix: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, "1");
        let begins = format!("{prefix}-");
        Self { begins, headers, is_there: AtomicBool::new(false), heard: Mutex::new(None) }
    }

    /// The subject as those spell it.
    pub(crate) fn spelt(&self, subject: Subject, epoch: Epoch) -> String {
        subject.spelt(&format!("{}{:08x}", self.begins, epoch.0))
    }

    /// Goes with whatever is published for them.
    pub(crate) fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    /// Whether one of them is in the cluster.
    pub(crate) fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Acquire)
    }

    /// Whether a refusal is about one of their subjects: where there are rights at all, they cannot be there.
    pub(crate) fn is_meant(&self, refusal: &str) -> bool {
        refusal.contains(&format!("\"{}", self.begins))
    }

    /// Whether a message is one of theirs, or else comes by its own subject.
    pub(crate) fn is_twin(&self, message: &Message) -> bool {
        message.subject.starts_with(&self.begins) && message.headers.is_some()
    }

    /// Looks at what came: whoever says something there is one of them. Gives whether that is news.
    pub(crate) fn heard(&self, message: &Message, now: Instant) -> bool {
        if !message.subject.starts_with(&self.begins) || message.headers.is_some() {
            return false;
        }
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        let is_new = !self.is_there.swap(true, Ordering::AcqRel);
        if is_new {
            tracing::info!("a node of an earlier release is in the cluster; also using its subjects");
        }
        is_new
    }

    /// Whether the last of them has gone by now.
    pub(crate) fn has_gone(&self, now: Instant) -> bool {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let is_silent = heard.is_none_or(|at| now.saturating_duration_since(at) >= GONE_AFTER);
        let has_gone = is_silent && self.is_there.swap(false, Ordering::AcqRel);
        if has_gone {
            tracing::info!("no node of an earlier release is left in the cluster");
        }
        has_gone
    }
}
