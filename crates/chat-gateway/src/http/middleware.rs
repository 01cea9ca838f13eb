//! Work around every request: an id, security headers for browsers, a caught panic, and problems rendered as bodies.

use std::panic::AssertUnwindSafe;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderName, HeaderValue, StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use futures_util::FutureExt;
use ring::rand::{SecureRandom, SystemRandom};
use tracing::{Instrument, Span};

use super::around;
use super::browsers;
use super::compression::{CompressedRoutes, compress};
use super::host;
use super::problem::Problem;
use super::trace_context::trace_id;
use crate::arrival::Arrival;
use crate::{App, answers};

const ONE_HOST: &str = "Invalid request format: HTTP/1.1 asks for one Host header";
const NO_HOST: &str = "Invalid request format: Host must be a name or an address, with or without a port";
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// State that all requests share.
#[derive(Clone)]
pub(super) struct Around {
    pub(super) app: App,
    pub(super) compressed: CompressedRoutes,
}

/// One layer for everything, because each layer costs every request several allocations.
pub(super) async fn surround(State(around): State<Around>, request: Request, next: Next) -> Response {
    let Around { app, compressed } = around;
    let begun = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let request_id = request_id(&request);
    let accepted = compressed.accepted(route.as_ref(), &request);
    // A stream keeps its slot; any other request returns it when answered.
    let arrival = Arrival::of(request.extensions()).cloned();
    let arrival = arrival.as_ref();
    let client = arrival.map(|arrival| tracing::field::display(arrival.client.ip()));
    let is_strict = browsers::is_strict(&request);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let trace_id = trace_id(request.headers()).map(str::to_owned);
    let trace_id = trace_id.as_deref();
    let handled = async {
        if arrival.is_some_and(|arrival| arrival.request_slot.is_over) {
            return too_many_connections();
        }
        match names_its_host(&request) {
            Ok(()) => {
                let mut response = next.run(request).await;
                if let Some(accepted) = accepted {
                    response = compress(&app.pages, accepted, response).await;
                }
                answers::bound(app.pages.answers(), arrival, response).await
            }
            Err(sentence) => Problem::new(400, "invalid_request", sentence).into_response(),
        }
    };
    let handled = AssertUnwindSafe(handled).catch_unwind().instrument(span(&request_id, trace_id));
    // Boxed: the surrounding futures would contain it several times over and move its bytes each time.
    let handled = Box::pin(handled);
    let (answered, request_id, near) = around::with(request_id, handled).await;
    let mut response = answered.unwrap_or_else(|_| {
        tracing::error!(request_id, trace_id, "a handler panicked");
        Problem::new(500, "internal", "Internal error").into_response()
    });
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        if let Some(cause) = problem.cause() {
            tracing::error!(request_id, trace_id, %method, path, cause, code = problem.code(), "a request failed");
        }
        let rendered = problem.render(&request_id);
        let (parts, body) = rendered.into_parts();
        response.headers_mut().extend(parts.headers);
        *response.body_mut() = body;
    } else if response.status().is_client_error() && response.headers().get(CONTENT_TYPE).is_none() {
        response = default_problem(response.status()).render(&request_id);
    }
    if let Some(near) = near.filter(|_| !response.headers().contains_key(around::RATE_LIMIT)) {
        around::set_near_headers(response.headers_mut(), &near);
    }
    let route = route.as_ref().map(MatchedPath::as_str);
    app.hub.metrics().requests.answered(&method, route, response.status(), begun.elapsed());
    tracing::debug!(request_id, trace_id, client, %method, path, status = response.status().as_u16(), "request");
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    browsers::set_headers(response.headers_mut(), is_strict);
    response
}

/// Whether the request has a valid `Host` as HTTP/1.1 requires (RFC 9112, section 3.2); otherwise the error sentence.
fn names_its_host(request: &Request) -> Result<(), &'static str> {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() < Version::HTTP_11 => Ok(()),
        (None, _) | (Some(_), Some(_)) => Err(ONE_HOST),
        (Some(host), None) if host::is_one(host) => Ok(()),
        (Some(_), None) => Err(NO_HOST),
    }
}

/// Refusal for an address at its limit of connections or, behind a proxy, of requests.
fn too_many_connections() -> Response {
    let sentence = "Your address has too many connections; close some";
    Problem::new(429, "too_many_connections", sentence).retry_after(5).into_response()
}

/// Problem for a client error without a body.
fn default_problem(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::new(
            404,
            "route_not_found",
            "There is nothing at this path; the API reference is at /docs",
        ),
        status => Problem::new(status.as_u16(), "invalid_request", "Invalid request"),
    }
}

/// Span of a request's log lines. Requests with a trace id get one at any level; for others it would be wasted work.
fn span(request_id: &str, trace_id: Option<&str>) -> Span {
    match trace_id {
        Some(_) => tracing::info_span!("request", request_id, trace_id),
        None => tracing::debug_span!("request", request_id),
    }
}

/// The client's own id if it is short and plain, otherwise a new one.
fn request_id(request: &Request) -> String {
    static PREFIX: LazyLock<String> = LazyLock::new(|| {
        let mut random = [0; 4];
        // Without randomness, ids are only less unique across restarts.
        let _ = SystemRandom::new().fill(&mut random);
        HEXLOWER.encode(&random)
    });
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let given = request.headers().get(&X_REQUEST_ID).and_then(|id| id.to_str().ok());
    let plain =
        |id: &&str| (1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    match given.filter(plain) {
        Some(id) => id.to_owned(),
        None => format!("{}-{:x}", *PREFIX, NEXT.fetch_add(1, Ordering::Relaxed)),
    }
}
