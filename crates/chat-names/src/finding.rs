//! How queries find names: by a prefix of any word, without regard to accents, case and form of characters. The web
//! client has the same rule (`web/src/text/finding.ts`); `finding.json` has the cases that test both.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

/// How well a name matches a query, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameMatch {
    /// The name begins with the query.
    Name,
    /// Another word of the name begins with it.
    Word,
}

/// Returns the form in which a query is compared with names. An empty query finds every name.
pub fn wanted(query: &str) -> String {
    plain(query).trim_start().to_owned()
}

/// Returns how the name matches a query, if it does; `wanted` is the result of [`wanted()`].
pub fn match_name(name: &str, wanted: &str) -> Option<NameMatch> {
    if wanted.is_empty() {
        return Some(NameMatch::Name);
    }
    let name = plain(name);
    let found = match_starts(&name).find(|at| name[*at..].starts_with(wanted));
    found.map(|at| if at == 0 { NameMatch::Name } else { NameMatch::Word })
}

/// Whether the query finds the name; `wanted` is the result of [`wanted()`].
pub fn is_found(name: &str, wanted: &str) -> bool {
    match_name(name, wanted).is_some()
}

/// Maximum number of characters of a [start](starts()): as many as a username has, before some become several.
const START_CHARS: usize = 32;

/// Returns the starts of a name: all texts of at most 32 characters by which a query finds it. The empty text is one of
/// them, so every name has a start.
pub fn starts(name: &str) -> BTreeSet<String> {
    let plain = plain(name);
    let of_word = |at: usize| {
        let rest = &plain[at..];
        let ends = rest.char_indices().map(|(end, c)| end + c.len_utf8()).take(START_CHARS);
        ends.map(|end| rest[..end].to_owned())
    };
    match_starts(&plain).flat_map(of_word).chain([String::new()]).collect()
}

/// Returns the start that all names found by a query have; `wanted` is the result of [`wanted()`]. If the query is
/// longer, names that it does not find may have that start, too.
pub fn start_of(wanted: &str) -> &str {
    wanted.char_indices().nth(START_CHARS).map_or(wanted, |(end, _)| &wanted[..end])
}

/// Returns the text without accents, case and invisible characters, with single spaces, and with one apostrophe and one
/// dash in place of all variants that keyboards and programs produce.
pub fn plain(text: &str) -> String {
    // Must happen before normalization, which makes a space of an accent that stands alone.
    let bare = text.chars().map(plain_sign).nfkd().filter(|&c| is_seen(c));
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

/// Returns the plain apostrophe or dash for its variants.
fn plain_sign(c: char) -> char {
    match c {
        '`' | '´' | 'ʹ'..='ʼ' | '‘'..='‛' | '′' | '＇' => '\'',
        '‐'..='―' | '−' => '-',
        c => c,
    }
}

/// Whether the character is visible: neither a combining mark nor a format character.
fn is_seen(c: char) -> bool {
    c.general_category_group() != GeneralCategoryGroup::Mark
        && c.general_category() != GeneralCategory::Format
}

/// Returns the positions in a [plain](plain()) name at which a match may begin: the beginning of the name, and that of
/// each word.
fn match_starts(name: &str) -> impl Iterator<Item = usize> {
    let mut before = None;
    name.char_indices().filter_map(move |(at, c)| {
        let is_start = before.replace(c).is_none_or(|before| begins_a_word(before, c));
        is_start.then_some(at)
    })
}

fn begins_a_word(before: char, c: char) -> bool {
    is_word_char(c) && (!is_word_char(before) || has_no_spaces(before) || has_no_spaces(c))
}

/// Whether the character can be part of a word.
pub fn is_word_char(c: char) -> bool {
    matches!(c.general_category_group(), GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number)
}

/// Whether the character's script is written without spaces, so that a word may begin at each character.
fn has_no_spaces(c: char) -> bool {
    use Script::{Han, Hiragana, Katakana, Khmer, Lao, Myanmar, Thai};
    [Han, Hiragana, Katakana, Khmer, Lao, Myanmar, Thai].contains(&c.script())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_prefixes_of_words_without_regard_to_accents() {
        let cases: Vec<(String, String, bool)> = serde_json::from_str(include_str!("finding.json")).unwrap();
        assert!(cases.len() > 30, "the table was not understood");
        for (name, query, expected) in cases {
            let wanted = wanted(&query);
            assert_eq!(is_found(&name, &wanted), expected, "{name:?} by {query:?}");
            let is_kept = starts(&name).contains(start_of(&wanted));
            assert_eq!(
                is_kept, expected,
                "a store would not find {name:?} by {query:?}, or would too easily"
            );
        }
    }

    #[test]
    fn matches_of_the_whole_name_come_first() {
        assert_eq!(match_name("Çat", &wanted("cat")), Some(NameMatch::Name));
        assert_eq!(match_name("Tom Cat", &wanted("cat")), Some(NameMatch::Word));
        assert_eq!(match_name("(cat)", &wanted("(c")), Some(NameMatch::Name));
        assert_eq!(match_name("Tom Cat", &wanted("at")), None);
        assert!(NameMatch::Name < NameMatch::Word);
    }

    #[test]
    fn a_name_has_each_start_once_and_none_is_longer_than_a_username() {
        assert_eq!(Vec::from_iter(starts("To to")), ["", "t", "to", "to ", "to t", "to to"]);
        assert_eq!(Vec::from_iter(starts("\u{200b}")), [""]);
        let syllables = "각".repeat(20);
        let long = wanted(&syllables);
        assert_eq!(long.chars().count(), 60);
        assert!(starts(&syllables).contains(start_of(&long)));
        assert_eq!(starts(&syllables).len(), 1 + START_CHARS);
    }
}
