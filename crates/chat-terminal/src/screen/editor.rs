//! A text editor of several lines. Its cursor moves by grapheme clusters, which a person sees as one character. Pure.

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use super::wrap::{self, WrappedLine};

/// A text and its cursor: an offset in bytes, always on a boundary between grapheme clusters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Editor {
    text: String,
    cursor: usize,
}

/// A movement of the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    Left,
    Right,
    WordLeft,
    WordRight,
    LineStart,
    LineEnd,
    Start,
    End,
}

impl Editor {
    /// Starts with a text and the cursor at its end.
    pub(crate) fn with(text: &str) -> Self {
        Self { text: text.to_owned(), cursor: text.len() }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Returns the text and empties the editor.
    pub(crate) fn take(&mut self) -> String {
        self.cursor = 0;
        std::mem::take(&mut self.text)
    }

    /// Inserts text at the cursor. Line ends become `\n`, tabs four spaces, and other control characters are dropped.
    pub(crate) fn insert(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\t', "    ");
        let text: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
        self.text.insert_str(self.cursor, &text);
        // The end of the inserted text may have formed one cluster with the text after it.
        self.cursor = self.next_boundary(self.cursor + text.len());
    }

    pub(crate) fn go(&mut self, to: Move) {
        self.cursor = self.offset_of(to);
    }

    /// Deletes from the cursor to where the movement ends.
    pub(crate) fn delete(&mut self, to: Move) {
        let offset = self.offset_of(to);
        let (from, to) = (offset.min(self.cursor), offset.max(self.cursor));
        self.text.replace_range(from..to, "");
        self.cursor = self.next_boundary(from);
    }

    /// Moves by one line as wrapped to this width. Returns `false` if there is no line in that direction.
    pub(crate) fn go_line(&mut self, is_down: bool, width: usize) -> bool {
        let lines = self.lines(width);
        let (row, column) = self.position(width);
        let wanted = if is_down { row.checked_add(1) } else { row.checked_sub(1) };
        let Some(line) = wanted.and_then(|row| lines.get(row)) else { return false };
        let mut at = line.start;
        let mut passed = 0;
        for cluster in line.text.graphemes(true) {
            let next = passed + wrap::width(cluster);
            if next > column {
                break;
            }
            passed = next;
            at += cluster.len();
        }
        self.cursor = at;
        true
    }

    /// The lines as wrapped to this width; at least one.
    pub(crate) fn lines(&self, width: usize) -> Vec<WrappedLine> {
        wrap::wrapped_lines(&self.text, width)
    }

    /// Row and column of the cursor in the text wrapped to this width.
    pub(crate) fn position(&self, width: usize) -> (usize, usize) {
        let lines = self.lines(width);
        let row = lines.iter().rposition(|line| line.start <= self.cursor).unwrap_or(0);
        let column = lines.get(row).and_then(|line| self.text.get(line.start..self.cursor));
        (row, column.map_or(0, wrap::width))
    }

    fn offset_of(&self, to: Move) -> usize {
        let before = self.text.get(..self.cursor).unwrap_or_default();
        let after = self.text.get(self.cursor..).unwrap_or_default();
        match to {
            Move::Left => before.graphemes(true).next_back().map_or(0, |cluster| self.cursor - cluster.len()),
            Move::Right => self.cursor + after.graphemes(true).next().map_or(0, str::len),
            // A word may begin or end inside a grapheme cluster.
            Move::WordLeft => {
                before.unicode_word_indices().map(|(at, _)| at).rfind(|at| self.is_boundary(*at)).unwrap_or(0)
            }
            Move::WordRight => after
                .unicode_word_indices()
                .next()
                .map_or(self.text.len(), |(at, word)| self.next_boundary(self.cursor + at + word.len())),
            Move::LineStart => before.rfind('\n').map_or(0, |at| at + 1),
            Move::LineEnd => after.find('\n').map_or(self.text.len(), |at| self.cursor + at),
            Move::Start => 0,
            Move::End => self.text.len(),
        }
    }

    /// The first boundary between grapheme clusters at or after this offset.
    fn next_boundary(&self, at: usize) -> usize {
        (at..self.text.len()).find(|at| self.is_boundary(*at)).unwrap_or(self.text.len())
    }

    fn is_boundary(&self, at: usize) -> bool {
        at >= self.text.len()
            || (self.text.is_char_boundary(at)
                && GraphemeCursor::new(at, self.text.len(), true).is_boundary(&self.text, 0).unwrap_or(true))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FAMILY: &str = "👨‍👩‍👧";

    #[test]
    fn the_cursor_moves_by_grapheme_clusters() {
        let mut editor = Editor::with(&format!("a{FAMILY}e\u{301}漢"));
        for left in ["漢", "e\u{301}漢"] {
            editor.go(Move::Left);
            assert_eq!(&editor.text[editor.cursor..], left);
        }
        editor.delete(Move::Left);
        assert_eq!(editor.text(), "ae\u{301}漢");
        editor.insert("\u{1f9c0}");
        editor.delete(Move::Right);
        assert_eq!(editor.text(), "a\u{1f9c0}漢");
    }

    #[test]
    fn words_and_lines_are_passed_at_once() {
        let mut editor = Editor::with("one two\nthree four");
        editor.delete(Move::WordLeft);
        assert_eq!(editor.text(), "one two\nthree ");
        editor.go(Move::LineStart);
        editor.insert("x");
        assert_eq!(editor.text(), "one two\nxthree ");
        editor.go(Move::Start);
        editor.go(Move::WordRight);
        editor.delete(Move::LineEnd);
        assert_eq!(editor.text(), "one\nxthree ");
    }

    /// U+0EB3 joins the cluster before it, but also begins a word.
    #[test]
    fn a_word_that_begins_inside_a_character_is_passed_with_it() {
        let mut editor = Editor::with("a \u{200d}\u{eb3}b");
        editor.go(Move::WordLeft);
        assert!(editor.is_boundary(editor.cursor), "{}", editor.cursor);
        editor.go(Move::Start);
        for _ in 0..3 {
            editor.go(Move::WordRight);
            assert!(editor.is_boundary(editor.cursor), "{}", editor.cursor);
        }
    }

    #[test]
    fn lines_are_as_wide_as_shown() {
        let mut editor = Editor::with("漢字漢字 ab");
        assert_eq!(editor.position(8), (1, 2));
        assert!(editor.go_line(false, 8));
        assert_eq!(&editor.text[..editor.cursor], "漢");
        assert!(!editor.go_line(false, 8));
        assert!(editor.go_line(true, 8) && !editor.go_line(true, 8));
    }

    #[test]
    fn pasted_control_characters_are_dropped() {
        let mut editor = Editor::default();
        editor.insert("a\u{1b}[31m\r\nb\tc\u{7}\u{9b}");
        assert_eq!(editor.text(), "a[31m\nb    c");
    }

    proptest! {
        #[test]
        fn the_cursor_is_never_inside_a_character(
            texts in proptest::collection::vec("\\PC{0,6}|\u{200d}|\u{301}|👨|👩|\n", 1..8),
            moves in proptest::collection::vec(0_u8..10, 0..40),
        ) {
            let mut editor = Editor::default();
            let mut texts = texts.iter().cycle();
            for choice in moves {
                match choice {
                    0 => editor.go(Move::Left),
                    1 => editor.go(Move::Right),
                    2 => editor.delete(Move::Left),
                    3 => editor.delete(Move::WordRight),
                    4 => editor.go(Move::WordLeft),
                    5 => drop(editor.go_line(false, 5)),
                    6 => drop(editor.go_line(true, 5)),
                    7 => editor.go(Move::LineEnd),
                    _ => editor.insert(texts.next().unwrap()),
                }
                prop_assert!(editor.is_boundary(editor.cursor));
                let (row, column) = editor.position(5);
                prop_assert!(row < editor.lines(5).len() && column <= 6);
            }
        }
    }
}
