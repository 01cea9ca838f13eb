//! Lists that follow a number, page by page: the cursor of a page, and the `Link` to the next one.

use axum::http::header::{HeaderMap, HeaderValue, LINK};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::extract;
use super::problem::Problem;

/// Everything but the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Requested part of a list that is whole unless a part of it is requested: the number after which it begins, and its
/// size, at most `max`. `None` if the client names neither.
pub(super) fn part(
    limit: Option<i64>,
    cursor: Option<&str>,
    max: u16,
) -> Result<Option<(i64, u16)>, Problem> {
    if limit.is_none() && cursor.is_none() {
        return Ok(None);
    }
    let after = cursor.map(number).transpose()?.unwrap_or(0);
    Ok(Some((after, extract::limit(limit, max, max)?)))
}

/// The number in a cursor.
pub(super) fn number(cursor: &str) -> Result<i64, Problem> {
    let is_plain = !cursor.is_empty() && cursor.bytes().all(|byte| byte.is_ascii_digit());
    let number = cursor.parse().ok().filter(|_| is_plain);
    number.ok_or_else(|| Problem::invalid("cursor must be that of the Link to the next page"))
}

/// The `Link` header (RFC 8288) to the next page: the path with these parameters.
pub(super) fn next(path: &str, parameters: &[(&str, &str)]) -> HeaderMap {
    let encoded = |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, RESERVED));
    let query = parameters.iter().map(encoded).collect::<Vec<_>>().join("&");
    let link = HeaderValue::from_str(&format!("<{path}?{query}>; rel=\"next\""));
    link.map(|link| (LINK, link)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_numbers() {
        assert_eq!(part(None, None, 10).ok(), Some(None));
        assert_eq!(part(Some(3), None, 10).ok(), Some(Some((0, 3))));
        assert_eq!(part(None, Some("7"), 10).ok(), Some(Some((7, 10))));
        assert_eq!(part(Some(99), Some("9223372036854775807"), 10).ok(), Some(Some((i64::MAX, 10))));
        for bad in ["", "-1", "+1", "7-3", "x", " 1", "9223372036854775808"] {
            assert!(part(None, Some(bad), 10).is_err(), "{bad:?}");
        }
        assert!(part(Some(0), None, 10).is_err());
    }

    #[test]
    fn parameters_are_encoded() {
        let headers = next("/v1/groups", &[("limit", "2"), ("cursor", "7"), ("q", "a b&c")]);
        let expected = "</v1/groups?limit=2&cursor=7&q=a%20b%26c>; rel=\"next\"";
        assert_eq!(headers.get(LINK).and_then(|link| link.to_str().ok()), Some(expected));
    }
}
