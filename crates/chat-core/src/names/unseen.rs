//! Invisible characters in names. Those that change how their neighbours look stay; those that keyboards insert
//! although they have no effect in that place are removed; a name with any other invisible character is refused. Names
//! that differ only in such characters count as the same.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeEmoji, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

use super::{is_of, looks};

/// Characters that are invisible although their categories are visible ones: fillers, blank signs, and characters that
/// control how a neighbour is drawn.
const BLANKS: [char; 10] = [
    '\u{115f}',
    '\u{1160}',
    '\u{2800}',
    '\u{303f}',
    '\u{13440}',
    '\u{13441}',
    '\u{13442}',
    '\u{16fe4}',
    '\u{1bc9d}',
    '\u{1d159}',
];

/// Placeholders for an object or an undecodable character; how they are drawn differs.
const STAND_INS: [char; 2] = ['\u{fffc}', '\u{fffd}'];

/// Scripts in which joiners select the form of a letter.
const JOINING: [Script; 19] = [
    Script::Arabic,
    Script::Balinese,
    Script::Bengali,
    Script::Devanagari,
    Script::Gujarati,
    Script::Gurmukhi,
    Script::Javanese,
    Script::Kannada,
    Script::Khmer,
    Script::Malayalam,
    Script::Mongolian,
    Script::Myanmar,
    Script::Nko,
    Script::Oriya,
    Script::Sinhala,
    Script::Syriac,
    Script::Tamil,
    Script::Telugu,
    Script::Tibetan,
];

/// Scripts without spaces, in which U+200B marks where a line may break.
const SPACELESS: [Script; 4] = [Script::Khmer, Script::Lao, Script::Myanmar, Script::Thai];

/// A black flag with these tags is the flag of England, Scotland or Wales; no others are drawn.
const BLACK_FLAG: char = '\u{1f3f4}';
const REGIONS: [&str; 3] = ["gbeng", "gbsct", "gbwls"];
const END_OF_TAGS: char = '\u{e007f}';

enum Treatment {
    Keep,
    Remove,
    Refuse,
}

/// Removes characters without an effect, or returns the first one that is not allowed in names. Expects the text as
/// typed, because NFKC turns some emoji into letters.
pub(super) fn strip_ineffective(typed: &str) -> Result<String, char> {
    let mut kept = Vec::new();
    let mut rest = typed;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        if let Some(tags) = tags_of_a_flag(c, after) {
            kept.push(c);
            kept.extend(tags.chars());
            rest = &after[tags.len()..];
            continue;
        }
        rest = after;
        match if is_refused(c) { treatment(&kept, c, after) } else { Treatment::Keep } {
            Treatment::Keep => kept.push(c),
            Treatment::Remove => {}
            Treatment::Refuse => return Err(c),
        }
    }
    Ok(kept.into_iter().collect())
}

/// Whether a character is not allowed in names by itself: controls, characters without a visible form, direction marks,
/// and characters that fonts draw differently or not at all.
pub(super) fn is_refused(c: char) -> bool {
    use GeneralCategory::{
        Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned,
    };
    let unseen = [Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned];
    unseen.contains(&c.general_category()) || is_unseen(c) || STAND_INS.contains(&c)
}

/// Whether a character is blank, or skipped where it is not supported. A text's skeleton leaves out the latter.
pub(super) fn is_unseen(c: char) -> bool {
    BLANKS.contains(&c) || looks::is_ignorable(c)
}

/// Decides about an invisible character, given what is kept before it and what was typed after it.
fn treatment(before: &[char], c: char, after: &str) -> Treatment {
    let Some(&last) = before.last() else { return Treatment::Refuse };
    let next = after.chars().find(|&c| !looks::is_ignorable(c));
    let keep_if = |has_effect| if has_effect { Treatment::Keep } else { Treatment::Remove };
    match c {
        '\u{200c}' | '\u{200d}' if is_within(before, &JOINING) => {
            let is_inside = next.is_some_and(|next| is_one_of(next, &JOINING) || is_mark(next));
            keep_if(!looks::is_ignorable(last) && (is_inside || is_virama(last)))
        }
        '\u{200d}' if is_emoji(last) && after.chars().next().is_some_and(is_emoji) => Treatment::Keep,
        '\u{200b}' if is_within(before, &SPACELESS) => Treatment::Remove,
        '\u{180b}'..='\u{180d}' | '\u{180f}' if is_within(before, &[Script::Mongolian]) => {
            keep_if(!looks::is_ignorable(last))
        }
        '\u{180e}' if is_within(before, &[Script::Mongolian]) => {
            let is_inside = next.is_some_and(|next| is_one_of(next, &[Script::Mongolian]));
            keep_if(last != c && is_inside)
        }
        '\u{fe0e}' | '\u{fe0f}' => treatment_of_selector(last, after),
        '\u{e0100}'..='\u{e01ef}' if last.script() == Script::Han => Treatment::Keep,
        _ => Treatment::Refuse,
    }
}

/// Decides about a variation selector, which selects the emoji or the text form of a symbol. Keyboards also insert it
/// after digits and after characters that have no emoji form.
fn treatment_of_selector(last: char, after: &str) -> Treatment {
    let is_key = matches!(last, '0'..='9' | '#' | '*');
    if is_key && after.starts_with('\u{20e3}') || last.is_emoji_char() && is_emoji(last) {
        return Treatment::Keep;
    }
    let is_selector = matches!(last, '\u{fe0e}' | '\u{fe0f}');
    if is_key || is_selector || !last.is_ascii() && (is_symbol(last) || last.is_emoji_char()) {
        Treatment::Remove
    } else {
        Treatment::Refuse
    }
}

/// Returns the tags that turn a black flag into another one.
fn tags_of_a_flag(c: char, after: &str) -> Option<&str> {
    let (tags, _) = after.split_once(END_OF_TAGS).filter(|_| c == BLACK_FLAG)?;
    let region: Option<String> = tags.chars().map(untagged).collect();
    REGIONS.contains(&region?.as_str()).then(|| &after[..tags.len() + END_OF_TAGS.len_utf8()])
}

/// Returns the ASCII character that a tag stands for.
fn untagged(tag: char) -> Option<char> {
    u32::from(tag).checked_sub(0xe0000).filter(|code| (0x20..0x7f).contains(code)).and_then(char::from_u32)
}

/// Whether the last letter belongs to one of these scripts.
fn is_within(before: &[char], scripts: &[Script]) -> bool {
    let letter = before.iter().rev().find(|&&c| !looks::is_ignorable(c) && c.script() != Script::Inherited);
    letter.is_some_and(|&letter| is_one_of(letter, scripts))
}

/// Whether a character belongs to one of these scripts. Some signs belong to several; signs that belong to all do not
/// count.
fn is_one_of(c: char, scripts: &[Script]) -> bool {
    let its = c.script_extension();
    !its.is_common() && !its.is_inherited() && scripts.iter().any(|&script| its.contains_script(script))
}

/// Whether the character removes a letter's vowel, so that the letter joins the next one or has a form of its own.
fn is_virama(c: char) -> bool {
    canonical_combining_class(c) == 9
}

fn is_mark(c: char) -> bool {
    is_of(c, GeneralCategoryGroup::Mark) && !looks::is_ignorable(c)
}

fn is_symbol(c: char) -> bool {
    is_of(c, GeneralCategoryGroup::Symbol)
}

/// Whether the character is an emoji: a symbol that NFKC keeps, a skin tone, or the selector of the emoji form.
fn is_emoji(c: char) -> bool {
    let is_itself = || c.nfkc().eq([c]);
    c == '\u{fe0f}' || !c.is_ascii() && (is_symbol(c) || c.is_emoji_char()) && !is_refused(c) && is_itself()
}
