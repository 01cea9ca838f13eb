//! Searching messages.

use axum::extract::State;
use axum::response::Response;
use chat_core::ids::{ConversationId, MessageId, UserId};
use chat_core::messages::DEFAULT_PAGE;
use chat_core::search::{self, MAX_RESULTS, Search, parse_terms};
use chat_core::time::Timestamp;
use chat_protocol::problem::Problem as ProblemBody;
use chat_protocol::time::Time;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::extract::{Params, limit};
use super::lean::{AnyHistory, LeanParams};
use super::problem::Problem;
use super::refusals::{Any, Unauthenticated};
use crate::pages::Reader;
use crate::{App, commands};

/// The order of results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// The newest first.
    #[default]
    Newest,
    /// The best match first.
    Best,
}

/// Query, filters and page of a search.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchParams {
    /// Words, all of which must match; `"a phrase"`, `begin*`. Optional with a filter by sender, conversation or
    /// media.
    #[param(max_length = 256, example = "\"blue cheese\" mou*")]
    q: Option<String>,
    /// Only messages of this sender.
    #[param(minimum = 1)]
    sender_id: Option<i64>,
    /// Only messages of this conversation.
    #[param(minimum = 1)]
    conversation_id: Option<i64>,
    /// Only messages sent at or after this time.
    since: Option<Time>,
    /// Only messages sent before this time.
    until: Option<Time>,
    /// Only messages with (`true`) or without (`false`) an attachment.
    has_media: Option<bool>,
    /// Only messages with a smaller id: the next page with the order `newest`.
    before_id: Option<i64>,
    /// `newest` (default) or `best`.
    #[param(inline)]
    order: Option<Order>,
    /// Maximum number of entries, 1 to 100.
    #[param(minimum = 1, default = 50)]
    limit: Option<i64>,
}

impl SearchParams {
    fn search(&self) -> Result<Search, Problem> {
        Ok(Search {
            terms: parse_terms(self.q.as_deref().unwrap_or_default())?,
            sender: positive(self.sender_id, "sender_id")?.map(UserId),
            conversation: positive(self.conversation_id, "conversation_id")?.map(ConversationId),
            since: self.since.map(|time| Timestamp(time.0)),
            until: self.until.map(|time| Timestamp(time.0)),
            has_media: self.has_media,
            before: self.before_id.map(MessageId),
            order: match self.order.unwrap_or_default() {
                Order::Newest => search::Order::Newest,
                Order::Best => search::Order::Best,
            },
            limit: limit(self.limit, DEFAULT_PAGE, MAX_RESULTS)?,
        })
    }
}

fn positive(id: Option<i64>, field: &str) -> Result<Option<i64>, Problem> {
    id.map(|id| commands::positive(id, field)).transpose()
}

/// Searches the messages that the caller may see. A message may be found about a second after it was sent.
#[utoipa::path(get, path = "/v1/search", tag = "messages", security(("bearer" = [])), params(SearchParams, LeanParams), responses(
    (status = 200, description = "In the requested order, newest first by default", body = inline(AnyHistory)),
    (status = 409, description = "`search_off`: search is turned off on this server", body = ProblemBody,
     content_type = "application/problem+json"),
    (status = 422, description = "`search_too_slow`: it takes longer than 3 seconds, and would again; narrow it with a conversation, a sender or rarer words",
     body = ProblemBody, content_type = "application/problem+json"),
    Unauthenticated, Any,
))]
pub(super) async fn search(
    reader: Reader,
    State(app): State<App>,
    Params(params): Params<SearchParams>,
    Params(form): Params<LeanParams>,
) -> Result<Response, Problem> {
    let (caller, search) = (reader.user, params.search()?);
    let turn = app.pages.turn(reader, search.limit).await?;
    let messages = app.chat.search(caller, search).await?;
    turn.answer(messages, move |messages| form.history(&messages, caller)).await
}
