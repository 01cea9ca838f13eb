//! Idempotency of `client_msg_id` (README, promise 2): posts with the same key and the same intention are one message,
//! forever. A post with a used key but another recipient or content is a client error, and must never be answered with
//! success. Pure functions only.

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::ids::{MessageId, Rev};
use crate::media::{Media, MessageKind};
use crate::messages::{Message, Quote, Streaming};
use crate::policy::{Access, Action, allowed};
use crate::posting::{Body, Destination, NewMessage, Posted};

/// Must be increased whenever the encoding below changes: hashes of different encodings cannot be compared.
const VERSION: u8 = 1;
/// Number of bytes that are kept of the hash.
const KEPT: usize = 16;

/// Hash of what a sender means a message to say, in few bytes that stores keep beside its key. It is computed from what
/// the client sent, before any normalization of this release, so that a retry after an upgrade gives the same hash. The
/// recipient is not part of it: it can be named in several ways, and the message itself has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intention([u8; KEPT + 1]);

impl Intention {
    /// Returns the intention of posting a message with this content.
    #[must_use]
    pub fn of_message(kind: MessageKind, body: &Body, streaming: bool) -> Self {
        let Body { content, media, reply_to, thread, mentions, custom } = body;
        let mut hash = Encoding::new("message");
        hash.text(kind.as_str());
        hash.text(content);
        hash.number(media.len() as u64);
        media.iter().for_each(|media| hash.media(media));
        hash.optional(reply_to.map(|id| id.0.cast_unsigned()));
        hash.optional(thread.map(|id| id.0.cast_unsigned()));
        // The order of the mentioned users has no meaning.
        let mut users: Vec<_> = mentions.users.iter().map(|user| user.0.cast_unsigned()).collect();
        users.sort_unstable();
        users.dedup();
        hash.number(users.len() as u64);
        users.into_iter().for_each(|user| hash.number(user));
        hash.number(u64::from(mentions.all));
        hash.optional_text(custom.as_deref());
        hash.number(u64::from(streaming));
        hash.end()
    }

    /// Returns the intention of forwarding this message, whatever it says by then.
    #[must_use]
    pub fn of_forward(message: MessageId) -> Self {
        let mut hash = Encoding::new("forward");
        hash.number(message.0.cast_unsigned());
        hash.end()
    }

    /// Returns the encoding that stores keep.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Encodes fields one after the other, so that none can be taken for the beginning of the next.
struct Encoding(Sha256);

impl Encoding {
    fn new(what: &str) -> Self {
        let mut encoding = Self(Sha256::new());
        encoding.text(what);
        encoding
    }

    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text);
    }

    fn optional(&mut self, number: Option<u64>) {
        self.number(u64::from(number.is_some()));
        number.into_iter().for_each(|number| self.number(number));
    }

    fn optional_text(&mut self, text: Option<&str>) {
        self.number(u64::from(text.is_some()));
        text.into_iter().for_each(|text| self.text(text));
    }

    fn media(&mut self, media: &Media) {
        let Media { url, kind, name, size, width, height } = media;
        self.text(url);
        self.optional_text(kind.map(MessageKind::as_str));
        self.optional_text(name.as_deref());
        self.optional(*size);
        self.optional(width.map(u64::from));
        self.optional(height.map(u64::from));
    }

    fn end(self) -> Intention {
        let mut kept = [VERSION; KEPT + 1];
        kept.iter_mut().skip(1).zip(self.0.finalize()).for_each(|(kept, byte)| *kept = byte);
        Intention(kept)
    }
}

/// A post under a key that its sender has used before.
#[derive(Debug, Clone, Copy)]
pub struct Again<'a> {
    /// The destination.
    pub to: Destination,
    /// The intention; `None` if the post has no key.
    pub intention: Option<&'a Intention>,
    /// The whole message, if it is known: a message that is to be forwarded may no longer exist at the second attempt.
    pub new: Option<&'a NewMessage>,
}

/// The message that a store has under that key.
#[derive(Debug)]
pub struct First {
    /// The message, as it is now.
    pub message: Message,
    /// The intention that was stored with it; `None` for messages that earlier releases wrote.
    pub intention: Option<Vec<u8>>,
    /// The sender's present access to its conversation.
    pub access: Access,
}

/// Decides the answer to a post under a key that was used before. If the intention is the same, this is the first
/// message, limited to what its sender may still see.
///
/// # Errors
/// `key_reused` if the intention differs.
pub fn again(again: Again<'_>, first: First) -> Result<Posted> {
    if !goes_to(again.to, &first.message) || !means_the_same(again, &first) {
        return Err(Error::conflict(
            "key_reused",
            "This client_msg_id was used for a different message; give every message its own key",
        ));
    }
    let message = match allowed(first.access, Action::Read) {
        Ok(()) => first.message,
        Err(_) => as_at_first(first.message, again.new),
    };
    Ok(Posted::Duplicate(message))
}

/// Whether the message has this destination. Does not check whether the sender may still post there, or whether it
/// still exists.
fn goes_to(to: Destination, message: &Message) -> bool {
    match to {
        Destination::To(to) => message.to == to,
        Destination::Conversation(conversation) => message.conversation == conversation,
    }
}

fn means_the_same(again: Again<'_>, first: &First) -> bool {
    let kept = first.intention.as_deref().filter(|kept| kept.first() == Some(&VERSION));
    match (kept, again.intention, again.new) {
        (Some(kept), Some(intention), _) => kept == intention.as_bytes(),
        (_, _, Some(new)) if new.forwarded.is_none() => says_the_same(new, &first.message),
        // If the forwarded message was itself a forward, an earlier release did not store which one was forwarded.
        _ => first.message.forwarded.is_some(),
    }
}

/// Compares with a message that has no stored intention: every field that can be compared has to be equal. An edit
/// replaces the first text, growing adds to it, and a deletion leaves only kind, references and state.
fn says_the_same(new: &NewMessage, first: &Message) -> bool {
    let Body { content, media, reply_to, thread, mentions, custom } = &new.body;
    let outline = (new.kind, *reply_to, *thread, new.streaming.is_some());
    let answers = first.reply_to.as_ref().map(|quote| quote.message);
    if first.forwarded.is_some() || outline != (first.kind, answers, first.thread, first.streaming.is_some())
    {
        return false;
    }
    let is_whole = first.edited_at.is_none() && first.streaming.is_none();
    first.deleted_at.is_some()
        || ((media, mentions, custom) == (&first.media, &first.mentions, &first.custom)
            && (!is_whole || *content == first.content))
}

/// Returns the message as its sender knew it, for a sender who has left: where and when it was stored, without any
/// later changes of it or of the messages that it refers to. Its `rev` is lower than any that a client has.
fn as_at_first(first: Message, new: Option<&NewMessage>) -> Message {
    let said = new.map(|new| new.body.clone()).unwrap_or_default();
    Message {
        rev: Rev(0),
        content: said.content,
        media: said.media,
        reply_to: first.reply_to.map(|quote| Quote { content: String::new(), deleted: false, ..quote }),
        replies: None,
        mentions: said.mentions,
        custom: said.custom,
        reactions: Vec::new(),
        edited_at: None,
        deleted_at: None,
        pin: None,
        streaming: first.streaming.map(|_| Streaming::Growing),
        ..first
    }
}

#[cfg(test)]
mod tests;
