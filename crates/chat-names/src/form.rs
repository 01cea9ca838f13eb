//! Forms in which names are compared. People type them on other keyboards than those that they were registered on.

use unicode_normalization::UnicodeNormalization;

/// The form in which what somebody typed is compared and kept, whatever keyboard it came from.
pub fn normal(text: &str) -> String {
    text.nfkc().collect()
}

/// The form under which names and addresses are compared. By way of upper case, because some letters have two lower
/// ones (σ and ς), and letter by letter, so that the form of a beginning is the beginning of the form.
pub fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// With one space where white space is, and none at the ends.
pub fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The form in which names are the same that differ in case, in the form of their characters (NFKC) and in how much space
/// is between their words.
pub fn comparable(name: &str) -> String {
    normal(&folded(&spaced(&normal(name))))
}

/// Whether both are the name of one user or group, however they were typed. When somebody logs in, the server looks for
/// names in the same way.
pub fn is_same_name(one: &str, other: &str) -> bool {
    comparable(one) == comparable(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_regard_to_case() {
        for (one, other) in
            [("Tom", "tOM"), ("ÉMILE", "émile"), ("ΟΔΟΣ", "οδοσ"), ("οδος", "ΟΔΟΣ"), ("STRASSE", "straße")]
        {
            assert_eq!(folded(one), folded(other));
        }
        assert_ne!(folded("tom"), folded("tomo"));
        assert!(folded("ΟΔΟΣ ΜΟΥ").starts_with(&folded("οδος")));
    }

    #[test]
    fn a_name_is_the_same_however_it_was_typed() {
        for (one, other) in [
            ("Zo\u{eb} \u{d6}zil", "zoe\u{308} o\u{308}zil"),
            ("jerry", "\u{ff2a}\u{ff25}\u{ff32}\u{ff32}\u{ff39}"),
            ("two words", " Two \u{a0} words"),
            ("\u{39f}\u{394}\u{39f}\u{3a3}", "\u{3bf}\u{3b4}\u{3bf}\u{3c2}"),
            ("stra\u{df}e", "STRASSE"),
        ] {
            assert!(is_same_name(one, other), "{one:?} {other:?}");
        }
        for (one, other) in [("jos\u{e9}", "jose"), ("tom", "torn"), ("two words", "twowords")] {
            assert!(!is_same_name(one, other), "{one:?} {other:?}");
        }
    }
}
