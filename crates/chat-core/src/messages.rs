//! Messages: what they are, posting them once and in order, and reading them back.

use async_trait::async_trait;

use crate::conversations::{Audience, Conversation};
use crate::error::{Error, Result};
use crate::event::{Change, Outcome};
use crate::ids::{ConversationId, GroupId, MessageId, Rev, Seq, UserId};
use crate::posting::{Forward, NewMessage, PostMessage};
use crate::reactions::Reaction;
use crate::receipts::Pointers;
use crate::time::Timestamp;
use crate::{Chat, posting};

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

    /// What a message is when its sender does not say: what its first media says or else a picture, or text where
    /// there is none (contract part 1).
    pub fn implied(media: &[Media]) -> Self {
        media.first().map_or(Self::Text, |first| first.kind.unwrap_or(Self::Image))
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

/// Something attached to a message; only where it is has to be known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Media {
    /// Where it is.
    pub url: String,
    /// What it is; never [`MessageKind::Text`].
    pub kind: Option<MessageKind>,
    /// Its name as its sender knows it.
    pub name: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Its width in pixels.
    pub width: Option<u32>,
    /// Its height in pixels.
    pub height: Option<u32>,
}

/// The message that another one answers, in brief and as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Which message.
    pub message: MessageId,
    /// Who wrote it.
    pub sender: UserId,
    /// At most [`QUOTE_CHARS`] characters of its text; empty once it is deleted.
    pub content: String,
    /// Whether it is deleted.
    pub deleted: bool,
}

/// Most characters of a message that a quote shows.
pub const QUOTE_CHARS: usize = 200;

impl Quote {
    /// The beginning of a text, as a quote shows it.
    pub fn excerpt(content: &str) -> String {
        content.chars().take(QUOTE_CHARS).collect()
    }
}

/// What a thread's root tells of the replies below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadSummary {
    /// How many there are; deleted ones count, since they keep their places.
    pub n_replies: u32,
    /// When the last one was sent.
    pub last_reply_at: Timestamp,
}

/// Where a forwarded message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forwarded {
    /// The message that was forwarded.
    pub message: MessageId,
    /// Who wrote it.
    pub sender: UserId,
}

/// Who pinned a message, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// Who.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
}

/// How far a message that is shown while it is being written has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streaming {
    /// It may still grow.
    Growing,
    /// It is whole.
    Finished,
    /// Its sender gave up; it stays as it is.
    Abandoned,
}

impl Streaming {
    /// The state as clients and stores spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Growing => "growing",
            Self::Finished => "finished",
            Self::Abandoned => "abandoned",
        }
    }

    /// The state that is spelt so, if any.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Growing, Self::Finished, Self::Abandoned].into_iter().find(|state| state.as_str() == text)
    }
}

/// Who is called upon by a message, by id and never by name alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mentions {
    /// These members.
    pub users: Vec<UserId>,
    /// All members.
    pub all: bool,
}

/// A stored message, as it is now.
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
    /// Its text; may be empty when there is media, and is once it is deleted.
    pub content: String,
    /// What is attached.
    pub media: Vec<Media>,
    /// The message it answers.
    pub reply_to: Option<Quote>,
    /// The root of the thread that it is in.
    pub thread: Option<MessageId>,
    /// What is below it, where it is a thread's root.
    pub replies: Option<ThreadSummary>,
    /// Where it comes from, where it was forwarded.
    pub forwarded: Option<Forwarded>,
    /// Whom it calls upon.
    pub mentions: Mentions,
    /// A JSON object of the application's own.
    pub custom: Option<String>,
    /// Reactions to it, the first used emoji first.
    pub reactions: Vec<Reaction>,
    /// The sender's own key for it, if one was given.
    pub client_msg_id: Option<String>,
    /// When the server accepted it.
    pub sent_at: Timestamp,
    /// When its text was last changed.
    pub edited_at: Option<Timestamp>,
    /// When it was deleted for everyone.
    pub deleted_at: Option<Timestamp>,
    /// Who pinned it, where it is pinned.
    pub pin: Option<Pin>,
    /// How far it has come, where it is shown while being written.
    pub streaming: Option<Streaming>,
    /// How far its delivery has come, as of the moment it was read.
    pub status: Status,
}

impl Message {
    /// The first attachment's address as part 1 of the contract has it; empty where there is none.
    pub fn media_url(&self) -> &str {
        self.media.first().map_or("", |first| &first.url)
    }

    /// How many bytes its texts have, those of its attachments and of applications among them.
    pub fn text_bytes(&self) -> usize {
        let media = self.media.iter().map(|it| it.url.len() + it.name.as_ref().map_or(0, String::len));
        self.content.len() + media.sum::<usize>() + self.custom.as_ref().map_or(0, String::len)
    }

    /// The members of its conversation.
    pub fn audience(&self) -> Audience {
        match self.to {
            Recipient::User(user) => Audience::Pair(self.sender, user),
            Recipient::Group(_) => Audience::Group(self.conversation),
        }
    }
}

/// What was done to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageEvent {
    /// It came into being.
    Created,
    /// Its text was changed.
    Edited,
    /// It was deleted for everyone.
    Deleted,
    /// Somebody reacted to it, or took a reaction back.
    Reaction,
    /// It was pinned, or is no longer.
    Pinned,
    /// A reply was added to its thread.
    Thread,
    /// It grew while being written.
    Appended,
    /// It was shown while being written, and that has ended.
    Finished,
}

impl MessageEvent {
    const ALL: [Self; 8] = [
        Self::Created,
        Self::Edited,
        Self::Deleted,
        Self::Reaction,
        Self::Pinned,
        Self::Thread,
        Self::Appended,
        Self::Finished,
    ];

    /// The event as clients and stores spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Edited => "edited",
            Self::Deleted => "deleted",
            Self::Reaction => "reaction",
            Self::Pinned => "pinned",
            Self::Thread => "thread",
            Self::Appended => "appended",
            Self::Finished => "finished",
        }
    }

    /// The event that is spelt so, if any.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == text)
    }
}

/// What came of changing a message in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It is different now.
    Now(Message, MessageEvent),
    /// It was so before; nothing changed.
    Already(Message),
}

impl Changed {
    /// The message as it is now.
    pub fn into_message(self) -> Message {
        match self {
            Self::Now(message, _) | Self::Already(message) => message,
        }
    }
}

impl Outcome for Changed {
    fn changes(&self) -> Vec<Change> {
        match self {
            Self::Now(message, what) => {
                vec![Change::MessageChanged { message: message.clone(), what: *what }]
            }
            Self::Already(_) => Vec::new(),
        }
    }
}

/// What came of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// It was stored now.
    New {
        /// The conversation, if this message made it.
        conversation: Option<Conversation>,
        /// The message.
        message: Message,
        /// The root of its thread as it is now, if it is in one.
        root: Option<Box<Message>>,
    },
    /// The sender had posted the same under this key before; this is that first message as it is now, or as it was at
    /// first where the sender may no longer read it.
    Duplicate(Message),
}

impl Posted {
    /// The stored message.
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

/// Which part of a history is wanted: the newest `limit` messages older than `before`, or the newest of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Only messages with a smaller id.
    pub before: Option<MessageId>,
    /// At most so many; 1 to [`MAX_PAGE`].
    pub limit: u16,
}

/// From where a part of a conversation is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The newest ones before this place.
    Before(Seq),
    /// The oldest ones after this place.
    After(Seq),
    /// The newest ones of all.
    End,
}

/// Which part of a conversation is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Only the thread below this message, without the root itself.
    pub thread: Option<MessageId>,
    /// From where.
    pub from: Start,
    /// At most so many; 1 to [`MAX_PAGE`].
    pub limit: u16,
}

/// The durable side of messages. Messages that a reader has hidden are in none of its answers to that reader, but for
/// `newest`.
#[async_trait]
pub trait MessageStore: Send + Sync + 'static {
    /// MUST, in one transaction: answer as [`crate::intention::again`] decides if the sender used `client_msg_id` before,
    /// before anything else is looked at, and keep the message's intention; refuse an unknown recipient, a group that is
    /// not there and senders who are not members; refuse mentions of those who are not members, and a message replied to
    /// or a thread's root that is not in the same conversation (`NotFound`) or is itself in a thread; make the direct
    /// conversation of the pair on its first message; number the message with the conversation's next `seq` and `rev`;
    /// bring a thread's root up to date.
    async fn post(&self, new: NewMessage) -> Result<Posted>;
    /// What [`crate::intention::again`] answers to a post whose sender used its key before; `None` where it did not, or there
    /// is none. Stores nothing.
    async fn posted_before(&self, new: NewMessage) -> Result<Option<Posted>>;
    /// What [`crate::intention::again`] answers to a forwarding whose sender used its key before; `None` where it did not, or
    /// there is none. MUST NOT look at the message that is forwarded, which may be gone by then.
    async fn forwarded_before(&self, sender: UserId, command: Forward) -> Result<Option<Posted>>;
    /// One message. MUST answer `NotFound` where the reader is not a member of its conversation.
    async fn message(&self, reader: UserId, id: MessageId) -> Result<Message>;
    /// A part of a conversation, oldest first. MUST answer `NotFound` to those who are not members.
    async fn stretch(
        &self,
        reader: UserId,
        conversation: ConversationId,
        stretch: Stretch,
    ) -> Result<Vec<Message>>;
    /// A page of a direct conversation, oldest first; empty where the two have none. MUST refuse an unknown user.
    async fn direct_history(&self, reader: UserId, other: UserId, page: Page) -> Result<Vec<Message>>;
    /// A page of a group's conversation, oldest first. MUST refuse readers who are not members.
    async fn group_history(&self, reader: UserId, group: GroupId, page: Page) -> Result<Vec<Message>>;
    /// The last message of each of the reader's conversations, newest first, at most `limit`.
    async fn last_of_each(&self, reader: UserId, limit: u16) -> Result<Vec<Message>>;
    /// The id of the newest message on the server; 0 where there is none.
    async fn newest(&self) -> Result<MessageId>;
    /// A page of what a v1 client of the user that connected after `live_from` must be given, in the order of ids:
    /// what others wrote in the user's conversations beyond the user's delivered pointers, and whatever anybody, the
    /// user included, wrote there with an id above `live_from`; of that, at most `limit` with ids above `after`.
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
        let new = posting::checked(sender, command, &self.limits, self.clock.now())?;
        match posting::check_addresses(&new.body.media) {
            Ok(()) => self.store.post(new).await,
            Err(refused) if new.client_msg_id.is_some() => {
                self.store.posted_before(new).await?.ok_or(refused)
            }
            Err(refused) => Err(refused),
        }
    }

    /// Posts what another message says, with its media, to somebody else.
    pub async fn forward(&self, sender: UserId, command: Forward) -> Result<Posted> {
        posting::check_forward(sender, &command, &self.limits)?;
        if command.client_msg_id.is_some()
            && let Some(posted) = self.store.forwarded_before(sender, command.clone()).await?
        {
            return Ok(posted);
        }
        let original = self.store.message(sender, command.message).await?;
        let new = posting::forwarded(sender, command, original, self.clock.now())?;
        self.store.post(new).await
    }

    /// One message, for a member of its conversation.
    pub async fn message(&self, reader: UserId, id: MessageId) -> Result<Message> {
        self.store.message(reader, id).await
    }

    /// A part of a conversation, for a member.
    pub async fn stretch(
        &self,
        reader: UserId,
        conversation: ConversationId,
        stretch: Stretch,
    ) -> Result<Vec<Message>> {
        self.store.stretch(reader, conversation, stretch).await
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_is_stored_by_name_survives_spelling() {
        for kind in MessageKind::ALL {
            assert_eq!(MessageKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(MessageKind::parse("system"), None);
        for event in MessageEvent::ALL {
            assert_eq!(MessageEvent::parse(event.as_str()), Some(event));
        }
        for state in [Streaming::Growing, Streaming::Finished, Streaming::Abandoned] {
            assert_eq!(Streaming::parse(state.as_str()), Some(state));
        }
    }

    #[test]
    fn a_kind_is_implied_by_the_first_media() {
        let media = |kind| Media { url: "https://example.com/a".into(), kind, ..Media::default() };
        assert_eq!(MessageKind::implied(&[]), MessageKind::Text);
        assert_eq!(MessageKind::implied(&[media(None)]), MessageKind::Image);
        let film = media(Some(MessageKind::Video));
        assert_eq!(MessageKind::implied(&[film, media(None)]), MessageKind::Video);
    }

    #[test]
    fn a_quote_shows_characters_and_not_bytes() {
        let long = "é".repeat(QUOTE_CHARS + 1);
        assert_eq!(Quote::excerpt(&long).chars().count(), QUOTE_CHARS);
        assert_eq!(Quote::excerpt("cheese"), "cheese");
    }
}
