//! Refusals that many operations share, for the OpenAPI document.

use std::collections::BTreeMap;

use chat_protocol::problem::Problem;
use utoipa::IntoResponses;
use utoipa::openapi::{RefOr, Response};

/// Refusals of any operation.
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

/// Refusals of an operation that needs a token. It is counted by its user.
pub(super) enum Unauthenticated {}

impl IntoResponses for Unauthenticated {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = WithoutToken::responses();
        responses.extend(Counted::responses());
        responses
    }
}

/// Refusals of an operation that is counted, by its user or by address.
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

/// Refusals of an operation with a body.
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

/// Refusals of an operation on a user.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described, never built")]
pub(super) enum NoSuchUser {
    /// No such user
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
}

/// Refusals of an operation on a group.
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

/// Refusals of an operation on a conversation or a message. One that is not the caller's looks like one that does not
/// exist.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described, never built")]
pub(super) enum NotTheCallers {
    /// Not found, or not visible to the caller
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
}

/// Refusals of an operation that only some members may do.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described, never built")]
pub(super) enum MayNot {
    /// Neither the caller's role allows it nor is the caller the author
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
}

/// Refusals of an operation that changes something.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described, never built")]
pub(super) enum DoesNotFit {
    /// It conflicts with the present state; `code` says how
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
}
