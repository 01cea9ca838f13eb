//! Reading messages: single ones, and pages of a conversation.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use chat_core::dates::DatePage;
use chat_core::ids::{ConversationId, GroupId, MessageId, Seq, UserId};
use chat_core::messages::{DEFAULT_PAGE, MAX_PAGE, MessageRange, Page, Start};
use chat_core::time::Timestamp;
use chat_protocol::message as wire_message;
use chat_protocol::time::Time;
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::{Params, PathId, limit};
use super::lean::{AnyHistory, AnyMessages, LeanParams};
use super::paging;
use super::problem::Problem;
use super::refusals::{Any, NoSuchUser, NotTheCallers, OfGroup, Unauthenticated};
use crate::auth::Caller;
use crate::pages::Reader;
use crate::{App, commands};

/// Upper bound for the conversations that `/v1/chats` lists.
const MAX_CHATS: u16 = 1000;

/// Returns one message; members of its conversation only.
#[utoipa::path(get, path = "/v1/messages/{id}", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), responses(
    (status = 200, body = wire_message::Message), Unauthenticated, NotTheCallers, Any,
))]
pub(super) async fn message(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(message): PathId,
) -> Result<Json<wire_message::Message>, Problem> {
    let message = app.chat.message(caller, MessageId(message)).await?;
    Ok(Json(chat_wire::message(&message, caller)))
}

/// Range of a conversation's messages.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RangeParams {
    /// Only messages with a smaller `seq`; without this, `after_seq` and `at`, the newest.
    before_seq: Option<i64>,
    /// Only messages with a larger `seq`, oldest first; not together with `before_seq`.
    after_seq: Option<i64>,
    /// The page around this time: about half of it are messages sent earlier, and the others begin with the first one
    /// sent at this time or later. Not together with `before_seq` or `after_seq`.
    #[param(value_type = Option<Time>, example = "2025-10-25T16:00:00Z")]
    at: Option<String>,
    /// Maximum number of entries, 1 to 200.
    #[param(minimum = 1, default = 50)]
    limit: Option<i64>,
    /// Only the replies in the thread of this message.
    #[param(minimum = 1)]
    thread_id: Option<i64>,
}

/// What a request selects.
enum Selected {
    Range(MessageRange),
    Around(DatePage),
}

impl RangeParams {
    fn selected(&self) -> Result<(Selected, u16), Problem> {
        let thread = commands::message_id(self.thread_id, "thread_id")?;
        let limit = limit(self.limit, DEFAULT_PAGE, MAX_PAGE)?;
        let range = |from| Selected::Range(MessageRange { thread, from, limit });
        let selected = match (self.before_seq, self.after_seq, self.at.as_deref()) {
            (None, None, None) => range(Start::End),
            (Some(before), None, None) => range(Start::Before(Seq(before))),
            (None, Some(after), None) => range(Start::After(Seq(after))),
            (None, None, Some(at)) => Selected::Around(DatePage { thread, at: moment(at)?, limit }),
            (Some(_), Some(_), None) => {
                return Err(Problem::invalid("give either before_seq or after_seq, not both"));
            }
            (_, _, Some(_)) => return Err(Problem::invalid("give at without before_seq and after_seq")),
        };
        Ok((selected, limit))
    }
}

fn moment(at: &str) -> Result<Timestamp, Problem> {
    let refused =
        "at must be a time as in RFC 3339, such as 2025-10-25T16:00:00Z; in a URL, + is written as %2B";
    at.parse().map(|time: Time| Timestamp(time.0)).map_err(|_| Problem::invalid(refused))
}

/// Lists messages of a conversation or of one of its threads, oldest first; members only.
#[utoipa::path(get, operation_id = "stretch", path = "/v1/conversations/{id}/messages", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1), RangeParams, LeanParams), responses(
    (status = 200, body = inline(AnyHistory)), Unauthenticated, NotTheCallers, Any,
))]
pub(super) async fn read_range(
    reader: Reader,
    State(app): State<App>,
    PathId(conversation): PathId,
    Params(params): Params<RangeParams>,
    Params(form): Params<LeanParams>,
) -> Result<Response, Problem> {
    let (caller, (selected, limit)) = (reader.user, params.selected()?);
    let turn = app.pages.turn(reader, limit).await?;
    let conversation = ConversationId(conversation);
    let messages = match selected {
        Selected::Range(range) => app.chat.read_range(caller, conversation, range).await?,
        Selected::Around(page) => app.chat.read_around(caller, conversation, page).await?,
    };
    turn.answer(messages, move |messages| form.history(&messages, caller)).await
}

/// Page of a history.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// Maximum number of entries, 1 to 200.
    #[param(minimum = 1, default = 50)]
    limit: Option<i64>,
    /// Only messages with a smaller id; without this, the newest.
    before_id: Option<i64>,
}

impl PageParams {
    pub(super) fn page(&self) -> Result<Page, Problem> {
        let limit = limit(self.limit, DEFAULT_PAGE, MAX_PAGE)?;
        Ok(Page { before: self.before_id.map(MessageId), limit })
    }
}

/// Lists messages of the caller's conversation with a user, oldest first.
#[utoipa::path(get, path = "/v1/messages/history/{userID}", tag = "messages", security(("bearer" = [])),
    params(("userID" = i64, Path, minimum = 1), PageParams, LeanParams), responses(
    (status = 200, body = inline(AnyHistory)), Unauthenticated, NoSuchUser, Any,
))]
pub(super) async fn history(
    reader: Reader,
    State(app): State<App>,
    PathId(user): PathId,
    Params(params): Params<PageParams>,
    Params(form): Params<LeanParams>,
) -> Result<Response, Problem> {
    let (caller, page) = (reader.user, params.page()?);
    let turn = app.pages.turn(reader, page.limit).await?;
    let messages = app.chat.direct_history(caller, UserId(user), page).await?;
    turn.answer(messages, move |messages| form.history(&messages, caller)).await
}

/// Lists messages of a group's conversation, oldest first; members only.
#[utoipa::path(get, path = "/v1/groups/{id}/messages", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1), PageParams, LeanParams), responses(
    (status = 200, body = inline(AnyHistory)), Unauthenticated, OfGroup, Any,
))]
pub(super) async fn group_history(
    reader: Reader,
    State(app): State<App>,
    PathId(group): PathId,
    Params(params): Params<PageParams>,
    Params(form): Params<LeanParams>,
) -> Result<Response, Problem> {
    let (caller, page) = (reader.user, params.page()?);
    let turn = app.pages.turn(reader, page.limit).await?;
    let messages = app.chat.group_history(caller, GroupId(group), page).await?;
    turn.answer(messages, move |messages| form.history(&messages, caller)).await
}

/// Page of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ChatParams {
    /// Maximum number of entries, 1 to 1000.
    #[param(minimum = 1, default = 1000)]
    limit: Option<i64>,
    /// That of the `Link` to the next page.
    cursor: Option<String>,
}

/// Lists the last message of each of the caller's conversations, newest first; `Link: rel="next"` leads to the next page.
#[utoipa::path(get, path = "/v1/chats", tag = "messages", security(("bearer" = [])), params(ChatParams, LeanParams), responses(
    (status = 200, body = inline(AnyMessages)), Unauthenticated, Any,
))]
pub(super) async fn chats(
    reader: Reader,
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<ChatParams>,
    Params(form): Params<LeanParams>,
) -> Result<Response, Problem> {
    let (caller, limit) = (reader.user, limit(params.limit, MAX_CHATS, MAX_CHATS)?);
    let before = params.cursor.as_deref().map(paging::number).transpose()?.map(MessageId);
    let turn = app.pages.turn(reader, limit).await?;
    let messages = app.chat.recent_chats(caller, Page { before, limit }).await?;
    let next = match messages.last() {
        Some(last) if messages.len() == usize::from(limit) => {
            let (limit, cursor) = (limit.to_string(), last.id.to_string());
            let page = [("limit", &*limit), ("cursor", &*cursor), ("lean", "1")];
            let parameters = if form.is_lean() { &page[..] } else { &page[..2] };
            paging::next(uri.path(), parameters)
        }
        _ => HeaderMap::new(),
    };
    let list = move |messages: Vec<_>| form.messages(&messages, caller);
    Ok((next, turn.answer(messages, list).await?).into_response())
}
