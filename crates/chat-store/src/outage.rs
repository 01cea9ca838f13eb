//! Logs once that storage refuses requests and once that it works again, however many requests were refused in
//! between: one line for each would flood the log when it is needed most. It only logs: no code may decide anything by
//! it.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chat_core::{Error, Result};

/// How long no request may have been refused before the outage counts as over: connections recover one by one.
const QUIET: Duration = Duration::from_secs(1);

/// Whether one kind of request is refused at present. Cheap to clone; clones share their state.
#[derive(Debug, Clone)]
pub struct Outage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Kind of request, for the log.
    what: &'static str,
    is_on: AtomicBool,
    episode: Mutex<Option<Episode>>,
}

#[derive(Debug)]
struct Episode {
    begun: Instant,
    last: Instant,
    refused: u64,
}

/// Summary of an episode that has ended.
#[derive(Debug, PartialEq, Eq)]
struct Over {
    lasted: Duration,
    refused: u64,
}

impl Outage {
    /// Creates the state for one kind of request, for example `reads`. The name goes into log lines.
    pub fn of(what: &'static str) -> Self {
        Self(Arc::new(Inner { what, is_on: AtomicBool::new(false), episode: Mutex::new(None) }))
    }

    /// Records an answer. It counts as a refusal if storage caused the error, and as served otherwise.
    pub fn note<T>(&self, answer: &Result<T>) {
        match answer {
            Err(Error::Unavailable(reason)) => self.refused(reason),
            Err(Error::Obstructed(obstacle)) => self.refused(obstacle),
            _ => self.served(),
        }
    }

    /// Records a request that was refused because of the storage.
    pub fn refused(&self, reason: &dyn Display) {
        let what = self.0.what;
        if self.begins(Instant::now()) {
            tracing::error!(%reason, "storage fails; {what} are refused and not logged one by one");
        } else {
            tracing::debug!(%reason, "storage still fails; {what} are refused");
        }
    }

    /// Records a request that was served.
    pub fn served(&self) {
        let what = self.0.what;
        if let Some(Over { lasted, refused }) = self.ends(Instant::now()) {
            tracing::info!(refused, seconds = lasted.as_secs(), "storage is back; {what} are served again");
        }
    }

    fn episode(&self) -> MutexGuard<'_, Option<Episode>> {
        self.0.episode.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begins(&self, now: Instant) -> bool {
        let mut episode = self.episode();
        let is_first = episode.is_none();
        let episode = episode.get_or_insert(Episode { begun: now, last: now, refused: 0 });
        episode.last = now;
        episode.refused += 1;
        self.0.is_on.store(true, Ordering::Relaxed);
        is_first
    }

    fn ends(&self, now: Instant) -> Option<Over> {
        // The usual case, so it takes no lock.
        if !self.0.is_on.load(Ordering::Relaxed) {
            return None;
        }
        let mut episode = self.episode();
        let Episode { begun, refused, .. } =
            episode.take_if(|episode| now.saturating_duration_since(episode.last) > QUIET)?;
        self.0.is_on.store(false, Ordering::Relaxed);
        Some(Over { lasted: now.saturating_duration_since(begun), refused })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_has_one_beginning_and_one_end() {
        let (outage, begun) = (Outage::of("reads"), Instant::now());
        let at = |milliseconds| begun + Duration::from_millis(milliseconds);
        assert_eq!(outage.ends(at(0)), None);
        assert!(outage.begins(at(0)));
        assert!(!outage.begins(at(5000)));
        // One connection works again, another does not yet.
        assert_eq!(outage.ends(at(5500)), None);
        assert!(!outage.clone().begins(at(5600)));
        assert_eq!(outage.ends(at(6500)), None);
        let over = Over { lasted: Duration::from_millis(6700), refused: 3 };
        assert_eq!(outage.ends(at(6700)), Some(over));
        assert_eq!(outage.ends(at(6800)), None);
        assert!(outage.begins(at(6900)));
    }
}
