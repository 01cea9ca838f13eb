//! Scrolling by rows and selecting messages.

use super::{Focus, Model, Scroll};
use crate::screen::viewport::{self, Key};

impl Model {
    /// Scrolls by a number of rows.
    pub(super) fn scroll(&mut self, rows: usize, is_down: bool) {
        let scroll =
            if is_down { viewport::scrolled_down(self, rows) } else { viewport::scrolled_up(self, rows) };
        if let Some(pane) = self.pane_mut() {
            pane.scroll = scroll;
        }
    }

    pub(super) fn scroll_page(&mut self, is_down: bool) {
        let rows = viewport::height(self).saturating_sub(2).max(1);
        self.scroll(rows, is_down);
        if self.focus == Focus::Messages {
            // Keep the selection on the screen.
            let seqs = viewport::shown_seqs(self);
            let seq = if is_down { seqs.last() } else { seqs.first() };
            if let (Some(seq), Some(pane)) = (seq.copied(), self.pane_mut()) {
                pane.selected = Some(seq);
            }
        }
    }

    /// Selects the last message on the screen and moves the focus to the messages.
    pub(super) fn begin_selecting(&mut self) {
        let Some(seq) = viewport::shown_seqs(self).last().copied() else { return };
        self.focus = Focus::Messages;
        self.select(seq);
    }

    pub(super) fn stop_selecting(&mut self) {
        self.focus = Focus::Composer;
        if let Some(pane) = self.pane_mut() {
            pane.selected = None;
        }
    }

    /// Selects the message below or above. Below the last one, moves the focus to the composer.
    pub(super) fn select_neighbour(&mut self, is_down: bool) {
        let Some(selected) = self.pane().and_then(|pane| pane.selected) else {
            self.begin_selecting();
            return;
        };
        match viewport::neighbour(self, selected, is_down) {
            Some(seq) => self.select(seq),
            None if is_down => {
                self.stop_selecting();
                self.go_to_end();
            }
            None => self.scroll(viewport::height(self), false),
        }
    }

    /// Selects the first or the last loaded message.
    pub(super) fn select_edge(&mut self, is_last: bool) {
        if is_last {
            self.go_to_end();
            self.begin_selecting();
        } else if let Some(seq) = viewport::first_seq(self) {
            self.select(seq);
        }
    }

    fn select(&mut self, seq: i64) {
        if let Some(pane) = self.pane_mut() {
            pane.selected = Some(seq);
        }
        let seqs = viewport::shown_seqs(self);
        let is_above = seqs.first().is_some_and(|first| seq < *first);
        let is_below = seqs.last().is_some_and(|last| seq > *last);
        let scroll = match (is_above, is_below) {
            (true, _) => viewport::with_at_top(self, seq),
            (_, true) => viewport::with_at_bottom(self, seq),
            _ => return,
        };
        if let Some(pane) = self.pane_mut() {
            pane.scroll = scroll;
        }
    }

    /// Scrolls so that the selected message is in the middle of the screen.
    pub(super) fn center(&mut self) {
        let Some(seq) = self.pane().and_then(|pane| pane.selected) else { return };
        let half = viewport::height(self) / 2;
        if let Some(pane) = self.pane_mut() {
            pane.scroll = Scroll::At(Key::Seq(seq), 0);
        }
        let scroll = viewport::scrolled_down(self, half);
        if let Some(pane) = self.pane_mut() {
            pane.scroll = scroll;
        }
    }
}
