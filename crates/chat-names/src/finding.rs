//! How queries find names: by a prefix of any word, without regard to accents, case and form of characters. The web
//! client has the same rule (`web/src/text/finding.ts`); `finding.json` has the cases that test both.

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

/// Returns the rest of the name from each position at which a match may begin. A query finds the name if one of these
/// begins with it.
pub fn beginnings(name: &str) -> Vec<String> {
    let plain = plain(name);
    match_starts(&plain).map(|at| plain[at..].to_owned()).collect()
}

/// Returns the smallest text after all texts with this prefix, in the order of code points.
pub fn end_of(beginning: &str) -> String {
    let mut end = beginning.to_owned();
    while let Some(last) = end.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            end.push(next);
            return end;
        }
    }
    // After the last character there is no other. No name is 200 characters long.
    char::MAX.to_string().repeat(200)
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
            let is_kept = beginnings(&name).iter().any(|rest| rest.starts_with(&wanted));
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
    fn names_with_a_prefix_come_before_its_end() {
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
