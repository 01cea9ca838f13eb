//! Resuming: what changed for a user after a log position (docs/contract.md, "The model"; README, promise 4).

pub mod page;
pub mod survey;

use std::fmt;

use async_trait::async_trait;

use crate::Chat;
use crate::error::Result;
use crate::event::Event;
use crate::ids::{Position, UserId};
use survey::Survey;

/// Maximum number of changes in one page.
pub const CHANGES_PAGE: u16 = 200;

/// Identifies one history of the log, so that a cursor of another database is not mistaken for one of this.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Epoch(pub u32);

/// A log position with its epoch, as clients keep it. Opaque to them; written as `epoch-position`, the epoch as eight
/// hexadecimal digits, the log position as a decimal number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub epoch: Epoch,
    pub position: Position,
}

impl Cursor {
    /// Returns the cursor just before this one. If several frames have the same log position, only the last may carry
    /// its cursor: a client that is disconnected between them would miss the others.
    #[must_use]
    pub fn before(self) -> Self {
        Self { position: Position(self.position.0 - 1), ..self }
    }

    /// Parses the text form; `None` if it is malformed.
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

/// A page of changes.
#[derive(Debug, Clone)]
pub struct Changes {
    /// The events in log order, each with the present state of its object.
    pub events: Vec<Event>,
    /// Everything that concerns the user up to this log position is in this page or an earlier one.
    pub up_to: Position,
    /// Whether the log contained nothing more at the time of reading.
    pub complete: bool,
    /// State for the next page of this client, which makes it cheaper. `None` if there is nothing to hand on.
    pub survey: Option<Box<Survey>>,
}

impl Changes {
    /// Makes the answer for a client that has everything up to the log's end.
    pub fn nothing(end: Position) -> Self {
        Self { events: Vec::new(), up_to: end, complete: true, survey: None }
    }

    /// Returns where the client's next page begins.
    pub fn next_start(&mut self) -> PageStart {
        PageStart { after: self.up_to, survey: self.survey.take() }
    }
}

/// Where a page of changes begins.
#[derive(Debug, Clone)]
pub struct PageStart {
    pub after: Position,
    /// State that the same client's last page has handed on, if it is the same user's.
    pub survey: Option<Box<Survey>>,
}

impl PageStart {
    /// Whether this is the client's first page, as far as anybody knows.
    pub fn is_first(&self) -> bool {
        self.survey.is_none()
    }
}

impl From<Position> for PageStart {
    fn from(after: Position) -> Self {
        Self { after, survey: None }
    }
}

/// Whether a client's cursor can be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// The client gets the changes after this log position.
    From(Position),
    /// The log does not reach back that far, or it is another one: the client must load the present state and go on
    /// from the log's end.
    Resync,
}

/// The durable side of resuming.
#[async_trait]
pub trait SyncStore: Send + Sync + 'static {
    /// Returns the end of the log. Everything before it is committed.
    async fn log_end(&self) -> Result<Cursor>;
    /// Returns the number of messages that were added to the user's conversations after a log position, from the time on
    /// at which the user joined. Costs at most some look-ups for each conversation of the user.
    async fn n_missed(&self, user: UserId, after: Position) -> Result<u64>;
    /// Returns what changed for the user after a log position, at most about `limit` changes. A page may hold fewer,
    /// even none, before the log's end. MUST contain: each
    /// message of the user's conversations that was added later, at the position where it was added; each older message
    /// that changed, at the position of its last change; conversations whose common or own part changed; receipts that
    /// the user gets; what the user hid and saved; and conversations that the user is no longer a member of. All in
    /// their present state, except the last ones, which are shown as [`crate::conversations::Conversation::as_left`]
    /// returns them. Asking again from any log position in the page MUST miss nothing. If nothing changed, it MUST cost
    /// no more than one cheap query. With the survey of the page before, the cost of a page MUST NOT depend on how
    /// much the user missed, nor on how many conversations the user has.
    async fn changes(&self, user: UserId, start: PageStart, limit: u16) -> Result<Changes>;
}

impl Chat {
    /// Returns the end of the log.
    pub async fn log_end(&self) -> Result<Cursor> {
        self.store.log_end().await
    }

    /// Decides whether the log that ends at `end` can serve a client's cursor.
    pub fn resume(cursor: Option<Cursor>, end: Cursor) -> Resume {
        match cursor {
            Some(cursor) if cursor.epoch == end.epoch && cursor.position <= end.position => {
                Resume::From(cursor.position)
            }
            _ => Resume::Resync,
        }
    }

    /// Whether the user missed more than `most` messages between two log positions.
    pub async fn is_beyond(
        &self,
        user: UserId,
        (after, end): (Position, Position),
        most: u64,
    ) -> Result<bool> {
        // No more messages than log positions: a short absence is not counted.
        let positions = u64::try_from(end.0.saturating_sub(after.0)).unwrap_or(0);
        Ok(positions > most && self.store.n_missed(user, after).await? > most)
    }

    /// Returns a page of what changed for the user after a log position: at most about `limit` changes, and
    /// [`CHANGES_PAGE`].
    pub async fn changes(&self, user: UserId, start: PageStart, limit: u16) -> Result<Changes> {
        self.store.changes(user, start, limit.min(CHANGES_PAGE)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_can_be_parsed() {
        let cursor = Cursor { epoch: Epoch(0xa1), position: Position(77) };
        assert_eq!(cursor.to_string(), "000000a1-77");
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
    }

    #[test]
    fn malformed_cursors_are_refused() {
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
