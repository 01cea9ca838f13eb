//! Compresses responses over 1 KiB in an encoding that the client accepts. A response is compressed as a whole before it
//! is sent, so that no compressor waits in memory for a slow client, and its room is that of the compressed bytes.
//!
//! Responses with secrets are never compressed: their length would tell about the secret to an observer who can choose
//! other parts of the response (BREACH). Only the routes that the route table names are.

use std::collections::HashSet;
use std::future::ready;
use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::MatchedPath;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use tower::{ServiceExt, service_fn};
use tower_http::CompressionLevel;
use tower_http::compression::Compression;

use crate::answers::{self, Room};
use crate::http::problem::Problem;
use crate::pages::Pages;

/// Largest response that is not compressed, in bytes.
const SMALL_BYTES: u64 = 1024;
/// Larger responses are compressed off the runtime.
const INLINE_BYTES: u64 = 16 * 1024;
/// One level for all encodings, since the layer has no more. It is among the fast ones in each.
const LEVEL: CompressionLevel = CompressionLevel::Precise(2);

/// The routes whose responses may be compressed, by their paths in the OpenAPI document.
#[derive(Clone)]
pub(super) struct CompressedRoutes(Arc<HashSet<String>>);

impl FromIterator<String> for CompressedRoutes {
    fn from_iter<T: IntoIterator<Item = String>>(paths: T) -> Self {
        Self(Arc::new(paths.into_iter().collect()))
    }
}

impl CompressedRoutes {
    /// The `Accept-Encoding` of a request on one of the routes, or `None` on any other.
    pub(super) fn accepted(
        &self,
        route: Option<&MatchedPath>,
        request: &Request<Body>,
    ) -> Option<Vec<HeaderValue>> {
        let is_compressed = route.is_some_and(|route| self.0.contains(route.as_str()));
        is_compressed.then(|| request.headers().get_all(ACCEPT_ENCODING).iter().cloned().collect())
    }
}

/// Compresses a response if it is large and the client accepts an encoding.
pub(super) async fn compress(pages: &Pages, accepted: Vec<HeaderValue>, mut response: Response) -> Response {
    let bytes = response.body().size_hint().exact().unwrap_or(0);
    if bytes <= SMALL_BYTES || !matches!(response.status(), StatusCode::OK | StatusCode::CREATED) {
        return response;
    }
    if accepted.is_empty() {
        response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
        return response;
    }
    // Boxed, because most responses are small and should not carry the room that this takes.
    Box::pin(encode(pages, accepted, bytes, response)).await
}

/// Compresses a response of `bytes` bytes in the encoding that the client prefers, if there is one.
async fn encode(pages: &Pages, accepted: Vec<HeaderValue>, bytes: u64, response: Response) -> Response {
    let mut request = Request::new(());
    request.headers_mut().extend(accepted.into_iter().map(|accepted| (ACCEPT_ENCODING, accepted)));
    let mut response = Some(response);
    let plain = service_fn(move |_: Request<()>| ready(response.take().ok_or(())));
    let Ok(response) = Compression::new(plain).quality(LEVEL).oneshot(request).await else { return failed() };
    if !response.headers().contains_key(CONTENT_ENCODING) {
        return response.map(Body::new);
    }
    let (mut parts, body) = response.into_parts();
    let room = Room::begin_again(&mut parts.extensions);
    let collected = if bytes < INLINE_BYTES {
        body.collect().await.ok()
    } else {
        let runtime = Handle::current();
        let collect = move || runtime.block_on(body.collect()).ok();
        pages.run_blocking(collect).await.ok().flatten()
    };
    let Some(compressed) = collected else { return failed() };
    let compressed = compressed.to_bytes();
    let body = match room {
        Some(room) => room.fill(compressed),
        None => {
            answers::needs_room(&mut parts);
            Body::from(compressed)
        }
    };
    Response::from_parts(parts, body)
}

fn failed() -> Response {
    Problem::new(500, "internal", "Internal error").into_response()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::{compressed_routes, openapi};

    /// Collects the names of all members of a schema and of the schemas that it refers to.
    fn members(document: &Value, schema: &Value, found: &mut Vec<String>, depth: usize) {
        assert!(depth < 50, "schemas refer to each other in a circle");
        if let Some(path) = schema.get("$ref").and_then(Value::as_str) {
            let referred = document.pointer(path.trim_start_matches('#')).unwrap();
            return members(document, referred, found, depth + 1);
        }
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            found.extend(properties.keys().cloned());
        }
        match schema {
            Value::Object(parts) => {
                parts.values().for_each(|part| members(document, part, found, depth + 1));
            }
            Value::Array(parts) => parts.iter().for_each(|part| members(document, part, found, depth + 1)),
            _ => {}
        }
    }

    #[test]
    fn no_response_with_a_secret_is_on_a_compressed_route() {
        let document = serde_json::to_value(openapi()).unwrap();
        let compressed = compressed_routes();
        let mut secret = Vec::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let mut found = Vec::new();
                let responses = operation["responses"].as_object().unwrap().values();
                responses.for_each(|response| members(&document, response, &mut found, 0));
                let is_secret = |name: &String| {
                    ["token", "ticket", "secret", "password", "key"]
                        .iter()
                        .any(|word| name.split('_').any(|part| part == *word))
                };
                if found.iter().any(is_secret) {
                    secret.push(format!("{method} {path}"));
                    assert!(!compressed.0.contains(path), "{method} {path}: {found:?}");
                }
            }
        }
        for known in ["post /v1/users/login", "post /v1/users/register", "post /v1/ws-ticket"] {
            assert!(secret.iter().any(|found| found == known), "{known} is not among {secret:?}");
        }
    }
}
