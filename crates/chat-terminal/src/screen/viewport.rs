//! The visible part of the messages: which rows are on the screen, and where scrolling leads. Only messages near the
//! scroll position are rendered, so the cost does not depend on the length of the conversation. Pure.

use chat_protocol::message::Message;
use ratatui::text::Line;

use super::layout;
use super::model::{Focus, Model, Outgoing, Scroll};
use super::rows;

/// Identifies an item. Messages have their `seq`, and unconfirmed ones, which stand below them, their index in
/// `outgoing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Seq(i64),
    Waiting(usize),
}

impl Default for Key {
    fn default() -> Self {
        Self::Seq(0)
    }
}

/// A message, confirmed or not.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Item<'a> {
    Message(&'a Message),
    Waiting(usize, &'a Outgoing),
}

impl Item<'_> {
    pub(crate) fn key(&self) -> Key {
        match self {
            Self::Message(message) => Key::Seq(message.seq),
            Self::Waiting(number, _) => Key::Waiting(*number),
        }
    }
}

/// One row of an item.
struct Row {
    key: Key,
    /// Number of the row in its item, from 0.
    index: usize,
    /// Number of rows of the item.
    count: usize,
    line: Line<'static>,
}

/// Number of rows that fit on the screen.
pub(crate) fn height(model: &Model) -> usize {
    usize::from(layout::of(model).messages.height)
}

/// Whether the screen shows messages at all.
pub(crate) fn is_shown(model: &Model) -> bool {
    height(model) > 0 && !(layout::of(model).is_narrow && model.focus == Focus::List)
}

/// The rows on the screen, top first.
pub(crate) fn shown(model: &Model) -> Vec<Line<'static>> {
    let mut rows: Vec<_> = upwards(model, anchor(model)).take(height(model)).map(|row| row.line).collect();
    rows.reverse();
    rows
}

/// The `seq`s of the messages that have a row on the screen, top first.
pub(crate) fn shown_seqs(model: &Model) -> Vec<i64> {
    let rows = upwards(model, anchor(model)).take(height(model));
    let mut seqs: Vec<_> = rows
        .filter_map(|row| match row.key {
            Key::Seq(seq) => Some(seq),
            Key::Waiting(_) => None,
        })
        .collect();
    seqs.dedup();
    seqs.reverse();
    seqs
}

/// Whether the first loaded item is at most a page above the screen, and the last one at most a page below.
pub(crate) fn edges(model: &Model) -> (bool, bool) {
    let height = height(model);
    // A page ahead, so that more history is loaded before it is needed.
    let is_at_top = upwards(model, anchor(model)).nth(2 * height).is_none();
    let is_at_end = match anchor(model) {
        Scroll::Bottom => true,
        Scroll::At(key, _) => items_after(model, key).nth(height).is_none(),
    };
    (is_at_top, is_at_end)
}

/// The position after scrolling up by `by` rows. Stops where the first row is at the top of the screen.
pub(crate) fn scrolled_up(model: &Model, by: usize) -> Scroll {
    let height = height(model);
    let rows: Vec<_> = upwards(model, anchor(model)).take(height + by).collect();
    let moved = by.min(rows.len().saturating_sub(height));
    match rows.get(moved) {
        Some(row) if moved > 0 => Scroll::At(row.key, row.count - 1 - row.index),
        _ => anchor(model),
    }
}

/// The position after scrolling down by `by` rows.
pub(crate) fn scrolled_down(model: &Model, by: usize) -> Scroll {
    let Scroll::At(key, cut) = anchor(model) else { return Scroll::Bottom };
    if by < cut {
        return Scroll::At(key, cut - by);
    }
    let mut left = by - cut;
    let mut before = item_at(model, key);
    for item in items_after(model, key) {
        let count = rows::of(model, before.as_ref(), &item, width(model)).len();
        if left < count {
            return if left == 0 {
                Scroll::At(before.map_or(key, |item| item.key()), 0)
            } else {
                Scroll::At(item.key(), count - left)
            };
        }
        left -= count;
        before = Some(item);
    }
    Scroll::Bottom
}

/// The position with this message at the top of the screen.
pub(crate) fn with_at_top(model: &Model, seq: i64) -> Scroll {
    let key = Key::Seq(seq);
    let mut filled = 0;
    let mut before = items_before(model, Some(key)).next();
    for item in item_at(model, key).into_iter().chain(items_after(model, key)) {
        let count = rows::of(model, before.as_ref(), &item, width(model)).len();
        if filled + count >= height(model) {
            return Scroll::At(item.key(), filled + count - height(model));
        }
        filled += count;
        before = Some(item);
    }
    Scroll::Bottom
}

/// The position with this message at the bottom of the screen.
pub(crate) fn with_at_bottom(model: &Model, seq: i64) -> Scroll {
    let is_last = items_after(model, Key::Seq(seq)).next().is_none();
    if is_last { Scroll::Bottom } else { Scroll::At(Key::Seq(seq), 0) }
}

/// The `seq` of the message below or above this one.
pub(crate) fn neighbour(model: &Model, seq: i64, is_down: bool) -> Option<i64> {
    let key = Key::Seq(seq);
    let found = if is_down { items_after(model, key).next() } else { items_before(model, Some(key)).next() };
    match found?.key() {
        Key::Seq(seq) => Some(seq),
        Key::Waiting(_) => None,
    }
}

/// The `seq` of the first loaded message.
pub(crate) fn first_seq(model: &Model) -> Option<i64> {
    match items_after(model, Key::Seq(i64::MIN)).next()?.key() {
        Key::Seq(seq) => Some(seq),
        Key::Waiting(_) => None,
    }
}

fn width(model: &Model) -> usize {
    usize::from(layout::of(model).messages.width)
}

fn anchor(model: &Model) -> Scroll {
    model.pane().map_or(Scroll::Bottom, |pane| pane.scroll)
}

/// The rows from a scroll position upwards.
fn upwards(model: &Model, from: Scroll) -> impl Iterator<Item = Row> {
    let width = width(model);
    let (last, cut) = match from {
        Scroll::Bottom => (None, 0),
        Scroll::At(key, cut) => (Some(key), cut),
    };
    let first = last.and_then(|key| item_at(model, key));
    let mut items = first.into_iter().chain(items_before(model, last)).peekable();
    let rows = std::iter::from_fn(move || {
        let item = items.next()?;
        let lines = rows::of(model, items.peek(), &item, width);
        let count = lines.len();
        let rows = lines.into_iter().enumerate().rev();
        Some(rows.map(move |(index, line)| Row { key: item.key(), index, count, line }))
    });
    rows.flatten().skip(cut)
}

fn item_at(model: &Model, key: Key) -> Option<Item<'_>> {
    match key {
        Key::Seq(seq) => model.message_at(seq).map(Item::Message),
        Key::Waiting(number) => {
            model.waiting().find(|(at, _)| *at == number).map(|(at, outgoing)| Item::Waiting(at, outgoing))
        }
    }
}

/// The items above `key`, nearest first; all items, last first, if it is `None`.
fn items_before(model: &Model, key: Option<Key>) -> impl Iterator<Item = Item<'_>> {
    let waiting = model.waiting().rev().map(|(at, outgoing)| Item::Waiting(at, outgoing));
    let is_attached = is_attached(model);
    let waiting = waiting.filter(move |item| is_attached && key.is_none_or(|key| item.key() < key));
    let end = match key {
        Some(Key::Seq(seq)) => seq,
        Some(Key::Waiting(_)) | None => i64::MAX,
    };
    waiting.chain(messages(model, i64::MIN, end).rev().map(Item::Message))
}

/// The items below `key`, nearest first.
fn items_after(model: &Model, key: Key) -> impl Iterator<Item = Item<'_>> {
    let start = match key {
        Key::Seq(seq) => seq.saturating_add(1),
        Key::Waiting(_) => i64::MAX,
    };
    let is_attached = is_attached(model);
    let waiting = model.waiting().map(|(at, outgoing)| Item::Waiting(at, outgoing));
    let waiting = waiting.filter(move |item| is_attached && item.key() > key);
    messages(model, start, i64::MAX).map(Item::Message).chain(waiting)
}

/// Whether the loaded messages reach to the end, so that unconfirmed messages follow them.
fn is_attached(model: &Model) -> bool {
    model.pane().and_then(|pane| pane.window).is_none_or(|window| window.last.is_none())
}

/// The messages of the window with a `seq` from `from` up to, but not including, `to`.
fn messages(model: &Model, from: i64, to: i64) -> impl DoubleEndedIterator<Item = &Message> {
    let window = model.pane().and_then(|pane| pane.window);
    let room = model.room_id().and_then(|id| model.room(id));
    let shown = window.zip(room).map(|(window, room)| {
        let from = from.max(window.first);
        let to = to.min(window.last.map_or(i64::MAX, |last| last.saturating_add(1))).max(from);
        room.messages().range(from..to).map(|(_, message)| message)
    });
    shown.into_iter().flatten().filter(|message| model.belongs_here(message))
}
