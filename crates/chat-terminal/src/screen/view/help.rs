//! The help page: keys and commands.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{boxed, row};
use crate::screen::model::{COMMANDS, KEYS, Prompt};
use crate::screen::{style, wrap};

/// Screens of at least this width show keys and commands side by side.
const WIDE: u16 = 104;

/// Screens below this width show each description under its key.
const NARROW: u16 = 76;

pub(super) fn draw(prompt: &Prompt, frame: &mut Frame<'_>) {
    let screen = frame.area();
    let is_wide = screen.width >= WIDE;
    let keys = section("Keys", &KEYS, 23, screen.width);
    let commands = section("Commands", &COMMANDS, 16, screen.width);
    let mut lines = keys.clone();
    if is_wide {
        let rows = keys.len().max(commands.len());
        let inner = boxed(frame, "help · Esc closes it", (screen.width.min(128), rows_of(rows)));
        let left = Rect { width: inner.width * 3 / 5, ..inner };
        let right = Rect { x: left.right(), width: inner.width - left.width, ..inner };
        show(frame, left, &keys, prompt.chosen);
        show(frame, right, &commands, prompt.chosen);
        return;
    }
    lines.push(Line::default());
    lines.extend(commands);
    let inner = boxed(frame, "help · Down scrolls, Esc closes", (76, rows_of(lines.len())));
    show(frame, inner, &lines, prompt.chosen);
}

fn rows_of(lines: usize) -> u16 {
    u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(2)
}

fn section(
    title: &'static str,
    entries: &[(&'static str, &'static str)],
    cells: usize,
    width: u16,
) -> Vec<Line<'static>> {
    let entries = entries.iter().flat_map(|(key, what)| {
        if width < NARROW {
            let below = Line::from(format!("    {what}"));
            return vec![Line::styled(*key, style::accent()), below];
        }
        let key = Span::styled(wrap::fit(key, cells), style::accent());
        vec![Line::from(vec![key, Span::raw(" "), Span::raw(*what)])]
    });
    std::iter::once(Line::styled(title, style::strong())).chain(entries).collect()
}

fn show(frame: &mut Frame<'_>, area: Rect, lines: &[Line<'static>], scrolled: usize) {
    let fitting = usize::from(area.height);
    let first = scrolled.min(lines.len().saturating_sub(fitting));
    for (line, y) in lines.iter().skip(first).take(fitting).zip(area.y..) {
        row(frame, Rect { y, height: 1, ..area }, line.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_all_keys_and_commands() {
        let document = include_str!("../../../../../docs/terminal.md");
        let keys = KEYS.iter().flat_map(|(keys, _)| keys.rsplit(": ").next().unwrap_or_default().split(", "));
        let commands = COMMANDS.iter().flat_map(|(commands, _)| commands.split(", "));
        for key in keys.chain(commands).map(|key| key.split_whitespace().next().unwrap_or_default()) {
            // A single letter occurs in many words, so it must be quoted. A command may be followed by its arguments.
            let quoted = [format!("`{key}`"), format!("`{key} ")];
            let is_known = match key.chars().count() > 1 && !key.starts_with('/') {
                true => document.contains(key),
                false => quoted.iter().any(|key| document.contains(key)),
            };
            assert!(is_known || key == "//TEXT" || key == "or", "docs/terminal.md says nothing of {key}");
        }
    }
}
