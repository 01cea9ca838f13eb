//! Messages that the caller keeps for later.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chat_core::ids::MessageId;

use super::extract::{Params, PathId};
use super::lean::{AnyHistory, LeanParams};
use super::messages::PageParams;
use super::problem::Problem;
use super::refusals::{Any, NotTheCallers, Unauthenticated};
use crate::App;
use crate::auth::Caller;
use crate::pages::Reader;

/// Saves a message for the caller.
#[utoipa::path(put, path = "/v1/messages/{id}/saved", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), responses(
    (status = 204, description = "The message is saved"), Unauthenticated, NotTheCallers, Any,
))]
pub(super) async fn save(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(message): PathId,
) -> Result<StatusCode, Problem> {
    app.chat.save(caller, MessageId(message), true).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a message from the caller's saved messages.
#[utoipa::path(delete, path = "/v1/messages/{id}/saved", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), responses(
    (status = 204, description = "The message is not saved"), Unauthenticated, NotTheCallers, Any,
))]
pub(super) async fn unsave(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(message): PathId,
) -> Result<StatusCode, Problem> {
    app.chat.save(caller, MessageId(message), false).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the messages that the caller has saved and may still see, newest first.
#[utoipa::path(get, path = "/v1/saved", tag = "messages", security(("bearer" = [])), params(PageParams, LeanParams), responses(
    (status = 200, description = "Newest first", body = inline(AnyHistory)), Unauthenticated, Any,
))]
pub(super) async fn saved(
    reader: Reader,
    State(app): State<App>,
    Params(params): Params<PageParams>,
    Params(form): Params<LeanParams>,
) -> Result<Response, Problem> {
    let (caller, page) = (reader.user, params.page()?);
    let turn = app.pages.turn(reader, page.limit).await?;
    let messages = app.chat.saved(caller, page).await?;
    turn.answer(messages, move |messages| form.history(&messages, caller)).await
}
