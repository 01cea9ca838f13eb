//! What cannot be seen in a name: what of it changes how its neighbours look stays, what people's keyboards write but
//! does nothing where it stands goes, and a name with anything else of the kind is refused. Names that differ in these
//! alone are one name all the same.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeEmoji, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

use super::{is_of, looks};

/// Characters of categories that are seen, and yet nothing is to be seen of them: fillers, blank signs, and what says how
/// its neighbour is drawn.
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

/// Stand for something that is not text, or was not understood, and are drawn as anything.
const STAND_INS: [char; 2] = ['\u{fffc}', '\u{fffd}'];

/// Scripts in which joiners say which form of a letter is meant.
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

/// Scripts without spaces, in which U+200B says where a line may break.
const SPACELESS: [Script; 4] = [Script::Khmer, Script::Lao, Script::Myanmar, Script::Thai];

/// A black flag and these tags are the flags of England, Scotland and Wales; no others are drawn.
const BLACK_FLAG: char = '\u{1f3f4}';
const LANDS: [&str; 3] = ["gbeng", "gbsct", "gbwls"];
const END_OF_TAGS: char = '\u{e007f}';

enum Fate {
    Stays,
    Goes,
    Refused,
}

/// Without what does nothing; or the first character that no name may have. To be asked of what was typed: NFKC makes
/// letters of what was an emoji.
pub(super) fn without_idle(typed: &str) -> Result<String, char> {
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
        match if is_refused(c) { fate(&kept, c, after) } else { Fate::Stays } {
            Fate::Stays => kept.push(c),
            Fate::Goes => {}
            Fate::Refused => return Err(c),
        }
    }
    Ok(kept.into_iter().collect())
}

/// What is never part of a name by itself: controls, characters without a look, marks of direction, and those of which
/// nobody knows how they look.
pub(super) fn is_refused(c: char) -> bool {
    use GeneralCategory::{
        Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned,
    };
    let unseen = [Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned];
    unseen.contains(&c.general_category()) || is_unseen(c) || STAND_INS.contains(&c)
}

/// Blank, or ignored where it is not supported. The skeleton of a text leaves out what is ignored.
pub(super) fn is_unseen(c: char) -> bool {
    BLANKS.contains(&c) || looks::is_ignorable(c)
}

/// What is to become of an invisible character between what is kept before it and what was typed after it.
fn fate(before: &[char], c: char, after: &str) -> Fate {
    let Some(&last) = before.last() else { return Fate::Refused };
    let next = after.chars().find(|&c| !looks::is_ignorable(c));
    let stays_if = |is_at_work| if is_at_work { Fate::Stays } else { Fate::Goes };
    match c {
        '\u{200c}' | '\u{200d}' if is_within(before, &JOINING) => {
            let is_inside = next.is_some_and(|next| is_one_of(next, &JOINING) || is_mark(next));
            stays_if(!looks::is_ignorable(last) && (is_inside || is_virama(last)))
        }
        '\u{200d}' if is_emoji(last) && after.chars().next().is_some_and(is_emoji) => Fate::Stays,
        '\u{200b}' if is_within(before, &SPACELESS) => Fate::Goes,
        '\u{180b}'..='\u{180d}' | '\u{180f}' if is_within(before, &[Script::Mongolian]) => {
            stays_if(!looks::is_ignorable(last))
        }
        '\u{180e}' if is_within(before, &[Script::Mongolian]) => {
            let is_inside = next.is_some_and(|next| is_one_of(next, &[Script::Mongolian]));
            stays_if(last != c && is_inside)
        }
        '\u{fe0e}' | '\u{fe0f}' => fate_of_a_style(last, after),
        '\u{e0100}'..='\u{e01ef}' if last.script() == Script::Han => Fate::Stays,
        _ => Fate::Refused,
    }
}

/// What says whether a symbol is to be an emoji or text. Keyboards write it behind digits and what is no emoji, too.
fn fate_of_a_style(last: char, after: &str) -> Fate {
    let is_key = matches!(last, '0'..='9' | '#' | '*');
    if is_key && after.starts_with('\u{20e3}') || last.is_emoji_char() && is_emoji(last) {
        return Fate::Stays;
    }
    let is_style = matches!(last, '\u{fe0e}' | '\u{fe0f}');
    if is_key || is_style || !last.is_ascii() && (is_symbol(last) || last.is_emoji_char()) {
        Fate::Goes
    } else {
        Fate::Refused
    }
}

/// The tags that make another flag of the black one.
fn tags_of_a_flag(c: char, after: &str) -> Option<&str> {
    let (tags, _) = after.split_once(END_OF_TAGS).filter(|_| c == BLACK_FLAG)?;
    let land: Option<String> = tags.chars().map(untagged).collect();
    LANDS.contains(&land?.as_str()).then(|| &after[..tags.len() + END_OF_TAGS.len_utf8()])
}

/// The ASCII character that a tag stands for.
fn untagged(tag: char) -> Option<char> {
    u32::from(tag).checked_sub(0xe0000).filter(|code| (0x20..0x7f).contains(code)).and_then(char::from_u32)
}

/// Whether the last letter is of one of these scripts.
fn is_within(before: &[char], scripts: &[Script]) -> bool {
    let letter = before.iter().rev().find(|&&c| !looks::is_ignorable(c) && c.script() != Script::Inherited);
    letter.is_some_and(|&letter| is_one_of(letter, scripts))
}

/// Some signs belong to several scripts, but none that belongs to all counts.
fn is_one_of(c: char, scripts: &[Script]) -> bool {
    let its = c.script_extension();
    !its.is_common() && !its.is_inherited() && scripts.iter().any(|&script| its.contains_script(script))
}

/// Whether it takes a letter its vowel, so that the letter joins the next one or has a form of its own.
fn is_virama(c: char) -> bool {
    canonical_combining_class(c) == 9
}

fn is_mark(c: char) -> bool {
    is_of(c, GeneralCategoryGroup::Mark) && !looks::is_ignorable(c)
}

fn is_symbol(c: char) -> bool {
    is_of(c, GeneralCategoryGroup::Symbol)
}

/// Symbols that stay what they are, the colours of skin, and what says that a symbol is to be an emoji.
fn is_emoji(c: char) -> bool {
    let is_itself = || c.nfkc().eq([c]);
    c == '\u{fe0f}' || !c.is_ascii() && (is_symbol(c) || c.is_emoji_char()) && !is_refused(c) && is_itself()
}
