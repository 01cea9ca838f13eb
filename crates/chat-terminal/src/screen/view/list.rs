//! The list of conversations: two rows each, or one on a low screen.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::{ends, presence, row, when};
use crate::clean::clean_name;
use crate::screen::layout::Layout;
use crate::screen::model::{Chat, Focus, Model};
use crate::screen::style;

/// Lists with fewer rows show one row per conversation.
const LOW: u16 = 14;

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, layout: &Layout) {
    let area = layout.list;
    let chats = model.listing();
    let each = if area.height < LOW { 1 } else { 2 };
    let fitting = usize::from((area.height / each).max(1));
    let cursor = if model.focus == Focus::List { model.listed } else { model.chat.map(Chat::entry) };
    let at = chats.iter().position(|chat| Some(*chat) == cursor).unwrap_or(0);
    // Keep the cursor in the middle if the list is longer than the screen.
    let first = at.saturating_sub(fitting / 2).min(chats.len().saturating_sub(fitting));
    for (chat, number) in chats.iter().skip(first).take(fitting).zip(0..) {
        let top = area.y + number * each;
        let area = Rect { y: top, height: each, ..area };
        entry(model, frame, area, *chat);
    }
    if chats.is_empty() {
        let text = if model.shows_archived { " no archived conversation" } else { " no conversation yet" };
        row(frame, Rect { height: 1, ..area }, Line::styled(text, style::faint()));
    }
    if !layout.is_narrow {
        for y in area.y..area.bottom() {
            row(frame, Rect::new(area.right(), y, 1, 1), Line::styled("│", style::faint()));
        }
    }
}

fn entry(model: &Model, frame: &mut Frame<'_>, area: Rect, chat: Chat) {
    let is_cursor = model.focus == Focus::List && model.listed == Some(chat);
    let is_open = model.chat.map(Chat::entry) == Some(chat);
    let base = if is_cursor { style::reversed() } else { Style::new() };
    let lines = [first_row(model, area.width, chat, is_open), second_row(model, area.width, chat, is_open)];
    for (line, y) in lines.into_iter().zip(area.y..area.bottom()) {
        row(frame, Rect::new(area.x, y, area.width, 1), line.patch_style(base));
    }
}

fn first_row(model: &Model, width: u16, chat: Chat, is_open: bool) -> Line<'static> {
    let mark = if is_open { "▎" } else { " " };
    let sign = match model.other_side(chat) {
        Some(user) => presence(model, user),
        None => Span::styled("#", style::faint()),
    };
    let count = chat.room().map(|id| model.count(id)).unwrap_or_default();
    let mut name = Style::new();
    if count.unread > 0 || is_open {
        name = name.add_modifier(Modifier::BOLD);
    }
    let own = chat.room().and_then(|id| model.room(id)?.own());
    let mut left = vec![Span::styled(mark, style::accent()), sign, Span::raw(" ")];
    left.push(Span::styled(model.title(chat), name));
    let mut right = Vec::new();
    if own.is_some_and(|own| own.pinned) {
        right.push(Span::styled("⚑ ", style::faint()));
    }
    if let Some(message) = chat.room().and_then(|id| model.last_message(id)) {
        right.push(Span::styled(when(model, message.timestamp), style::faint()));
    }
    if area_is_low(model) {
        right.extend(badge(model, chat));
    }
    right.push(Span::raw(" "));
    ends(left, right, width)
}

fn area_is_low(model: &Model) -> bool {
    model.size.1.saturating_sub(1) < LOW
}

fn second_row(model: &Model, width: u16, chat: Chat, is_open: bool) -> Line<'static> {
    let mut left = vec![Span::raw("   ")];
    if let Some(id) = chat.room() {
        let typist = model.typists(id).next();
        // The draft of the open conversation is visible in the composer.
        let draft = if is_open { "" } else { model.draft(id).trim() };
        match (typist, model.last_message(id)) {
            (Some(_), _) => {
                let style = style::accent().add_modifier(Modifier::ITALIC);
                left.push(Span::styled("typing …", style));
            }
            (None, _) if !draft.is_empty() => {
                left.push(Span::styled("draft: ", style::warning()));
                left.push(Span::styled(clean_name(draft), style::faint()));
            }
            (None, Some(message)) => {
                let is_direct = model.other_side(chat).is_some();
                let who = match message.sender_id == model.me() {
                    true => "you: ".into(),
                    false if is_direct => String::new(),
                    false => format!("{}: ", model.name(message.sender_id)),
                };
                let text = match message.deleted_at {
                    Some(_) => "deleted".into(),
                    None if message.content.is_empty() => format!("[{}]", clean_name(&message.kind)),
                    None => clean_name(&message.content),
                };
                left.push(Span::styled(format!("{who}{text}"), style::faint()));
            }
            (None, None) => {}
        }
    }
    let mut right = badge(model, chat);
    right.push(Span::raw(" "));
    ends(left, right, width)
}

/// Number of unread messages and of mentions among them, and whether the conversation is muted.
fn badge(model: &Model, chat: Chat) -> Vec<Span<'static>> {
    let Some(id) = chat.room() else { return Vec::new() };
    let count = model.count(id);
    let is_muted = model.is_muted(id);
    let mut spans = Vec::new();
    if count.mentions > 0 {
        spans.push(Span::styled(format!(" @{}", count.mentions), style::warning()));
    }
    let is_marked = model.room(id).and_then(|room| room.own()).is_some_and(|own| own.marked_unread);
    let style = if is_muted { style::faint() } else { style::accent().add_modifier(Modifier::BOLD) };
    match count.unread {
        0 if is_marked => spans.push(Span::styled(" •", style)),
        0 => {}
        n @ 1..=999 => spans.push(Span::styled(format!(" {n}"), style)),
        _ => spans.push(Span::styled(" 999+", style)),
    }
    if is_muted {
        spans.push(Span::styled(" muted", style::faint()));
    }
    spans
}
