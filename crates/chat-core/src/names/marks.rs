//! Limits combining marks to as many as languages use, so that piles of them do not cover the lines above and below.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use super::looks;

/// Maximum number of marks above or below one another: pointed and accented Hebrew, and Tibetan, use four.
const MAX_PILED: usize = 4;

/// Maximum number of marks of all kinds on one letter. Burmese uses five, most of them beside the letter.
const MAX_MARKS: usize = 8;

/// Whether a letter has more marks than any language uses. Expects composed text, in which Vietnamese letters have no
/// marks.
pub(super) fn are_piled(name: &str) -> bool {
    let (mut piled, mut marks) = (0, 0);
    name.chars().filter(|&c| !looks::is_ignorable(c)).any(|c| {
        (piled, marks) = match c.general_category() {
            _ if is_part_of_a_syllable(c) => (piled + 1, marks + 1),
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark => (piled + 1, marks + 1),
            // A spacing mark has a width of its own, so marks that follow it are drawn on it and not on the letter.
            GeneralCategory::SpacingMark => (0, marks + 1),
            _ => (0, 0),
        };
        piled > MAX_PILED || marks > MAX_MARKS
    })
}

/// Vowels and final consonants of Korean syllables that are not composed: they are drawn in the place of the letter
/// before.
fn is_part_of_a_syllable(c: char) -> bool {
    matches!(c, '\u{1161}'..='\u{11ff}' | '\u{d7b0}'..='\u{d7fb}')
}
