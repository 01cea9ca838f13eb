//! What is done every so often: writing out who was last seen when, seeing whether the clock was set, and forgetting what
//! has expired or is kept no longer; reading anew what was revoked, where events were missed; and, apart from these,
//! deleting old changes of the feed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_core::Chat;
use chat_core::clocks::{Moment, Watch};
use tokio::time::MissedTickBehavior;

use crate::audit::Audit;
use crate::{Hub, failures};

const INTERVAL: Duration = Duration::from_secs(2);
/// How often the log is told how many lines were left out.
const LEFT_OUT: Duration = Duration::from_secs(10);
/// How often old changes are deleted that are kept for readers of the feed.
const TEND_FEED: Duration = Duration::from_secs(10);

/// Runs as long as the server does.
pub(crate) async fn keep(chat: Chat, hub: Hub, audit: Arc<Audit>) {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut has_missed = false;
    let mut said_at = Instant::now();
    let started = Instant::now();
    let moment = || Moment { now: chat.now(), elapsed: started.elapsed() };
    let mut clock = Watch::begin(moment());
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = hub.missed() => has_missed = true,
        }
        if let Some(step_us) = clock.look(moment()) {
            say_that_it_was_set(step_us);
            // What was read while it was ahead lacks what seemed to have expired, and has not.
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
        if said_at.elapsed() >= LEFT_OUT {
            said_at = Instant::now();
            audit.say_what_was_left_out();
        }
        hub.revocations().forget_expired(clock.earliest().seconds());
    }
}

fn say_that_it_was_set(step_us: i64) {
    let seconds = step_us / 1_000_000;
    if seconds < 0 {
        tracing::warn!(seconds, "this machine's clock was set back by {} s", seconds.unsigned_abs());
    } else {
        tracing::warn!(seconds, "this machine's clock was set forward by {seconds} s, or the machine slept");
    }
}

/// Tells the hub of all that was revoked so far.
pub(crate) async fn read_revocations(chat: &Chat, hub: &Hub) -> chat_core::Result<()> {
    hub.end_access(chat.revocations().await?).await;
    Ok(())
}

/// Runs as long as the server does, beside [`keep`]: many writes in a row must not hold up the reading of revocations.
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

/// Writes out who was last seen since the last time. What can't be written is let go of: it is not worth keeping.
pub(crate) async fn note_last_seen(chat: &Chat, hub: &Hub) {
    let seen = hub.presence().take_seen(chat.now());
    if seen.is_empty() {
        return;
    }
    if let Err(error) = chat.note_last_seen(seen).await {
        failures::note(&error, "could not store last-seen times");
    }
}
