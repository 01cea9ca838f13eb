//! Whether the server is alive, and whether it can do its work.

use axum::Json;
use axum::extract::State;
use chat_protocol::problem::Problem as ProblemBody;
use chat_protocol::rest::{Health, Pong};

use super::problem::Problem;
use crate::App;

/// Who answers, and on which storage.
#[utoipa::path(get, path = "/ping", tag = "operation", responses((status = 200, body = Pong)))]
pub(super) async fn ping(State(app): State<App>) -> Json<Pong> {
    Json(Pong { message: "pong".into(), db_driver: app.chat.storage_name().into() })
}

/// 200 as long as the process is alive.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, body = Health)))]
pub(super) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok".into() })
}

/// 200 only when a durable write would succeed now; it makes one to find out.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, body = Health),
    (status = 503, description = "Writes fail, or the server is shutting down", body = ProblemBody,
     content_type = "application/problem+json"),
))]
pub(super) async fn readyz(State(app): State<App>) -> Result<Json<Health>, Problem> {
    if app.is_draining() {
        return Err(Problem::new(503, "draining", "The server is shutting down").retry_after(1));
    }
    app.chat.check_ready().await?;
    Ok(Json(Health { status: "ready".into() }))
}
