//! Sending messages and reading them back.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use chat_core::ids::{GroupId, MessageId, UserId};
use chat_core::messages::{DEFAULT_PAGE, MAX_PAGE, Message, Page, Posted, Recipient};
use chat_core::posting::{Destination, PostMessage};
use chat_protocol::message as wire_message;
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::{Body, Params, PathId, limit};
use super::problem::Problem;
use super::refusals::{Any, BodyRefused, NoSuchUser, OfGroup, Unauthenticated};
use crate::auth::Caller;
use crate::{App, commands, wire};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Most conversations that `/v1/chats` lists.
const MAX_CHATS: u16 = 1000;

/// Sends a message to a user. When it is answered, the message is on disk.
#[utoipa::path(post, path = "/v1/messages/p2p/{userID}", tag = "messages", security(("bearer" = [])),
    params(("userID" = i64, Path, minimum = 1), IdempotencyKey), request_body = wire_message::SendRequest, responses(
    (status = 201, body = wire_message::Sent), Unauthenticated, NoSuchUser, Any, BodyRefused,
))]
pub(super) async fn send_to_user(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(user): PathId,
    headers: HeaderMap,
    Body(request): Body<wire_message::SendRequest>,
) -> Result<(StatusCode, Json<wire_message::Sent>), Problem> {
    let command = command(Recipient::User(UserId(user)), request, &headers)?;
    let posted = app.chat.post(caller, command).await?;
    Ok((StatusCode::CREATED, Json(sent(posted, "P2P message sent successfully"))))
}

/// Sends a message to a group; for members. When it is answered, the message is on disk.
#[utoipa::path(post, path = "/v1/messages/group/{groupID}", tag = "messages", security(("bearer" = [])),
    params(("groupID" = i64, Path, minimum = 1), IdempotencyKey), request_body = wire_message::SendRequest, responses(
    (status = 201, body = wire_message::Sent), Unauthenticated, OfGroup, Any, BodyRefused,
))]
pub(super) async fn send_to_group(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(group): PathId,
    headers: HeaderMap,
    Body(request): Body<wire_message::SendRequest>,
) -> Result<(StatusCode, Json<wire_message::Sent>), Problem> {
    let command = command(Recipient::Group(GroupId(group)), request, &headers)?;
    let posted = app.chat.post(caller, command).await?;
    Ok((StatusCode::CREATED, Json(sent(posted, "Message sent successfully to group"))))
}

/// The header form of `client_msg_id`; described for the document and read from the headers.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only described, never built")]
struct IdempotencyKey {
    /// The same as `client_msg_id` in the body: a retry under the same key gets the first result.
    #[param(rename = "Idempotency-Key", max_length = 128)]
    idempotency_key: Option<String>,
}

fn command(
    to: Recipient,
    mut request: wire_message::SendRequest,
    headers: &HeaderMap,
) -> Result<PostMessage, Problem> {
    request.client_msg_id = client_msg_id(request.client_msg_id, headers)?;
    commands::post(Destination::To(to), request)
}

fn client_msg_id(in_body: Option<String>, headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(in_header) = headers.get(IDEMPOTENCY_KEY) else { return Ok(in_body) };
    let in_header =
        in_header.to_str().map_err(|_| Problem::invalid("Idempotency-Key must be plain ASCII"))?;
    match in_body {
        Some(in_body) if in_body != in_header => {
            Err(Problem::invalid("client_msg_id and Idempotency-Key differ; send one of them"))
        }
        _ => Ok(Some(in_header.to_owned())),
    }
}

fn sent(posted: Posted, what: &str) -> wire_message::Sent {
    let (message, duplicate) = match posted {
        Posted::New { message, .. } => (message, false),
        Posted::Duplicate(message) => (message, true),
    };
    wire_message::Sent {
        message: what.into(),
        id: message.id.0,
        seq: message.seq.0,
        rev: message.rev.0,
        timestamp: wire::time(message.sent_at),
        conversation_id: message.conversation.0,
        kind: message.kind.as_str().into(),
        status: message.status.as_str().into(),
        client_msg_id: message.client_msg_id,
        duplicate,
    }
}

/// Which part of a history.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// At most so many (1 to 200).
    #[param(minimum = 1, default = 50)]
    limit: Option<i64>,
    /// Only messages with a smaller id; without it, the newest.
    before_id: Option<i64>,
}

impl PageParams {
    fn page(&self) -> Result<Page, Problem> {
        let limit = limit(self.limit, DEFAULT_PAGE, MAX_PAGE)?;
        Ok(Page { before: self.before_id.map(MessageId), limit })
    }
}

/// A page of the caller's conversation with a user, oldest first.
#[utoipa::path(get, path = "/v1/messages/history/{userID}", tag = "messages", security(("bearer" = [])),
    params(("userID" = i64, Path, minimum = 1), PageParams), responses(
    (status = 200, body = wire_message::History), Unauthenticated, NoSuchUser, Any,
))]
pub(super) async fn history(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(user): PathId,
    Params(params): Params<PageParams>,
) -> Result<Json<wire_message::History>, Problem> {
    let messages = app.chat.direct_history(caller, UserId(user), params.page()?).await?;
    Ok(Json(page(&messages, caller)))
}

/// A page of a group's conversation, oldest first; for members.
#[utoipa::path(get, path = "/v1/groups/{id}/messages", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1), PageParams), responses(
    (status = 200, body = wire_message::History), Unauthenticated, OfGroup, Any,
))]
pub(super) async fn group_history(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(group): PathId,
    Params(params): Params<PageParams>,
) -> Result<Json<wire_message::History>, Problem> {
    let messages = app.chat.group_history(caller, GroupId(group), params.page()?).await?;
    Ok(Json(page(&messages, caller)))
}

fn page(messages: &[Message], reader: UserId) -> wire_message::History {
    let messages: Vec<_> = messages.iter().map(|message| wire::message(message, reader)).collect();
    wire_message::History { count: messages.len(), messages }
}

/// How many conversations.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ChatParams {
    /// At most so many (1 to 1000).
    #[param(minimum = 1, default = 1000)]
    limit: Option<i64>,
}

/// The last message of each of the caller's conversations, newest first.
#[utoipa::path(get, path = "/v1/chats", tag = "messages", security(("bearer" = [])), params(ChatParams), responses(
    (status = 200, body = Vec<wire_message::Message>), Unauthenticated, Any,
))]
pub(super) async fn chats(
    Caller(caller): Caller,
    State(app): State<App>,
    Params(params): Params<ChatParams>,
) -> Result<Json<Vec<wire_message::Message>>, Problem> {
    let messages = app.chat.recent_chats(caller, limit(params.limit, MAX_CHATS, MAX_CHATS)?).await?;
    Ok(Json(messages.iter().map(|message| wire::message(message, caller)).collect()))
}
