//! Presence of a conversation's members, for clients that ask once; the stream sends updates.

use axum::Json;
use axum::extract::State;
use chat_core::ids::ConversationId;
use chat_protocol::conversation::Presence;

use super::extract::PathId;
use super::problem::Problem;
use super::refusals::{Any, NotTheCallers, Unauthenticated};
use crate::App;
use crate::auth::Caller;
use crate::hub::presence::MAX_COMPANIONS;

/// Lists the presence of a conversation's members, at most 200; members only.
#[utoipa::path(get, path = "/v1/conversations/{id}/presence", tag = "conversations", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), responses(
    (status = 200, body = Vec<Presence>), Unauthenticated, NotTheCallers, Any,
))]
pub(super) async fn presence(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(id): PathId,
) -> Result<Json<Vec<Presence>>, Problem> {
    let companions = app.chat.companions(caller, ConversationId(id), MAX_COMPANIONS).await?;
    Ok(Json(app.hub.presence().of(&companions)))
}
