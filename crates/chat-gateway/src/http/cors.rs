//! What lets pages of other origins use the API from a browser: those that the operator has named, each by itself, and with
//! a token in a header. There are no cookies, so no credentials are allowed, and nothing is ever said to any other origin.

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
/// What requests may bring, beside what browsers let every page send.
const HEADERS: &str = "authorization, content-type, idempotency-key, traceparent, tracestate, x-request-id";
/// What the page may read of an answer, beside what it always may.
const EXPOSED: &str = "link, ratelimit, ratelimit-policy, retry-after, x-request-id";
/// How many seconds a browser need not ask again. Ten minutes, so that an origin that is taken away is soon refused.
const MAX_AGE: &str = "600";

/// Around everything else, so that refusals reach the page as well.
pub(crate) async fn share(State(origins): State<Arc<Origins>>, request: Request, next: Next) -> Response {
    let allowed = request.headers().get(ORIGIN).filter(|origin| origins.contain(origin)).cloned();
    let is_question =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match &allowed {
        Some(_) if is_question => may_ask(),
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    // Also where nothing is allowed: what is kept of this answer is not to be given to a page that may have it.
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
    response
}

/// The answer to a browser that asks before it sends the request itself.
fn may_ask() -> Response {
    let told = [
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    (StatusCode::NO_CONTENT, told).into_response()
}
