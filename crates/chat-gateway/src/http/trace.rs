//! The delivery trace of one message.

use axum::Json;
use axum::extract::State;
use chat_core::ids::MessageId;
use chat_core::trace::Trace;
use chat_protocol::trace::{FanOut, MessageTrace, TracedMember};

use super::extract::PathId;
use super::problem::Problem;
use super::refusals::{Any, MayNot, NotTheCallers, Unauthenticated};
use crate::App;
use crate::auth::Caller;
use crate::hub::Remembered;

/// Traces one message: when it was accepted, committed, sent to clients, delivered and read; author, owner and
/// admins only. The answering server remembers the times of the last 10,000 messages.
#[utoipa::path(get, path = "/v1/messages/{id}/trace", tag = "messages", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), responses(
    (status = 200, body = MessageTrace), Unauthenticated, MayNot, NotTheCallers, Any,
))]
pub(super) async fn trace(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(message): PathId,
) -> Result<Json<MessageTrace>, Problem> {
    let trace = app.chat.trace(caller, MessageId(message)).await?;
    let remembered = app.hub.delivery_trace().remembered(trace.message, trace.conversation, trace.seq);
    Ok(Json(described(&app, &trace, remembered.as_ref())))
}

fn described(app: &App, trace: &Trace, remembered: Option<&Remembered>) -> MessageTrace {
    let node = app.options.node;
    let fan_out = |remembered: &Remembered| {
        let (connections, at) = remembered.traced.fan_out();
        FanOut { node: node.map(|node| format!("{:016x}", node.0)), at: at.map(chat_wire::time), connections }
    };
    let members = trace.members.iter().map(|(user, pointers)| {
        let (delivered, read) = trace.reached(*pointers);
        let reached = remembered.and_then(|remembered| remembered.reached.get(user)).copied();
        let reached = reached.unwrap_or_default();
        TracedMember {
            user_id: user.0,
            delivered,
            read,
            delivered_at: reached.delivered_at.filter(|_| delivered).map(chat_wire::time),
            read_at: reached.read_at.filter(|_| read).map(chat_wire::time),
        }
    });
    MessageTrace {
        message_id: trace.message.0,
        conversation_id: trace.conversation.0,
        seq: trace.seq.0,
        position: trace.position.0,
        accepted_at: chat_wire::time(trace.accepted_at),
        committed_at: remembered.map(|remembered| chat_wire::time(remembered.traced.committed_at)),
        fanned_out: remembered.map(fan_out).into_iter().collect(),
        members: members.collect(),
        complete: node.is_none() && remembered.is_some_and(|remembered| remembered.is_all),
    }
}
