//! What is done every so often: writing out who was last seen when, and forgetting what has expired.

use std::time::Duration;

use chat_core::Chat;
use tokio::time::MissedTickBehavior;

use crate::Hub;

const INTERVAL: Duration = Duration::from_secs(2);

/// Runs as long as the server does.
pub(crate) async fn keep(chat: Chat, hub: Hub) {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        note_last_seen(&chat, &hub).await;
        hub.revocations().forget_expired(chat.now().0.div_euclid(1_000_000));
    }
}

/// Writes out who was last seen since the last time. What can't be written is let go of: it is not worth keeping.
pub(crate) async fn note_last_seen(chat: &Chat, hub: &Hub) {
    let seen = hub.presence().take_seen();
    if seen.is_empty() {
        return;
    }
    if let Err(error) = chat.note_last_seen(seen).await {
        tracing::warn!(error = %error, "who was last seen when could not be written");
    }
}
