//! Text that is shown while it is being written: a message that grows until its sender finishes or abandons it.

use async_trait::async_trait;

use crate::Chat;
use crate::changes::Changed;
use crate::conversations::Audience;
use crate::edits::Deed;
use crate::error::{Error, Result};
use crate::event::{Change, Outcome};
use crate::ids::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::messages::{Message, Streaming};
use crate::posting;

/// A piece of text and where it belongs, in characters (Unicode code points) from the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The length that the text has before it.
    pub offset: u32,
    /// The text to add.
    pub content: String,
}

/// A piece that was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// To which message.
    pub message: MessageId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// The message's place there.
    pub seq: Seq,
    /// The message's `rev` now.
    pub rev: Rev,
    /// Whose clients are told.
    pub audience: Audience,
    /// What was added, and where.
    pub piece: Piece,
    /// The length of the whole text now, in characters.
    pub length: u32,
    /// Whether it was there already, so that nobody need be told.
    pub already: bool,
}

impl Outcome for Appended {
    fn changes(&self) -> Vec<Change> {
        if self.already { Vec::new() } else { vec![Change::TextAppended(self.clone())] }
    }
}

/// What becomes of a piece at this offset of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It continues the text.
    Next,
    /// The text has it there already.
    Already,
    /// It does not fit; the text has so many characters.
    Mismatch(u32),
}

/// How a piece fits a text.
pub fn fit(text: &str, piece: &Piece) -> Fit {
    let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    if piece.offset == length {
        return Fit::Next;
    }
    let offset = usize::try_from(piece.offset).unwrap_or(usize::MAX);
    let there: String = text.chars().skip(offset).take(piece.content.chars().count()).collect();
    if piece.offset < length && there == piece.content { Fit::Already } else { Fit::Mismatch(length) }
}

/// The refusal of a piece that does not fit.
pub fn offset_mismatch(length: u32) -> Error {
    Error::conflict("offset_mismatch", format!("The text has {length} characters; continue from there"))
}

/// The refusal of a piece for a message that does not grow any more.
pub fn not_growing() -> Error {
    Error::conflict("not_growing", "This message is no longer streaming")
}

/// How live text ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// What it is from now on; never `Growing`.
    pub state: Streaming,
    /// The whole text, where the sender gives it once more.
    pub content: Option<String>,
}

/// The durable side of live text.
#[async_trait]
pub trait LiveTextStore: Send + Sync + 'static {
    /// Adds a piece by the rule of [`fit`]. MUST answer `NotFound` where the actor is not a member, refuse whoever is
    /// not the author, a message that does not grow, and a text of more than `max_bytes`.
    async fn append(&self, deed: Deed, piece: Piece, max_bytes: usize) -> Result<Appended>;
    /// Ends the growth. MUST answer `Already` where it has ended so before, and refuse one that has ended otherwise.
    async fn finish(&self, deed: Deed, ending: Ending) -> Result<Changed>;
}

impl Chat {
    /// Adds a piece to a message that is being written.
    pub async fn append(&self, actor: UserId, message: MessageId, piece: Piece) -> Result<Appended> {
        posting::check_content(&piece.content, &self.limits)?;
        if piece.content.is_empty() {
            return Err(Error::invalid("content", "must not be empty"));
        }
        let deed = Deed { actor, message, at: self.clock.now() };
        self.store.append(deed, piece, self.limits.content_bytes).await
    }

    /// Ends a message that is being written.
    pub async fn finish(&self, actor: UserId, message: MessageId, ending: Ending) -> Result<Message> {
        if let Some(content) = &ending.content {
            posting::check_content(content, &self.limits)?;
        }
        let deed = Deed { actor, message, at: self.clock.now() };
        Ok(self.store.finish(deed, ending).await?.into_message())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(offset: u32, content: &str) -> Piece {
        Piece { offset, content: content.into() }
    }

    #[test]
    fn a_piece_continues_repeats_or_does_not_fit() {
        assert_eq!(fit("", &piece(0, "né")), Fit::Next);
        assert_eq!(fit("né", &piece(2, "e")), Fit::Next);
        assert_eq!(fit("née", &piece(2, "e")), Fit::Already);
        assert_eq!(fit("née", &piece(0, "né")), Fit::Already);
        assert_eq!(fit("née", &piece(1, "e")), Fit::Mismatch(3));
        assert_eq!(fit("née", &piece(2, "ex")), Fit::Mismatch(3));
        assert_eq!(fit("née", &piece(4, "x")), Fit::Mismatch(3));
    }
}
