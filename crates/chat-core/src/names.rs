//! What a name may be that others see, of users and of groups, so that it is what it looks like: one form for what is
//! the same, nothing that cannot be seen, and nobody's name mistaken for another's.
//!
//! Names from before these rules stay as they are and go on working: nothing here may be asked of a name that is stored.

mod finding;
mod looks;
mod report;

use std::ops::RangeInclusive;

pub use finding::{beginnings, end_of, is_found, wanted};
pub use looks::{is_mistakable, looks};
pub use report::{Report, report};
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

use crate::accounts::folded;
use crate::error::{Error, Result};

/// How many characters a username has.
pub const USERNAME_CHARS: RangeInclusive<usize> = 3..=32;

/// Words that mean something to clients (`@all`) or would let somebody speak in the server's name.
const RESERVED: [&str; 20] = [
    "admin",
    "administrator",
    "all",
    "channel",
    "chatserver",
    "everybody",
    "everyone",
    "here",
    "moderator",
    "null",
    "official",
    "postmaster",
    "root",
    "security",
    "staff",
    "support",
    "sysadmin",
    "system",
    "undefined",
    "webmaster",
];

/// Characters of categories that are seen, and yet nothing is to be seen of them.
const BLANKS: [char; 6] = ['\u{115f}', '\u{1160}', '\u{2800}', '\u{13441}', '\u{13442}', '\u{1d159}'];

/// The form in which a username is kept and shown.
///
/// # Errors
/// If it may not be registered; the sentence says why.
pub fn username(wished: &str) -> Result<String> {
    let unfit = |reason: &str| Error::invalid("username", reason);
    let name = cleaned("username", wished)?;
    // Said of what was typed: a name that came out differently would surprise whoever logs in with it.
    if wished.trim() != wished || !USERNAME_CHARS.contains(&name.chars().count()) {
        return Err(unfit("must be 3 to 32 characters, without spaces at its ends"));
    }
    if !name.chars().any(|c| is_of(c, GeneralCategoryGroup::Letter) || is_of(c, GeneralCategoryGroup::Number))
    {
        return Err(unfit("must have a letter or a digit"));
    }
    if name.contains('@') {
        return Err(unfit("must not hold an @, so that no name looks like somebody's address"));
    }
    if is_reserved(&name) {
        return Err(unfit("must not be a word that is kept for the server, or look like one"));
    }
    Ok(name)
}

/// The form in which a group's name is kept and shown.
///
/// # Errors
/// If no group may be called so; the sentence says why.
pub fn group_name(wished: &str, max_chars: usize) -> Result<String> {
    let name = cleaned("name", wished)?;
    if !(1..=max_chars).contains(&name.chars().count()) {
        return Err(Error::invalid("name", format!("must be 1 to {max_chars} printable characters")));
    }
    if !name.chars().any(|c| !c.is_whitespace() && !is_of(c, GeneralCategoryGroup::Mark)) {
        return Err(Error::invalid("name", "must have a character that can be seen"));
    }
    Ok(name)
}

/// The form in which what somebody typed is compared and kept, whatever keyboard it came from.
pub fn normal(text: &str) -> String {
    text.nfkc().collect()
}

/// The forms under which an account may be stored that somebody names so, the likeliest first: as it was typed, as it
/// would be stored now, and as devices that take letters apart have given it to earlier releases.
pub fn login_keys(typed: &str) -> Vec<String> {
    let mut keys = vec![folded(typed)];
    for other in [folded(&spaced(&normal(typed))), folded(&typed.nfd().collect::<String>())] {
        if !keys.contains(&other) {
            keys.push(other);
        }
    }
    keys
}

/// What somebody is told whose wished name could be taken for somebody else's.
pub fn looks_taken() -> Error {
    Error::conflict("username_taken", "That username looks like one that is registered; choose another")
}

/// Whether nothing is to be seen of the text.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_unseen(c))
}

fn is_reserved(name: &str) -> bool {
    let looks_like = looks(name);
    RESERVED.iter().any(|word| looks(word).iter().any(|look| looks_like.contains(look)))
}

/// NFKC, without white space at the ends and with single spaces inside, of visible characters only.
fn cleaned(field: &'static str, wished: &str) -> Result<String> {
    let trimmed = normal(wished.trim());
    let characters: Vec<char> = trimmed.chars().collect();
    for (at, &c) in characters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| characters[before]);
        if is_refused(c) && !is_at_work(before, c, characters.get(at + 1).copied()) {
            let reason =
                format!("must not hold characters that cannot be seen, such as U+{:04X}", u32::from(c));
            return Err(Error::invalid(field, reason));
        }
    }
    if characters.first().is_some_and(|&c| is_of(c, GeneralCategoryGroup::Mark)) {
        return Err(Error::invalid(field, "must not begin with a mark that belongs to a letter before it"));
    }
    Ok(spaced(&trimmed))
}

/// With one space where white space is.
fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_of(c: char, group: GeneralCategoryGroup) -> bool {
    c.general_category_group() == group
}

/// What is never part of a name by itself: controls, characters without a look, marks of direction, and those of which
/// nobody knows how they look.
fn is_refused(c: char) -> bool {
    use GeneralCategory::{
        Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned,
    };
    let unseen = [Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned];
    unseen.contains(&c.general_category()) || is_unseen(c)
}

/// Blank, or ignored where it is not supported. The skeleton of a text leaves out what is ignored.
fn is_unseen(c: char) -> bool {
    BLANKS.contains(&c) || looks::is_ignorable(c)
}

/// Whether an invisible character changes how its neighbours look: the joiners of scripts whose letters join, the
/// parts of emoji, and the variants of Han characters. Names that differ in these alone are one name all the same.
fn is_at_work(before: Option<char>, c: char, after: Option<char>) -> bool {
    let Some(before) = before else { return false };
    match c {
        '\u{200c}' | '\u{200d}' if joins(before) => after.is_some_and(joins),
        '\u{200d}' => is_emoji(before) && after.is_some_and(is_emoji),
        '\u{fe0e}' | '\u{fe0f}' => is_emoji(before) || before.is_ascii_digit(),
        '\u{e0100}'..='\u{e01ef}' => before.script() == Script::Han,
        _ => false,
    }
}

fn joins(c: char) -> bool {
    use Script::{
        Arabic, Bengali, Devanagari, Gujarati, Gurmukhi, Kannada, Khmer, Malayalam, Oriya, Sinhala, Syriac,
        Tamil, Telugu,
    };
    let scripts = [
        Arabic, Bengali, Devanagari, Gujarati, Gurmukhi, Kannada, Khmer, Malayalam, Oriya, Sinhala, Syriac,
        Tamil, Telugu,
    ];
    scripts.contains(&c.script())
}

/// Symbols, the colours of skin, and what says that a symbol is to be an emoji.
fn is_emoji(c: char) -> bool {
    c == '\u{fe0f}' || is_of(c, GeneralCategoryGroup::Symbol) && !c.is_ascii() && !BLANKS.contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_have_3_to_32_characters() {
        for good in ["tom", "Jérôme", &"x".repeat(32), &"猫".repeat(32), "two words", "100%", "a_b", "m&m 0"]
        {
            assert_eq!(username(good).unwrap(), good);
        }
        for bad in ["", "to", &"x".repeat(33), " tom", "tom ", "\u{a0}tom", "t\0m", "tom\u{1b}[31m", "é2"] {
            assert!(username(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_the_same_is_kept_in_one_form() {
        for (wished, kept) in [
            ("jose\u{301}", "josé"),
            ("ａｌｉｃｅ", "alice"),
            ("𝓪𝓵𝓲𝓬𝓮", "alice"),
            ("two  words", "two words"),
            ("two\u{a0}\u{2003}words", "two words"),
            ("ﬁona", "fiona"),
        ] {
            assert_eq!(username(wished).unwrap(), kept);
            assert_eq!(group_name(wished, 100).unwrap(), kept);
        }
    }

    #[test]
    fn nothing_in_a_name_is_invisible() {
        let unseen = [
            "\u{200b}",
            "\u{200c}",
            "\u{200d}",
            "\u{200e}",
            "\u{200f}",
            "\u{202a}",
            "\u{202e}",
            "\u{2066}",
            "\u{2069}",
            "\u{ad}",
            "\u{34f}",
            "\u{61c}",
            "\u{115f}",
            "\u{1160}",
            "\u{3164}",
            "\u{ffa0}",
            "\u{2800}",
            "\u{180e}",
            "\u{feff}",
            "\u{fe0f}",
            "\u{e0041}",
            "\u{e007f}",
            "\u{e0100}",
            "\u{e000}",
            "\u{f0000}",
            "\u{10fffd}",
            "\u{378}",
            "\u{e0fff}",
            "\u{fff9}",
            "\u{2028}",
            "\u{7}",
            "\u{85}",
            "\u{13441}",
        ];
        for unseen in unseen {
            for name in
                [format!("bob{unseen}"), format!("b{unseen}ob"), format!("{unseen}bob"), unseen.repeat(3)]
            {
                // White space at the ends of a group's name goes, whatever it is.
                let is_space = unseen.trim().is_empty();
                assert!(username(&name).is_err(), "{name:?}");
                assert!(is_space || group_name(&name, 100).is_err(), "{name:?}");
            }
        }
        assert!(is_blank(" \u{3164}\u{200b}\u{2800}\t") && is_blank("") && !is_blank("\u{200b}."));
    }

    #[test]
    fn what_is_invisible_and_at_work_stays() {
        for name in ["می\u{200c}خواهم", "क्\u{200d}ष", "葛\u{e0100}城市"] {
            assert_eq!(username(name).unwrap(), name);
        }
        for name in ["❤\u{fe0f} team", "👩\u{200d}💻", "🏳\u{fe0f}\u{200d}🌈", "1\u{fe0f}\u{20e3}"]
        {
            assert_eq!(group_name(name, 100).unwrap(), name);
        }
        assert!(is_mistakable("می\u{200c}خواهم", "میخواهم"), "and makes no second name");
    }

    #[test]
    fn a_username_has_a_letter_or_a_digit() {
        for bad in ["...", "???", "🎉🎉🎉", "- - -", "\u{301}\u{301}\u{301}"] {
            assert!(username(bad).is_err(), "{bad:?}");
        }
        assert_eq!(username("🎉 7").unwrap(), "🎉 7");
        assert_eq!(group_name("🎉", 100).unwrap(), "🎉");
        assert_eq!(group_name("???", 100).unwrap(), "???");
        assert!(username("\u{301}bob").is_err() && group_name("\u{301}", 100).is_err());
    }

    #[test]
    fn words_with_a_meaning_are_nobodys_name_and_neither_is_what_looks_like_them() {
        for bad in [
            "all",
            "ALL",
            "aII",
            "аll",
            "ａｌｌ",
            "Here",
            "admin",
            "аdmin",
            "ADMIN",
            "r00t",
            "sуstem",
            "nuIl",
        ] {
            assert!(username(bad).is_err(), "{bad:?}");
        }
        for good in ["ally", "hereby", "sysadmins", "tom", "rooty", "Allan"] {
            assert!(username(good).is_ok(), "{good}");
        }
        assert_eq!(group_name("all", 100).unwrap(), "all", "a group may be called so");
    }

    #[test]
    fn no_username_looks_like_an_address() {
        for bad in ["tom@temp.com", "tom＠temp.com", "@tom", "tom﹫x"] {
            assert!(username(bad).is_err(), "{bad:?}");
        }
        assert_eq!(group_name("us @ work", 100).unwrap(), "us @ work");
    }

    #[test]
    fn group_names_are_trimmed_and_bounded() {
        assert_eq!(group_name("  Cheese \n", 100).unwrap(), "Cheese");
        for bad in ["", "   ", "a\u{7}b", &"x".repeat(101)] {
            assert!(matches!(group_name(bad, 100), Err(Error::Invalid { field: "name", .. })), "{bad:?}");
        }
        assert!(group_name(&"é".repeat(100), 100).is_ok());
    }

    #[test]
    fn accounts_are_looked_for_in_every_form_in_which_they_may_be_stored() {
        assert_eq!(login_keys("Tom"), ["tom"]);
        assert_eq!(login_keys("Jose\u{301}"), ["jose\u{301}", "josé"]);
        assert_eq!(login_keys("josé"), ["josé", "jose\u{301}"]);
        assert_eq!(login_keys("ｔｏｍ "), ["ｔｏｍ ", "tom"]);
    }
}
