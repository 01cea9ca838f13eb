//! Reactions to messages.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chat_core::ids::MessageId;
use chat_protocol::message::{Message, Reactor};

use super::extract::{PathId, PathIdAndText};
use super::problem::Problem;
use super::refusals::{Any, DoesNotFit, MayNot, NotTheCallers, Unauthenticated};
use crate::App;
use crate::auth::Caller;
use crate::pages::{Reader, WHOLE_LIST};

/// Reacts to a message; doing so twice changes nothing.
#[utoipa::path(put, path = "/v1/messages/{id}/reactions/{emoji}", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1), ("emoji" = String, Path)), responses(
    (status = 200, body = Message), Unauthenticated, MayNot, NotTheCallers, DoesNotFit, Any,
))]
pub(super) async fn react(
    Caller(caller): Caller,
    State(app): State<App>,
    PathIdAndText(message, emoji): PathIdAndText,
) -> Result<Json<Message>, Problem> {
    let message = app.chat.react(caller, MessageId(message), emoji, true).await?;
    Ok(Json(chat_wire::message(&message, caller)))
}

/// Removes the caller's reaction.
#[utoipa::path(delete, path = "/v1/messages/{id}/reactions/{emoji}", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1), ("emoji" = String, Path)), responses(
    (status = 200, body = Message), Unauthenticated, MayNot, NotTheCallers, DoesNotFit, Any,
))]
pub(super) async fn unreact(
    Caller(caller): Caller,
    State(app): State<App>,
    PathIdAndText(message, emoji): PathIdAndText,
) -> Result<Json<Message>, Problem> {
    let message = app.chat.react(caller, MessageId(message), emoji, false).await?;
    Ok(Json(chat_wire::message(&message, caller)))
}

/// Lists the reactions to a message, oldest first; members of its conversation only.
#[utoipa::path(get, path = "/v1/messages/{id}/reactions", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), responses(
    (status = 200, body = Vec<Reactor>), Unauthenticated, NotTheCallers, Any,
))]
pub(super) async fn reactors(
    reader: Reader,
    State(app): State<App>,
    PathId(message): PathId,
) -> Result<Response, Problem> {
    let caller = reader.user;
    let turn = app.pages.turn(reader, WHOLE_LIST).await?;
    let reactors = app.chat.reactors(caller, MessageId(message)).await?;
    let reactor = |reactor: chat_core::reactions::Reactor| Reactor {
        user_id: reactor.user.0,
        emoji: reactor.emoji,
        at: chat_wire::time(reactor.at),
    };
    turn.answer(reactors, move |reactors| reactors.into_iter().map(reactor).collect::<Vec<_>>()).await
}
