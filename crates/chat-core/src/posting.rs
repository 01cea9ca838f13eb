//! Posting: the commands, the rules that turn one into a message ready to be stored, and storing it exactly once.

mod decide;

use async_trait::async_trait;
pub use decide::{Found, PostTarget, References, check_references, destination, draft};

use crate::changes::MessageEvent;
use crate::conversations::Conversation;
use crate::error::{Error, Result};
use crate::event::{Change, Outcome};
use crate::ids::{ConversationId, MessageId, UserId};
use crate::intention::{Again, Intention};
use crate::media::{Media, MessageKind, check_addresses, check_media};
use crate::messages::{Forwarded, Mentions, Message, Recipient, Streaming};
use crate::time::Timestamp;
use crate::{Chat, Limits, failpoints};

/// Destination of a message, as a client names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// A user or a group.
    To(Recipient),
    /// An existing conversation.
    Conversation(ConversationId),
}

impl From<Recipient> for Destination {
    fn from(recipient: Recipient) -> Self {
        Self::To(recipient)
    }
}

/// The content of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Body {
    /// Text; may be empty if there is media. At most [`Limits::content_bytes`].
    pub content: String,
    /// Attachments; may be empty if there is text. At most [`Limits::media`].
    pub media: Vec<Media>,
    /// The message that this one replies to.
    pub reply_to: Option<MessageId>,
    /// The root of the thread that it belongs to.
    pub thread: Option<MessageId>,
    pub mentions: Mentions,
    /// JSON object of an application, at most [`Limits::custom_bytes`].
    pub custom: Option<String>,
}

/// A client's request to post a message.
#[derive(Debug, Clone)]
pub struct PostMessage {
    pub to: Destination,
    /// Kind of the message; `None` if the sender does not say, see [`MessageKind::implied`].
    pub kind: Option<MessageKind>,
    pub body: Body,
    /// Whether the message will grow while it is written.
    pub streaming: bool,
    /// Idempotency key of the sender: two posts with one key make one message, forever (README, promise 2).
    pub client_msg_id: Option<String>,
}

impl PostMessage {
    /// Makes a request for a message of text, media or both, and nothing else.
    pub fn plain(to: impl Into<Destination>, content: String, media_url: String) -> Self {
        let media = if media_url.is_empty() {
            Vec::new()
        } else {
            vec![Media { url: media_url, ..Media::default() }]
        };
        let body = Body { content, media, ..Body::default() };
        Self { to: to.into(), kind: None, body, streaming: false, client_msg_id: None }
    }
}

/// A client's request to forward a message.
#[derive(Debug, Clone)]
pub struct Forward {
    pub to: Destination,
    /// The message to forward.
    pub message: MessageId,
    /// Idempotency key of the sender, as in [`PostMessage`].
    pub client_msg_id: Option<String>,
}

/// A checked message, ready to be stored.
#[derive(Debug, Clone)]
pub struct NewMessage {
    pub sender: UserId,
    pub to: Destination,
    pub kind: MessageKind,
    pub body: Body,
    /// The original, if the message is a forward.
    pub forwarded: Option<Forwarded>,
    /// `Growing` if the message will grow while it is written.
    pub streaming: Option<Streaming>,
    /// Idempotency key of the sender, if any.
    pub client_msg_id: Option<String>,
    /// The sender's intention; `None` if there is no key.
    pub intention: Option<Intention>,
    /// When the server accepted it.
    pub at: Timestamp,
}

impl NewMessage {
    /// Returns the message as a repetition of an earlier one with the same key.
    #[must_use]
    pub fn again(&self) -> Again<'_> {
        Again { to: self.to, intention: self.intention.as_ref(), new: Some(self) }
    }
}

/// The result of posting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// The message was stored now.
    New {
        /// The conversation, if this message created it.
        conversation: Option<Conversation>,
        message: Message,
        /// The root of its thread as it is now, if the message is in a thread.
        root: Option<Box<Message>>,
    },
    /// The sender had posted the same message with this key before. Holds the first message as it is now; as it was at
    /// first if the sender may no longer read it.
    Duplicate(Message),
}

impl Posted {
    /// Makes the result for a message that was stored now, with the conversation that it created and the root of its
    /// thread.
    #[must_use]
    pub fn new(made: Option<Conversation>, message: Message, root: Option<Box<Message>>) -> Self {
        let (rev, last_seq) = (message.rev, message.seq);
        Self::New { conversation: made.map(|made| Conversation { rev, last_seq, ..made }), message, root }
    }

    /// Returns the stored message.
    pub fn message(&self) -> &Message {
        match self {
            Self::New { message, .. } | Self::Duplicate(message) => message,
        }
    }
}

impl Outcome for Posted {
    fn changes(&self) -> Vec<Change> {
        let Self::New { conversation, message, root } = self else { return Vec::new() };
        let made = conversation.clone().map(Change::ConversationChanged);
        let posted = Change::MessagePosted(message.clone());
        let in_thread = root
            .as_ref()
            .map(|root| Change::MessageChanged { message: Message::clone(root), what: MessageEvent::Thread });
        made.into_iter().chain([posted]).chain(in_thread).collect()
    }
}

/// The durable side of posting.
#[async_trait]
pub trait PostingStore: Send + Sync + 'static {
    /// Stores a message. MUST, in one transaction: answer as [`crate::intention::again`] decides if the sender used
    /// `client_msg_id` before, ahead of any other check, and store the message's intention; store the message where
    /// [`destination`] says, unless that or [`check_references`] refuses it; create the direct conversation of a pair
    /// with its first message; number the message with the conversation's next `seq` and `rev`; update a thread's root.
    async fn post(&self, new: NewMessage) -> Result<Posted>;
    /// Returns what [`crate::intention::again`] answers to a post whose sender used its key before; `None` if the key
    /// is new or missing. Stores nothing.
    async fn posted_before(&self, new: NewMessage) -> Result<Option<Posted>>;
    /// Returns what [`crate::intention::again`] answers to a forward whose sender used its key before; `None` if the
    /// key is new or missing. MUST NOT read the message that is forwarded, which may no longer exist.
    async fn forwarded_before(&self, sender: UserId, command: Forward) -> Result<Option<Posted>>;
}

impl Chat {
    /// Posts a message. When this returns, the message is on disk and on its way to connected clients.
    ///
    /// # Errors
    /// `Invalid` if a field breaks a rule; `key_reused`; those of [`destination`] and [`check_references`].
    pub async fn post(&self, sender: UserId, command: PostMessage) -> Result<Posted> {
        let mut new = checked(sender, command, &self.limits, self.clock.now())?;
        if failpoints::is_broken("no_dedupe") {
            new.client_msg_id = None;
        }
        match check_addresses(&new.body.media) {
            Ok(()) => self.store.post(new).await,
            Err(refused) if new.client_msg_id.is_some() => {
                self.store.posted_before(new).await?.ok_or(refused)
            }
            Err(refused) => Err(refused),
        }
    }

    /// Posts the content of a message, with its media, to another destination.
    ///
    /// # Errors
    /// `NotFound` if the sender may not read the message; `message_deleted`; `still_growing`; those of
    /// [`post`](Self::post).
    pub async fn forward(&self, sender: UserId, mut command: Forward) -> Result<Posted> {
        check_forward(sender, &command, &self.limits)?;
        if failpoints::is_broken("no_dedupe") {
            command.client_msg_id = None;
        }
        if command.client_msg_id.is_some()
            && let Some(posted) = self.store.forwarded_before(sender, command.clone()).await?
        {
            return Ok(posted);
        }
        let original = self.store.message(sender, command.message).await?;
        let new = forwarded(sender, command, original, self.clock.now())?;
        self.store.post(new).await
    }
}

/// Checks a post against the rules and bounds, except the addresses of its media: a message that an earlier release
/// accepted with another address must still be found when its sender repeats the post.
pub(crate) fn checked(
    sender: UserId,
    command: PostMessage,
    limits: &Limits,
    at: Timestamp,
) -> Result<NewMessage> {
    not_to_oneself(sender, command.to)?;
    let PostMessage { to, kind, mut body, streaming, client_msg_id } = command;
    let kind = kind.unwrap_or_else(|| MessageKind::implied(&body.media));
    // Computed from what the client sent: another release may normalize the fields below differently.
    let intention = client_msg_id.is_some().then(|| Intention::of_message(kind, &body, streaming));
    let says_nothing = body.content.trim().is_empty() && body.media.is_empty();
    if says_nothing && !streaming {
        return Err(Error::invalid("content", "or media_url must be given"));
    }
    check_body(&body, limits)?;
    check_key(client_msg_id.as_deref(), limits)?;
    body.mentions.users.sort_unstable();
    body.mentions.users.dedup();
    let streaming = streaming.then_some(Streaming::Growing);
    Ok(NewMessage { sender, to, kind, body, forwarded: None, streaming, client_msg_id, intention, at })
}

/// Checks a request to forward, as far as possible without the forwarded message.
pub(crate) fn check_forward(sender: UserId, command: &Forward, limits: &Limits) -> Result<()> {
    not_to_oneself(sender, command.to)?;
    check_key(command.client_msg_id.as_deref(), limits)
}

/// Makes the message of a forward. Mentions of the original are dropped, so that its users are not notified again.
pub(crate) fn forwarded(
    sender: UserId,
    command: Forward,
    original: Message,
    at: Timestamp,
) -> Result<NewMessage> {
    if original.deleted_at.is_some() {
        return Err(deleted());
    }
    if original.streaming == Some(Streaming::Growing) {
        return Err(Error::conflict("still_growing", "This message is still streaming; forward it later"));
    }
    let first = Forwarded { message: original.id, sender: original.sender };
    let Message { kind, content, media, custom, forwarded, .. } = original;
    // The message may be older than the check of addresses.
    check_addresses(&media)?;
    let body = Body { content, media, custom, ..Body::default() };
    let forwarded = Some(forwarded.unwrap_or(first));
    let Forward { to, message, client_msg_id } = command;
    let intention = client_msg_id.is_some().then(|| Intention::of_forward(message));
    Ok(NewMessage { sender, to, kind, body, forwarded, streaming: None, client_msg_id, intention, at })
}

/// Returns the refusal of a change to a deleted message.
pub fn deleted() -> Error {
    Error::conflict("message_deleted", "This message is deleted")
}

/// Checks the length and characters of a message's text.
pub(crate) fn check_content(content: &str, limits: &Limits) -> Result<()> {
    check_text("content", content, limits.content_bytes)
}

/// Checks a text that will be stored: its length, and that any store can hold it. PostgreSQL texts cannot contain
/// U+0000.
pub(crate) fn check_text(field: &'static str, text: &str, max_bytes: usize) -> Result<()> {
    if text.len() > max_bytes {
        return Err(Error::invalid(field, format!("must be at most {max_bytes} bytes")));
    }
    if text.contains('\0') {
        return Err(Error::invalid(field, "must not contain the character U+0000"));
    }
    Ok(())
}

fn not_to_oneself(sender: UserId, to: Destination) -> Result<()> {
    if to == Destination::To(Recipient::User(sender)) { Err(Error::Yourself) } else { Ok(()) }
}

fn check_body(body: &Body, limits: &Limits) -> Result<()> {
    check_content(&body.content, limits)?;
    if body.media.len() > limits.media {
        return Err(Error::invalid("media", format!("must have at most {} entries", limits.media)));
    }
    body.media.iter().try_for_each(|media| check_media(media, limits))?;
    if body.mentions.users.len() > limits.mentions {
        return Err(Error::invalid("mentions", format!("must have at most {} entries", limits.mentions)));
    }
    match &body.custom {
        Some(custom) => check_text("custom", custom, limits.custom_bytes),
        None => Ok(()),
    }
}

fn check_key(key: Option<&str>, limits: &Limits) -> Result<()> {
    match key {
        Some("") => Err(Error::invalid("client_msg_id", "must not be empty")),
        Some(key) => check_text("client_msg_id", key, limits.client_msg_id_bytes),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::GroupId;

    fn command(content: &str, media_url: &str) -> PostMessage {
        PostMessage::plain(Recipient::User(UserId(2)), content.into(), media_url.into())
    }

    fn check(command: &PostMessage) -> Result<NewMessage> {
        let new = checked(UserId(1), command.clone(), &Limits::default(), Timestamp(0))?;
        check_addresses(&new.body.media)?;
        Ok(new)
    }

    fn field_refused(command: &PostMessage) -> Option<&'static str> {
        match check(command) {
            Err(Error::Invalid { field, .. }) => Some(field),
            _ => None,
        }
    }

    #[test]
    fn a_message_needs_text_or_media() {
        assert_eq!(field_refused(&command("", "")), Some("content"));
        assert_eq!(field_refused(&command(" \n\t", "")), Some("content"));
        assert_eq!(field_refused(&command("hi", "")), None);
        assert_eq!(field_refused(&command("", "https://example.com/a.png")), None);
        let growing = PostMessage { streaming: true, ..command("", "") };
        assert_eq!(check(&growing).unwrap().streaming, Some(Streaming::Growing));
    }

    #[test]
    fn every_field_is_bounded() {
        assert_eq!(field_refused(&command(&"x".repeat(16 * 1024), "")), None);
        assert_eq!(field_refused(&command(&"x".repeat(16 * 1024 + 1), "")), Some("content"));
        assert_eq!(field_refused(&command("", &"x".repeat(2049))), Some("media_url"));
        assert_eq!(field_refused(&command("hi", "a b")), Some("media_url"));
        let keyed = |key: &str| PostMessage { client_msg_id: Some(key.into()), ..command("hi", "") };
        assert_eq!(field_refused(&keyed("")), Some("client_msg_id"));
        assert_eq!(field_refused(&keyed(&"k".repeat(129))), Some("client_msg_id"));
        assert_eq!(field_refused(&keyed("k")), None);
    }

    #[test]
    fn no_text_has_a_zero_character() {
        let name = |name: &str| Media {
            url: "https://example.com/a.png".into(),
            name: Some(name.into()),
            ..Media::default()
        };
        let body = |body: Body| PostMessage { body, ..command("hi", "") };
        let with = |media: Media| body(Body { media: vec![media], ..Body::default() });
        let custom = |custom: &str| body(Body { custom: Some(custom.into()), ..command("hi", "").body });
        let keyed = |key: &str| PostMessage { client_msg_id: Some(key.into()), ..command("hi", "") };
        assert_eq!(field_refused(&command("nul \0 inside", "")), Some("content"));
        assert_eq!(field_refused(&command("\0", "")), Some("content"));
        assert_eq!(field_refused(&command("", "https://example.com/\0")), Some("media_url"));
        assert_eq!(field_refused(&with(name("a\0.png"))), Some("media"));
        assert_eq!(field_refused(&custom("{\"a\":\"\0\"}")), Some("custom"));
        assert_eq!(field_refused(&keyed("k\0")), Some("client_msg_id"));
        // Other control characters may be sent, and JSON may escape this one.
        assert_eq!(field_refused(&command("\u{1}\t\u{1b}\u{7f}", "")), None);
        assert_eq!(field_refused(&with(name("a.png"))), None);
        assert_eq!(field_refused(&custom(r#"{"a":"\u0000"}"#)), None);
        let Err(refusal) = check(&command("\0", "")) else { panic!("it was taken") };
        assert_eq!(refusal.to_string(), "content must not contain the character U+0000");
    }

    #[test]
    fn lists_are_bounded_and_mentions_count_once() {
        let with = |body: Body| PostMessage { body, ..command("hi", "") };
        let picture = Media { url: "https://example.com/a.png".into(), ..Media::default() };
        let many = Body { media: vec![picture; 11], ..Body::default() };
        assert_eq!(field_refused(&with(many)), Some("media"));
        let users = vec![UserId(3), UserId(2), UserId(3)];
        let body = Body { content: "hi".into(), mentions: Mentions { users, all: false }, ..Body::default() };
        assert_eq!(check(&with(body)).unwrap().body.mentions.users, [UserId(2), UserId(3)]);
        let custom = Some(format!("{{\"a\":\"{}\"}}", "x".repeat(4096)));
        let body = Body { content: "hi".into(), custom, ..Body::default() };
        assert_eq!(field_refused(&with(body)), Some("custom"));
    }

    #[test]
    fn nobody_writes_to_themselves_but_a_group_may_have_the_same_id() {
        let mut own = command("hi", "");
        own.to = Recipient::User(UserId(1)).into();
        assert!(matches!(check(&own), Err(Error::Yourself)));
        own.to = Recipient::Group(GroupId(1)).into();
        assert!(check(&own).is_ok());
    }
}
