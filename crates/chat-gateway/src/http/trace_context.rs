//! The trace id by which a client follows its requests through several systems (W3C Trace Context, section 3.2). The
//! server repeats it in the log and nowhere else.

use axum::http::{HeaderMap, HeaderName};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The trace id of a well-formed `traceparent`; a malformed one is ignored.
pub(super) fn trace_id(headers: &HeaderMap) -> Option<&str> {
    parse(headers.get(TRACEPARENT)?.to_str().ok()?)
}

fn parse(header: &str) -> Option<&str> {
    let mut parts = header.split('-');
    let version = parts.next().filter(|version| is_hex(version, 2) && *version != "ff")?;
    let trace = parts.next().filter(|id| is_hex(id, 32) && !is_zero(id))?;
    parts.next().filter(|id| is_hex(id, 16) && !is_zero(id))?;
    parts.next().filter(|flags| is_hex(flags, 2))?;
    // Later versions may append fields.
    (version != "00" || parts.next().is_none()).then_some(trace)
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_zero(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_well_formed_counts() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        for good in [
            format!("00-{id}-00f067aa0ba902b7-01"),
            format!("00-{id}-00f067aa0ba902b7-00"),
            format!("cc-{id}-00f067aa0ba902b7-01-what-comes-later"),
        ] {
            assert_eq!(parse(&good), Some(id), "{good}");
        }
        let zero = "0".repeat(32);
        for bad in [
            "".to_owned(),
            id.to_owned(),
            format!("00-{id}"),
            format!("00-{zero}-00f067aa0ba902b7-01"),
            format!("00-{id}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()),
            format!("00-{id}-00f067aa0ba902b7-01-more"),
            format!("ff-{id}-00f067aa0ba902b7-01"),
            format!("0-{id}-00f067aa0ba902b7-01"),
        ] {
            assert_eq!(parse(&bad), None, "{bad}");
        }
    }
}
