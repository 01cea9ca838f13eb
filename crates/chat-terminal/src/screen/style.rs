//! The styles of the screen. They use the terminal's own palette, so that they suit light and dark themes. No
//! information is given by colour alone.

use ratatui::style::{Color, Modifier, Style};

/// Colours that distinguish users.
const NAMES: [Color; 6] = [Color::Cyan, Color::Green, Color::Magenta, Color::Yellow, Color::Blue, Color::Red];

/// For secondary text, such as times.
pub(crate) fn faint() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

/// For text that should stand out.
pub(crate) fn accent() -> Style {
    Style::new().fg(Color::Cyan)
}

pub(crate) fn error() -> Style {
    Style::new().fg(Color::Red)
}

pub(crate) fn warning() -> Style {
    Style::new().fg(Color::Yellow)
}

pub(crate) fn good() -> Style {
    Style::new().fg(Color::Green)
}

pub(crate) fn strong() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

pub(crate) fn reversed() -> Style {
    Style::new().add_modifier(Modifier::REVERSED)
}

/// For a user's name: the same colour everywhere, chosen by the user's id.
pub(crate) fn name(user: i64) -> Style {
    let index = usize::try_from(user.rem_euclid(6)).unwrap_or_default();
    Style::new().fg(NAMES.get(index).copied().unwrap_or(Color::Reset)).add_modifier(Modifier::BOLD)
}
