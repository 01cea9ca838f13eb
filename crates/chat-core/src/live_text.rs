//! Live text: a message that is shown while it grows, until its sender finishes or abandons it.

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

/// A chunk of text and its position, in characters (Unicode code points) from the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Length of the text before this chunk, in characters.
    pub offset: u32,
    /// The text to append.
    pub content: String,
}

/// The result of appending a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    pub message: MessageId,
    pub conversation: ConversationId,
    pub seq: Seq,
    /// `rev` of the message, this chunk included.
    pub rev: Rev,
    /// The users whose clients get the event.
    pub audience: Audience,
    pub chunk: Chunk,
    /// Length of the whole text now, in characters.
    pub length: u32,
    /// Whether the text had the chunk before; then no event is announced.
    pub already: bool,
}

impl Outcome for Appended {
    fn changes(&self) -> Vec<Change> {
        if self.already { Vec::new() } else { vec![Change::TextAppended(self.clone())] }
    }
}

impl Appended {
    /// Makes the result of appending a chunk to `message`, now or before (`already`).
    pub fn to(message: &Message, chunk: &Chunk, already: bool) -> Self {
        Self {
            message: message.id,
            conversation: message.conversation,
            seq: message.seq,
            rev: message.rev,
            audience: message.audience(),
            chunk: chunk.clone(),
            length: length(&message.content),
            already,
        }
    }
}

/// How a chunk continues a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkMatch {
    /// It begins where the text ends.
    Next,
    /// The text already contains it at its offset.
    Already,
    /// It neither continues the text nor repeats a part of it. Holds the length of the text, in characters.
    Mismatch(u32),
}

/// Compares a chunk with a text.
fn match_chunk(text: &str, chunk: &Chunk) -> ChunkMatch {
    let length = length(text);
    if chunk.offset == length {
        return ChunkMatch::Next;
    }
    let offset = usize::try_from(chunk.offset).unwrap_or(usize::MAX);
    let there: String = text.chars().skip(offset).take(chunk.content.chars().count()).collect();
    if chunk.offset < length && there == chunk.content {
        ChunkMatch::Already
    } else {
        ChunkMatch::Mismatch(length)
    }
}

/// Returns the length in characters.
fn length(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

/// Decides whether a user with this access may append a chunk to the message, whose text may have at most `max_bytes`.
/// If applied, the store writes the returned text.
///
/// # Errors
/// The policy's refusal of [`Action::Edit`]; `message_deleted`; `not_growing`; `offset_mismatch`; `Invalid` if the text
/// gets too long.
pub fn decide_append(
    message: &Message,
    access: Access,
    (chunk, max_bytes): (&Chunk, usize),
) -> Result<Decision<String>> {
    may_write(message, access)?;
    if message.streaming != Some(Streaming::Growing) {
        return Err(not_growing());
    }
    match match_chunk(&message.content, chunk) {
        ChunkMatch::Next => {}
        ChunkMatch::Already => return Ok(Decision::Already),
        ChunkMatch::Mismatch(length) => {
            let sentence = format!("The text has {length} characters; continue from there");
            return Err(Error::conflict("offset_mismatch", sentence));
        }
    }
    if message.content.len() + chunk.content.len() > max_bytes {
        return Err(Error::invalid("content", format!("must be at most {max_bytes} bytes in total")));
    }
    Ok(Decision::Apply(format!("{}{}", message.content, chunk.content)))
}

/// Decides whether a user with this access may end the message's growth in this way.
///
/// # Errors
/// The policy's refusal of [`Action::Edit`]; `message_deleted`; `not_growing` if it has ended in another way.
pub fn decide_finish(message: &Message, access: Access, finish: &Finish) -> Result<Decision<()>> {
    may_write(message, access)?;
    match message.streaming {
        Some(Streaming::Growing) => Ok(Decision::Apply(())),
        // The text may have been edited since, so it is not compared with the one given.
        Some(state) if state == finish.state => Ok(Decision::Already),
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

/// How a sender ends the growth of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// `Finished` or `Abandoned`, never `Growing`.
    pub state: Streaming,
    /// The whole text, if the sender repeats it; replaces the text so far.
    pub content: Option<String>,
}

/// The durable side of live text.
#[async_trait]
pub trait LiveTextStore: Send + Sync + 'static {
    /// Appends a chunk as [`decide_append`] decides. MUST answer `NotFound` if the actor is not a member.
    async fn append(&self, command: MessageCommand, chunk: Chunk, max_bytes: usize) -> Result<Appended>;
    /// Ends the growth as [`decide_finish`] decides. MUST answer `NotFound` if the actor is not a member.
    async fn finish(&self, command: MessageCommand, finish: Finish) -> Result<Changed>;
}

impl Chat {
    /// Appends a chunk to a message that is being written.
    ///
    /// # Errors
    /// Those of [`decide_append`]; `Invalid` if the chunk is empty.
    pub async fn append(&self, actor: UserId, message: MessageId, chunk: Chunk) -> Result<Appended> {
        posting::check_content(&chunk.content, &self.limits)?;
        if chunk.content.is_empty() {
            return Err(Error::invalid("content", "must not be empty"));
        }
        self.store.append(self.command(actor, message), chunk, self.limits.content_bytes).await
    }

    /// Ends a message that is being written.
    ///
    /// # Errors
    /// Those of [`decide_finish`]; `Invalid` if the text is too long.
    pub async fn finish(&self, actor: UserId, message: MessageId, finish: Finish) -> Result<Message> {
        if let Some(content) = &finish.content {
            posting::check_content(content, &self.limits)?;
        }
        Ok(self.store.finish(self.command(actor, message), finish).await?.into_message())
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
    fn a_chunk_makes_the_whole_text_or_is_refused() {
        let growing = in_state(Some(Streaming::Growing));
        let append = |chunk: &Chunk, max_bytes| decide_append(&growing, author(), (chunk, max_bytes));
        assert_eq!(append(&chunk(3, " à"), 7).unwrap(), Decision::Apply("née à".into()));
        assert_eq!(code(append(&chunk(3, " à"), 6)), "invalid_request");
        assert_eq!(append(&chunk(1, "ée"), 0).unwrap(), Decision::Already);
        assert_eq!(code(append(&chunk(4, "x"), 100)), "offset_mismatch");
        assert_eq!(code(decide_append(&growing, member(), (&chunk(3, "x"), 100))), "forbidden");
        for state in [None, Some(Streaming::Finished), Some(Streaming::Abandoned)] {
            assert_eq!(code(decide_append(&in_state(state), author(), (&chunk(3, "x"), 100))), "not_growing");
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
            let finish = Finish { state: wanted, content: Some("other".into()) };
            let outcome = match decide_finish(&in_state(before), author(), &finish) {
                Ok(Decision::Already) => "already",
                Ok(Decision::Apply(())) => "apply",
                Err(error) => error.code(),
            };
            assert_eq!(outcome, expected, "{before:?} to {wanted:?}");
            assert_eq!(code(decide_finish(&in_state(before), member(), &finish)), "forbidden");
        }
    }

    #[test]
    fn a_deleted_message_neither_grows_nor_ends() {
        let deleted = Message { deleted_at: Some(Timestamp(150)), ..in_state(Some(Streaming::Abandoned)) };
        let finish = Finish { state: Streaming::Abandoned, content: None };
        assert_eq!(code(decide_append(&deleted, author(), (&chunk(3, "x"), 100))), "message_deleted");
        assert_eq!(code(decide_finish(&deleted, author(), &finish)), "message_deleted");
    }

    proptest! {
        // However a text is cut, and however often each chunk is sent, the chunks in order give the text.
        #[test]
        fn chunks_sent_again_make_the_same_text(chunks in prop::collection::vec("\\PC{1,5}", 1..8), again in 1..4_usize) {
            let mut message = Message { streaming: Some(Streaming::Growing), ..sample::text("") };
            for content in &chunks {
                let chunk = chunk(length(&message.content), content);
                for _ in 0..again {
                    let decided = decide_append(&message, author(), (&chunk, 1000)).unwrap();
                    if let Decision::Apply(content) = decided {
                        message.content = content;
                    }
                }
            }
            prop_assert_eq!(message.content, chunks.concat());
        }
    }

    fn chunk(offset: u32, content: &str) -> Chunk {
        Chunk { offset, content: content.into() }
    }

    #[test]
    fn a_chunk_continues_repeats_or_does_not_fit() {
        assert_eq!(match_chunk("", &chunk(0, "né")), ChunkMatch::Next);
        assert_eq!(match_chunk("né", &chunk(2, "e")), ChunkMatch::Next);
        assert_eq!(match_chunk("née", &chunk(2, "e")), ChunkMatch::Already);
        assert_eq!(match_chunk("née", &chunk(0, "né")), ChunkMatch::Already);
        assert_eq!(match_chunk("née", &chunk(1, "e")), ChunkMatch::Mismatch(3));
        assert_eq!(match_chunk("née", &chunk(2, "ex")), ChunkMatch::Mismatch(3));
        assert_eq!(match_chunk("née", &chunk(4, "x")), ChunkMatch::Mismatch(3));
    }
}
