//! Reads single values of the earlier server's rows. SQLite lets any column hold any type, so this code assumes
//! nothing, and it must never fail.

use rusqlite::types::ValueRef;

use super::LARGEST_ID;

/// A usable id: a positive whole number up to [`LARGEST_ID`].
pub(super) fn id(value: ValueRef<'_>) -> Option<i64> {
    integer(value).filter(|id| (1..=LARGEST_ID).contains(id))
}

/// The text, with U+FFFD for bytes that are not UTF-8; `None` for NULL.
pub(super) fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}

/// Whether a flag is set, in any form that Go's drivers have written.
pub(super) fn flag(value: ValueRef<'_>) -> bool {
    match value {
        ValueRef::Null => false,
        ValueRef::Integer(number) => number != 0,
        ValueRef::Real(number) => number != 0.0,
        ValueRef::Text(_) | ValueRef::Blob(_) => {
            let text = text(value).unwrap_or_default().trim().to_ascii_lowercase();
            ["1", "t", "true", "y", "yes", "on", "admin"].contains(&text.as_str())
        }
    }
}

fn integer(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Integer(number) => Some(number),
        ValueRef::Null => None,
        // Parsing the number as text keeps 7.0 and refuses 7.5, without a lossy cast.
        ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => text(value)?.trim().parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_positive_whole_numbers_of_any_type() {
        assert_eq!(id(ValueRef::Integer(7)), Some(7));
        assert_eq!(id(ValueRef::Real(7.0)), Some(7));
        assert_eq!(id(ValueRef::Text(b" 7 ")), Some(7));
        for bad in [
            ValueRef::Null,
            ValueRef::Integer(0),
            ValueRef::Integer(-1),
            ValueRef::Integer(i64::MAX),
            ValueRef::Real(7.5),
            ValueRef::Real(f64::NAN),
            ValueRef::Text(b"tom"),
            ValueRef::Blob(b"\xff"),
        ] {
            assert_eq!(id(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn text_is_made_of_whatever_is_there() {
        assert_eq!(text(ValueRef::Null), None);
        assert_eq!(text(ValueRef::Integer(7)).as_deref(), Some("7"));
        assert_eq!(text(ValueRef::Blob(b"caf\xc3\xa9")).as_deref(), Some("café"));
        assert_eq!(text(ValueRef::Text(b"caf\xe9")).as_deref(), Some("caf\u{fffd}"));
    }

    #[test]
    fn flags_are_numbers_or_words() {
        for set in [ValueRef::Integer(1), ValueRef::Text(b"true"), ValueRef::Text(b"T"), ValueRef::Blob(b"1")]
        {
            assert!(flag(set), "{set:?}");
        }
        for unset in [ValueRef::Null, ValueRef::Integer(0), ValueRef::Text(b"false"), ValueRef::Text(b"")] {
            assert!(!flag(unset), "{unset:?}");
        }
    }
}
