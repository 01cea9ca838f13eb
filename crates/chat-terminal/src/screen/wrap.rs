//! Wraps text to a width in terminal cells: wide characters take two cells, combining marks none. Pure.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// A line of a wrapped text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrappedLine {
    pub(crate) text: String,
    /// Offset in the whole text, in bytes.
    pub(crate) start: usize,
}

/// Width of a text, in cells.
pub(crate) fn width(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// Breaks a text into lines of at most `limit` cells (2 or more), between words if possible. Returns at least one line.
/// A cluster wider than a line gets its own line: a wide character with a mark that takes a cell needs three.
pub(crate) fn wrapped_lines(text: &str, limit: usize) -> Vec<WrappedLine> {
    let limit = limit.max(2);
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        break_line(line, start, limit, &mut lines);
        start += line.len() + 1;
    }
    lines
}

/// Like [`wrapped_lines`], without the offsets.
pub(crate) fn lines(text: &str, limit: usize) -> Vec<String> {
    wrapped_lines(text, limit).into_iter().map(|line| line.text).collect()
}

fn break_line(line: &str, offset: usize, limit: usize, lines: &mut Vec<WrappedLine>) {
    let (mut start, mut filled) = (0, 0);
    // The last offset where the line may end, and the cells before it.
    let mut break_at = None;
    for (at, cluster) in line.grapheme_indices(true) {
        let cells = UnicodeWidthStr::width(cluster);
        let is_wide = cells > 1;
        if is_wide && at > start {
            break_at = Some((at, filled));
        }
        if filled + cells > limit && cluster != " " && at > start {
            let (end, before) = break_at.filter(|(end, _)| *end > start).unwrap_or((at, filled));
            lines.push(range_of(line, offset, (start, end)));
            (start, filled, break_at) = (end, filled - before, None);
        }
        filled += cells;
        if cluster == " " || is_wide {
            break_at = Some((at + cluster.len(), filled));
        }
    }
    lines.push(range_of(line, offset, (start, line.len())));
}

fn range_of(line: &str, offset: usize, (start, end): (usize, usize)) -> WrappedLine {
    WrappedLine { text: line.get(start..end).unwrap_or_default().to_owned(), start: offset + start }
}

/// The text, cut with an ellipsis if it is wider than `limit` cells.
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

/// The text, cut or padded with spaces to exactly this number of cells.
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
    fn text_is_cut_or_padded_to_a_width() {
        assert_eq!(cut("cheese", 6), "cheese");
        assert_eq!(cut("cheeses", 6), "chees…");
        assert_eq!(cut("漢字漢", 4), "漢…");
        assert_eq!(fit("漢", 4), "漢  ");
        assert_eq!(cut("abc", 0), "");
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide_and_nothing_is_lost(text in "(\\PC|\n| |漢|👨‍👩‍👧){0,60}", limit in 2_usize..30) {
            let all = wrapped_lines(&text, limit);
            prop_assert_eq!(all.iter().map(|line| line.text.as_str()).collect::<String>(), text.replace('\n', ""));
            for line in &all {
                let is_cluster = line.text.trim_end().graphemes(true).count() == 1;
                prop_assert!(is_cluster || width(line.text.trim_end()) <= limit, "{:?}", line);
                prop_assert!(text[line.start..].starts_with(&line.text));
            }
            prop_assert!(width(&cut(&text.replace('\n', ""), limit)) <= limit);
        }
    }
}
