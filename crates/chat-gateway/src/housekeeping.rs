//! Periodic work: storing last-seen times, noticing that the clock was set, forgetting expired revocations, and reading
//! revocations again after events were missed. A separate task deletes old changes of the feed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_core::Chat;
use chat_core::clocks::{Moment, Watch};
use tokio::time::MissedTickBehavior;

use crate::audit::Audit;
use crate::{Hub, failures};

const INTERVAL: Duration = Duration::from_secs(2);
/// Time between two audit lines about left-out lines.
const LEFT_OUT: Duration = Duration::from_secs(10);
/// Time between two deletions of old changes that are kept for readers of the feed.
const TEND_FEED: Duration = Duration::from_secs(10);

/// Compares this machine's clock with the time that passes.
pub(crate) struct ClockWatch {
    chat: Chat,
    started: Instant,
    watch: Watch,
}

impl ClockWatch {
    /// Begins at once, unlike a task, which begins when a thread has time for it: a clock that is set in between would
    /// go unnoticed.
    pub(crate) fn begin(chat: Chat) -> Self {
        let watch = Watch::begin(Moment { now: chat.now(), elapsed: Duration::ZERO });
        Self { chat, started: Instant::now(), watch }
    }

    /// Returns by how many microseconds the clock was set since the last call, if it was.
    fn look(&mut self) -> Option<i64> {
        self.watch.look(Moment { now: self.chat.now(), elapsed: self.started.elapsed() })
    }
}

/// Runs for as long as the server does.
pub(crate) async fn run(mut clock: ClockWatch, hub: Hub, audit: Arc<Audit>) {
    let chat = clock.chat.clone();
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut has_missed = false;
    let mut logged_at = Instant::now();
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = hub.missed() => has_missed = true,
        }
        if let Some(step_us) = clock.look() {
            log_clock_step(step_us);
            // Revocations that were read while the clock was ahead lack those that only seemed to have expired.
            has_missed = has_missed || step_us < 0;
        }
        if has_missed {
            match read_revocations(&chat, &hub).await {
                Ok(()) => has_missed = false,
                Err(error) => {
                    failures::note(&error, "could not read revocations; retrying");
                }
            }
        }
        note_last_seen(&chat, &hub).await;
        if logged_at.elapsed() >= LEFT_OUT {
            logged_at = Instant::now();
            audit.log_left_out();
        }
        hub.revocations().forget_expired(clock.watch.earliest().seconds());
    }
}

fn log_clock_step(step_us: i64) {
    let seconds = step_us / 1_000_000;
    if seconds < 0 {
        tracing::warn!(seconds, "this machine's clock was set back by {} s", seconds.unsigned_abs());
    } else {
        tracing::warn!(seconds, "this machine's clock was set forward by {seconds} s, or the machine slept");
    }
}

/// Passes all revocations of the store to the hub.
pub(crate) async fn read_revocations(chat: &Chat, hub: &Hub) -> chat_core::Result<()> {
    hub.end_access(chat.revocations().await?).await;
    Ok(())
}

/// Runs for as long as the server does, in a task beside [`run`]: many deletions in a row must not delay the reading
/// of revocations.
pub(crate) async fn tend_feed(chat: Chat) {
    let mut interval = tokio::time::interval(TEND_FEED);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval.tick().await;
    loop {
        interval.tick().await;
        if let Err(error) = chat.tend_feed().await {
            failures::note(&error, "old changes of the feed could not be deleted; trying later");
        }
    }
}

/// Stores the last-seen times since the last call. Failed writes are dropped; last-seen times are best effort.
pub(crate) async fn note_last_seen(chat: &Chat, hub: &Hub) {
    let seen = hub.presence().take_seen(chat.now());
    if seen.is_empty() {
        return;
    }
    if let Err(error) = chat.note_last_seen(seen).await {
        failures::note(&error, "could not store last-seen times");
    }
}
