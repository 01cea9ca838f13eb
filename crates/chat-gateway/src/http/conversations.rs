//! Conversations as the caller sees them, and the caller's per-member state.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chat_core::conversations::{ConversationPage, ConversationView, MAX_CONVERSATIONS};
use chat_core::ids::{ConversationId, MessageId};
use chat_protocol::conversation::{Conversation, StateRequest, Totals};
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::{Body, Params, PathId, limit};
use super::lean::{AnyConversations, LeanParams};
use super::problem::Problem;
use super::refusals::{Any, BodyRefused, NotTheCallers, Unauthenticated};
use crate::auth::Caller;
use crate::pages::Reader;
use crate::{App, commands};

/// Conversations on a page if the client names no limit.
const DEFAULT_CONVERSATIONS: u16 = 50;

/// Page of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Maximum number of entries, 1 to 200.
    #[param(minimum = 1, default = 50)]
    limit: Option<i64>,
    /// `next_cursor` of the previous page.
    cursor: Option<String>,
}

/// Lists the caller's conversations, the one with the newest message first.
#[utoipa::path(get, operation_id = "list_conversations", path = "/v1/conversations", tag = "conversations", security(("bearer" = [])),
    params(ListParams, LeanParams), responses((status = 200, body = inline(AnyConversations)), Unauthenticated, Any))]
pub(super) async fn list(
    reader: Reader,
    State(app): State<App>,
    Params(params): Params<ListParams>,
    Params(form): Params<LeanParams>,
) -> Result<Response, Problem> {
    let after = params.cursor.as_deref().map(after).transpose()?;
    let limit = limit(params.limit, DEFAULT_CONVERSATIONS, MAX_CONVERSATIONS)?;
    let caller = reader.user;
    let turn = app.pages.turn(reader, limit).await?;
    let views = app.chat.conversations(caller, ConversationPage { after, limit }).await?;
    let next_cursor = views.last().filter(|_| views.len() == usize::from(limit)).map(cursor);
    let page = move |views: Vec<ConversationView>| form.conversations(&views, caller, next_cursor);
    turn.answer(views, page).await
}

/// Cursor of an entry in the list: its last message and its conversation.
fn cursor(view: &ConversationView) -> String {
    let last = view.last_message.as_ref().map_or(MessageId(0), |message| message.id);
    format!("{last}-{}", view.conversation.id)
}

fn after(cursor: &str) -> Result<(MessageId, ConversationId), Problem> {
    let number = |text: &str| {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| plain)
    };
    let both = cursor.split_once('-').and_then(|(last, id)| Some((number(last)?, number(id)?)));
    let (last, id) = both.ok_or_else(|| Problem::invalid("cursor must be the next_cursor of a page"))?;
    Ok((MessageId(last), ConversationId(id)))
}

/// Returns one conversation with its last message; members only.
#[utoipa::path(get, path = "/v1/conversations/{id}", tag = "conversations", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), responses(
    (status = 200, body = Conversation), Unauthenticated, NotTheCallers, Any,
))]
pub(super) async fn conversation(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(id): PathId,
) -> Result<Json<Conversation>, Problem> {
    let view = app.chat.conversation(caller, ConversationId(id)).await?;
    Ok(Json(chat_wire::conversation(&view, caller)))
}

/// Changes the caller's state of a conversation: muted, archived, pinned, marked as unread, draft.
#[utoipa::path(patch, path = "/v1/conversations/{id}/state", tag = "conversations", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), request_body = StateRequest, responses(
    (status = 200, body = Conversation), Unauthenticated, NotTheCallers, Any, BodyRefused,
))]
pub(super) async fn change_state(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(id): PathId,
    Body(request): Body<StateRequest>,
) -> Result<Json<Conversation>, Problem> {
    let change = commands::own_change(request);
    let view = app.chat.change_own_part(caller, ConversationId(id), change).await?;
    Ok(Json(chat_wire::conversation(&view, caller)))
}

/// Signals to the connected members that the caller is typing.
#[utoipa::path(post, path = "/v1/conversations/{id}/typing", tag = "conversations", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), responses(
    (status = 204, description = "The signal was sent"), Unauthenticated, NotTheCallers, Any,
))]
pub(super) async fn typing(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(id): PathId,
) -> Result<StatusCode, Problem> {
    app.chat.typing_in(caller, ConversationId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Returns the unread counts of all conversations that are not muted.
#[utoipa::path(get, path = "/v1/unread", tag = "conversations", security(("bearer" = [])), responses(
    (status = 200, body = Totals), Unauthenticated, Any,
))]
pub(super) async fn unread(Caller(caller): Caller, State(app): State<App>) -> Result<Json<Totals>, Problem> {
    let totals = app.chat.totals(caller).await?;
    Ok(Json(Totals {
        unread: totals.counts.unread,
        mentions: totals.counts.mentions,
        conversations: totals.n_conversations,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_two_numbers() {
        assert_eq!(after("7-3").ok(), Some((MessageId(7), ConversationId(3))));
        assert_eq!(after("0-3").ok(), Some((MessageId(0), ConversationId(3))));
        for bad in ["", "-", "7", "7-", "-3", "7--3", "+7-3", "7-3-1", "7-x", "99999999999999999999-1"] {
            assert!(after(bad).is_err(), "{bad:?}");
        }
    }
}
