//! Maps refusals to HTTP status codes, in one table, and renders them.

use std::borrow::Cow;

use axum::http::header::{
    CONNECTION, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE, WWW_AUTHENTICATE,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chat_core::Error;
use chat_protocol::problem::{MEDIA_TYPE, Problem as Body};

use super::around;
use crate::limits::Refused;

/// The registered problem type for refusals by a quota (draft-ietf-httpapi-ratelimit-headers).
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

const UNAUTHENTICATED: &str = "unauthenticated";

/// A refusal on its way to the client. The middleware renders the body, because it knows the request's id.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    sentence: Cow<'static, str>,
    retry_after_ms: Option<u64>,
    /// The limit that was exceeded, if that is the problem.
    limited: Option<Box<Refused>>,
    /// Cause of an internal error, for the log only.
    cause: Option<String>,
}

impl Problem {
    /// Reply to a frame that was read from the socket but not executed before the connection began to close.
    pub(crate) fn not_done() -> Self {
        Self::new(
            503,
            "not_done",
            "Not executed, because this connection is being closed; the close code says whether to log in again \
             before sending it over another connection",
        )
    }

    pub(crate) fn new(status: u16, code: &'static str, sentence: impl Into<Cow<'static, str>>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code, sentence: sentence.into(), retry_after_ms: None, limited: None, cause: None }
    }

    /// A malformed body, path or query (docs/contract.md, "Rules").
    pub(crate) fn invalid(reason: impl std::fmt::Display) -> Self {
        Self::new(400, "invalid_request", format!("Invalid request format: {reason}"))
    }

    /// A request without a valid token.
    pub(crate) fn unauthenticated(sentence: &'static str) -> Self {
        Self::new(401, UNAUTHENTICATED, sentence)
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_ms = Some(seconds.saturating_mul(1000));
        self
    }

    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// Whether the same request may succeed later.
    pub(crate) fn is_temporary(&self) -> bool {
        self.status.is_server_error() || self.status == StatusCode::TOO_MANY_REQUESTS
    }

    /// Whether the request itself is malformed, regardless of the server's state.
    pub(crate) fn is_of_the_request(&self) -> bool {
        self.status == StatusCode::BAD_REQUEST
    }

    pub(crate) fn retry_after_ms(&self) -> Option<u64> {
        self.retry_after_ms
    }

    /// Name of the exceeded limit, if that is the problem.
    pub(crate) fn policy(&self) -> Option<&'static str> {
        self.limited.as_ref().map(|refused| refused.policy.name())
    }

    pub(crate) fn sentence(&self) -> &str {
        &self.sentence
    }

    pub(crate) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The complete response.
    pub(crate) fn render(&self, request_id: &str) -> Response {
        let body = Body {
            kind: if self.limited.is_some() { QUOTA_EXCEEDED } else { "about:blank" }.into(),
            title: self.status.canonical_reason().unwrap_or("Error").into(),
            status: self.status.as_u16(),
            detail: self.sentence.to_string(),
            error: self.sentence.to_string(),
            code: self.code.into(),
            request_id: request_id.into(),
            violated_policies: self.policy().map(|policy| vec![policy.into()]),
        };
        let mut response = (self.status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.status == StatusCode::UPGRADE_REQUIRED {
            // RFC 9110, sections 15.5.22 and 7.8, and RFC 6455, section 4.4.
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        if self.code == UNAUTHENTICATED {
            // The challenge that RFC 9110 (11.6.1) requires, in the form of RFC 6750, 3.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"chatserver\""));
        }
        if let Some(ms) = self.retry_after_ms {
            headers.insert(RETRY_AFTER, HeaderValue::from(ms.div_ceil(1000)));
        }
        if let Some(Refused { policy, rate, wait, .. }) = self.limited.as_deref().copied() {
            around::set_headers(headers, policy, rate, 0, wait.as_nanos().div_ceil(1_000_000_000));
        }
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Invalid { .. } | Error::Yourself => 400,
            Error::WrongCredentials | Error::UnknownCaller => 401,
            Error::NotMember | Error::Forbidden(_) | Error::DemoUser => 403,
            Error::NotFound(_) => 404,
            Error::Taken(_) | Error::Conflict { .. } => 409,
            Error::SearchTooSlow => 422,
            Error::Overloaded | Error::Unavailable(_) | Error::Obstructed(_) => 503,
            Error::Internal(_) => 500,
        };
        let sentence = match &error {
            Error::Invalid { .. } => format!("Invalid request format: {error}"),
            other => other.to_string(),
        };
        let mut problem = Self::new(status, error.code(), sentence);
        match &error {
            Error::Overloaded | Error::Unavailable(_) | Error::Obstructed(_) => {
                problem.retry_after_ms = Some(1000);
            }
            _ => {}
        }
        match &error {
            // The store logs when it begins and stops failing; a line for each request would fill the log.
            Error::Unavailable(cause) => tracing::debug!(%cause, "storage refused a request"),
            Error::Internal(cause) => problem.cause = Some(cause.to_string()),
            _ => {}
        }
        problem
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let mut problem = Self::new(429, "rate_limited", refused.policy.sentence());
        problem.retry_after_ms = Some(refused.wait_ms());
        problem.limited = Some(Box::new(refused));
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_fail_again_unchanged_does_not_ask_to_be_repeated() {
        let problem = Problem::from(Error::SearchTooSlow);
        assert_eq!((problem.status.as_u16(), problem.code()), (422, "search_too_slow"));
        assert!(!problem.is_temporary());
        assert_eq!(problem.retry_after_ms(), None);
    }
}
