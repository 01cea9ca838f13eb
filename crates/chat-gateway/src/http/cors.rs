//! CORS: lets pages of other origins use the API from a browser, with a token in a header. Only the exact origins that
//! the operator has named are allowed. There are no cookies for them, so credentials are never allowed.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::Origins;

const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
/// Request headers that pages may send, beside those that browsers always allow.
const HEADERS: &str = "authorization, content-type, idempotency-key, traceparent, tracestate, x-request-id";
/// Response headers that pages may read, beside those that browsers always expose.
const EXPOSED: &str = "link, ratelimit, ratelimit-policy, retry-after, x-request-id";
/// Seconds for which a browser may cache the preflight. Ten minutes, so that a removed origin is soon refused.
const MAX_AGE: &str = "600";

/// Wraps all other layers, so that pages can read refusals too.
pub(crate) async fn share(State(origins): State<Arc<Origins>>, request: Request, next: Next) -> Response {
    let allowed = request.headers().get(ORIGIN).filter(|origin| origins.contain(origin)).cloned();
    let is_question =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match &allowed {
        Some(_) if is_question => may_ask(),
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    // Also on refusals: a cache must not give this response to a page of an allowed origin.
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
    response
}

/// Response to a preflight request.
fn may_ask() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
