//! A question laid over the screen.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::{boxed, ends, row};
use crate::screen::model::{Asking, Prompt};
use crate::screen::{style, wrap};

/// Most choices that are shown at a time.
const CHOICES: u16 = 12;

pub(super) fn draw(prompt: &Prompt, frame: &mut Frame<'_>) {
    let (title, width) = match prompt.asking {
        Asking::GoTo => ("go to", 46),
        Asking::NewGroup => ("name of the new group", 46),
        Asking::AddMember => ("user name of the new member", 46),
        Asking::Members => ("members", 46),
        Asking::Search => ("search", 76),
        Asking::Pins => ("pinned", 76),
        Asking::React(_) => ("react", 34),
        Asking::Delete(_) => ("delete", 46),
        Asking::Quit => ("something has not been sent", 46),
        Asking::Help => ("help", 46),
    };
    let line = u16::from(prompt.asking.has_line());
    let note = u16::from(!prompt.note.is_empty());
    let n_choices = u16::try_from(prompt.choices.len()).unwrap_or(CHOICES).min(CHOICES);
    let inner = boxed(frame, title, (width, 2 + line + note + n_choices));
    let mut top = inner.y;
    if line > 0 && inner.height > 0 {
        write_line(prompt, frame, Rect { height: 1, ..inner });
        top += 1;
    }
    if note > 0 && top < inner.bottom() {
        let text = Line::styled(prompt.note.clone(), style::faint());
        row(frame, Rect { y: top, height: 1, ..inner }, text);
        top += 1;
    }
    choices(prompt, frame, Rect { y: top, height: inner.bottom().saturating_sub(top), ..inner });
}

fn write_line(prompt: &Prompt, frame: &mut Frame<'_>, area: Rect) {
    let room = usize::from(area.width).saturating_sub(3).max(2);
    // Only the part of a long line around the cursor is shown.
    let (shown, column) = prompt.editor.position(room);
    let lines = prompt.editor.lines(room);
    let text = lines.get(shown).map(|line| line.text.clone()).unwrap_or_default();
    let line =
        Line::from(vec![Span::styled("› ", style::accent().add_modifier(Modifier::BOLD)), Span::raw(text)]);
    row(frame, area, line);
    let x = u16::try_from(column + 2).unwrap_or_default().saturating_add(area.x);
    frame.set_cursor_position(Position::new(x.min(area.right()), area.y));
}

fn choices(prompt: &Prompt, frame: &mut Frame<'_>, area: Rect) {
    let fitting = usize::from(area.height);
    let first = (prompt.chosen + 1).saturating_sub(fitting);
    for ((number, choice), y) in prompt.choices.iter().enumerate().skip(first).take(fitting).zip(area.y..) {
        let is_chosen = number == prompt.chosen;
        let base = if is_chosen { style::reversed() } else { Style::new() };
        let label = match prompt.asking {
            Asking::React(_) if number < 9 => format!("{} {}", number + 1, choice.label),
            _ => choice.label.clone(),
        };
        let half = usize::from(area.width) / 2;
        let detail = wrap::cut(&choice.detail, half).into_owned();
        let line = ends(vec![Span::raw(label)], vec![Span::styled(detail, style::faint())], area.width);
        row(frame, Rect { y, height: 1, ..area }, line.patch_style(base));
    }
}
