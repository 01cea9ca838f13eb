//! Changing a message after it was sent: editing, deleting, pinning.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chat_core::edits::MAX_VERSIONS;
use chat_core::ids::{ConversationId, MessageId, UserId};
use chat_core::messages::{DEFAULT_PAGE, MAX_PAGE};
use chat_protocol::message::{EditRequest, Message, Version};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::extract::{Body, Params, PathId, limit};
use super::lean::{AnyMessages, LeanParams};
use super::problem::Problem;
use super::refusals::{Any, BodyRefused, DoesNotFit, MayNot, NotTheCallers, Unauthenticated};
use crate::App;
use crate::auth::Caller;
use crate::pages::Reader;

/// Replaces a message's text; author only.
#[utoipa::path(patch, path = "/v1/messages/{id}", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), request_body = EditRequest, responses(
    (status = 200, body = Message), Unauthenticated, MayNot, NotTheCallers, DoesNotFit, Any, BodyRefused,
))]
pub(super) async fn edit(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(message): PathId,
    Body(request): Body<EditRequest>,
) -> Result<Json<Message>, Problem> {
    let message = app.chat.edit(caller, MessageId(message), request.content).await?;
    Ok(Json(chat_wire::message(&message, caller)))
}

/// Scope of a deletion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scope {
    /// For all members.
    #[default]
    Everyone,
    /// For the caller alone.
    Me,
}

/// Query of a deletion.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeleteParams {
    /// `everyone` (default) or `me`.
    #[param(inline)]
    r#for: Option<Scope>,
}

/// Deletes a message for everyone (author; in a group also owner and admins), or only for the caller.
#[utoipa::path(delete, path = "/v1/messages/{id}", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1), DeleteParams), responses(
    (status = 200, description = "Deleted for everyone: the remaining message", body = Message),
    (status = 204, description = "Deleted for the caller"), Unauthenticated, MayNot, NotTheCallers, Any,
))]
pub(super) async fn delete(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(message): PathId,
    Params(params): Params<DeleteParams>,
) -> Result<Response, Problem> {
    match params.r#for.unwrap_or_default() {
        Scope::Everyone => {
            let message = app.chat.delete(caller, MessageId(message)).await?;
            Ok(Json(chat_wire::message(&message, caller)).into_response())
        }
        Scope::Me => {
            app.chat.hide(caller, MessageId(message)).await?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
    }
}

/// Lists the earlier texts of a message, oldest first; members of its conversation only.
#[utoipa::path(get, path = "/v1/messages/{id}/versions", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), responses(
    (status = 200, body = Vec<Version>), Unauthenticated, NotTheCallers, Any,
))]
pub(super) async fn versions(
    reader: Reader,
    State(app): State<App>,
    PathId(message): PathId,
) -> Result<Response, Problem> {
    let caller = reader.user;
    let turn = app.pages.turn(reader, MAX_VERSIONS).await?;
    let versions = app.chat.versions(caller, MessageId(message)).await?;
    let version = |version: chat_core::edits::Version| Version {
        content: version.content,
        since: chat_wire::time(version.since),
    };
    turn.answer(versions, move |versions| versions.into_iter().map(version).collect::<Vec<_>>()).await
}

/// Pins a message in its conversation, for all members to see.
#[utoipa::path(put, path = "/v1/messages/{id}/pin", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), responses(
    (status = 200, body = Message), Unauthenticated, MayNot, NotTheCallers, DoesNotFit, Any,
))]
pub(super) async fn pin(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(message): PathId,
) -> Result<Json<Message>, Problem> {
    set_pin(&app, caller, message, true).await
}

/// Unpins a message.
#[utoipa::path(delete, path = "/v1/messages/{id}/pin", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), responses(
    (status = 200, body = Message), Unauthenticated, MayNot, NotTheCallers, DoesNotFit, Any,
))]
pub(super) async fn unpin(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(message): PathId,
) -> Result<Json<Message>, Problem> {
    set_pin(&app, caller, message, false).await
}

async fn set_pin(app: &App, caller: UserId, message: i64, pinned: bool) -> Result<Json<Message>, Problem> {
    let message = app.chat.pin(caller, MessageId(message), pinned).await?;
    Ok(Json(chat_wire::message(&message, caller)))
}

/// Page of the pinned messages.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PinParams {
    /// Maximum number of entries, 1 to 200.
    #[param(minimum = 1, default = 50)]
    limit: Option<i64>,
}

/// Lists the pinned messages of a conversation, most recently pinned first; members only.
#[utoipa::path(get, path = "/v1/conversations/{id}/pins", tag = "conversations", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1), PinParams, LeanParams), responses(
    (status = 200, body = inline(AnyMessages)), Unauthenticated, NotTheCallers, Any,
))]
pub(super) async fn pins(
    reader: Reader,
    State(app): State<App>,
    PathId(id): PathId,
    Params(params): Params<PinParams>,
    Params(form): Params<LeanParams>,
) -> Result<Response, Problem> {
    let limit = limit(params.limit, DEFAULT_PAGE, MAX_PAGE)?;
    let caller = reader.user;
    let turn = app.pages.turn(reader, limit).await?;
    let pinned = app.chat.pinned(caller, ConversationId(id), limit).await?;
    turn.answer(pinned, move |pinned| form.messages(&pinned, caller)).await
}
