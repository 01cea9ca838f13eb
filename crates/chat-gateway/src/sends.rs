//! Sending for a client, by whichever door it came in: one call of the use case, counted and noted in the log.

use chat_core::Result;
use chat_core::ids::UserId;
use chat_core::messages::Posted;
use chat_core::posting::{Forward, PostMessage};

use crate::app::Shared;
use crate::metrics::Door;

/// Sends a message.
pub(crate) async fn post(app: &Shared, door: Door, sender: UserId, message: PostMessage) -> Result<Posted> {
    let posted = app.chat.post(sender, message).await;
    note(app, door, &posted);
    posted
}

/// Sends what another message says.
pub(crate) async fn forward(app: &Shared, door: Door, sender: UserId, command: Forward) -> Result<Posted> {
    let posted = app.chat.forward(sender, command).await;
    note(app, door, &posted);
    posted
}

/// Counts what came of sending, and says where the message is, for whoever follows it.
fn note(app: &Shared, door: Door, posted: &Result<Posted>) {
    app.hub.metrics().sent(door, posted);
    if let Ok(posted) = posted
        && tracing::enabled!(tracing::Level::DEBUG)
    {
        let message = posted.message();
        let position = app.hub.trail().told(message.id).map(|told| told.position.0);
        tracing::debug!(
            door = door.as_str(),
            conversation.id = message.conversation.0,
            message.id = message.id.0,
            seq = message.seq.0,
            position,
            "sent"
        );
    }
}
