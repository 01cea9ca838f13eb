//! Draws a prompt over the screen.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::{boxed, ends, row};
use crate::screen::model::{Prompt, PromptKind};
use crate::screen::{style, wrap};

/// Most choices on the screen at a time.
const CHOICES: u16 = 12;

pub(super) fn draw(prompt: &Prompt, frame: &mut Frame<'_>) {
    let (title, width) = match prompt.kind {
        PromptKind::GoTo => ("go to", 46),
        PromptKind::NewGroup => ("name of the new group", 46),
        PromptKind::AddMember => ("user name of the new member", 46),
        PromptKind::Members => ("members", 46),
        PromptKind::Search => ("search", 76),
        PromptKind::Pins => ("pinned", 76),
        PromptKind::React(_) => ("react", 34),
        PromptKind::Delete(_) => ("delete", 46),
        PromptKind::Quit => ("something has not been sent", 46),
        PromptKind::Help => ("help", 46),
    };
    let line = u16::from(prompt.kind.has_line());
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
    // Of a long line, only the part around the cursor fits.
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
        let label = match prompt.kind {
            PromptKind::React(_) if number < 9 => format!("{} {}", number + 1, choice.label),
            _ => choice.label.clone(),
        };
        let half = usize::from(area.width) / 2;
        let detail = wrap::cut(&choice.detail, half).into_owned();
        let line = ends(vec![Span::raw(label)], vec![Span::styled(detail, style::faint())], area.width);
        row(frame, Rect { y, height: 1, ..area }, line.patch_style(base));
    }
}
