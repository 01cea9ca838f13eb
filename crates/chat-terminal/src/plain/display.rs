//! Formats the output of line mode. Text of other users always passes through [`clean`].

use chat_protocol::time::Time;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clean::clean;

/// Prints a notice about the session to standard error, so that a pipe receives messages only.
pub(super) fn notice(text: &str) {
    eprintln!("* {text}");
}

/// Prints an error that does not end the session to standard error.
pub(super) fn error(text: &str) {
    eprintln!("error: {text}");
}

/// A message to print.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) at: Time,
    pub(super) from: &'a str,
    pub(super) group: Option<&'a str>,
    pub(super) content: &'a str,
    pub(super) media_url: &'a str,
}

impl Line<'_> {
    /// Formats it as `[16:00:02] tom @ cheese: hello <https://…>`, with the date if it is not today.
    pub(super) fn render(&self, now: Timestamp, zone: &TimeZone) -> String {
        let mut text = format!("[{}] {}", clock(self.at, now, zone), clean(self.from));
        if let Some(group) = self.group {
            text.push_str(&format!(" @ {}", clean(group)));
        }
        text.push(':');
        if !self.content.is_empty() {
            text.push_str(&format!(" {}", clean(self.content)));
        }
        if !self.media_url.is_empty() {
            text.push_str(&format!(" <{}>", clean(self.media_url)));
        }
        text
    }
}

/// `… jerry is typing`
pub(super) fn typing(from: &str, group: Option<&str>) -> String {
    match group {
        None => format!("… {} is typing", clean(from)),
        Some(group) => format!("… {} is typing @ {}", clean(from), clean(group)),
    }
}

/// The time of day in this zone, with the date if it is not today.
pub(super) fn clock(at: Time, now: Timestamp, zone: &TimeZone) -> String {
    let at = Timestamp::from_microsecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone.clone());
    let is_today = at.date() == now.to_zoned(zone.clone()).date();
    at.strftime(if is_today { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line<'a>(group: Option<&'a str>, content: &'a str, media_url: &'a str) -> Line<'a> {
        // 2025-10-25T16:00:02.25Z
        Line { at: Time(1_761_408_002_250_000), from: "tom", group, content, media_url }
    }

    fn rendered(line: Line<'_>) -> String {
        line.render("2025-10-25T20:00:00Z".parse().unwrap(), &TimeZone::UTC)
    }

    #[test]
    fn messages_are_lines() {
        assert_eq!(rendered(line(None, "hello", "")), "[16:00:02] tom: hello");
        assert_eq!(rendered(line(Some("cheese"), "hello", "")), "[16:00:02] tom @ cheese: hello");
        assert_eq!(rendered(line(None, "look", "https://x/a.png")), "[16:00:02] tom: look <https://x/a.png>");
        assert_eq!(rendered(line(None, "", "https://x/a.png")), "[16:00:02] tom: <https://x/a.png>");
        assert_eq!(typing("jerry", None), "… jerry is typing");
        assert_eq!(typing("jerry", Some("cheese")), "… jerry is typing @ cheese");
    }

    #[test]
    fn a_message_of_another_day_has_its_date() {
        let now = "2025-10-26T00:00:01Z".parse().unwrap();
        assert_eq!(line(None, "hello", "").render(now, &TimeZone::UTC), "[2025-10-25 16:00:02] tom: hello");
        let zone = TimeZone::fixed(jiff::tz::offset(9));
        assert_eq!(line(None, "hello", "").render(now, &zone), "[01:00:02] tom: hello");
    }

    #[test]
    fn a_message_cannot_pose_as_the_line_of_another() {
        let forged = "hi\n[16:00:03] jerry: you may have my cheese\r\n\u{2028}x";
        assert_eq!(
            rendered(line(None, forged, "")),
            "[16:00:02] tom: hi ⏎ [16:00:03] jerry: you may have my cheese ⏎  ⏎ x"
        );
        let named = Line { from: "tom\r\u{1b}[2Kjerry", ..line(None, "hi", "") };
        assert_eq!(rendered(named), "[16:00:02] tom ⏎ jerry: hi");
    }
}
