//! Moving through the messages: by rows, and from message to message.

use super::{Focus, Model, Scroll};
use crate::screen::walk::{self, Key};

impl Model {
    /// Scrolls by so many rows.
    pub(super) fn scroll(&mut self, rows: usize, is_down: bool) {
        let scroll = if is_down { walk::lower(self, rows) } else { walk::higher(self, rows) };
        if let Some(desk) = self.desk_mut() {
            desk.scroll = scroll;
        }
    }

    pub(super) fn scroll_page(&mut self, is_down: bool) {
        let rows = walk::height(self).saturating_sub(2).max(1);
        self.scroll(rows, is_down);
        if self.focus == Focus::Messages {
            // The selection goes with the page.
            let seqs = walk::shown_seqs(self);
            let seq = if is_down { seqs.last() } else { seqs.first() };
            if let (Some(seq), Some(desk)) = (seq.copied(), self.desk_mut()) {
                desk.selected = Some(seq);
            }
        }
    }

    /// Begins to select, with the last message that is shown.
    pub(super) fn begin_selecting(&mut self) {
        let Some(seq) = walk::shown_seqs(self).last().copied() else { return };
        self.focus = Focus::Messages;
        self.select(seq);
    }

    pub(super) fn stop_selecting(&mut self) {
        self.focus = Focus::Composer;
        if let Some(desk) = self.desk_mut() {
            desk.selected = None;
        }
    }

    /// Selects the message below or above; below the last one the composer follows.
    pub(super) fn select_beside(&mut self, is_down: bool) {
        let Some(selected) = self.desk().and_then(|desk| desk.selected) else {
            self.begin_selecting();
            return;
        };
        match walk::beside(self, selected, is_down) {
            Some(seq) => self.select(seq),
            None if is_down => {
                self.stop_selecting();
                self.go_to_end();
            }
            None => self.scroll(walk::height(self), false),
        }
    }

    /// The first or last message that is loaded.
    pub(super) fn select_edge(&mut self, is_last: bool) {
        if is_last {
            self.go_to_end();
            self.begin_selecting();
        } else if let Some(seq) = walk::first_seq(self) {
            self.select(seq);
        }
    }

    fn select(&mut self, seq: i64) {
        if let Some(desk) = self.desk_mut() {
            desk.selected = Some(seq);
        }
        let seqs = walk::shown_seqs(self);
        let is_above = seqs.first().is_some_and(|first| seq < *first);
        let is_below = seqs.last().is_some_and(|last| seq > *last);
        let scroll = match (is_above, is_below) {
            (true, _) => walk::with_on_top(self, seq),
            (_, true) => walk::with_at_bottom(self, seq),
            _ => return,
        };
        if let Some(desk) = self.desk_mut() {
            desk.scroll = scroll;
        }
    }

    /// Puts the selected message in the middle.
    pub(super) fn center(&mut self) {
        let Some(seq) = self.desk().and_then(|desk| desk.selected) else { return };
        let half = walk::height(self) / 2;
        if let Some(desk) = self.desk_mut() {
            desk.scroll = Scroll::At(Key::Seq(seq), 0);
        }
        let scroll = walk::lower(self, half);
        if let Some(desk) = self.desk_mut() {
            desk.scroll = scroll;
        }
    }
}
