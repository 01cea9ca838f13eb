//! Extractors for bodies, path ids and queries that refuse with our own problems.

use std::str::FromStr;
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::Uri;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::App;
use crate::auth::still_valid;

/// Upper bound for receiving a request's body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a refused body that are still read.
const DISCARDED_BYTES: usize = 2 * 1024 * 1024;

pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        declared_as_json(&request)?;
        object(&read(request, app).await?).map(Self)
    }
}

/// A JSON body that may be left out, or be null.
pub(crate) struct OptionalBody<T>(pub(crate) T);

impl<T: DeserializeOwned + Default> FromRequest<App> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let declared = declared_as_json(&request);
        let bytes = read(request, app).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        declared?;
        object::<Option<T>>(&bytes).map(|body| Self(body.unwrap_or_default()))
    }
}

/// Refuses a body that does not declare itself as JSON. Without this check, a page of any origin could make a browser
/// send a body with another content type, or none, without a preflight.
fn declared_as_json(request: &Request) -> Result<(), Problem> {
    let content_type = request.headers().get(CONTENT_TYPE);
    let is_declared = content_type.is_some_and(|value| value.to_str().is_ok_and(is_json));
    // An absent body is not a wrong content type; its absence is reported later.
    if is_declared || (content_type.is_none() && request.body().is_end_stream()) {
        return Ok(());
    }
    let sentence = "The body must be JSON: send the header Content-Type: application/json";
    Err(Problem::new(415, "unsupported_media_type", sentence))
}

fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Otherwise serde would accept a list of the members' values in their order.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| *byte == b'[') {
        return Err(Problem::invalid("the body must be a JSON object"));
    }
    serde_json::from_slice(bytes).map_err(Problem::invalid)
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let Some((kind, format)) = essence.split_once('/') else { return false };
    let is_format = format.eq_ignore_ascii_case("json") || format.to_ascii_lowercase().ends_with("+json");
    kind.eq_ignore_ascii_case("application") && is_format
}

async fn read(request: Request, app: &App) -> Result<Bytes, Problem> {
    let limit = app.options.body_bytes;
    let (parts, mut whole) = request.into_parts();
    let body = Limited::new(&mut whole, limit);
    match tokio::time::timeout(BODY_TIMEOUT, body.collect()).await {
        Ok(Ok(collected)) => still_valid(app, &parts.extensions).map(|()| collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            // Bounded: a slow client does not get the refusal.
            let _ = tokio::time::timeout(BODY_TIMEOUT, discard(whole)).await;
            Err(Problem::new(413, "body_too_large", format!("The body must be at most {limit} bytes")))
        }
        Ok(Err(_)) => Err(Problem::invalid("the body ended early")),
        Err(_) => Err(Problem::new(408, "body_too_slow", "The body took too long to arrive")),
    }
}

/// Reads the rest of a refused body, within bounds. Closing a connection with unread bytes resets it, and a proxy would
/// report that to the client instead of the response.
async fn discard(body: axum::body::Body) {
    let mut rest = Limited::new(body, DISCARDED_BYTES);
    while let Some(Ok(_)) = rest.frame().await {}
}

/// A positive integer in the path.
pub(crate) struct PathId(pub(crate) i64);

impl FromRequestParts<App> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(id) = Path::<String>::from_request_parts(parts, app).await.map_err(|_| no_id())?;
        path_id(&id).map(Self)
    }
}

/// Two positive integers in the path.
pub(crate) struct PathIds(pub(crate) i64, pub(crate) i64);

impl FromRequestParts<App> for PathIds {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let ids = Path::<(String, String)>::from_request_parts(parts, app).await;
        let Path((first, second)) = ids.map_err(|_| no_id())?;
        Ok(Self(path_id(&first)?, path_id(&second)?))
    }
}

/// A positive integer in the path, and a text.
pub(crate) struct PathIdAndText(pub(crate) i64, pub(crate) String);

impl FromRequestParts<App> for PathIdAndText {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let both = Path::<(String, String)>::from_request_parts(parts, app).await;
        let Path((id, text)) = both.map_err(|_| Problem::invalid("the path is not UTF-8"))?;
        Ok(Self(path_id(&id)?, text))
    }
}

fn path_id(text: &str) -> Result<i64, Problem> {
    positive(text).ok_or_else(no_id)
}

fn no_id() -> Problem {
    Problem::invalid("the id in the path must be a positive integer")
}

/// Parses a positive 64-bit number of digits alone.
fn positive(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    i64::from_str(text).ok().filter(|id| plain && *id > 0)
}

pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        Self::of_uri(&parts.uri)
    }
}

impl<T: DeserializeOwned> Params<T> {
    /// Reads the query of a URI.
    pub(crate) fn of_uri(uri: &Uri) -> Result<Self, Problem> {
        let query = Query::try_from_uri(uri);
        query.map(|Query(params)| Self(params)).map_err(|refused| Problem::invalid(refused.body_text()))
    }
}

/// Size of a page: `asked`, at most `max`. 0 and less are refused.
pub(crate) fn limit(asked: Option<i64>, default: u16, max: u16) -> Result<u16, Problem> {
    match asked {
        None => Ok(default),
        Some(limit) if limit < 1 => Err(Problem::invalid("limit must be at least 1")),
        Some(limit) => Ok(u16::try_from(limit).map_or(max, |limit| limit.min(max))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_ids_are_positive_integers() {
        assert_eq!(positive("1"), Some(1));
        assert_eq!(positive("9223372036854775807"), Some(i64::MAX));
        for bad in ["", "0", "-1", "+1", "1.0", "1e3", "9223372036854775808", " 1", "abc", "0x1"] {
            assert_eq!(positive(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn json_media_types_are_recognised() {
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
            assert!(is_json(good), "{good}");
        }
        for bad in ["", "json", "text/json", "text/plain", "application/jsonp", "application/xml", "a+json/b"]
        {
            assert!(!is_json(bad), "{bad}");
        }
    }

    #[test]
    fn page_sizes_are_bounded() {
        let size = |asked| limit(asked, 50, 200).ok();
        assert_eq!(
            [None, Some(1), Some(200), Some(1_000_000_000_000)].map(size),
            [Some(50), Some(1), Some(200), Some(200)]
        );
        assert_eq!([Some(0), Some(-5)].map(size), [None, None]);
    }
}
