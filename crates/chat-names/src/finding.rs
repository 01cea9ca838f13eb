//! How names are found by what somebody types: by the beginning of any word, whatever its accents, case and form. The
//! web client has the same rule (`web/src/text/finding.ts`); `finding.json` is the cases that hold both to it.

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

/// How well a name fits, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// It begins so.
    Name,
    /// Another word of it does.
    Word,
}

/// What a query is looked for as. An empty one finds everybody.
pub fn wanted(query: &str) -> String {
    plain(query).trim_start().to_owned()
}

/// How the name fits what is wanted, if it does; that is made by [`wanted()`].
pub fn fit(name: &str, wanted: &str) -> Option<Fit> {
    if wanted.is_empty() {
        return Some(Fit::Name);
    }
    let name = plain(name);
    let found = places(&name).find(|at| name[*at..].starts_with(wanted));
    found.map(|at| if at == 0 { Fit::Name } else { Fit::Word })
}

/// Whether somebody who typed this finds the name; `wanted` is made by [`wanted()`].
pub fn is_found(name: &str, wanted: &str) -> bool {
    fit(name, wanted).is_some()
}

/// The name from each place at which what is typed may begin. Whoever looks for those that begin so has found it.
pub fn beginnings(name: &str) -> Vec<String> {
    let plain = plain(name);
    places(&plain).map(|at| plain[at..].to_owned()).collect()
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
pub fn plain(text: &str) -> String {
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

/// Where in a [plain](plain()) name what is typed may begin: at its own beginning, whatever that is, and at each word's.
fn places(name: &str) -> impl Iterator<Item = usize> {
    let mut before = None;
    name.char_indices().filter_map(move |(at, c)| {
        let is_place = before.replace(c).is_none_or(|before| begins_a_word(before, c));
        is_place.then_some(at)
    })
}

fn begins_a_word(before: char, c: char) -> bool {
    is_of_words(c) && (!is_of_words(before) || has_no_spaces(before) || has_no_spaces(c))
}

/// Whether words are made of it.
pub fn is_of_words(c: char) -> bool {
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
    fn names_are_found_by_the_beginnings_of_words_whatever_their_accents() {
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
    fn names_that_begin_so_fit_best() {
        assert_eq!(fit("Çat", &wanted("cat")), Some(Fit::Name));
        assert_eq!(fit("Tom Cat", &wanted("cat")), Some(Fit::Word));
        assert_eq!(fit("(cat)", &wanted("(c")), Some(Fit::Name));
        assert_eq!(fit("Tom Cat", &wanted("at")), None);
        assert!(Fit::Name < Fit::Word);
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
