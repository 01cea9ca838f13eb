//! Cleans text of other users for the terminal: a message must not move the cursor, change colours or look like another
//! user's line. Nothing in here prints.

use std::iter::Peekable;
use std::str::Chars;

use unicode_segmentation::UnicodeSegmentation;

/// Replaces a line break in a text that must be one line.
const LINE_BREAK: &str = " ⏎ ";
/// Most code points in a grapheme cluster: a taller stack of combining marks would reach into other lines.
const MAX_CLUSTER: usize = 12;

/// Removes escape sequences, control characters and marks that reorder text. Line breaks become ` ⏎ `.
pub(crate) fn clean(text: &str) -> String {
    cleaned(text, LINE_BREAK)
}

/// Like [`clean`], but keeps line breaks and shortens grapheme clusters of more than [`MAX_CLUSTER`] code points.
pub(crate) fn clean_lines(text: &str) -> String {
    limit_clusters(&cleaned(text, "\n"))
}

/// Like [`clean`], but shortens grapheme clusters of more than [`MAX_CLUSTER`] code points.
pub(crate) fn clean_name(text: &str) -> String {
    limit_clusters(&clean(text))
}

fn limit_clusters(text: &str) -> String {
    text.graphemes(true).flat_map(|cluster| cluster.chars().take(MAX_CLUSTER)).collect()
}

fn cleaned(text: &str, line_break: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut strings = ControlStrings::default();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars, &mut strings),
            '\u{9b}' => skip_control_sequence(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => strings.skip(&mut chars),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\u{2028}' | '\u{2029}' | '\u{85}' => cleaned.push_str(line_break),
            '\t' => cleaned.push(' '),
            c if c.is_control() || is_reordering(c) => {}
            c => cleaned.push(c),
        }
    }
    cleaned
}

/// Escapes control characters and marks that reorder text in JSON. The value stays the same.
pub(crate) fn escape(json: &str) -> String {
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

/// Skips the rest of an escape sequence after the escape character (ECMA-48, 5.3 and 8.3).
fn skip_escape(chars: &mut Peekable<Chars<'_>>, strings: &mut ControlStrings) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_control_sequence(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            strings.skip(chars);
        }
        _ => {
            while chars.next_if(|c| (' '..='/').contains(c)).is_some() {}
            chars.next_if(|c| ('0'..='~').contains(c));
        }
    }
}

/// Skips the parameters, the intermediates and the final character of a control sequence.
fn skip_control_sequence(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
    chars.next_if(|c| ('@'..='~').contains(c));
}

/// Skips control strings that have a terminator. Keeps the text of one without, so that a lone introducer cannot hide
/// what follows.
#[derive(Default)]
struct ControlStrings {
    /// No terminator follows, so none is searched for again: a text may be full of introducers.
    is_unterminated: bool,
    /// Number of characters searched.
    #[cfg(test)]
    looked_at: usize,
}

impl ControlStrings {
    fn skip(&mut self, chars: &mut Peekable<Chars<'_>>) {
        if self.is_unterminated {
            return;
        }
        let mut ahead = chars.clone();
        while let Some(c) = ahead.next() {
            #[cfg(test)]
            {
                self.looked_at += 1;
            }
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
        self.is_unterminated = true;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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

    /// Searching for a terminator from each introducer would take quadratic time.
    #[test]
    fn many_strings_without_a_terminator_are_searched_once() {
        let text = "\u{90}a".repeat(8 * 1024);
        let (mut chars, mut strings) = (text.chars().peekable(), ControlStrings::default());
        while chars.next().is_some() {
            strings.skip(&mut chars);
        }
        assert!(strings.looked_at <= text.len(), "{}", strings.looked_at);
        assert_eq!(clean(&"\u{1b}Pa".repeat(3)), "aaa");
        assert_eq!(clean("\u{90}a\u{9c}b\u{90}c"), "bc");
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
        fn lines_hold_nothing_that_controls_a_terminal_but_their_ends(text in "(\\PC|[\u{0}-\u{9f}]|\u{1b}[\\[\\]P(;0-9a-z]{1,6}|[\u{202a}-\u{202e}\u{2066}-\u{2069}\u{301}]{1,40}){0,40}") {
            let cleaned = clean_lines(&text);
            prop_assert!(!cleaned.chars().any(|c| (c.is_control() && c != '\n') || is_reordering(c)), "{:?}", cleaned);
            prop_assert!(cleaned.graphemes(true).all(|cluster| cluster.chars().count() <= MAX_CLUSTER));
            prop_assert!(!clean_name(&text).contains('\n'));
        }

        #[test]
        fn plain_text_is_left_alone(text in "[a-zA-Z0-9 .,:;<>@#é漢🧀]{0,60}") {
            prop_assert_eq!(clean(&text), text);
        }
    }
}
