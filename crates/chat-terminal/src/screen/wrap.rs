//! Text in lines of a width, as terminals count it: wide characters take two cells, marks none. Pure.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// A line of a longer text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// What it says.
    pub(crate) text: String,
    /// Where it begins in the whole, in bytes.
    pub(crate) start: usize,
}

/// How many cells a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// The text in lines of at most so many cells, broken between words where that can be; always at least one. A cluster that
/// is wider than a line (a wide character with a mark that takes a cell, in two cells) stands alone in its line.
pub(crate) fn pieces(text: &str, limit: usize) -> Vec<Piece> {
    let limit = limit.max(2);
    let mut pieces = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        break_line(line, start, limit, &mut pieces);
        start += line.len() + 1;
    }
    pieces
}

/// The lines alone.
pub(crate) fn lines(text: &str, limit: usize) -> Vec<String> {
    pieces(text, limit).into_iter().map(|piece| piece.text).collect()
}

fn break_line(line: &str, offset: usize, limit: usize, pieces: &mut Vec<Piece>) {
    let (mut start, mut filled) = (0, 0);
    // Where the line may end, and how many cells come before that.
    let mut chance = None;
    for (at, cluster) in line.grapheme_indices(true) {
        let cells = UnicodeWidthStr::width(cluster);
        let is_wide = cells > 1;
        if is_wide && at > start {
            chance = Some((at, filled));
        }
        if filled + cells > limit && cluster != " " && at > start {
            let (end, before) = chance.filter(|(end, _)| *end > start).unwrap_or((at, filled));
            pieces.push(piece(line, offset, (start, end)));
            (start, filled, chance) = (end, filled - before, None);
        }
        filled += cells;
        if cluster == " " || is_wide {
            chance = Some((at + cluster.len(), filled));
        }
    }
    pieces.push(piece(line, offset, (start, line.len())));
}

fn piece(line: &str, offset: usize, (start, end): (usize, usize)) -> Piece {
    Piece { text: line.get(start..end).unwrap_or_default().to_owned(), start: offset + start }
}

/// The text, cut with an ellipsis where it is wider than so many cells.
pub(crate) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if width(text) <= limit {
        return text.into();
    }
    let mut kept = String::new();
    let mut filled = 0;
    for cluster in text.graphemes(true) {
        filled += UnicodeWidthStr::width(cluster);
        if filled + 1 > limit {
            break;
        }
        kept.push_str(cluster);
    }
    if limit > 0 {
        kept.push('…');
    }
    kept.into()
}

/// The text in exactly so many cells.
pub(crate) fn fit(text: &str, cells: usize) -> String {
    let text = cut(text, cells);
    let missing = cells.saturating_sub(width(&text));
    format!("{text}{}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_end_between_words() {
        assert_eq!(lines("the mouse ate the cheese", 10), ["the mouse ", "ate the ", "cheese"]);
        assert_eq!(lines("abcdefghijkl", 5), ["abcde", "fghij", "kl"]);
        assert_eq!(lines("a\n\nb", 10), ["a", "", "b"]);
        assert_eq!(lines("", 10), [""]);
        assert_eq!(lines("漢字漢字", 5), ["漢字", "漢字"]);
        assert_eq!(lines("ab 漢字", 6), ["ab 漢", "字"]);
        assert_eq!(lines("漢\u{dd8}漢", 2), ["漢\u{dd8}", "漢"]);
    }

    #[test]
    fn what_is_too_wide_is_cut_or_filled() {
        assert_eq!(cut("cheese", 6), "cheese");
        assert_eq!(cut("cheeses", 6), "chees…");
        assert_eq!(cut("漢字漢", 4), "漢…");
        assert_eq!(fit("漢", 4), "漢  ");
        assert_eq!(cut("abc", 0), "");
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide_and_nothing_is_lost(text in "(\\PC|\n| |漢|👨‍👩‍👧){0,60}", limit in 2_usize..30) {
            let all = pieces(&text, limit);
            prop_assert_eq!(all.iter().map(|piece| piece.text.as_str()).collect::<String>(), text.replace('\n', ""));
            for piece in &all {
                let is_cluster = piece.text.trim_end().graphemes(true).count() == 1;
                prop_assert!(is_cluster || width(piece.text.trim_end()) <= limit, "{:?}", piece);
                prop_assert!(text[piece.start..].starts_with(&piece.text));
            }
            prop_assert!(width(&cut(&text.replace('\n', ""), limit)) <= limit);
        }
    }
}
