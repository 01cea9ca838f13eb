//! Decides which names could be mistaken for each other, by their skeletons (Unicode Technical Standard 39): texts that
//! look the same have the same skeleton.
//!
//! Stores keep the result of [`looks`]. It changes with the tables of Unicode and with the rules here; a release with
//! newer ones empties the stored values by a migration, and the server computes them again at start-up.

use chat_names::{folded, normal, spaced};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};
use unicode_security::mixed_script::AugmentedScriptSet;
use unicode_security::skeleton;

use super::is_of;

/// Maximum number of rounds that simplify a look; few are ever needed.
const MAX_ROUNDS: usize = 8;

const DOT_ABOVE: char = '\u{307}';

/// Small letters with a dot above that other marks replace (Unicode's property Soft_Dotted, without letters that are
/// composed or compatibility forms).
const DOTTED: [char; 11] = [
    'i',
    'j',
    '\u{249}',
    '\u{268}',
    '\u{29d}',
    '\u{3f3}',
    '\u{456}',
    '\u{458}',
    '\u{1d96}',
    '\u{1df1a}',
    '\u{1e068}',
];

/// Whether two names are the same, or look so alike that one could be mistaken for the other. Between names of one
/// script only the first counts: a reader of that script can distinguish `mike` from `rnike`, and a stricter rule would
/// make ordinary names collide.
pub fn is_mistakable(one: &str, other: &str) -> bool {
    if bare_form(one) == bare_form(other) {
        return true;
    }
    let mut scripts = AugmentedScriptSet::for_str(one);
    scripts.intersect_with(AugmentedScriptSet::for_str(other));
    let theirs = looks(other);
    scripts.is_empty() && looks(one).iter().any(|look| theirs.contains(look))
}

/// Returns what a name looks like, in lower case and as written: names that could be mistaken for each other have at
/// least one look in common. The result has one or two elements.
pub fn looks(name: &str) -> Vec<String> {
    // A reader who takes TINA for tina reads a capital as its small letter, but the skeleton of I is l.
    let mut looks = shapes(name).map(|shape| shape.replace('i', "l")).to_vec();
    looks.dedup();
    looks
}

/// Whether a name could be read as a word of small Latin letters. An l in the name's shape may stand for I, a capital
/// i; but nobody reads an i as l.
pub(super) fn is_read_as(name: &str, word: &str) -> bool {
    let word = shape(word);
    let is_read = |shape: &String| {
        let mut pairs = shape.chars().zip(word.chars());
        shape.len() == word.len() && pairs.all(|(seen, meant)| seen == meant || seen == 'l' && meant == 'i')
    };
    shapes(name).iter().any(is_read)
}

fn shapes(name: &str) -> [String; 2] {
    [shape(&bare_form(name)), shape(&visible(name))]
}

/// Returns the skeleton, folded until it no longer changes. Letters that look alike may have small forms that do not,
/// and these may look like other letters again: `M` of another script looks like the Latin one, whose small form m has
/// the same skeleton as rn.
fn shape(text: &str) -> String {
    let mut shape = text.to_owned();
    for _ in 0..MAX_ROUNDS {
        let simpler = folded(&undotted_or(&skeleton(&shape).collect::<String>(), &['I', 'l']));
        if simpler == shape {
            break;
        }
        shape = simpler;
    }
    shape
}

/// Returns a name without differences of case and form, and without invisible characters.
fn bare_form(name: &str) -> String {
    let seen: String = visible(name).chars().flat_map(plain_sign).collect();
    normal(&undotted(&folded(&spaced(&normal(&seen)))))
}

/// Returns the visible characters of a name.
fn visible(name: &str) -> String {
    let seen: String = name.chars().filter(|&c| !is_ignorable(c)).collect();
    spaced(&normal(&seen))
}

/// Returns the visible characters of a name in lower case, with each sign replaced by the plain one that it looks like.
pub(super) fn with_plain_signs(name: &str) -> String {
    folded(&visible(name).chars().flat_map(plain_sign).collect::<String>())
}

/// Returns the plain form of a sign. Signs that look alike are the same to readers of every script, and so is a rare
/// Latin letter that looks like a sign. Digits and letters of other scripts are left alone: readers of these scripts
/// can distinguish them.
fn plain_sign(c: char) -> Vec<char> {
    let alike: Vec<char> = skeleton(c.encode_utf8(&mut [0; 4])).collect();
    let is_read = matches!(
        c.general_category_group(),
        GeneralCategoryGroup::Letter | GeneralCategoryGroup::Mark | GeneralCategoryGroup::Number
    );
    let may_be_one = !is_read || c.script() == Script::Latin;
    let looks_so = may_be_one && !alike.is_empty() && alike.iter().all(|&c| is_sign(c));
    if is_sign(c) || looks_so { alike } else { vec![c] }
}

fn is_sign(c: char) -> bool {
    c.script() == Script::Common && !is_of(c, GeneralCategoryGroup::Number)
}

/// Removes dots above letters that have one anyway, since they are invisible; a dotless letter with such a dot becomes
/// the dotted one.
pub(super) fn undotted(text: &str) -> String {
    undotted_or(text, &[])
}

fn undotted_or(text: &str, more: &[char]) -> String {
    let mut kept: Vec<char> = Vec::new();
    let mut dotted = None;
    for c in text.nfd() {
        match (dotted, c, canonical_combining_class(c)) {
            (Some(at), DOT_ABOVE, _) => {
                kept[at] = match kept[at] {
                    'ı' => 'i',
                    'ȷ' => 'j',
                    other => other,
                };
                continue;
            }
            (_, _, 0) => {
                let has_one = DOTTED.contains(&c) || matches!(c, 'ı' | 'ȷ') || more.contains(&c);
                dotted = has_one.then_some(kept.len());
            }
            // Another mark above replaces the letter's dot, so a dot that follows is visible.
            (_, _, 230) => dotted = None,
            _ => {}
        }
        kept.push(c);
    }
    kept.into_iter().collect()
}

/// Whether a character is skipped where it is not supported (Unicode's property Default_Ignorable_Code_Point).
pub(super) fn is_ignorable(c: char) -> bool {
    skeleton(c.encode_utf8(&mut [0; 4])).next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookalikes_of_a_name_are_taken_with_it() {
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
    fn names_of_one_script_are_distinguished_by_its_readers() {
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

    /// Whether the two could be mistaken for each other, and a store that searches by look finds one by the other.
    fn is_taken(one: &str, other: &str) -> bool {
        let theirs = looks(other);
        let is_found = looks(one).iter().any(|look| theirs.contains(look));
        let is_taken = is_mistakable(one, other);
        assert_eq!(is_taken, is_mistakable(other, one), "{one:?} {other:?}");
        assert!(is_found || !is_taken, "a store would not see {one:?} beside {other:?}");
        is_taken
    }

    #[test]
    fn capitals_of_another_script_make_no_second_name() {
        for (name, other) in [
            ("max", "\u{41c}ax"),
            ("mike", "\u{41c}ike"),
            ("tom", "\u{422}\u{41e}\u{41c}"),
            ("Emma", "\u{415}\u{41c}\u{41c}\u{410}"),
            ("emma", "EM\u{41c}A"),
            ("thomas", "THO\u{41c}AS"),
            ("kevin", "\u{41a}EVIN"),
            ("tina", "\u{422}INA"),
            ("brian", "\u{412}RIAN"),
            ("heidi", "\u{41d}EIDI"),
            ("tilia", "\u{422}iLIA"),
            ("mimi", "\u{39c}I\u{39c}i"),
            ("tina", "\u{422}\u{130}NA"),
        ] {
            assert!(is_taken(name, other), "{name} {other}");
        }
        assert!(
            !is_taken("mike", "rnike") && !is_taken("Ian", "lan"),
            "who reads the script tells them apart"
        );
    }

    #[test]
    fn a_dot_on_a_letter_that_has_one_makes_no_second_name() {
        for (name, other) in [
            ("alice", "ali\u{307}ce"),
            ("alice", "ali\u{307}\u{307}ce"),
            ("alice", "al\u{131}\u{307}ce"),
            ("john", "j\u{307}ohn"),
            ("jon", "\u{237}\u{307}on"),
            ("al\u{12f}ce", "al\u{12f}\u{307}ce"),
            ("al\u{1ecb}ce", "ali\u{307}\u{323}ce"),
            ("\u{456}\u{432}\u{430}\u{43d}", "\u{456}\u{307}\u{432}\u{430}\u{43d}"),
            ("\u{130}brahim", "ibrahim"),
        ] {
            assert!(is_taken(name, other), "{name} {other}");
        }
        for (name, other) in [("zoe", "z\u{22f}e"), ("\u{457}van", "\u{456}van"), ("m\u{ed}a", "mia")] {
            assert!(!is_taken(name, other), "{name} {other}: these are seen");
        }
    }

    #[test]
    fn signs_of_no_script_are_distinguished_by_nobody() {
        for (name, other) in [
            ("jean-luc", "jean\u{2010}luc"),
            ("jean-luc", "jean\u{2011}luc"),
            ("a:b", "a\u{a789}b"),
            ("o'brian", "o\u{2019}brian"),
            ("o'brian", "O\u{2bc}Brian"),
            ("wow!", "wow\u{1c3}"),
            ("\u{43e}\u{43b}\u{44f}-1", "\u{43e}\u{43b}\u{44f}\u{2010}1"),
        ] {
            assert!(is_taken(name, other), "{name} {other}");
        }
        for (name, other) in [
            ("jean-luc", "jeanluc"),
            ("b0b", "bob"),
            ("tom1", "toml"),
            ("a.b", "a:b"),
            ("דודי", "דוד'"),
            ("スー", "ス一"),
            ("عمر٠", "عمر."),
        ] {
            assert!(!is_taken(name, other), "{name} {other}");
        }
    }
}
