//! Read and delivered pointers of the caller and of other members, in conversations and threads.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chat_core::ids::{ConversationId, MessageId, Seq, UserId};
use chat_core::receipts::MarkedRead;
use chat_protocol::conversation as wire;
use chat_protocol::conversation::{DeliveredRequest, MemberReceipt, ReadManyRequest, ReadRequest};
use chat_protocol::message::Thread;
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::{Body, Params, PathId, limit};
use super::problem::Problem;
use super::refusals::{Any, BodyRefused, NotTheCallers, Unauthenticated};
use crate::auth::Caller;
use crate::pages::{Reader, WHOLE_LIST};
use crate::{App, commands};

/// Upper bound for the members on one page of receipts.
const MAX_RECEIPTS: u16 = 1000;

/// Moves the caller's read pointer up to a message; with `thread_id`, in that thread.
#[utoipa::path(post, path = "/v1/conversations/{id}/read", tag = "conversations", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), request_body = ReadRequest, responses(
    (status = 204, description = "The pointer was stored"), Unauthenticated, NotTheCallers, Any, BodyRefused,
))]
pub(super) async fn read(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(id): PathId,
    Body(request): Body<ReadRequest>,
) -> Result<StatusCode, Problem> {
    let (conversation, seq) = (ConversationId(id), Seq(request.seq));
    match commands::message_id(request.thread_id, "thread_id")? {
        Some(root) => app.chat.read_thread(caller, conversation, root, seq).await?,
        None => app.chat.read(caller, conversation, seq).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Marks conversations as read up to their last messages: all, or those in `conversation_ids`, at most 1000. The other
/// members and the caller's clients get the same receipts as from reading each of them. Repeating it changes nothing.
#[utoipa::path(post, path = "/v1/conversations/read", tag = "conversations", security(("bearer" = [])),
    request_body = ReadManyRequest, responses(
    (status = 200, body = wire::MarkedRead), Unauthenticated, Any, BodyRefused,
))]
pub(super) async fn read_many(
    reader: Reader,
    State(app): State<App>,
    Body(request): Body<ReadManyRequest>,
) -> Result<Response, Problem> {
    let caller = reader.user;
    // Before anything is marked: a refusal for want of a permit must mean that nothing was done.
    let turn = app.pages.turn(reader, WHOLE_LIST).await?;
    let marked = match (request.all, request.conversation_ids) {
        (None | Some(true), None) => app.chat.read_all(caller).await?,
        (None | Some(false), Some(ids)) => {
            let id = |id| commands::positive(id, "conversation_ids").map(ConversationId);
            let ids = ids.into_iter().map(id).collect::<Result<_, _>>()?;
            app.chat.read_each(caller, ids).await?
        }
        _ => return Err(Problem::invalid("give either conversation_ids or \"all\": true")),
    };
    turn.answer(marked, wire_marked).await
}

fn wire_marked(marked: MarkedRead) -> wire::MarkedRead {
    let pointer = |receipt: chat_core::receipts::Receipt| wire::ReadPointer {
        conversation_id: receipt.conversation.0,
        read_seq: receipt.pointers.read.0,
    };
    wire::MarkedRead {
        read: marked.moved.0.into_iter().map(pointer).collect(),
        not_found: marked.not_found.into_iter().map(|id| id.0).collect(),
    }
}

/// Moves the caller's delivered pointer up to a message.
#[utoipa::path(post, path = "/v1/conversations/{id}/delivered", tag = "conversations", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), request_body = DeliveredRequest, responses(
    (status = 204, description = "The pointer was stored"), Unauthenticated, NotTheCallers, Any, BodyRefused,
))]
pub(super) async fn delivered(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(id): PathId,
    Body(request): Body<DeliveredRequest>,
) -> Result<StatusCode, Problem> {
    app.chat.delivered(caller, ConversationId(id), Seq(request.seq)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Page of the receipts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReceiptParams {
    /// Only members with a larger id.
    after_id: Option<i64>,
    /// Maximum number of entries, 1 to 1000.
    #[param(minimum = 1, default = 1000)]
    limit: Option<i64>,
}

/// Lists each member's pointers, in order of user id; members only.
#[utoipa::path(get, path = "/v1/conversations/{id}/receipts", tag = "conversations", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1), ReceiptParams), responses(
    (status = 200, body = Vec<MemberReceipt>), Unauthenticated, NotTheCallers, Any,
))]
pub(super) async fn receipts(
    reader: Reader,
    State(app): State<App>,
    PathId(id): PathId,
    Params(params): Params<ReceiptParams>,
) -> Result<Response, Problem> {
    let limit = limit(params.limit, MAX_RECEIPTS, MAX_RECEIPTS)?;
    let after = UserId(params.after_id.unwrap_or(0));
    let caller = reader.user;
    let turn = app.pages.turn(reader, limit).await?;
    let receipts = app.chat.receipts(caller, ConversationId(id), after, limit).await?;
    let receipt = |(user, pointers): (UserId, chat_core::receipts::Pointers)| MemberReceipt {
        user_id: user.0,
        delivered_seq: pointers.delivered.0,
        read_seq: pointers.read.0,
    };
    turn.answer(receipts, move |receipts| receipts.into_iter().map(receipt).collect::<Vec<_>>()).await
}

/// Returns the thread of a message with the caller's pointer and unread count; list its replies with `thread_id` in the conversation's messages.
#[utoipa::path(get, path = "/v1/messages/{id}/thread", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), responses(
    (status = 200, body = Thread), Unauthenticated, NotTheCallers, Any,
))]
pub(super) async fn thread(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(root): PathId,
) -> Result<Json<Thread>, Problem> {
    let view = app.chat.thread(caller, MessageId(root)).await?;
    let root = chat_wire::message(&view.root, caller);
    Ok(Json(Thread { root, read_seq: view.read.0, unread: view.unread }))
}
