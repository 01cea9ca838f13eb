//! Ending access: logout and password change. On this node, revoked tokens are invalid as soon as the request is
//! answered, even if the event is late. On other nodes and for open streams, they become invalid with the event.

use axum::Json;
use axum::extract::State;
use chat_core::Error;
use chat_core::access::ChangePassword;
use chat_protocol::rest;

use super::extract::{Body, OptionalBody};
use super::limited::CameFrom;
use super::problem::Problem;
use super::refusals::{Any, BodyRefused, Unauthenticated};
use crate::audit::{Action, By, To};
use crate::auth::Bearer;
use crate::limits::Guess;
use crate::{App, turns};

/// Logs out: revokes the token that was sent, or with `everywhere` all of the caller's tokens. Streams opened
/// with them end within a second.
#[utoipa::path(post, path = "/v1/users/logout", tag = "accounts", security(("bearer" = [])),
    request_body(content = Option<rest::LogoutRequest>, content_type = "application/json"), responses(
    (status = 200, body = rest::Done), Unauthenticated, Any, BodyRefused,
))]
pub(super) async fn log_out(
    Bearer(granted): Bearer,
    from: CameFrom,
    State(app): State<App>,
    OptionalBody(request): OptionalBody<rest::LogoutRequest>,
) -> Result<Json<rest::Done>, Problem> {
    let by = By { user: Some(granted.user), ..from.by() };
    if request.everywhere {
        app.hub.revocations().add(app.chat.log_out_everywhere(granted.user, granted.counts_from).await?);
        app.audit.note(Action::LoggedOutEverywhere, by, To::default());
    } else {
        let ended = app.chat.log_out(granted.user, granted.fingerprint, granted.expires_at).await?;
        app.hub.revocations().add(ended);
        app.audit.note(Action::LoggedOut, by, To::default());
    }
    Ok(Json(rest::Done { message: "Logged out successfully".into() }))
}

/// Changes the caller's password; needs the current one. All tokens are revoked, and the answer has a new one.
#[utoipa::path(post, path = "/v1/users/password", tag = "accounts", security(("bearer" = [])),
    request_body = rest::ChangePasswordRequest, responses(
    (status = 200, body = rest::PasswordChanged),
    (status = 401, description = "No valid token, or wrong current password",
     body = chat_protocol::problem::Problem, content_type = "application/problem+json"),
    Any, BodyRefused,
))]
pub(super) async fn change_password(
    Bearer(granted): Bearer,
    from: CameFrom,
    State(app): State<App>,
    Body(request): Body<rest::ChangePasswordRequest>,
) -> Result<Json<rest::PasswordChanged>, Problem> {
    let rest::ChangePasswordRequest { old_password, new_password } = request;
    let by = By { user: Some(granted.user), ..from.by() };
    let guess = Guess::Bearer(granted.user);
    let attempt = app.limits.guess(&guess, from.0).await.map_err(|why| app.no_guess(why, by))?;
    let turn = turns::guess(&app, &guess, from.0);
    let change = ChangePassword { old: old_password, new: new_password, turn };
    let changed = app.chat.change_password(granted.user, granted.counts_from, change).await;
    attempt.settle(&changed);
    match &changed {
        Ok(_) => app.audit.note(Action::PasswordChanged, by, To::default()),
        Err(Error::WrongCredentials) => app.audit.note(Action::PasswordRefused, by, To::default()),
        Err(_) => {}
    }
    let (ended, login) = changed?;
    app.hub.revocations().add(ended);
    let (token, _) = app.auth.issue(&login).await?;
    Ok(Json(rest::PasswordChanged { message: "Password changed successfully".into(), token }))
}
