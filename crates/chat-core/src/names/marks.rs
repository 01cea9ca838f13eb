//! Marks upon letters: so many as languages have, and no piles that cover the lines above and below.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use super::looks;

/// How many marks stand on or under one another at most: pointed and accented Hebrew, and Tibetan, have four.
const MAX_PILED: usize = 4;

/// How many marks of all kinds follow a letter at most. Burmese has five, most of them beside the letter.
const MAX_MARKS: usize = 8;

/// Whether a letter has more marks than any language has. To be asked of composed text, in which Vietnamese has none.
pub(super) fn are_piled(name: &str) -> bool {
    let (mut piled, mut marks) = (0, 0);
    name.chars().filter(|&c| !looks::is_ignorable(c)).any(|c| {
        (piled, marks) = match c.general_category() {
            _ if is_part_of_a_syllable(c) => (piled + 1, marks + 1),
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark => (piled + 1, marks + 1),
            // One that takes room of its own carries the next ones away.
            GeneralCategory::SpacingMark => (0, marks + 1),
            _ => (0, 0),
        };
        piled > MAX_PILED || marks > MAX_MARKS
    })
}

/// Vowels and endings of Korean syllables that are not composed: they are drawn in the place of the letter before them.
fn is_part_of_a_syllable(c: char) -> bool {
    matches!(c, '\u{1161}'..='\u{11ff}' | '\u{d7b0}'..='\u{d7fb}')
}
