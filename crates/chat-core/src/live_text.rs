//! Text that is shown while it is being written: a message that grows until its sender finishes or abandons it.

use async_trait::async_trait;

use crate::Chat;
use crate::changes::Changed;
use crate::command::{Decision, MessageCommand};
use crate::conversations::Audience;
use crate::edits::not_deleted;
use crate::error::{Error, Result};
use crate::event::{Change, Outcome};
use crate::ids::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::messages::{Message, Streaming};
use crate::policy::{Access, Action, allowed};
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

impl Appended {
    /// A piece that was added to `message`, now or before (`already`).
    pub fn to(message: &Message, piece: &Piece, already: bool) -> Self {
        Self {
            message: message.id,
            conversation: message.conversation,
            seq: message.seq,
            rev: message.rev,
            audience: message.audience(),
            piece: piece.clone(),
            length: length(&message.content),
            already,
        }
    }
}

/// What becomes of a piece at this offset of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// It continues the text.
    Next,
    /// The text has it there already.
    Already,
    /// It does not fit; the text has so many characters.
    Mismatch(u32),
}

/// How a piece fits a text.
fn fit(text: &str, piece: &Piece) -> Fit {
    let length = length(text);
    if piece.offset == length {
        return Fit::Next;
    }
    let offset = usize::try_from(piece.offset).unwrap_or(usize::MAX);
    let there: String = text.chars().skip(offset).take(piece.content.chars().count()).collect();
    if piece.offset < length && there == piece.content { Fit::Already } else { Fit::Mismatch(length) }
}

/// In characters.
fn length(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

/// Decides whether a user with this access may add a piece to the message, whose text has at most `max_bytes`. Applied, the
/// message has the given text.
///
/// # Errors
/// What the policy says of [`Action::Edit`]; `message_deleted`; `not_growing`; `offset_mismatch`; a text that gets too long.
pub fn decide_append(
    message: &Message,
    access: Access,
    (piece, max_bytes): (&Piece, usize),
) -> Result<Decision<String>> {
    may_write(message, access)?;
    if message.streaming != Some(Streaming::Growing) {
        return Err(not_growing());
    }
    match fit(&message.content, piece) {
        Fit::Next => {}
        Fit::Already => return Ok(Decision::Already),
        Fit::Mismatch(length) => {
            let sentence = format!("The text has {length} characters; continue from there");
            return Err(Error::conflict("offset_mismatch", sentence));
        }
    }
    if message.content.len() + piece.content.len() > max_bytes {
        return Err(Error::invalid("content", format!("must be at most {max_bytes} bytes in total")));
    }
    Ok(Decision::Apply(format!("{}{}", message.content, piece.content)))
}

/// Decides whether a user with this access may end the message's growth like this.
///
/// # Errors
/// What the policy says of [`Action::Edit`]; `message_deleted`; `not_growing` if it has ended in another way.
pub fn decide_finish(message: &Message, access: Access, ending: &Ending) -> Result<Decision<()>> {
    may_write(message, access)?;
    match message.streaming {
        Some(Streaming::Growing) => Ok(Decision::Apply(())),
        // Its text may have been edited since, so that it need not be the one given.
        Some(state) if state == ending.state => Ok(Decision::Already),
        _ => Err(not_growing()),
    }
}

fn may_write(message: &Message, access: Access) -> Result<()> {
    allowed(access, Action::Edit)?;
    not_deleted(message)
}

fn not_growing() -> Error {
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
    /// Adds a piece as [`decide_append`] has it. MUST answer `NotFound` where the actor is not a member.
    async fn append(&self, command: MessageCommand, piece: Piece, max_bytes: usize) -> Result<Appended>;
    /// Ends the growth as [`decide_finish`] has it. MUST answer `NotFound` where the actor is not a member.
    async fn finish(&self, command: MessageCommand, ending: Ending) -> Result<Changed>;
}

impl Chat {
    /// Adds a piece to a message that is being written.
    pub async fn append(&self, actor: UserId, message: MessageId, piece: Piece) -> Result<Appended> {
        posting::check_content(&piece.content, &self.limits)?;
        if piece.content.is_empty() {
            return Err(Error::invalid("content", "must not be empty"));
        }
        self.store.append(self.command(actor, message), piece, self.limits.content_bytes).await
    }

    /// Ends a message that is being written.
    pub async fn finish(&self, actor: UserId, message: MessageId, ending: Ending) -> Result<Message> {
        if let Some(content) = &ending.content {
            posting::check_content(content, &self.limits)?;
        }
        Ok(self.store.finish(self.command(actor, message), ending).await?.into_message())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::groups::Role;
    use crate::sample::{self, author};
    use crate::time::Timestamp;

    fn member() -> Access {
        sample::access(Role::Member)
    }

    fn in_state(streaming: Option<Streaming>) -> Message {
        Message { streaming, ..sample::text("née") }
    }

    fn code<T>(result: Result<T>) -> &'static str {
        result.map_or_else(|error| error.code(), |_| "none")
    }

    #[test]
    fn a_piece_makes_the_whole_text_or_is_refused() {
        let growing = in_state(Some(Streaming::Growing));
        let append = |piece: &Piece, max_bytes| decide_append(&growing, author(), (piece, max_bytes));
        assert_eq!(append(&piece(3, " à"), 7).unwrap(), Decision::Apply("née à".into()));
        assert_eq!(code(append(&piece(3, " à"), 6)), "invalid_request");
        assert_eq!(append(&piece(1, "ée"), 0).unwrap(), Decision::Already);
        assert_eq!(code(append(&piece(4, "x"), 100)), "offset_mismatch");
        assert_eq!(code(decide_append(&growing, member(), (&piece(3, "x"), 100))), "forbidden");
        for state in [None, Some(Streaming::Finished), Some(Streaming::Abandoned)] {
            assert_eq!(code(decide_append(&in_state(state), author(), (&piece(3, "x"), 100))), "not_growing");
        }
    }

    #[test]
    fn growth_ends_once() {
        use Streaming::{Abandoned, Finished, Growing};
        for (before, wanted, expected) in [
            (Some(Growing), Finished, "apply"),
            (Some(Growing), Abandoned, "apply"),
            (Some(Finished), Finished, "already"),
            (Some(Abandoned), Abandoned, "already"),
            (Some(Finished), Abandoned, "not_growing"),
            (Some(Abandoned), Finished, "not_growing"),
            (None, Finished, "not_growing"),
        ] {
            let ending = Ending { state: wanted, content: Some("other".into()) };
            let outcome = match decide_finish(&in_state(before), author(), &ending) {
                Ok(Decision::Already) => "already",
                Ok(Decision::Apply(())) => "apply",
                Err(error) => error.code(),
            };
            assert_eq!(outcome, expected, "{before:?} to {wanted:?}");
            assert_eq!(code(decide_finish(&in_state(before), member(), &ending)), "forbidden");
        }
    }

    #[test]
    fn a_deleted_message_neither_grows_nor_ends() {
        let deleted = Message { deleted_at: Some(Timestamp(150)), ..in_state(Some(Streaming::Abandoned)) };
        let ending = Ending { state: Streaming::Abandoned, content: None };
        assert_eq!(code(decide_append(&deleted, author(), (&piece(3, "x"), 100))), "message_deleted");
        assert_eq!(code(decide_finish(&deleted, author(), &ending)), "message_deleted");
    }

    proptest! {
        // However a text is cut, and however often each piece is sent, the pieces in their order make the text.
        #[test]
        fn pieces_sent_again_make_the_same_text(pieces in prop::collection::vec("\\PC{1,5}", 1..8), again in 1..4_usize) {
            let mut message = Message { streaming: Some(Streaming::Growing), ..sample::text("") };
            for content in &pieces {
                let piece = piece(length(&message.content), content);
                for _ in 0..again {
                    let decided = decide_append(&message, author(), (&piece, 1000)).unwrap();
                    if let Decision::Apply(content) = decided {
                        message.content = content;
                    }
                }
            }
            prop_assert_eq!(message.content, pieces.concat());
        }
    }

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
