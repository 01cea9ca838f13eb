//! What is printed. Everything that others wrote passes through [`clean`]: a message must not be able to move the
//! cursor, recolour the terminal or look like the line of somebody else.

use std::iter::Peekable;
use std::str::Chars;

use chat_protocol::time::Time;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What stands for a line break inside a message, so that a message is always one line.
const LINE_BREAK: &str = " ⏎ ";

/// Something about the session itself; on standard error, so that a pipe gets the messages alone.
pub(super) fn notice(text: &str) {
    eprintln!("* {text}");
}

/// Something that went wrong and does not end the session.
pub(super) fn error(text: &str) {
    eprintln!("error: {text}");
}

/// A message as it is printed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) at: Time,
    pub(super) from: &'a str,
    pub(super) group: Option<&'a str>,
    pub(super) content: &'a str,
    pub(super) media_url: &'a str,
}

impl Line<'_> {
    /// `[16:00:02] tom @ cheese: hello <https://…>`; with the date where that is not today's.
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

/// The time on a clock in this zone; with the date where that is not today's.
pub(super) fn clock(at: Time, now: Timestamp, zone: &TimeZone) -> String {
    let at = Timestamp::from_microsecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone.clone());
    let is_today = at.date() == now.to_zoned(zone.clone()).date();
    at.strftime(if is_today { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
}

/// The text without escape sequences, control characters and marks that reorder text; line breaks become a sign.
pub(super) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_control_sequence(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_string(&mut chars),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\u{2028}' | '\u{2029}' | '\u{85}' => cleaned.push_str(LINE_BREAK),
            '\t' => cleaned.push(' '),
            c if c.is_control() || is_reordering(c) => {}
            c => cleaned.push(c),
        }
    }
    cleaned
}

/// JSON of the same meaning whose strings hold no control characters, nor marks that reorder text.
pub(super) fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            c if c.is_control() || is_reordering(c) => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

fn is_reordering(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What follows an escape character (ECMA-48, 5.3 and 8.3).
fn skip_escape(chars: &mut Peekable<Chars<'_>>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_control_sequence(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            skip_string(chars);
        }
        _ => {
            while chars.next_if(|c| (' '..='/').contains(c)).is_some() {}
            chars.next_if(|c| ('0'..='~').contains(c));
        }
    }
}

/// Parameters, intermediates and the final character.
fn skip_control_sequence(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
    chars.next_if(|c| ('@'..='~').contains(c));
}

/// A string that has an end; one that has none is left, so that a lone introducer cannot hide what follows.
fn skip_string(chars: &mut Peekable<Chars<'_>>) {
    let mut ahead = chars.clone();
    while let Some(c) = ahead.next() {
        let ends = match c {
            '\u{7}' | '\u{9c}' => true,
            '\u{1b}' => ahead.next_if_eq(&'\\').is_some(),
            _ => false,
        };
        if ends {
            *chars = ahead;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    #[test]
    fn escape_sequences_are_taken_out() {
        for (text, left) in [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}[2J\u{1b}[1;1Hgone", "gone"),
            ("\u{1b}[?1049hscreen", "screen"),
            ("\u{9b}31mred", "red"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://evil\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}Pdevice\u{1b}\\text", "text"),
            ("\u{1b}(Btext", "text"),
            ("\u{1b}ctext", "text"),
            ("\u{1b}]0;never ends", "0;never ends"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
            ("\u{1b}\u{1b}[31mred", "red"),
            ("bell\u{7} back\u{8} null\u{0} delete\u{7f}", "bell back null delete"),
            ("a\tb", "a b"),
            ("\u{202e}reversed\u{202c}", "reversed"),
            ("cheese 🧀 é — «ok» [1] {2} \\n", "cheese 🧀 é — «ok» [1] {2} \\n"),
        ] {
            assert_eq!(clean(text), left, "{text:?}");
        }
    }

    #[test]
    fn json_stays_the_same_and_controls_nothing() {
        let json = "{\"content\":\"a\u{9b}31m\u{7f} \u{202e}é\\n\"}";
        let escaped = escape(json);
        assert_eq!(escaped, r#"{"content":"a\u009b31m\u007f \u202eé\n"}"#);
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&escaped), value(json));
    }

    proptest! {
        #[test]
        fn nothing_that_controls_a_terminal_is_left(text in "(\\PC|[\u{0}-\u{9f}]|\u{1b}[\\[\\]P(;0-9a-z]{1,6}){0,40}") {
            let cleaned = clean(&text);
            prop_assert!(!cleaned.chars().any(char::is_control), "{cleaned:?}");
            prop_assert_eq!(clean(&cleaned), cleaned.clone());
        }

        #[test]
        fn plain_text_is_left_alone(text in "[a-zA-Z0-9 .,:;<>@#é漢🧀]{0,60}") {
            prop_assert_eq!(clean(&text), text);
        }
    }
}
