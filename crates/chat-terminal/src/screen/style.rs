//! The few styles there are. They are those of the terminal's own palette, so that they fit light and dark ones, and
//! nothing is said by colour alone.

use ratatui::style::{Color, Modifier, Style};

/// Names are told apart by these.
const NAMES: [Color; 6] = [Color::Cyan, Color::Green, Color::Magenta, Color::Yellow, Color::Blue, Color::Red];

/// What is there for whoever looks for it.
pub(crate) fn faint() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

/// What is meant to be found.
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

/// A user's name, everywhere the same.
pub(crate) fn name(user: i64) -> Style {
    let place = usize::try_from(user.rem_euclid(6)).unwrap_or_default();
    Style::new().fg(NAMES.get(place).copied().unwrap_or(Color::Reset)).add_modifier(Modifier::BOLD)
}
