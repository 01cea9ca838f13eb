//! Where everything is on a screen of a given size. Pure, and shared by the model, which scrolls by what fits, and the
//! view.

use ratatui::layout::Rect;

use super::model::{Focus, Link, Model, Writing};

/// Narrower screens show one thing at a time.
const NARROW: u16 = 64;
/// Most rows of the composer.
const COMPOSER: u16 = 8;

/// The places; what is not shown has no height.
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

/// What stands left of the text in the composer.
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
    // One column is the line between.
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
    let mut place = |rows: u16| {
        let area = Rect::new(left, top, across, rows);
        top += rows;
        area
    };
    Layout {
        list,
        header: place(header),
        banner: place(banner),
        messages: place(messages),
        typing: place(typing),
        composer: place(composer),
        status,
        is_narrow,
    }
}

/// How wide the text of the composer may be.
pub(crate) fn composer_width(model: &Model) -> usize {
    text_width(of(model).composer.width)
}

pub(crate) fn text_width(across: u16) -> usize {
    // The cursor may stand behind the last letter.
    usize::from(across.saturating_sub(MARGIN + 1)).max(2)
}

fn composer_height(model: &Model, across: u16, body: u16) -> u16 {
    let Some(desk) = model.desk() else { return 1 };
    let lines = desk.editor.lines(text_width(across)).len();
    let lines = u16::try_from(lines).unwrap_or(u16::MAX).min(COMPOSER).min((body / 3).max(1));
    lines + u16::from(desk.writing != Writing::New)
}
