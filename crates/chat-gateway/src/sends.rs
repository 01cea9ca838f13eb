//! Sending for a client, by whichever door it came in: one call of the use case, counted and noted in the log.

use chat_core::Result as CoreResult;
use chat_core::ids::UserId;
use chat_core::messages::Posted;
use chat_core::posting::{Forward, PostMessage};

use crate::app::Shared;
use crate::audit::By;
use crate::client_address::ClientAddress;
use crate::http::problem::Problem;
use crate::limits::Place;
use crate::metrics::Door;

/// Who sends, and how that came in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender {
    pub(crate) user: UserId,
    pub(crate) from: ClientAddress,
    pub(crate) door: Door,
}

/// Sends a message.
pub(crate) async fn post(app: &Shared, sender: Sender, message: PostMessage) -> Result<Posted, Problem> {
    let place = Place::of(sender.user, message.to);
    into(app, sender, place, app.chat.post(sender.user, message)).await
}

/// Sends what another message says.
pub(crate) async fn forward(app: &Shared, sender: Sender, command: Forward) -> Result<Posted, Problem> {
    let place = Place::of(sender.user, command.to);
    into(app, sender, place, app.chat.forward(sender.user, command)).await
}

/// Counts for the place what is done, where it makes a message there.
async fn into(
    app: &Shared,
    sender: Sender,
    place: Place,
    posting: impl Future<Output = CoreResult<Posted>>,
) -> Result<Posted, Problem> {
    let by = By { user: Some(sender.user), address: Some(sender.from), ..By::default() };
    let key = app.limits.post_to(place).map_err(|refused| app.too_much(refused, by))?;
    let posted = posting.await;
    match &posted {
        Ok(Posted::New { message, .. }) => app.limits.posted(place, message.conversation),
        Ok(Posted::Duplicate(_)) | Err(_) => app.limits.not_posted(key),
    }
    note(app, sender.door, &posted);
    Ok(posted?)
}

/// Counts what came of sending, and says where the message is, for whoever follows it.
fn note(app: &Shared, door: Door, posted: &CoreResult<Posted>) {
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
