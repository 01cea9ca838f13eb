//! Draws the model into a frame. Pure: it changes nothing else.

mod help;
mod list;
mod prompt;

use chat_client::v2::Room;
use chat_protocol::message::Message;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Clear, Paragraph};

use super::layout::{self, Layout, MARGIN};
use super::model::{Chat, Focus, Link, Model, PromptKind, Writing};
use super::{rows, style, viewport, wrap};
use crate::clean::clean_name;

/// Screens of at least this width show the server's address.
const WIDE: u16 = 110;

/// Draws the whole screen.
pub(crate) fn view(model: &Model, frame: &mut Frame<'_>) {
    let layout = layout::of(model);
    if layout.list.height > 0 {
        list::draw(model, frame, &layout);
    }
    if layout.messages.width > 0 {
        header(model, frame, layout.header);
        banner(model, frame, layout.banner);
        messages(model, frame, layout.messages);
        typing(model, frame, layout.typing);
        composer(model, frame, layout.composer);
    }
    status(model, frame, &layout);
    match model.prompt.as_ref().map(|prompt| (prompt, prompt.kind)) {
        Some((prompt, PromptKind::Help)) => help::draw(prompt, frame),
        Some((prompt, _)) => prompt::draw(prompt, frame),
        None => {}
    }
}

/// Draws one row, cut to its area. Draws nothing if the area has no height.
fn row(frame: &mut Frame<'_>, area: Rect, line: Line<'_>) {
    if area.height > 0 {
        frame.render_widget(Paragraph::new(line), area);
    }
}

/// A row with a text at each end. The left one is cut if both do not fit.
fn ends(left: Vec<Span<'static>>, right: Vec<Span<'static>>, width: u16) -> Line<'static> {
    let cells = |spans: &[Span<'_>]| spans.iter().map(|span| wrap::width(&span.content)).sum::<usize>();
    let width = usize::from(width);
    let right_cells = cells(&right);
    let mut room = width.saturating_sub(right_cells + usize::from(right_cells > 0));
    let mut spans = Vec::new();
    for span in left {
        let text = wrap::cut(&span.content, room).into_owned();
        room -= wrap::width(&text).min(room);
        spans.push(Span::styled(text, span.style));
    }
    spans.push(Span::raw(" ".repeat(width.saturating_sub(cells(&spans) + right_cells))));
    spans.extend(right);
    Line::from(spans)
}

fn header(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(chat) = model.chat else { return };
    if let Chat::Thread(conversation, root) = chat {
        let line = thread_header(model, model.message_of(conversation, root), area.width);
        row(frame, area, line.patch_style(Style::new().underlined()));
        return;
    }
    let mut left = vec![Span::raw(" ")];
    let mut right = Vec::new();
    match model.other_side(chat) {
        Some(user) => {
            left.push(presence(model, user));
            left.push(Span::raw(" "));
            left.push(Span::styled(model.title(chat), style::strong()));
            right.push(Span::styled(model.presence(user).to_owned(), style::faint()));
        }
        None => {
            left.push(Span::styled("# ", style::faint()));
            left.push(Span::styled(model.title(chat), style::strong()));
            let n_members = model.room_id().and_then(|id| model.about(id)).map_or(0, |it| it.n_members);
            let members = if n_members == 1 { "member" } else { "members" };
            right.push(Span::styled(format!("{n_members} {members}"), style::faint()));
        }
    }
    if let Some(id) = model.room_id() {
        let own = model.room(id).and_then(Room::own);
        let marks = [
            (model.is_muted(id), "muted"),
            (own.is_some_and(|own| own.pinned), "pinned"),
            (own.is_some_and(|own| own.archived), "archived"),
        ];
        for (_, mark) in marks.into_iter().filter(|(is_so, _)| *is_so) {
            right.push(Span::styled(format!(" · {mark}"), style::faint()));
        }
    }
    right.push(Span::raw(" "));
    row(frame, area, ends(left, right, area.width).patch_style(Style::new().underlined()));
}

/// The header of an open thread: its root and the number of replies.
fn thread_header(model: &Model, root: Option<&Message>, width: u16) -> Line<'static> {
    let mut left = vec![Span::styled(" └ thread ", style::faint())];
    let mut n_replies = 0;
    if let Some(root) = root {
        n_replies = root.thread.as_ref().map_or(0, |thread| thread.replies);
        left.push(Span::styled(format!("{}: ", model.name(root.sender_id)), style::name(root.sender_id)));
        left.push(Span::styled(clean_name(&root.content), style::strong()));
    }
    let replies = if n_replies == 1 { "reply" } else { "replies" };
    ends(left, vec![Span::styled(format!("{n_replies} {replies} "), style::faint())], width)
}

/// A dot for a user's presence: full if online, half if away, otherwise empty.
fn presence(model: &Model, user: i64) -> Span<'static> {
    match model.presence(user) {
        "online" => Span::styled("●", style::good()),
        "away" => Span::styled("◐", style::warning()),
        _ => Span::styled("○", style::faint()),
    }
}

fn banner(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Link::Offline { why, .. } = &model.link else { return };
    let waiting = match model.n_waiting() {
        0 => String::new(),
        1 => " · 1 message waits".into(),
        n => format!(" · {n} messages wait"),
    };
    let text = wrap::fit(&format!(" Offline{waiting} · {why}"), usize::from(area.width));
    row(frame, area, Line::styled(text, style::warning().add_modifier(Modifier::REVERSED)));
}

fn messages(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let lines = viewport::shown(model);
    if lines.is_empty() {
        let text = placeholder(model);
        let middle = area.height / 2;
        let area = Rect { y: area.y + middle, height: area.height.min(1), ..area };
        row(frame, area, Line::styled(text, style::faint()).centered());
        return;
    }
    let count = u16::try_from(lines.len()).unwrap_or(area.height).min(area.height);
    let bottom = Rect { y: area.y + area.height - count, height: count, ..area };
    frame.render_widget(Paragraph::new(Text::from(lines)), bottom);
    if model.pane().is_some_and(|pane| !pane.is_at_end() && pane.window.is_some()) && area.height > 0 {
        let unread = model.room_id().map_or(0, |id| model.count(id).unread);
        let text = if unread > 0 { format!(" {unread} new ↓ ") } else { " ↓ ".to_owned() };
        let cells = u16::try_from(wrap::width(&text)).unwrap_or_default().min(area.width);
        let corner = Rect::new(area.right() - cells, area.bottom() - 1, cells, 1);
        row(frame, corner, Line::styled(text, style::reversed()));
    }
}

/// The text in place of messages while there are none.
fn placeholder(model: &Model) -> String {
    match (model.chat, model.pane()) {
        (None, _) if model.is_online() => "Nobody has written yet. Ctrl-K finds somebody to write to.".into(),
        (None, _) => "Loading …".into(),
        (Some(Chat::Thread(..)), _) => "Loading …".into(),
        (Some(chat), Some(pane)) if pane.window.is_some_and(|window| window.is_whole) => {
            format!("Nothing has been written to {} yet.", model.title(chat))
        }
        (Some(Chat::User(user)), _) => {
            format!("Say something to {}.", model.name(user))
        }
        _ => "Loading …".into(),
    }
}

fn typing(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(id) = model.room_id() else { return };
    let names: Vec<_> = model.typists(id).map(|user| model.name(user).into_owned()).collect();
    let text = match names.as_slice() {
        [] => return,
        [one] => format!(" {one} is typing …"),
        [one, other] => format!(" {one} and {other} are typing …"),
        several => format!(" {} people are typing …", several.len()),
    };
    let text = wrap::cut(&text, usize::from(area.width)).into_owned();
    row(frame, area, Line::styled(text, style::faint().add_modifier(Modifier::ITALIC)));
}

fn composer(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(pane) = model.pane() else { return };
    let (mut top, mut height) = (area.y, area.height);
    if let Some(text) = writing(model, pane.writing)
        && height > 1
    {
        let text = wrap::cut(&text, usize::from(area.width)).into_owned();
        row(frame, Rect { height: 1, ..area }, Line::styled(text, style::accent()));
        (top, height) = (top + 1, height - 1);
    }
    let width = layout::text_width(area.width);
    let (cursor_row, column) = pane.editor.position(width);
    let skipped = (cursor_row + 1).saturating_sub(usize::from(height));
    let lines = pane.editor.lines(width).into_iter().skip(skipped).take(usize::from(height));
    let has_focus = model.focus == Focus::Composer && model.prompt.is_none();
    for (number, (line, y)) in lines.zip(top..).enumerate() {
        let mark = if number + skipped == 0 { "› " } else { "  " };
        let mark_style =
            if has_focus { style::accent().add_modifier(Modifier::BOLD) } else { style::faint() };
        let mut spans = vec![Span::styled(mark, mark_style)];
        if pane.editor.is_empty() && !has_focus {
            spans.push(Span::styled("write …", style::faint()));
        }
        spans.push(Span::raw(line.text));
        row(frame, Rect::new(area.x, y, area.width, 1), Line::from(spans));
    }
    if has_focus && height > 0 {
        let x = u16::try_from(column).unwrap_or_default().saturating_add(area.x + MARGIN);
        let y = u16::try_from(cursor_row - skipped).unwrap_or_default().saturating_add(top);
        frame.set_cursor_position(Position::new(x.min(area.right().saturating_sub(1)), y));
    }
}

/// The line above the composer that says what is being replied to or edited; `None` for a new message.
fn writing(model: &Model, writing: Writing) -> Option<String> {
    let brief = |seq| {
        model.message_at(seq).map_or_else(String::new, |message| {
            format!("{}: {}", model.name(message.sender_id), clean_name(&message.content))
        })
    };
    match writing {
        Writing::New => None,
        Writing::Reply(_, seq) => Some(format!("  ┃ {}", brief(seq))),
        Writing::Edit(..) => Some("  another text for your message; Esc leaves it as it is".into()),
    }
}

fn status(model: &Model, frame: &mut Frame<'_>, layout: &Layout) {
    let area = layout.status;
    let (dot, state) = match &model.link {
        Link::Online => (Span::styled("●", style::good()), "online".to_owned()),
        Link::CatchingUp => (Span::styled("◐", style::good()), "catching up".into()),
        Link::Connecting => (Span::styled("◐", style::warning()), "connecting".into()),
        Link::Offline { until, .. } => {
            let left = (until - model.millis()).max(0) / 1000;
            let text = if left > 0 { format!("offline, again in {left} s") } else { "connecting".into() };
            (Span::styled("○", style::warning()), text)
        }
    };
    let me = format!(" {} ", model.name(model.me()));
    let mut left = vec![Span::raw(" "), dot, Span::styled(me, style::strong())];
    if area.width >= WIDE {
        left.push(Span::styled(format!("at {} · ", model.config.server), style::faint()));
    }
    left.push(Span::raw(state));
    let unread = model.unread_elsewhere();
    if layout.is_narrow && unread > 0 {
        left.push(Span::styled(format!(" · {unread} unread"), style::accent()));
    }
    let right = match &model.notice {
        Some(notice) => {
            let style = if notice.is_error { style::error() } else { style::accent() };
            let room = usize::from(area.width).saturating_sub(24).max(20);
            vec![Span::styled(wrap::cut(&notice.text, room).into_owned(), style), Span::raw(" ")]
        }
        None => hints(model, area.width),
    };
    row(frame, area, ends(left, right, area.width));
}

fn hints(model: &Model, width: u16) -> Vec<Span<'static>> {
    let text = match (model.focus, width) {
        (_, 0..50) => "F1 help ",
        (Focus::Composer, _) if model.thread_root().is_some() => {
            "Esc back to the conversation · Up messages · F1 help "
        }
        (Focus::Composer, _) => "Tab list · Up messages · Ctrl-K go to · F1 help ",
        (Focus::List, _) => "Enter open · m mute · p pin · u unread · a away · F1 help ",
        (Focus::Messages, 0..90) => "r answer · + react · e edit · d delete · F1 help ",
        (Focus::Messages, _) => {
            "r answer · t thread · + react · e edit · d delete · p pin · Esc back · F1 help "
        }
    };
    vec![Span::styled(text, style::faint())]
}

/// Draws an empty box with a title in the middle of the screen. Returns the area inside it.
fn boxed(frame: &mut Frame<'_>, title: &str, (width, height): (u16, u16)) -> Rect {
    use ratatui::widgets::{Block, BorderType, Padding};
    let screen = frame.area();
    let (width, height) = (width.min(screen.width), height.min(screen.height));
    let area = Rect { x: (screen.width - width) / 2, y: (screen.height - height) / 3, width, height };
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(style::faint())
        .title(Span::styled(format!(" {title} "), style::strong()))
        .padding(Padding::horizontal(1));
    let inner = block.inner(area);
    frame.render_widget(Clear, area);
    frame.render_widget(block, area);
    inner
}

/// A time as [`rows::when`] formats it, for the list.
fn when(model: &Model, at: chat_protocol::time::Time) -> String {
    rows::when(model, at)
}

#[cfg(test)]
mod tests;
