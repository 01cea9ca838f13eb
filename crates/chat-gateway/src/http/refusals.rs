//! The refusals that many operations share, for the OpenAPI document.

use std::collections::BTreeMap;

use chat_protocol::problem::Problem;
use utoipa::IntoResponses;
use utoipa::openapi::{RefOr, Response};

/// What any operation may answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described, never built")]
pub(super) enum Any {
    /// An invalid path id, parameter or body
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(Problem),
    /// Too many connections of the same address, or too many requests; try again after `Retry-After` seconds
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Problem),
    /// The head of the request is too large
    #[response(status = 431)]
    HeadTooLarge,
    /// The server can't do this now; try again after `Retry-After` seconds
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described, never built")]
enum WithoutToken {
    /// No valid token
    #[response(status = 401, content_type = "application/problem+json")]
    Refused(Problem),
}

/// What an operation that needs a token may answer. It is counted by its user.
pub(super) enum Unauthenticated {}

impl IntoResponses for Unauthenticated {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = WithoutToken::responses();
        responses.extend(Counted::responses());
        responses
    }
}

/// What an operation that is counted, by its user or by address, may answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described, never built")]
pub(super) enum Counted {
    /// A rate limit was exceeded; `violated-policies` names it
    #[response(
        status = 429,
        content_type = "application/problem+json",
        headers(
            ("Retry-After" = i64, description = "Seconds to wait before retrying"),
            ("RateLimit-Policy" = String, description = "The limit: its name, quota and window in seconds"),
            ("RateLimit" = String, description = "What remains of it, and the seconds until more is available"),
        ),
    )]
    Limited(Problem),
}

/// What an operation with a body may answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described, never built")]
pub(super) enum BodyRefused {
    /// The body did not arrive in time
    #[response(status = 408, content_type = "application/problem+json")]
    TooSlow(Problem),
    /// The body is too large
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The body is not declared as JSON
    #[response(status = 415, content_type = "application/problem+json")]
    NotJson(Problem),
}

/// What an operation on a user may answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described, never built")]
pub(super) enum NoSuchUser {
    /// No such user
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
}

/// What an operation on a group may answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described, never built")]
pub(super) enum OfGroup {
    /// Not a member, or the role does not allow it
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// No such group or user
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
}

/// What an operation on a conversation or a message may answer; one that is not the caller's is as good as none.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described, never built")]
pub(super) enum NotTheCallers {
    /// Not found, or not visible to the caller
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
}

/// What an operation may answer to a member who may not do it.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described, never built")]
pub(super) enum MayNot {
    /// Neither the caller's role allows it nor is the caller the author
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
}

/// What an operation that changes something may answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described, never built")]
pub(super) enum DoesNotFit {
    /// It conflicts with the present state; `code` says how
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
}
