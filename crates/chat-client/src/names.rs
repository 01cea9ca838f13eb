//! Which names are one: people type them on other keyboards than those that they were registered on.

use unicode_normalization::UnicodeNormalization;

/// Whether both are the name of one user or group, without regard to case, to the form of their characters (NFKC) and to
/// how much space is between their words. The server looks for names in the same way when somebody logs in.
pub fn is_same_name(one: &str, other: &str) -> bool {
    folded_name(one) == folded_name(other)
}

/// The form in which names are compared.
pub fn folded_name(name: &str) -> String {
    let spaced = name.nfkc().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    // By way of capitals, because some letters have two small ones.
    spaced.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
