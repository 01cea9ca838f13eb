//! Parses the earlier server's times. Go's driver wrote them in several forms over the years, into columns of any
//! type.

use chat_core::time::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

/// The last microsecond of the year 9999. Clients cannot parse later times.
const LATEST: i64 = 253_402_300_799_999_999;

/// Parses the times of a table in the order of its rows. An unreadable time becomes that of the row before: the order
/// is then right, and the true time cannot be much later.
pub(super) struct Times {
    last: i64,
    /// Number of times that could not be parsed.
    pub(super) unreadable: u64,
}

impl Times {
    /// `sql` selects the column in the order of the rows. The first readable time replaces unreadable ones before it.
    pub(super) fn of_column(db: &Connection, sql: &str) -> rusqlite::Result<Self> {
        let mut statement = db.prepare(sql)?;
        let mut rows = statement.query(())?;
        let mut last = 0;
        while let Some(row) = rows.next()? {
            if let Some(first) = parse(row.get_ref(0)?) {
                last = first;
                break;
            }
        }
        Ok(Self { last, unreadable: 0 })
    }

    pub(super) fn read(&mut self, row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
        match parse(row.get_ref(column)?) {
            Some(time) => self.last = time,
            None => self.unreadable += 1,
        }
        Ok(Timestamp(self.last))
    }
}

/// Microseconds since 1970. An earlier time is not the time of a chat but the zero of some type, so it counts as
/// missing.
pub(super) fn parse(value: ValueRef<'_>) -> Option<i64> {
    let micros = match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => of_number(number),
        ValueRef::Real(number) => of_seconds(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => of_text(std::str::from_utf8(bytes).ok()?.trim()),
    };
    micros.filter(|micros| (1..=LATEST).contains(micros))
}

/// Accepts seconds, milliseconds, microseconds or nanoseconds: only one of them lies between the years 1973 and 5138.
fn of_number(number: i64) -> Option<i64> {
    match number.unsigned_abs() {
        0..100_000_000_000 => number.checked_mul(1_000_000),
        100_000_000_000..100_000_000_000_000 => number.checked_mul(1000),
        100_000_000_000_000..100_000_000_000_000_000 => Some(number),
        _ => Some(number / 1000),
    }
}

fn of_seconds(number: f64) -> Option<i64> {
    let seconds = if number < 1e11 { number } else { number / 1e3 };
    jiff::SignedDuration::try_from_secs_f64(seconds).ok()?.as_micros().try_into().ok()
}

fn of_text(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse() {
        return of_number(number);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_microsecond());
    }
    // Go's `time.String()`: "2025-10-25 16:41:39.962541122 +0300 EAT m=+0.1".
    let mut parts = text.split_whitespace();
    let (date, time, offset) = (parts.next()?, parts.next(), parts.next());
    if let (Some(time), Some(offset)) = (time, offset.filter(|offset| offset.starts_with(['+', '-']))) {
        let time: jiff::Timestamp = format!("{date}T{time}{offset}").parse().ok()?;
        return Some(time.as_microsecond());
    }
    // A time without an offset is UTC, as SQLite's CURRENT_TIMESTAMP writes it.
    let local = time.map_or_else(|| date.to_owned(), |time| format!("{date}T{time}"));
    let local: DateTime = local.parse().ok()?;
    Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2025-10-25T13:41:39.962541Z
    const NOON: i64 = 1_761_399_699_962_541;
    const WHOLE: i64 = 1_761_399_699_000_000;

    #[test]
    fn every_form_that_go_wrote_is_read() {
        for (text, wanted) in [
            ("2025-10-25T16:41:39.962541122+03:00", NOON),
            ("2025-10-25 16:41:39.962541122+03:00", NOON),
            ("2025-10-25T13:41:39.962541122Z", NOON),
            ("2025-10-25 16:41:39.962541122 +0300 EAT m=+0.1", NOON),
            ("2025-10-25 16:41:39.962541122 +0300 EAT", NOON),
            ("2025-10-25 16:41:39.962541122 +0300 +0300", NOON),
            ("2025-10-25 09:11:39.962541122 -0430 -0430 m=+12.000000001", NOON),
            ("2025-10-25 13:41:39.962541 +0000 UTC", NOON),
            ("2025-10-25 13:41:39 UTC", WHOLE),
            ("2025-10-25 13:41:39Z", WHOLE),
            (" 2025-10-25 13:41:39 ", WHOLE),
            ("2025-10-25T13:41:39", WHOLE),
            ("2025-10-25", 1_761_350_400_000_000),
            ("1761399699", WHOLE),
            ("1761399699962", 1_761_399_699_962_000),
        ] {
            assert_eq!(parse(ValueRef::Text(text.as_bytes())), Some(wanted), "{text}");
        }
    }

    #[test]
    fn numbers_are_read_by_their_magnitude() {
        assert_eq!(parse(ValueRef::Integer(1_761_399_699)), Some(WHOLE));
        assert_eq!(parse(ValueRef::Integer(1_761_399_699_000)), Some(WHOLE));
        assert_eq!(parse(ValueRef::Integer(WHOLE)), Some(WHOLE));
        assert_eq!(parse(ValueRef::Integer(WHOLE * 1000)), Some(WHOLE));
        assert_eq!(parse(ValueRef::Real(1_761_399_699.5)), Some(WHOLE + 500_000));
        assert_eq!(parse(ValueRef::Real(1_761_399_699_000.0)), Some(WHOLE));
    }

    #[test]
    fn invalid_times_are_refused_without_a_panic() {
        for text in [
            "",
            "never",
            "0001-01-01 00:00:00+00:00",
            "2025-13-45 99:99:99",
            "2025-10-25 x +0300 EAT",
            "+",
            "99999-01-01",
        ] {
            assert_eq!(parse(ValueRef::Text(text.as_bytes())), None, "{text}");
        }
        for value in [
            ValueRef::Null,
            ValueRef::Integer(0),
            ValueRef::Integer(i64::MIN),
            ValueRef::Real(f64::NAN),
            ValueRef::Real(f64::INFINITY),
            ValueRef::Blob(b"\xff\xfe"),
        ] {
            assert_eq!(parse(value), None, "{value:?}");
        }
        assert!(parse(ValueRef::Integer(i64::MAX)).is_some());
    }
}
