//! Which names could be taken for each other: by their skeletons (Unicode Technical Standard 39), which are the same for
//! what looks the same.
//!
//! Stores keep what [`looks`] gives. It changes with the tables of Unicode; a release with newer ones empties what is
//! kept by a migration, and it is made anew at the start.

use unicode_security::mixed_script::AugmentedScriptSet;
use unicode_security::skeleton;

use super::{normal, spaced};
use crate::accounts::folded;

/// Whether two names are one, or look so much alike that one could be taken for the other. Between names of one script
/// only the first counts: whoever reads that script tells `mike` from `rnike`, and honest names would be in each other's
/// way.
pub fn is_mistakable(one: &str, other: &str) -> bool {
    if essence(one) == essence(other) {
        return true;
    }
    let mut scripts = AugmentedScriptSet::for_str(one);
    scripts.intersect_with(AugmentedScriptSet::for_str(other));
    let theirs = looks(other);
    scripts.is_empty() && looks(one).iter().any(|look| theirs.contains(look))
}

/// What names look like, in small letters and as they are written: names that could be taken for each other have one of
/// these in common. One or two.
pub fn looks(name: &str) -> Vec<String> {
    let small = shape(&folded(name));
    let written = shape(name);
    if small == written { vec![small] } else { vec![small, written] }
}

/// Letters that look alike may have small forms that don't, so each shape is made small again.
fn shape(name: &str) -> String {
    folded(&skeleton(name).collect::<String>())
}

/// What is left of a name without case, form, and what is not seen.
fn essence(name: &str) -> String {
    let seen: String = name.chars().filter(|&c| !is_ignorable(c)).collect();
    normal(&folded(&spaced(&normal(&seen))))
}

/// Whether a character is left out where it is not supported (Unicode's property Default_Ignorable_Code_Point).
pub(super) fn is_ignorable(c: char) -> bool {
    skeleton(c.encode_utf8(&mut [0; 4])).next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_name_is_taken_with_it() {
        for other in [
            "Alice",
            "ALICE",
            "Аlice",
            "Alісe",
            "АLІСЕ",
            "Ａｌｉｃｅ",
            "𝓐𝓵𝓲𝓬𝓮",
            "Al\u{200b}ice",
            "Al\u{ad}ice",
            "\u{202e}Alice",
            "Alice\u{3164}",
            "Alice\u{e0041}",
        ] {
            assert!(is_mistakable("alice", other) && is_mistakable(other, "alice"), "{other:?}");
            let theirs = looks(other);
            assert!(
                looks("alice").iter().any(|look| theirs.contains(look)),
                "a store would not see {other:?}"
            );
        }
        assert!(is_mistakable("José", "jose\u{301}"));
        assert!(is_mistakable("bob", "ВОВ"), "capitals that look alike");
        assert!(is_mistakable("pop", "рор"), "all letters of another script");
    }

    #[test]
    fn names_of_one_script_are_told_apart_by_who_reads_it() {
        for (one, other) in [
            ("mike", "rnike"),
            ("Iris", "lris"),
            ("b0b", "bob"),
            ("Zoë", "Zoe"),
            ("Ян", "Яп"),
            ("l11", "lll"),
        ] {
            assert!(!is_mistakable(one, other), "{one} {other}");
        }
        assert!(!is_mistakable("вов", "bob"), "small letters that do not look alike");
        assert!(!is_mistakable("tom", "tim"));
    }
}
