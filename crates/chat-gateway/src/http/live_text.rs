//! Messages that are shown while they are being written.

use axum::Json;
use axum::extract::State;
use chat_core::ids::MessageId;
use chat_protocol::message::{AppendRequest, Appended, FinishRequest, Message};

use super::extract::{Body, PathId};
use super::problem::Problem;
use super::refusals::{Any, BodyRefused, DoesNotFit, MayNot, NotTheCallers, Unauthenticated};
use crate::auth::Caller;
use crate::{App, commands};

/// Appends to a message that was sent with `streaming`; author only. A repeated chunk gets the same answer again;
/// one with a wrong offset is refused with `offset_mismatch`.
#[utoipa::path(post, path = "/v1/messages/{id}/append", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), request_body = AppendRequest, responses(
    (status = 200, body = Appended), Unauthenticated, MayNot, NotTheCallers, DoesNotFit, Any, BodyRefused,
))]
pub(super) async fn append(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(message): PathId,
    Body(request): Body<AppendRequest>,
) -> Result<Json<Appended>, Problem> {
    let appended = app.chat.append(caller, MessageId(message), commands::chunk(request)).await?;
    let chat_core::live_text::Appended { message, rev, length, .. } = appended;
    Ok(Json(Appended { message_id: message.0, rev: rev.0, length }))
}

/// Ends a message that was sent with `streaming`; author only.
#[utoipa::path(post, path = "/v1/messages/{id}/finish", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), request_body = FinishRequest, responses(
    (status = 200, body = Message), Unauthenticated, MayNot, NotTheCallers, DoesNotFit, Any, BodyRefused,
))]
pub(super) async fn finish(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(message): PathId,
    Body(request): Body<FinishRequest>,
) -> Result<Json<Message>, Problem> {
    let message = app.chat.finish(caller, MessageId(message), commands::finish(request)).await?;
    Ok(Json(chat_wire::message(&message, caller)))
}
