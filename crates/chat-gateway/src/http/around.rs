//! Context of a request while it is handled: its id, for log lines, and what is left of a nearly exhausted rate limit,
//! for the response's headers.

use std::cell::{Cell, RefCell};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::limits::{Near, Policy, Rate};

pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

tokio::task_local! {
    static AROUND: Around;
}

struct Around {
    request_id: RefCell<String>,
    near: Cell<Option<Near>>,
}

/// Handles a request with this id. Returns the output with what was noted meanwhile.
pub(super) async fn with<F: Future>(request_id: String, handled: F) -> (F::Output, String, Option<Near>) {
    let around = Around { request_id: RefCell::new(request_id), near: Cell::new(None) };
    let noting = async {
        let output = handled.await;
        let (request_id, near) = AROUND.with(|around| (around.request_id.take(), around.near.take()));
        (output, request_id, near)
    };
    AROUND.scope(around, noting).await
}

/// Id of the request that is being handled. `None` on a stream.
pub(crate) fn request_id() -> Option<String> {
    AROUND.try_with(|around| around.request_id.borrow().clone()).ok()
}

/// Notes that a rate limit is nearly exhausted.
pub(crate) fn note(near: Near) {
    // Outside a request there are no headers for it.
    let _ = AROUND.try_with(|around| around.near.set(Some(near)));
}

/// Sets the headers of draft-ietf-httpapi-ratelimit-headers.
pub(super) fn set_near_headers(headers: &mut HeaderMap, near: &Near) {
    let full_in_s = near.full_in.as_nanos().div_ceil(1_000_000_000);
    set_headers(headers, near.policy, near.rate, near.left, full_in_s);
}

pub(super) fn set_headers(headers: &mut HeaderMap, policy: Policy, rate: Rate, left: u64, after_s: u128) {
    let name = policy.name();
    let quota = format!("\"{name}\";q={};w={}", rate.burst(), rate.window_s());
    let present = format!("\"{name}\";r={left};t={after_s}");
    for (header, text) in [(RATE_LIMIT_POLICY, quota), (RATE_LIMIT, present)] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(header, value);
        }
    }
}
