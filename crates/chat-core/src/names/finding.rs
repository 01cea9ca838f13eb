//! How names are found by what somebody types: by the beginning of any word, whatever its accents, case and form. The
//! web client has the same rule (`web/src/text/finding.ts`); `names/finding.json` is the cases that hold both to it.

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

/// What a query is looked for as. An empty one finds everybody.
pub fn wanted(query: &str) -> String {
    plain(query).trim_start().to_owned()
}

/// Whether somebody who typed this finds the name; `wanted` is made by [`wanted()`].
pub fn is_found(name: &str, wanted: &str) -> bool {
    wanted.is_empty() || beginnings(name).iter().any(|rest| rest.starts_with(wanted))
}

/// The name from each place at which what is typed may begin. Whoever looks for those that begin so has found it.
pub fn beginnings(name: &str) -> Vec<String> {
    let plain = plain(name);
    let mut before = None;
    let mut found = Vec::new();
    for (at, c) in plain.char_indices() {
        if at == 0 || begins_a_word(before, c) {
            found.push(plain[at..].to_owned());
        }
        before = Some(c);
    }
    found
}

/// What comes after all texts that begin so, in the order of the characters' numbers.
pub fn end_of(beginning: &str) -> String {
    let mut end = beginning.to_owned();
    while let Some(last) = end.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            end.push(next);
            return end;
        }
    }
    // After the last character there is no other; but no name is that long.
    char::MAX.to_string().repeat(200)
}

/// Without accents, case, form and what is not seen, with single spaces, and with one apostrophe and one dash for all
/// those that keyboards and programs write.
pub(super) fn plain(text: &str) -> String {
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

fn begins_a_word(before: Option<char>, c: char) -> bool {
    is_of_words(c)
        && before.is_none_or(|before| !is_of_words(before) || has_no_spaces(before) || has_no_spaces(c))
}

pub(super) fn is_of_words(c: char) -> bool {
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

    /// Name, query, whether it is found: the lines `["Zoë", "zoe", true],` of the table that the web client has too.
    fn cases() -> Vec<(String, String, bool)> {
        let line = |line: &str| {
            let line = line.trim().trim_end_matches(',');
            let mut parts = line.strip_prefix('[')?.strip_suffix(']')?.split(", ");
            let text = |part: &str| unescaped(part.trim_matches('"'));
            let (name, query, is_found) = (parts.next()?, parts.next()?, parts.next()?);
            Some((text(name), text(query), is_found == "true"))
        };
        include_str!("finding.json").lines().filter_map(line).collect()
    }

    /// JSON's own escapes are for what one would not see in the table.
    fn unescaped(part: &str) -> String {
        let mut pieces = part.split("\\u");
        let mut text = pieces.next().unwrap().to_owned();
        for piece in pieces {
            let (code, rest) = piece.split_at(4);
            text.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
            text.push_str(rest);
        }
        text
    }

    #[test]
    fn names_are_found_by_the_beginnings_of_words_whatever_their_accents() {
        let cases = cases();
        assert!(cases.len() > 30, "the table was not understood");
        for (name, query, expected) in cases {
            assert_eq!(is_found(&name, &wanted(&query)), expected, "{name:?} by {query:?}");
        }
    }

    #[test]
    fn names_that_begin_so_come_before_the_end() {
        for prefix in ["t", "tom", "to\u{d7ff}", "tom\u{10ffff}", "\u{10ffff}"] {
            let end = end_of(prefix);
            assert!(prefix < end.as_str(), "{prefix:?}");
            assert!(format!("{prefix}\u{10ffff}\u{10ffff}") < end, "{prefix:?}");
        }
        assert_eq!(end_of("tom"), "ton");
        assert_eq!(end_of("to\u{d7ff}"), "to\u{e000}", "there are no characters between these");
        assert_eq!(end_of("tom\u{10ffff}"), "ton");
    }
}
