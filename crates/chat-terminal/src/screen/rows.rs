//! Renders a message as rows: time and name on the left, text in the middle, ticks on the right. Pure.

use chat_client::v2::Room;
use chat_protocol::message::Message;
use chat_protocol::time::Time;
use jiff::Timestamp;
use jiff::civil::Date;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::model::Model;
use super::style;
use super::viewport::Item;
use super::wrap::{self, cut, fit};
use crate::clean::{clean_lines, clean_name};

/// Columns of the time: `16:00 `.
const CLOCK: usize = 6;
/// Number of members whose names count for the width of the name column.
const MAX_NAMES: usize = 50;
/// Most columns of text, because longer lines are hard to read.
const LINE: usize = 100;
/// Columns for the ticks.
const TICKS: usize = 3;
/// Longest time between two messages of one sender that share one name, in microseconds.
const GROUPED_WITHIN: i64 = 5 * 60 * 1_000_000;

/// Widths of the columns, in cells.
#[derive(Debug, Clone, Copy)]
struct Columns {
    whole: usize,
    clock: usize,
    name: usize,
    text: usize,
}

impl Columns {
    /// Divides a width. The name column is as wide as the longest name, within bounds.
    fn of(model: &Model, width: usize) -> Self {
        // On a narrow screen the time is left out first.
        let (clock, most) = match width {
            0..32 => (0, 5),
            32..50 => (CLOCK, 8),
            _ => (CLOCK, 12),
        };
        let other = model.chat.and_then(|chat| model.other_side(chat));
        let users = other.into_iter().chain(model.members().iter().take(MAX_NAMES).map(|member| member.id));
        let names = users.chain([model.me()]).map(|user| wrap::width(&model.name(user)));
        let name = names.max().unwrap_or(most).clamp(3, most);
        Self {
            whole: width,
            clock,
            name,
            text: width.saturating_sub(clock + name + 1 + TICKS).clamp(4, LINE),
        }
    }

    fn margin(self) -> String {
        " ".repeat(self.clock + self.name + 1)
    }
}

/// The rows of an item. `above` is the item before it: time, name and day are shown only where they differ.
pub(crate) fn of(
    model: &Model,
    above: Option<&Item<'_>>,
    item: &Item<'_>,
    width: usize,
) -> Vec<Line<'static>> {
    let columns = Columns::of(model, width);
    match item {
        Item::Waiting(_, outgoing) => {
            let text = clean_lines(&outgoing.content);
            let (tick, tail) = match &outgoing.refused {
                Some(why) => (Span::styled("!", style::error()), format!("not sent: {why}")),
                None => (Span::styled("…", style::faint()), String::new()),
            };
            let name = model.name(model.me()).into_owned();
            let head = Head { clock: String::new(), name, is_selected: false, user: model.me() };
            let mut body = Body::of(&text, columns.text, style::faint());
            if !tail.is_empty() {
                body.add(&tail, columns.text, style::error());
            }
            assemble(columns, &head, body, Some(tick))
        }
        Item::Message(message) => {
            let above = match above {
                Some(Item::Message(above)) => Some(*above),
                _ => None,
            };
            let mut rows = separators(model, above, message, columns);
            rows.extend(message_rows(model, above, message, columns));
            rows
        }
    }
}

fn separators(
    model: &Model,
    above: Option<&Message>,
    message: &Message,
    columns: Columns,
) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    let day = day_of(model, message);
    if above.is_none_or(|above| day_of(model, above) != day) {
        rows.push(rule(&day_name(model, day), columns.whole, style::faint()));
    }
    let new_from = model.pane().and_then(|pane| pane.new_from);
    let is_mine = |message: &Message| message.sender_id == model.me();
    let room = model.room(message.conversation_id);
    let is_first_new = new_from.zip(room).is_some_and(|(from, room)| {
        let mut earlier = room.messages().range(from..message.seq.max(from));
        message.seq >= from && !is_mine(message) && earlier.all(|(_, earlier)| is_mine(earlier))
    });
    if is_first_new {
        rows.push(rule("new", columns.whole, style::accent()));
    }
    rows
}

/// A horizontal line with a word in its middle.
fn rule(word: &str, width: usize, style: Style) -> Line<'static> {
    let word = cut(word, width.saturating_sub(4));
    let around = width.saturating_sub(wrap::width(&word) + 2);
    let left = around / 2;
    let text = format!("{} {word} {}", "─".repeat(left), "─".repeat(around - left));
    Line::styled(text, style)
}

struct Head {
    clock: String,
    name: String,
    is_selected: bool,
    user: i64,
}

/// The rows of the middle column.
struct Body {
    rows: Vec<Vec<Span<'static>>>,
}

impl Body {
    fn of(text: &str, width: usize, style: Style) -> Self {
        let mut body = Self { rows: Vec::new() };
        body.add(text, width, style);
        body
    }

    fn add(&mut self, text: &str, width: usize, style: Style) {
        let lines = wrap::lines(text, width).into_iter();
        self.rows.extend(lines.map(|line| vec![Span::styled(line, style)]));
    }

    /// Appends a mark to the last row, or adds a row if it does not fit.
    fn mark(&mut self, text: &str, width: usize) {
        let filled: usize =
            self.rows.last().map_or(width, |row| row.iter().map(|span| wrap::width(&span.content)).sum());
        let span = Span::styled(text.to_owned(), style::faint());
        match self.rows.last_mut() {
            Some(row) if filled + 1 + wrap::width(text) <= width => {
                if filled > 0 {
                    row.push(Span::raw(" "));
                }
                row.push(span);
            }
            _ => self.rows.push(vec![span]),
        }
    }
}

fn assemble(columns: Columns, head: &Head, body: Body, tick: Option<Span<'static>>) -> Vec<Line<'static>> {
    let count = body.rows.len();
    let marked = if head.is_selected { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
    let name = cut(&head.name, columns.name);
    let indent = columns.name.saturating_sub(wrap::width(&name));
    let rows = body.rows.into_iter().enumerate().map(|(index, row)| {
        let mut spans = if index == 0 {
            vec![
                Span::styled(fit(&head.clock, columns.clock), style::faint().patch(marked)),
                Span::styled(" ".repeat(indent), marked),
                Span::styled(name.clone().into_owned(), style::name(head.user).patch(marked)),
                Span::styled(" ", marked),
            ]
        } else {
            vec![Span::styled(columns.margin(), marked)]
        };
        let filled: usize = row.iter().map(|span| wrap::width(&span.content)).sum();
        spans.extend(row);
        if let Some(tick) = tick.clone().filter(|_| index + 1 == count) {
            let space = (columns.text + TICKS).saturating_sub(filled + wrap::width(&tick.content));
            spans.push(Span::raw(" ".repeat(space)));
            spans.push(tick);
        }
        Line::from(spans)
    });
    rows.collect()
}

fn message_rows(
    model: &Model,
    above: Option<&Message>,
    message: &Message,
    columns: Columns,
) -> Vec<Line<'static>> {
    let is_together = above.is_some_and(|above| {
        above.sender_id == message.sender_id
            && message.timestamp.0 - above.timestamp.0 < GROUPED_WITHIN
            && day_of(model, above) == day_of(model, message)
            && above.thread_id == message.thread_id
    });
    let clock = clock(model, message.timestamp);
    let is_same_minute = above.is_some_and(|above| self::clock(model, above.timestamp) == clock);
    let head = Head {
        clock: if is_together && is_same_minute { String::new() } else { clock },
        name: if is_together { String::new() } else { model.name(message.sender_id).into_owned() },
        is_selected: model.pane().and_then(|pane| pane.selected) == Some(message.seq),
        user: message.sender_id,
    };
    let mut body = Body { rows: Vec::new() };
    context(model, message, columns, &mut body);
    content(message, columns, &mut body);
    reactions_and_thread(model, message, columns, &mut body);
    if body.rows.is_empty() {
        body.rows.push(Vec::new());
    }
    assemble(columns, &head, body, tick(model, message))
}

/// The quote, the thread and the origin of a message.
fn context(model: &Model, message: &Message, columns: Columns, body: &mut Body) {
    let mut mark = |text: String| {
        let text = cut(&text, columns.text).into_owned();
        body.rows.push(vec![Span::styled(text, style::faint())]);
    };
    if let Some(quote) = &message.quote {
        let content = if quote.deleted { "(deleted)".into() } else { clean_name(&quote.content) };
        mark(format!("┃ {}: {content}", model.name(quote.sender_id)));
    }
    if let Some(root) = message.thread_id.filter(|_| model.thread_root().is_none()) {
        let root = model.message_of(message.conversation_id, root);
        let of = root.map(|root| format!(" {}: {}", model.name(root.sender_id), clean_name(&root.content)));
        mark(format!("└ in the thread of{}", of.unwrap_or_else(|| " an earlier message".into())));
    }
    if let Some(from) = &message.forwarded_from {
        mark(format!("→ forwarded from {}", model.name(from.sender_id)));
    }
}

fn content(message: &Message, columns: Columns, body: &mut Body) {
    if message.deleted_at.is_some() {
        body.add("deleted", columns.text, style::faint().add_modifier(Modifier::ITALIC));
        return;
    }
    let is_growing = message.streaming.as_deref() == Some("growing");
    let mut text = clean_lines(&message.content);
    if is_growing {
        text.push('▌');
    }
    if !text.is_empty() {
        body.add(&text, columns.text, Style::new());
    }
    for media in &message.media {
        let kind = clean_name(media.kind.as_deref().unwrap_or("file"));
        let name = media.name.as_deref().map(clean_name).unwrap_or_default();
        let text = format!("[{kind}] {name} {}", clean_name(&media.url));
        body.add(&text.replace("  ", " "), columns.text, style::accent());
    }
    if message.edited_at.is_some() {
        body.mark("(edited)", columns.text);
    }
    if message.streaming.as_deref() == Some("abandoned") {
        body.mark("(unfinished)", columns.text);
    }
    if message.pinned_at.is_some() {
        body.mark("(pinned)", columns.text);
    }
}

/// The reactions to a message and a line for the thread below it.
fn reactions_and_thread(model: &Model, message: &Message, columns: Columns, body: &mut Body) {
    let mut row: Vec<Span<'static>> = Vec::new();
    let mut filled = 0;
    for reaction in &message.reactions {
        let text = format!("{} {}", clean_name(&reaction.emoji), reaction.count);
        let cells = wrap::width(&text) + 2;
        if filled + cells > columns.text && !row.is_empty() {
            body.rows.push(std::mem::take(&mut row));
            filled = 0;
        }
        filled += cells;
        let style = if reaction.me { style::accent().add_modifier(Modifier::BOLD) } else { style::faint() };
        row.push(Span::styled(cut(&text, columns.text).into_owned(), style));
        row.push(Span::raw("  "));
    }
    if !row.is_empty() {
        body.rows.push(row);
    }
    if let Some(thread) = message.thread.as_ref().filter(|_| model.thread_root().is_none()) {
        let replies = if thread.replies == 1 { "reply" } else { "replies" };
        let last = clock(model, thread.last_reply_at);
        let text = format!("└ {} {replies}, the last at {last}", thread.replies);
        body.rows.push(vec![Span::styled(cut(&text, columns.text).into_owned(), style::accent())]);
    }
}

/// The ticks of the user's own message: one if stored, two if delivered to everybody, bold if read by everybody.
fn tick(model: &Model, message: &Message) -> Option<Span<'static>> {
    if message.sender_id != model.me() || message.deleted_at.is_some() {
        return None;
    }
    let about = model.about(message.conversation_id)?;
    let others = usize::try_from(about.n_members.saturating_sub(1)).unwrap_or_default().max(1);
    let pointers = model.room(message.conversation_id).map(Room::pointers)?;
    let others_pointers = || pointers.iter().filter(|(user, _)| **user != model.me());
    let n_delivered = others_pointers().filter(|(_, (delivered, _))| *delivered >= message.seq).count();
    let n_read = others_pointers().filter(|(_, (_, read))| *read >= message.seq).count();
    let is_read = n_read >= others || message.status == "READ";
    let is_delivered = is_read || n_delivered >= others || message.status == "DELIVERED";
    Some(match (is_read, is_delivered) {
        (true, _) => Span::styled("✓✓", style::accent().add_modifier(Modifier::BOLD)),
        (false, true) => Span::styled("✓✓", style::faint()),
        (false, false) => Span::styled("✓", style::faint()),
    })
}

fn day_of(model: &Model, message: &Message) -> Date {
    let at = Timestamp::from_microsecond(message.timestamp.0).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(model.config.zone.clone()).date()
}

fn day_name(model: &Model, day: Date) -> String {
    let today = model.now.to_zoned(model.config.zone.clone()).date();
    if today == day {
        "today".into()
    } else if day.tomorrow().ok() == Some(today) {
        "yesterday".into()
    } else {
        day.strftime("%A, %-d %B %Y").to_string()
    }
}

/// The time of day, as `16:00`.
pub(crate) fn clock(model: &Model, at: Time) -> String {
    let at = Timestamp::from_microsecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(model.config.zone.clone()).strftime("%H:%M").to_string()
}

/// The time of day if it is today, otherwise the day, or the year if it is another year.
pub(crate) fn when(model: &Model, at: Time) -> String {
    let then = Timestamp::from_microsecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    let then = then.to_zoned(model.config.zone.clone());
    let now = model.now.to_zoned(model.config.zone.clone());
    match then.date() == now.date() {
        true => clock(model, at),
        false if then.year() == now.year() => then.strftime("%-d %b").to_string(),
        false => then.strftime("%Y").to_string(),
    }
}
