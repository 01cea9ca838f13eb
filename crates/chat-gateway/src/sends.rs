//! Sending for a client, by whichever transport it came in: one call of the use case, counted and noted in the log.

use chat_core::Result as CoreResult;
use chat_core::ids::UserId;
use chat_core::posting::{Destination, Forward, PostMessage, Posted};

use crate::app::Shared;
use crate::audit::By;
use crate::client_address::ClientAddress;
use crate::http::problem::Problem;
use crate::limits::{Key, Place};
use crate::metrics::Transport;

/// Who sends, and how that came in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender {
    pub(crate) user: UserId,
    pub(crate) from: ClientAddress,
    pub(crate) transport: Transport,
}

/// Sends a message.
pub(crate) async fn post(app: &Shared, sender: Sender, message: PostMessage) -> Result<Posted, Problem> {
    let counted = Counted::of(app, sender, message.to)?;
    counted.settle(app.chat.post(sender.user, message).await)
}

/// Sends what another message says.
pub(crate) async fn forward(app: &Shared, sender: Sender, command: Forward) -> Result<Posted, Problem> {
    let counted = Counted::of(app, sender, command.to)?;
    counted.settle(app.chat.forward(sender.user, command).await)
}

/// A message that is counted for the place to which it is to go.
struct Counted<'a> {
    app: &'a Shared,
    transport: Transport,
    place: Place,
    key: Key,
}

impl<'a> Counted<'a> {
    fn of(app: &'a Shared, sender: Sender, to: Destination) -> Result<Self, Problem> {
        let place = Place::of(sender.user, to);
        let by = By { user: Some(sender.user), address: Some(sender.from), ..By::default() };
        let key = app.limits.post_to(place).map_err(|refused| app.too_much(refused, by))?;
        Ok(Self { app, transport: sender.transport, place, key })
    }

    /// What came of it, which counts where it made a message there.
    fn settle(self, posted: CoreResult<Posted>) -> Result<Posted, Problem> {
        let Self { app, transport, place, key } = self;
        match &posted {
            Ok(Posted::New { message, .. }) => app.limits.posted(place, key, message.conversation),
            Ok(Posted::Duplicate(_)) | Err(_) => app.limits.not_posted(key),
        }
        note(app, transport, &posted);
        Ok(posted?)
    }
}

/// Counts what came of sending, and says where the message is, for whoever follows it.
fn note(app: &Shared, transport: Transport, posted: &CoreResult<Posted>) {
    app.hub.metrics().sent(transport, posted);
    if let Ok(posted) = posted
        && tracing::enabled!(tracing::Level::DEBUG)
    {
        let message = posted.message();
        let position = app.hub.delivery_trace().of(message.id).map(|traced| traced.position.0);
        tracing::debug!(
            door = transport.as_str(),
            conversation.id = message.conversation.0,
            message.id = message.id.0,
            seq = message.seq.0,
            position,
            "sent"
        );
    }
}
