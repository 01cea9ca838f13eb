//! Normal forms in which names are compared. People may type a name on another keyboard than the one it was registered
//! on.

use unicode_normalization::UnicodeNormalization;

/// Returns the normal form (NFKC) in which typed text is compared and stored.
pub fn normal(text: &str) -> String {
    text.nfkc().collect()
}

/// Returns the form in which names and addresses are compared without regard to case. It converts to upper case first,
/// because some letters have two lower case forms (σ and ς), and letter by letter, so that the form of a prefix is a
/// prefix of the form.
pub fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// Trims white space, and replaces each run of it by one space.
pub fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns a form that is equal for names that differ only in case, in the form of their characters (NFKC) or in white
/// space.
pub fn comparable(name: &str) -> String {
    normal(&folded(&spaced(&normal(name))))
}

/// Whether both are the name of the same user or group, however they were typed. The server compares names in the same
/// way when a user logs in.
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
    fn names_are_compared_in_their_normal_form() {
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
