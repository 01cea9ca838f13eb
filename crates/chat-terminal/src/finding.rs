//! How names are found by what somebody types: by the beginning of any word, whatever its accents, case and form. The
//! server and the web client have the same rule, and one table of cases holds all three to it. The server's own module is
//! not used: this crate knows the wire and nothing of the inside.

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

/// How well a name fits, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// It begins so.
    Name,
    /// Another word of it does.
    Word,
}

/// How the name fits what was typed, if it does.
pub(crate) fn fit(name: &str, typed: &str) -> Option<Fit> {
    let (name, wanted) = (plain(name), plain(typed));
    let wanted = wanted.trim_start();
    if name.starts_with(wanted) {
        return Some(Fit::Name);
    }
    let mut before = None;
    for (at, c) in name.char_indices() {
        if before.is_some_and(|before| begins_a_word(before, c)) && name[at..].starts_with(wanted) {
            return Some(Fit::Word);
        }
        before = Some(c);
    }
    None
}

/// Without accents, case, form and what is not seen, with single spaces, and with one apostrophe and one dash for all
/// those that keyboards and programs write.
fn plain(text: &str) -> String {
    // Before the form is taken off, which makes a space of an accent that stands by itself.
    let bare = text.chars().map(typed).nfkd().filter(|&c| is_seen(c));
    let small = bare.flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    let mut plain = String::with_capacity(text.len());
    for c in small.nfkd().filter(|&c| is_seen(c)) {
        match c {
            'ς' => plain.push('σ'),
            'ł' => plain.push('l'),
            'ø' => plain.push('o'),
            'đ' => plain.push('d'),
            'æ' => plain.push_str("ae"),
            'œ' => plain.push_str("oe"),
            c if c.is_whitespace() && plain.ends_with(' ') => {}
            c if c.is_whitespace() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}

/// The sign that is meant.
fn typed(c: char) -> char {
    match c {
        '`' | '´' | 'ʹ'..='ʼ' | '‘'..='‛' | '′' | '＇' => '\'',
        '‐'..='―' | '−' => '-',
        c => c,
    }
}

/// Whether there is more to it than an accent or a sign for programs.
fn is_seen(c: char) -> bool {
    c.general_category_group() != GeneralCategoryGroup::Mark
        && c.general_category() != GeneralCategory::Format
}

fn begins_a_word(before: char, c: char) -> bool {
    is_of_words(c) && (!is_of_words(before) || has_no_spaces(before) || has_no_spaces(c))
}

fn is_of_words(c: char) -> bool {
    matches!(c.general_category_group(), GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number)
}

/// Whether the script is written without spaces, so that a word may begin at each character.
fn has_no_spaces(c: char) -> bool {
    use Script::{Han, Hiragana, Katakana, Khmer, Lao, Myanmar, Thai};
    [Han, Hiragana, Katakana, Khmer, Lao, Myanmar, Thai].contains(&c.script())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_the_server_finds_them() {
        let table = include_str!("../../chat-core/src/names/finding.json");
        let cases: Vec<(String, String, bool)> = serde_json::from_str(table).unwrap();
        assert!(cases.len() > 30);
        for (name, typed, is_found) in cases {
            assert_eq!(fit(&name, &typed).is_some(), is_found, "{name:?} by {typed:?}");
        }
        assert!(fit("Çat", "cat") < fit("Tom Cat", "cat"));
    }
}
