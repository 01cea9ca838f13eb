//! Resuming: what changed for a user since a place in the log (docs/contract.md, "The model"; README, promise 4).

pub mod page;

use std::fmt;

use async_trait::async_trait;

use crate::Chat;
use crate::error::Result;
use crate::event::Event;
use crate::ids::{Position, UserId};

/// Most changes read at a time.
pub const CHANGES_PAGE: u16 = 200;

/// What tells one log from every other, so that a cursor of another database is not mistaken for one of this.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Epoch(pub u32);

/// A place in a log, as clients keep it. Opaque to them; spelt `epoch-position` in hexadecimal and decimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Which log.
    pub epoch: Epoch,
    /// Where in it.
    pub position: Position,
}

impl Cursor {
    /// The place just before this one. Of several things that are told about one place, only the last may name it: a
    /// client that was cut off between them would miss the others.
    #[must_use]
    pub fn before(self) -> Self {
        Self { position: Position(self.position.0 - 1), ..self }
    }

    /// The cursor that is spelt so, if any.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, position) = text.split_once('-')?;
        let is_plain = position.bytes().all(|byte| byte.is_ascii_digit());
        if epoch.len() != 8 || epoch.starts_with('+') || !is_plain {
            return None;
        }
        let epoch = Epoch(u32::from_str_radix(epoch, 16).ok()?);
        Some(Self { epoch, position: Position(position.parse().ok()?) })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.epoch.0, self.position.0)
    }
}

/// A page of what changed.
#[derive(Debug, Clone)]
pub struct Changes {
    /// In the order of their positions, each with the present state of what it is about.
    pub events: Vec<Event>,
    /// Everything that concerns the user up to here is in this page or an earlier one.
    pub up_to: Position,
    /// Whether nothing more was there when it was read.
    pub complete: bool,
}

/// How far back a client wants to go, and whether that can be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// From here on.
    From(Position),
    /// The log does not reach back to there; a client must load anew and go on from the log's end.
    Resync,
}

/// The durable side of resuming.
#[async_trait]
pub trait SyncStore: Send + Sync + 'static {
    /// The end of the log: what is before it is committed.
    async fn log_end(&self) -> Result<Cursor>;
    /// What changed for the user after a position, at most about `limit` changes. MUST give: each message of the
    /// user's conversations that was added after it, at the place where it was added; each that was there and changed,
    /// at the place of its last change; conversations whose common or own part changed, receipts that the user is told
    /// of, what the user hid and saved, and conversations that the user is no longer a member of. All as it is now, but
    /// for the last ones, which are told of as [`crate::conversations::Conversation::as_left`] has it.
    /// Asking again from any position in the page MUST miss nothing. MUST cost one cheap reading where nothing changed.
    async fn changes(&self, user: UserId, after: Position, limit: u16) -> Result<Changes>;
}

impl Chat {
    /// The end of the log.
    pub async fn log_end(&self) -> Result<Cursor> {
        self.store.log_end().await
    }

    /// Whether a client's cursor can be served by the log that ends at `end`.
    pub fn resume(cursor: Option<Cursor>, end: Cursor) -> Resume {
        match cursor {
            Some(cursor) if cursor.epoch == end.epoch && cursor.position <= end.position => {
                Resume::From(cursor.position)
            }
            _ => Resume::Resync,
        }
    }

    /// A page of what changed for the user after a position: at most about `limit` changes, and [`CHANGES_PAGE`].
    pub async fn changes(&self, user: UserId, after: Position, limit: u16) -> Result<Changes> {
        self.store.changes(user, after, limit.min(CHANGES_PAGE)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_spelling() {
        let cursor = Cursor { epoch: Epoch(0xa1), position: Position(77) };
        assert_eq!(cursor.to_string(), "000000a1-77");
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for bad in
            ["", "-", "77", "a1-77", "000000a1-", "000000a1--7", "000000a1-+7", "+00000a1-7", "000000g1-7"]
        {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
        assert_eq!(Cursor::parse("000000a1-99999999999999999999"), None);
    }

    #[test]
    fn a_cursor_of_another_log_or_from_the_future_needs_a_resync() {
        let at = |epoch, position| Cursor { epoch: Epoch(epoch), position: Position(position) };
        assert_eq!(Chat::resume(Some(at(1, 5)), at(1, 9)), Resume::From(Position(5)));
        assert_eq!(Chat::resume(Some(at(1, 9)), at(1, 9)), Resume::From(Position(9)));
        assert_eq!(Chat::resume(Some(at(1, 10)), at(1, 9)), Resume::Resync);
        assert_eq!(Chat::resume(Some(at(2, 5)), at(1, 9)), Resume::Resync);
        assert_eq!(Chat::resume(None, at(1, 9)), Resume::Resync);
    }
}
