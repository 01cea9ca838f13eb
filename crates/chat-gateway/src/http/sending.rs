//! Sending messages: to a user, to a group, to a conversation, and forwarding.

use std::convert::Infallible;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use chat_core::ids::{ConversationId, GroupId, UserId};
use chat_core::messages::Recipient;
use chat_core::posting::{Destination, PostMessage, Posted};
use chat_protocol::message::{ForwardRequest, SendRequest, Sent};
use utoipa::IntoParams;

use super::extract::{Body, PathId};
use super::problem::Problem;
use super::refusals::{Any, BodyRefused, DoesNotFit, MayNot, NotTheCallers, OfGroup, Unauthenticated};
use crate::auth::Caller;
use crate::client_address::ClientAddress;
use crate::metrics::Transport;
use crate::sends::Sender;
use crate::{App, commands, sends};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Sends a message to a user. The answer comes after the message is on disk.
#[utoipa::path(post, path = "/v1/messages/p2p/{userID}", tag = "messages", security(("bearer" = [])),
    params(("userID" = i64, Path, minimum = 1), IdempotencyKey), request_body = SendRequest, responses(
    (status = 201, body = Sent), Unauthenticated, MayNot, NotTheCallers, DoesNotFit, Any, BodyRefused,
))]
pub(super) async fn send_to_user(
    sender: Sender,
    State(app): State<App>,
    PathId(user): PathId,
    key: KeyInHeader,
    Body(request): Body<SendRequest>,
) -> Result<(StatusCode, Json<Sent>), Problem> {
    let command = command(Recipient::User(UserId(user)).into(), request, key)?;
    let posted = sends::post(&app, sender, command).await?;
    Ok(sent(posted, "P2P message sent successfully"))
}

/// Sends a message to a group; members only. The answer comes after the message is on disk.
#[utoipa::path(post, path = "/v1/messages/group/{groupID}", tag = "messages", security(("bearer" = [])),
    params(("groupID" = i64, Path, minimum = 1), IdempotencyKey), request_body = SendRequest, responses(
    (status = 201, body = Sent), Unauthenticated, OfGroup, DoesNotFit, Any, BodyRefused,
))]
pub(super) async fn send_to_group(
    sender: Sender,
    State(app): State<App>,
    PathId(group): PathId,
    key: KeyInHeader,
    Body(request): Body<SendRequest>,
) -> Result<(StatusCode, Json<Sent>), Problem> {
    let command = command(Recipient::Group(GroupId(group)).into(), request, key)?;
    let posted = sends::post(&app, sender, command).await?;
    Ok(sent(posted, "Message sent successfully to group"))
}

/// Sends a message to a conversation; members only. The answer comes after the message is on disk.
#[utoipa::path(post, path = "/v1/conversations/{id}/messages", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1), IdempotencyKey), request_body = SendRequest, responses(
    (status = 201, body = Sent), Unauthenticated, MayNot, NotTheCallers, DoesNotFit, Any, BodyRefused,
))]
pub(super) async fn send_to_conversation(
    sender: Sender,
    State(app): State<App>,
    PathId(conversation): PathId,
    key: KeyInHeader,
    Body(request): Body<SendRequest>,
) -> Result<(StatusCode, Json<Sent>), Problem> {
    let to = Destination::Conversation(ConversationId(conversation));
    let posted = sends::post(&app, sender, command(to, request, key)?).await?;
    Ok(sent(posted, "Message sent successfully"))
}

/// Forwards a message to another conversation, without its mentions.
#[utoipa::path(post, path = "/v1/messages/{id}/forward", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1), IdempotencyKey), request_body = ForwardRequest, responses(
    (status = 201, body = Sent), Unauthenticated, MayNot, NotTheCallers, DoesNotFit, Any, BodyRefused,
))]
pub(super) async fn forward(
    sender: Sender,
    State(app): State<App>,
    PathId(message): PathId,
    key: KeyInHeader,
    Body(mut request): Body<ForwardRequest>,
) -> Result<(StatusCode, Json<Sent>), Problem> {
    request.client_msg_id = client_msg_id(request.client_msg_id, key)?;
    let posted = sends::forward(&app, sender, commands::forward(message, request)?).await?;
    Ok(sent(posted, "Message forwarded successfully"))
}

/// The header form of `client_msg_id`: described for the document, read from the headers by [`KeyInHeader`].
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only described, never built")]
struct IdempotencyKey {
    /// The same as `client_msg_id` in the body: a retry with the same key gets the first result; a different message is refused (`key_reused`).
    #[param(rename = "Idempotency-Key", max_length = 128)]
    idempotency_key: Option<String>,
}

impl FromRequestParts<App> for Sender {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Caller(user) = Caller::from_request_parts(parts, app).await?;
        Ok(Self { user, from: ClientAddress::of(&parts.extensions), transport: Transport::Rest })
    }
}

/// `client_msg_id` from the header, or what is wrong with it. An error is reported only after the body has been read.
pub(super) struct KeyInHeader(Result<Option<String>, Problem>);

impl KeyInHeader {
    fn of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
        let mut lines = headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(key) = lines.next() else { return Ok(None) };
        if lines.next().is_some() {
            return Err(Problem::invalid("Idempotency-Key must be given once"));
        }
        let key = key.to_str().map_err(|_| Problem::invalid("Idempotency-Key must be plain ASCII"))?;
        Ok(Some(key.to_owned()))
    }
}

impl FromRequestParts<App> for KeyInHeader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(Self(Self::of(&parts.headers)))
    }
}

fn command(to: Destination, mut request: SendRequest, key: KeyInHeader) -> Result<PostMessage, Problem> {
    request.client_msg_id = client_msg_id(request.client_msg_id, key)?;
    commands::post(to, request)
}

fn client_msg_id(in_body: Option<String>, KeyInHeader(key): KeyInHeader) -> Result<Option<String>, Problem> {
    match (in_body, key?) {
        (Some(in_body), Some(in_header)) if in_body != in_header => {
            Err(Problem::invalid("client_msg_id and Idempotency-Key differ; send one of them"))
        }
        (in_body, in_header) => Ok(in_header.or(in_body)),
    }
}

fn sent(posted: Posted, what: &str) -> (StatusCode, Json<Sent>) {
    let (message, duplicate) = match posted {
        Posted::New { message, .. } => (message, false),
        Posted::Duplicate(message) => (message, true),
    };
    let sent = Sent {
        message: what.into(),
        id: message.id.0,
        seq: message.seq.0,
        rev: message.rev.0,
        timestamp: chat_wire::time(message.sent_at),
        conversation_id: message.conversation.0,
        kind: message.kind.as_str().into(),
        status: message.status.as_str().into(),
        client_msg_id: message.client_msg_id,
        duplicate,
    };
    (StatusCode::CREATED, Json(sent))
}
