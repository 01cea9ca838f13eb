//! Messages: posting them once and in order, and reading them back.

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::event::{Change, Outcome};
use crate::ids::{ConversationId, GroupId, MessageId, Rev, Seq, UserId};
use crate::receipts::Pointers;
use crate::time::Timestamp;
use crate::{Chat, Limits};

/// Most messages that one page of history holds.
pub const MAX_PAGE: u16 = 200;
/// Messages in a page when the client names no limit.
pub const DEFAULT_PAGE: u16 = 50;

/// To whom a message goes. Users and groups never share a number space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// The other side of a direct conversation.
    User(UserId),
    /// All members of a group.
    Group(GroupId),
}

/// What a message mainly is; decides how clients show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// Plain text.
    Text,
    /// A picture under `media_url`.
    Image,
    /// A film under `media_url`.
    Video,
    /// A sound under `media_url`.
    Audio,
    /// Any other file under `media_url`.
    File,
}

impl MessageKind {
    const ALL: [Self; 5] = [Self::Text, Self::Image, Self::Video, Self::Audio, Self::File];

    /// The kind as clients and stores spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::File => "file",
        }
    }

    /// The kind that is spelt so, if any.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// What a message is when its sender does not say: a picture if it has media, else text (contract part 1).
    pub fn implied(media_url: &str) -> Self {
        if media_url.is_empty() { Self::Text } else { Self::Image }
    }
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// A group message; groups keep no single status.
    Sent,
    /// No client of the recipient has it yet.
    Pending,
    /// A client of the recipient has confirmed it.
    Delivered,
    /// The recipient has read it.
    Read,
}

impl Status {
    /// The status of a direct message, from its recipient's pointers.
    pub fn of_direct(seq: Seq, recipient: Pointers) -> Self {
        if seq <= recipient.read {
            Self::Read
        } else if seq <= recipient.delivered {
            Self::Delivered
        } else {
            Self::Pending
        }
    }

    /// The status as clients spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "SENT",
            Self::Pending => "PENDING",
            Self::Delivered => "DELIVERED",
            Self::Read => "READ",
        }
    }
}

/// A stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Unique on the server.
    pub id: MessageId,
    /// The conversation it belongs to.
    pub conversation: ConversationId,
    /// Its place there.
    pub seq: Seq,
    /// The conversation's `rev` at its last change.
    pub rev: Rev,
    /// Who wrote it.
    pub sender: UserId,
    /// To whom.
    pub to: Recipient,
    /// What it mainly is.
    pub kind: MessageKind,
    /// Its text; may be empty when there is media.
    pub content: String,
    /// Its media; empty where none.
    pub media_url: String,
    /// The sender's own key for it, if one was given.
    pub client_msg_id: Option<String>,
    /// When the server accepted it.
    pub sent_at: Timestamp,
    /// How far it has come, as of the moment it was read.
    pub status: Status,
}

/// What a client asks to have posted.
#[derive(Debug, Clone)]
pub struct PostMessage {
    /// To whom.
    pub to: Recipient,
    /// What it is, where the sender says so.
    pub kind: Option<MessageKind>,
    /// Text; may be empty when there is media.
    pub content: String,
    /// Media; may be empty when there is text.
    pub media_url: String,
    /// The sender's key: two posts with one key make one message, forever (promise 2).
    pub client_msg_id: Option<String>,
}

/// A checked message, ready to be stored.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Who wrote it.
    pub sender: UserId,
    /// To whom.
    pub to: Recipient,
    /// What it mainly is.
    pub kind: MessageKind,
    /// Its text.
    pub content: String,
    /// Its media.
    pub media_url: String,
    /// The sender's key, if any.
    pub client_msg_id: Option<String>,
    /// When the server accepted it.
    pub at: Timestamp,
}

/// What came of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// It was stored now.
    New(Message),
    /// The sender had posted under this key before; this is that first message.
    Duplicate(Message),
}

impl Outcome for Posted {
    fn change(&self) -> Option<Change> {
        match self {
            Self::New(message) => Some(Change::MessagePosted(message.clone())),
            Self::Duplicate(_) => None,
        }
    }
}

/// Which part of a history is wanted: the newest `limit` messages older than `before`, or the newest of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Only messages with a smaller id.
    pub before: Option<MessageId>,
    /// At most so many; 1 to [`MAX_PAGE`].
    pub limit: u16,
}

/// The durable side of messages.
#[async_trait]
pub trait MessageStore: Send + Sync + 'static {
    /// MUST, in one transaction: answer `Duplicate` with the first message if the sender used `client_msg_id`
    /// before; refuse an unknown recipient, a group that is not there and senders who are not members; make the
    /// direct conversation of the pair on its first message; number the message with the conversation's next `seq`
    /// and `rev`.
    async fn post(&self, new: NewMessage) -> Result<Posted>;
    /// A page of a direct conversation, oldest first; empty where the two have none. MUST refuse an unknown user.
    async fn direct_history(&self, reader: UserId, other: UserId, page: Page) -> Result<Vec<Message>>;
    /// A page of a group's conversation, oldest first. MUST refuse readers who are not members.
    async fn group_history(&self, reader: UserId, group: GroupId, page: Page) -> Result<Vec<Message>>;
    /// The last message of each of the reader's conversations, newest first, at most `limit`.
    async fn last_of_each(&self, reader: UserId, limit: u16) -> Result<Vec<Message>>;
    /// The id of the newest message on the server; 0 where there is none.
    async fn newest(&self) -> Result<MessageId>;
    /// A page of what a client of the user that connected after `live_from` must be given, in the order of ids: what
    /// others wrote in the user's conversations beyond the user's delivered pointers, and whatever anybody, the user
    /// included, wrote there with an id above `live_from`; of that, at most `limit` with ids above `after`.
    async fn backlog(
        &self,
        user: UserId,
        live_from: MessageId,
        after: MessageId,
        limit: u16,
    ) -> Result<Vec<Message>>;
}

impl Chat {
    /// Posts a message. When this returns, the message is on disk and on its way to who is connected.
    pub async fn post(&self, sender: UserId, command: PostMessage) -> Result<Posted> {
        check(sender, &command, &self.limits)?;
        let PostMessage { to, kind, content, media_url, client_msg_id } = command;
        let kind = kind.unwrap_or_else(|| MessageKind::implied(&media_url));
        let at = self.clock.now();
        self.store.post(NewMessage { sender, to, kind, content, media_url, client_msg_id, at }).await
    }

    /// A page of the reader's direct conversation with another user.
    pub async fn direct_history(&self, reader: UserId, other: UserId, page: Page) -> Result<Vec<Message>> {
        if reader == other {
            return Err(Error::Yourself);
        }
        self.store.direct_history(reader, other, page).await
    }

    /// A page of a group's conversation, for a member.
    pub async fn group_history(&self, reader: UserId, group: GroupId, page: Page) -> Result<Vec<Message>> {
        self.store.group_history(reader, group, page).await
    }

    /// The last message of each of the reader's conversations, newest first.
    pub async fn recent_chats(&self, reader: UserId, limit: u16) -> Result<Vec<Message>> {
        self.store.last_of_each(reader, limit).await
    }

    /// The id of the newest message on the server.
    pub async fn newest_message(&self) -> Result<MessageId> {
        self.store.newest().await
    }

    /// A page of what a client that connected after `live_from` must be given; see [`MessageStore::backlog`].
    pub async fn backlog(
        &self,
        user: UserId,
        live_from: MessageId,
        after: MessageId,
        limit: u16,
    ) -> Result<Vec<Message>> {
        self.store.backlog(user, live_from, after, limit).await
    }
}

fn check(sender: UserId, command: &PostMessage, limits: &Limits) -> Result<()> {
    if command.to == Recipient::User(sender) {
        return Err(Error::Yourself);
    }
    if command.content.trim().is_empty() && command.media_url.is_empty() {
        return Err(Error::invalid("content", "or media_url must be given"));
    }
    at_most("content", &command.content, limits.content_bytes)?;
    at_most("media_url", &command.media_url, limits.media_url_bytes)?;
    if command.media_url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Error::invalid("media_url", "must not contain spaces or control characters"));
    }
    if let Some(key) = &command.client_msg_id {
        if key.is_empty() {
            return Err(Error::invalid("client_msg_id", "must not be empty"));
        }
        at_most("client_msg_id", key, limits.client_msg_id_bytes)?;
    }
    Ok(())
}

fn at_most(field: &'static str, text: &str, bytes: usize) -> Result<()> {
    if text.len() <= bytes {
        Ok(())
    } else {
        Err(Error::invalid(field, format!("must be at most {bytes} bytes")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(content: &str, media_url: &str) -> PostMessage {
        PostMessage {
            to: Recipient::User(UserId(2)),
            kind: None,
            content: content.into(),
            media_url: media_url.into(),
            client_msg_id: None,
        }
    }

    fn field_refused(command: &PostMessage) -> Option<&'static str> {
        match check(UserId(1), command, &Limits::default()) {
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
    fn nobody_writes_to_oneself_but_a_group_may_have_the_same_number() {
        let mut own = command("hi", "");
        own.to = Recipient::User(UserId(1));
        assert!(matches!(check(UserId(1), &own, &Limits::default()), Err(Error::Yourself)));
        own.to = Recipient::Group(GroupId(1));
        assert!(check(UserId(1), &own, &Limits::default()).is_ok());
    }

    #[test]
    fn status_follows_the_recipients_pointers() {
        let pointers = Pointers { delivered: Seq(5), read: Seq(3) };
        let status = |seq| Status::of_direct(Seq(seq), pointers);
        assert_eq!(
            [3, 4, 5, 6].map(status),
            [Status::Read, Status::Delivered, Status::Delivered, Status::Pending]
        );
    }

    #[test]
    fn kinds_survive_spelling_and_are_implied_by_media() {
        for kind in MessageKind::ALL {
            assert_eq!(MessageKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(MessageKind::parse("system"), None);
        assert_eq!(MessageKind::implied(""), MessageKind::Text);
        assert_eq!(MessageKind::implied("https://example.com/a.png"), MessageKind::Image);
    }
}
