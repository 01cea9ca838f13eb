//! Nodes of earlier releases, whose subjects have no level for the epoch, so that permissions could not be given for
//! them. While one of them is in the cluster, this node publishes and subscribes on both kinds of subjects. What it
//! publishes on theirs has a header: those nodes ignore it, and nodes of this release know by it that the message also
//! comes on its own subject. Remove this module when no such release can be in a cluster any more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::{HeaderMap, Message};
use chat_core::sync::Epoch;
use chat_relay::Subject;

/// Nodes announce themselves every 2 seconds.
const GONE_AFTER: Duration = Duration::from_secs(15);
const HEADER: &str = "Chatserver-Twin";

pub(crate) struct Earlier {
    /// The beginning of all their subjects, in every log, and of none of ours.
    common_prefix: String,
    headers: HeaderMap,
    is_present: AtomicBool,
    last_heard: Mutex<Option<Instant>>,
}

impl Earlier {
    pub(crate) fn new(prefix: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, "1");
        let common_prefix = format!("{prefix}-");
        Self { common_prefix, headers, is_present: AtomicBool::new(false), last_heard: Mutex::new(None) }
    }

    /// The name that nodes of earlier releases give to a subject.
    pub(crate) fn name_of(&self, subject: Subject, epoch: Epoch) -> String {
        subject.name(&format!("{}{:08x}", self.common_prefix, epoch.0))
    }

    /// Headers for everything published on their subjects.
    pub(crate) fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    /// Whether a node of an earlier release is in the cluster.
    pub(crate) fn is_present(&self) -> bool {
        self.is_present.load(Ordering::Acquire)
    }

    /// Whether a refusal is about one of their subjects. It is harmless: they cannot work where permissions are
    /// restricted.
    pub(crate) fn concerns(&self, refusal: &str) -> bool {
        refusal.contains(&format!("\"{}", self.common_prefix))
    }

    /// Whether a message is a copy from a node of this release, which also comes on its own subject.
    pub(crate) fn is_copy(&self, message: &Message) -> bool {
        message.subject.starts_with(&self.common_prefix) && message.headers.is_some()
    }

    /// Records a message: one on their subjects and without the header comes from one of them. Returns whether it is
    /// the first in the cluster.
    pub(crate) fn observe(&self, message: &Message, now: Instant) -> bool {
        if !message.subject.starts_with(&self.common_prefix) || message.headers.is_some() {
            return false;
        }
        *self.last_heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        let is_new = !self.is_present.swap(true, Ordering::AcqRel);
        if is_new {
            tracing::info!("a node of an earlier release is in the cluster; also using its subjects");
        }
        is_new
    }

    /// Returns true once when the last of them has been silent for [`GONE_AFTER`].
    pub(crate) fn has_gone(&self, now: Instant) -> bool {
        let last_heard = *self.last_heard.lock().unwrap_or_else(PoisonError::into_inner);
        let is_silent = last_heard.is_none_or(|at| now.saturating_duration_since(at) >= GONE_AFTER);
        let has_gone = is_silent && self.is_present.swap(false, Ordering::AcqRel);
        if has_gone {
            tracing::info!("no node of an earlier release is left in the cluster");
        }
        has_gone
    }
}
