//! The words of a text as the index stores them: runs of letters and digits, in lower case, and Latin ones
//! without their accents. Pure; queries and indexed texts use the same functions.

use std::fmt::Write as _;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::{canonical_combining_class, decompose_canonical, is_combining_mark};

/// Upper bound for a word, in bytes; longer words are cut. It is more than a query may have, and less than
/// PostgreSQL can store.
const MAX_WORD_BYTES: usize = 1024;
/// PostgreSQL's limits: positions in a text, and a vector of less than a mebibyte.
const MAX_POSITIONS: usize = 16_383;
const MAX_BYTES: usize = 512 * 1024;

/// Returns the words in their order.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut reader = Reader::default();
    if text.is_ascii() {
        text.chars().for_each(|c| reader.read(c));
    } else {
        // Compose first, so that a letter and its accent are one character in any script that has one.
        text.nfc().for_each(|c| reader.read(c));
    }
    reader.end();
    reader.words
}

/// Returns the text of a `tsvector`: the words with their positions, and the labels, which no text can
/// contain.
pub(super) fn vector(text: &str, labels: &[String]) -> String {
    let mut vector = String::with_capacity(2 * text.len());
    for label in labels {
        // Writing to a string does not fail.
        let _ = write!(vector, "'{label}' ");
    }
    for (position, word) in (1..=MAX_POSITIONS).zip(words(text)) {
        if vector.len() + word.len() > MAX_BYTES {
            break;
        }
        let _ = write!(vector, "'{word}':{position} ");
    }
    vector
}

#[derive(Default)]
struct Reader {
    words: Vec<String>,
    word: String,
}

impl Reader {
    fn read(&mut self, c: char) {
        if c.is_ascii() {
            match c.is_ascii_alphanumeric() {
                true => self.push(c.to_ascii_lowercase()),
                false => self.end(),
            }
        } else if is_combining_mark(c) {
            // The mark belongs to the letter before it. A vowel of an Indic script stands for a sound. An
            // accent does not count, nor does a point that Hebrew and Arabic are mostly written without.
            if !self.word.is_empty() && !is_accent(c) {
                self.push(c);
            }
        } else if c.is_alphanumeric() {
            // Convert to upper case first, because some letters have two lower-case forms (σ and ς).
            without_accent(c).to_uppercase().flat_map(char::to_lowercase).for_each(|c| self.push(c));
        } else {
            self.end();
        }
    }

    fn push(&mut self, c: char) {
        if self.word.len() < MAX_WORD_BYTES {
            self.word.push(c);
        }
    }

    fn end(&mut self) {
        if !self.word.is_empty() {
            self.words.push(std::mem::take(&mut self.word));
        }
    }
}

/// Accents and points have these classes; marks around a character and selectors of its form have class 0.
fn is_accent(mark: char) -> bool {
    matches!(canonical_combining_class(mark), 10..=36 | 200..)
        || matches!(mark, '\u{20dd}'..='\u{20e4}' | '\u{fe00}'..='\u{fe0f}')
}

/// Returns a Latin letter without its accents.
fn without_accent(c: char) -> char {
    let mut base = None;
    decompose_canonical(c, |part| {
        base.get_or_insert(part);
    });
    base.filter(char::is_ascii_alphabetic).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        for (text, expected) in [
            ("The Blue cheese", vec!["the", "blue", "cheese"]),
            ("it's Jerry's (4711)", vec!["it", "s", "jerry", "s", "4711"]),
            ("tom@example.com, a-b_c/d", vec!["tom", "example", "com", "a", "b", "c", "d"]),
            ("奶酪 is cheese", vec!["奶酪", "is", "cheese"]),
            ("\0 ' \\ : & | ! <-> * \"", vec![]),
            ("❤️ 👍 1️⃣", vec!["1"]),
            ("", vec![]),
        ] {
            assert_eq!(words(text), expected, "{text:?}");
        }
    }

    #[test]
    fn case_does_not_count_and_neither_do_accents_of_latin_letters() {
        for (text, expected) in [
            ("Crème BRÛLÉE", "creme brulee"),
            ("cre\u{300}me bru\u{302}le\u{301}e", "creme brulee"),
            ("x\u{302}", "x"),
            ("Ærø", "ærø"),
            ("Tiếng Việt ỮU", "tieng viet uu"),
            ("İstanbul", "istanbul"),
            ("ΣΊΣΥΦΟΣ σίσυφος", "σίσυφοσ σίσυφοσ"),
            ("СЫР", "сыр"),
            ("ёлка и й", "ёлка и й"),
            ("и\u{306}", "й"),
            ("\u{301}a\u{301}", "a"),
        ] {
            assert_eq!(words(text).join(" "), expected, "{text:?}");
        }
    }

    #[test]
    fn vowels_of_other_scripts_stay_with_their_letters_and_points_do_not() {
        assert_eq!(words("हिन्दी"), ["हिन्दी"]);
        assert_eq!(words("שָׁלוֹם"), words("שלום"));
        assert_eq!(words("مُحَمَّد"), words("محمد"));
    }

    #[test]
    fn a_vector_has_each_word_with_its_position() {
        let labels = ["@u7".to_owned(), "@m".to_owned()];
        assert_eq!(vector("It's it", &labels), "'@u7' '@m' 'it':1 's':2 'it':3 ");
        assert_eq!(vector("", &[]), "");
    }

    #[test]
    fn a_vector_never_exceeds_the_limits_of_postgresql() {
        let long = "ß".repeat(2000);
        assert!(words(&long)[0].len() <= MAX_WORD_BYTES + 4);
        let many = format!("{} ", "é".repeat(600)).repeat(1000);
        assert!(vector(&many, &[]).len() < MAX_BYTES + 100);
        assert!(vector(&"a ".repeat(20_000), &[]).ends_with("'a':16383 "));
    }
}
