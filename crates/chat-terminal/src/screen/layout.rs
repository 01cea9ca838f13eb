//! The areas of a screen of a given size. Pure, and shared by the view and by the model, which needs the heights for
//! scrolling.

use ratatui::layout::Rect;

use super::model::{Focus, Link, Model, Writing};

/// Screens with fewer columns show either the list or the messages.
const NARROW: u16 = 64;
/// Most rows of text in the composer.
const COMPOSER: u16 = 8;

/// The areas of the screen. An area that is not shown has no height.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) list: Rect,
    pub(crate) header: Rect,
    pub(crate) banner: Rect,
    pub(crate) messages: Rect,
    pub(crate) typing: Rect,
    pub(crate) composer: Rect,
    pub(crate) status: Rect,
    pub(crate) is_narrow: bool,
}

/// Columns of the mark left of the text in the composer.
pub(crate) const MARGIN: u16 = 2;

pub(crate) fn of(model: &Model) -> Layout {
    let (width, height) = model.size;
    let is_narrow = width < NARROW;
    let status = Rect::new(0, height.saturating_sub(1), width, height.min(1));
    let body = height.saturating_sub(1);
    if is_narrow && model.focus == Focus::List {
        return Layout { list: Rect::new(0, 0, width, body), status, is_narrow, ..Layout::default() };
    }
    let list_width = if is_narrow { 0 } else { (width / 4).clamp(22, 36) };
    let list = Rect::new(0, 0, list_width, if is_narrow { 0 } else { body });
    // One column for the line between list and messages.
    let left = if is_narrow { 0 } else { list_width + 1 };
    let across = width.saturating_sub(left);
    let mut free = body;
    let mut take = |wanted: u16| {
        let taken = wanted.min(free);
        free -= taken;
        taken
    };
    let composer = take(composer_height(model, across, body));
    let header = take(1);
    let banner = take(u16::from(matches!(model.link, Link::Offline { .. })));
    let typing = take(1);
    let messages = free;
    let mut top = 0;
    let mut area = |rows: u16| {
        let rect = Rect::new(left, top, across, rows);
        top += rows;
        rect
    };
    Layout {
        list,
        header: area(header),
        banner: area(banner),
        messages: area(messages),
        typing: area(typing),
        composer: area(composer),
        status,
        is_narrow,
    }
}

/// Width of the composer's text, in cells.
pub(crate) fn composer_width(model: &Model) -> usize {
    text_width(of(model).composer.width)
}

pub(crate) fn text_width(across: u16) -> usize {
    // One more column, because the cursor may stand behind the last character.
    usize::from(across.saturating_sub(MARGIN + 1)).max(2)
}

fn composer_height(model: &Model, across: u16, body: u16) -> u16 {
    let Some(pane) = model.pane() else { return 1 };
    let lines = pane.editor.lines(text_width(across)).len();
    let lines = u16::try_from(lines).unwrap_or(u16::MAX).min(COMPOSER).min((body / 3).max(1));
    lines + u16::from(pane.writing != Writing::New)
}
