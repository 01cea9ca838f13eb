//! Sending for a client, over any transport: one call of the use case, counted and logged.

use chat_core::Result as CoreResult;
use chat_core::ids::UserId;
use chat_core::posting::{Destination, Forward, PostMessage, Posted};

use crate::app::Shared;
use crate::audit::By;
use crate::client_address::ClientAddress;
use crate::http::problem::Problem;
use crate::limits::{Key, Target};
use crate::metrics::Transport;

/// The sender of a message and its transport.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender {
    pub(crate) user: UserId,
    pub(crate) from: ClientAddress,
    pub(crate) transport: Transport,
}

pub(crate) async fn post(app: &Shared, sender: Sender, message: PostMessage) -> Result<Posted, Problem> {
    let counted = Counted::of(app, sender, message.to)?;
    counted.settle(app.chat.post(sender.user, message).await)
}

pub(crate) async fn forward(app: &Shared, sender: Sender, command: Forward) -> Result<Posted, Problem> {
    let counted = Counted::of(app, sender, command.to)?;
    counted.settle(app.chat.forward(sender.user, command).await)
}

/// A message that was counted for its target.
struct Counted<'a> {
    app: &'a Shared,
    transport: Transport,
    target: Target,
    key: Key,
}

impl<'a> Counted<'a> {
    fn of(app: &'a Shared, sender: Sender, to: Destination) -> Result<Self, Problem> {
        let target = Target::of(sender.user, to);
        let by = By { user: Some(sender.user), address: Some(sender.from), ..By::default() };
        let key = app.limits.post_to(target).map_err(|refused| app.too_much(refused, by))?;
        Ok(Self { app, transport: sender.transport, target, key })
    }

    /// Settles the count: it stands only if a message was stored.
    fn settle(self, posted: CoreResult<Posted>) -> Result<Posted, Problem> {
        let Self { app, transport, target, key } = self;
        match &posted {
            Ok(Posted::New { message, .. }) => app.limits.posted(target, key, message.conversation),
            Ok(Posted::Duplicate(_)) | Err(_) => app.limits.not_posted(key),
        }
        note(app, transport, &posted);
        Ok(posted?)
    }
}

/// Counts the result in the metrics, and logs the message's log position so that an operator can follow it.
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
