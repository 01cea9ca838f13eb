//! Messages, and reading them. Creating a message is in `posting.rs`, the results of changing one are in `changes.rs`;
//! neither may be imported here.

use async_trait::async_trait;

use crate::Chat;
use crate::conversations::Audience;
use crate::error::{Error, Kind, Result};
use crate::ids::{ConversationId, GroupId, MessageId, Rev, Seq, UserId};
use crate::media::{Media, MessageKind};
use crate::reactions::Reaction;
use crate::receipts::Pointers;
use crate::time::Timestamp;

/// Maximum number of messages in one page of history.
pub const MAX_PAGE: u16 = 200;
/// Number of messages in a page if the client names no limit.
pub const DEFAULT_PAGE: u16 = 50;

/// Recipient of a message. Ids of users and of groups are separate number spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// The other user of a direct conversation.
    User(UserId),
    /// All members of a group.
    Group(GroupId),
}

/// Delivery status of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// A group message; groups have no single status.
    Sent,
    /// No client of the recipient has confirmed it yet.
    Pending,
    /// A client of the recipient has confirmed it.
    Delivered,
    /// The recipient has read it.
    Read,
}

impl Status {
    /// Returns the status of a message; that of a direct message follows from the recipient's pointers.
    pub fn of(to: Recipient, seq: Seq, recipient: Pointers) -> Self {
        if matches!(to, Recipient::Group(_)) {
            Self::Sent
        } else if seq <= recipient.read {
            Self::Read
        } else if seq <= recipient.delivered {
            Self::Delivered
        } else {
            Self::Pending
        }
    }

    /// Returns the name of the status in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "SENT",
            Self::Pending => "PENDING",
            Self::Delivered => "DELIVERED",
            Self::Read => "READ",
        }
    }
}

/// Excerpt of a message that another one replies to, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    pub message: MessageId,
    pub sender: UserId,
    /// The first [`QUOTE_CHARS`] characters of its text; empty once it is deleted.
    pub content: String,
    pub deleted: bool,
}

/// Maximum number of characters of a message that a quote shows.
pub const QUOTE_CHARS: usize = 200;

impl Quote {
    /// Makes the quote of a message, as it is now.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        Self {
            message: message.id,
            sender: message.sender,
            content: Self::excerpt(&message.content),
            deleted: message.deleted_at.is_some(),
        }
    }

    /// Returns the beginning of a text that a quote shows.
    pub fn excerpt(content: &str) -> String {
        content.chars().take(QUOTE_CHARS).collect()
    }
}

/// Summary of a thread's replies, shown with its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadSummary {
    /// Number of replies, deleted ones included, since these keep their `seq`.
    pub n_replies: u32,
    /// When the newest reply was sent.
    pub last_reply_at: Timestamp,
}

/// Origin of a forwarded message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forwarded {
    /// The original message.
    pub message: MessageId,
    /// Author of the original.
    pub sender: UserId,
}

/// A pin of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// The user who pinned it.
    pub by: UserId,
    /// When it was pinned.
    pub at: Timestamp,
}

/// State of a message that is shown while it is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streaming {
    /// Text may still be appended.
    Growing,
    /// The text is complete.
    Finished,
    /// The sender stopped before the end; the text stays as it is.
    Abandoned,
}

impl Streaming {
    /// Returns the name of the state for clients and stores.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Growing => "growing",
            Self::Finished => "finished",
            Self::Abandoned => "abandoned",
        }
    }

    /// Returns the state with that name, if there is one.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Growing, Self::Finished, Self::Abandoned].into_iter().find(|state| state.as_str() == text)
    }
}

/// Users that a message mentions, by id and never by name alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mentions {
    /// The mentioned members.
    pub users: Vec<UserId>,
    /// Whether all members are mentioned.
    pub all: bool,
}

/// A stored message, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: MessageId,
    pub conversation: ConversationId,
    pub seq: Seq,
    /// The conversation's `rev` at the last change of the message.
    pub rev: Rev,
    pub sender: UserId,
    pub to: Recipient,
    pub kind: MessageKind,
    /// The text; may be empty if there is media, and is empty once the message is deleted.
    pub content: String,
    pub media: Vec<Media>,
    /// The message that this one replies to.
    pub reply_to: Option<Quote>,
    /// The root of the thread that the message is in.
    pub thread: Option<MessageId>,
    /// Summary of the thread below the message, if there is one.
    pub replies: Option<ThreadSummary>,
    /// The original, if the message is a forward.
    pub forwarded: Option<Forwarded>,
    pub mentions: Mentions,
    /// JSON object of an application.
    pub custom: Option<String>,
    /// Reactions, ordered by the first use of each emoji.
    pub reactions: Vec<Reaction>,
    /// Idempotency key of the sender, if one was given.
    pub client_msg_id: Option<String>,
    /// When the server accepted it.
    pub sent_at: Timestamp,
    /// When its text was last edited.
    pub edited_at: Option<Timestamp>,
    /// When it was deleted for everyone.
    pub deleted_at: Option<Timestamp>,
    /// Set while the message is pinned.
    pub pin: Option<Pin>,
    /// State of the text, if the message is shown while it is being written.
    pub streaming: Option<Streaming>,
    /// Delivery status at the time of reading.
    pub status: Status,
}

impl Message {
    /// Returns the first attachment's address as v1 has it (docs/contract.md, "Messages"); empty if there is none.
    pub fn media_url(&self) -> &str {
        self.media.first().map_or("", |first| &first.url)
    }

    /// Returns the total size of its texts in bytes, including those of attachments and of applications.
    pub fn text_bytes(&self) -> usize {
        let media = self.media.iter().map(|it| it.url.len() + it.name.as_ref().map_or(0, String::len));
        self.content.len() + media.sum::<usize>() + self.custom.as_ref().map_or(0, String::len)
    }

    /// Returns the members of its conversation as an audience.
    pub fn audience(&self) -> Audience {
        match self.to {
            Recipient::User(user) => Audience::Pair(self.sender, user),
            Recipient::Group(_) => Audience::Group(self.conversation),
        }
    }
}

/// Unwraps the message that a request names.
///
/// # Errors
/// `NotFound` if there is no such message.
pub fn found<T>(message: Option<T>) -> Result<T> {
    message.ok_or(Error::NotFound(Kind::Message))
}

/// Selects a page of history: the newest `limit` messages older than `before`, or the newest of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Only messages with a smaller id.
    pub before: Option<MessageId>,
    /// Maximum number of messages, usually 1 to [`MAX_PAGE`].
    pub limit: u16,
}

impl Page {
    /// Returns the id below which the messages of the page are; the largest number for the newest page.
    pub fn below(&self) -> i64 {
        self.before.map_or(i64::MAX, |id| id.0)
    }
}

/// Checks the result of looking up the conversation of a pair.
///
/// # Errors
/// `NotFound` if there is none and the other user does not exist.
pub fn of_pair(conversation: Option<ConversationId>, other_is_known: bool) -> Result<Option<ConversationId>> {
    if conversation.is_none() && !other_is_known {
        return Err(Error::NotFound(Kind::User));
    }
    Ok(conversation)
}

/// The bound of a [`MessageRange`], and its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The newest messages before this `seq`.
    Before(Seq),
    /// The oldest messages after this `seq`.
    After(Seq),
    /// The newest messages of all.
    End,
}

/// Selects a range of a conversation's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageRange {
    /// Only the replies in the thread of this message, without the root itself.
    pub thread: Option<MessageId>,
    pub from: Start,
    /// Maximum number of messages, 1 to [`MAX_PAGE`].
    pub limit: u16,
}

impl MessageRange {
    /// Returns the bounds of `seq`, both exclusive.
    pub fn bounds(&self) -> (i64, i64) {
        match self.from {
            Start::Before(seq) => (i64::MIN, seq.0),
            Start::After(seq) => (seq.0, i64::MAX),
            Start::End => (i64::MIN, i64::MAX),
        }
    }

    /// Whether the range takes the oldest messages between the bounds, and not the newest.
    pub fn is_forward(&self) -> bool {
        matches!(self.from, Start::After(_))
    }

    /// Sorts messages by `seq` that were found starting at the bound.
    pub fn in_order(&self, mut found: Vec<Message>) -> Vec<Message> {
        if !self.is_forward() {
            found.reverse();
        }
        found
    }

    /// Checks that the thread's root, as it was looked up, is in this conversation.
    ///
    /// # Errors
    /// `NotFound` if it is not, or does not exist.
    pub fn check_root(&self, conversation: ConversationId, root: Option<&Message>) -> Result<()> {
        let is_here = root.is_some_and(|root| root.conversation == conversation);
        if self.thread.is_some() && !is_here {
            return Err(Error::NotFound(Kind::Message));
        }
        Ok(())
    }
}

/// The durable side of reading messages. No method but `newest` returns messages that the reader has hidden.
#[async_trait]
pub trait MessageStore: Send + Sync + 'static {
    /// Returns one message. MUST answer `NotFound` if the reader is not a member of its conversation.
    async fn message(&self, reader: UserId, id: MessageId) -> Result<Message>;
    /// Returns a range of a conversation's messages, oldest first. MUST answer `NotFound` to users who are not members.
    async fn read_range(
        &self,
        reader: UserId,
        conversation: ConversationId,
        range: MessageRange,
    ) -> Result<Vec<Message>>;
    /// Returns a page of a direct conversation, oldest first; empty if the two have none. MUST refuse an unknown user.
    async fn direct_history(&self, reader: UserId, other: UserId, page: Page) -> Result<Vec<Message>>;
    /// Returns a page of a group's conversation, oldest first. MUST refuse readers who are not members.
    async fn group_history(&self, reader: UserId, group: GroupId, page: Page) -> Result<Vec<Message>>;
    /// Returns a page of the last messages of the reader's conversations, newest first.
    async fn last_of_each(&self, reader: UserId, page: Page) -> Result<Vec<Message>>;
    /// Returns the id of the newest message on the server; 0 if there is none.
    async fn newest(&self) -> Result<MessageId>;
    /// Returns a page of the messages that a v1 client of the user must get if it connected after `live_from`, ordered
    /// by id: messages of others in the user's conversations beyond the user's delivered pointers, and all messages
    /// there with an id above `live_from`, the user's own included. Of these, at most `limit` with ids above `after`.
    async fn backlog(
        &self,
        user: UserId,
        live_from: MessageId,
        after: MessageId,
        limit: u16,
    ) -> Result<Vec<Message>>;
}

impl Chat {
    /// Returns one message, for a member of its conversation.
    pub async fn message(&self, reader: UserId, id: MessageId) -> Result<Message> {
        self.store.message(reader, id).await
    }

    /// Returns a range of a conversation's messages, oldest first, for a member.
    pub async fn read_range(
        &self,
        reader: UserId,
        conversation: ConversationId,
        range: MessageRange,
    ) -> Result<Vec<Message>> {
        self.store.read_range(reader, conversation, range).await
    }

    /// Returns a page of the reader's direct conversation with another user.
    pub async fn direct_history(&self, reader: UserId, other: UserId, page: Page) -> Result<Vec<Message>> {
        if reader == other {
            return Err(Error::Yourself);
        }
        self.store.direct_history(reader, other, page).await
    }

    /// Returns a page of a group's conversation, for a member.
    pub async fn group_history(&self, reader: UserId, group: GroupId, page: Page) -> Result<Vec<Message>> {
        self.store.group_history(reader, group, page).await
    }

    /// Returns a page of the last messages of the reader's conversations, newest first.
    pub async fn recent_chats(&self, reader: UserId, page: Page) -> Result<Vec<Message>> {
        self.store.last_of_each(reader, page).await
    }

    /// Returns the id of the newest message on the server.
    pub async fn newest_message(&self) -> Result<MessageId> {
        self.store.newest().await
    }

    /// Returns a page of the messages that a client must get if it connected after `live_from`; see
    /// [`MessageStore::backlog`].
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
    use crate::sample;

    #[test]
    fn status_follows_the_recipients_pointers() {
        let pointers = Pointers { delivered: Seq(5), read: Seq(3) };
        let status = |seq| Status::of(Recipient::User(UserId(1)), Seq(seq), pointers);
        assert_eq!(
            [3, 4, 5, 6].map(status),
            [Status::Read, Status::Delivered, Status::Delivered, Status::Pending]
        );
        assert_eq!(Status::of(Recipient::Group(GroupId(1)), Seq(3), pointers), Status::Sent);
    }

    #[test]
    fn stored_names_can_be_parsed() {
        for state in [Streaming::Growing, Streaming::Finished, Streaming::Abandoned] {
            assert_eq!(Streaming::parse(state.as_str()), Some(state));
        }
    }

    #[test]
    fn a_range_has_bounds_and_an_order() {
        let range = |from| MessageRange { thread: None, from, limit: 2 };
        let message = |seq| Message { seq: Seq(seq), ..sample::text("hi") };
        let seqs = |range: MessageRange, found: [i64; 2]| -> Vec<i64> {
            range.in_order(found.map(message).to_vec()).iter().map(|message| message.seq.0).collect()
        };
        for (from, bounds, found) in [
            (Start::Before(Seq(7)), (i64::MIN, 7), [6, 5]),
            (Start::After(Seq(4)), (4, i64::MAX), [5, 6]),
            (Start::End, (i64::MIN, i64::MAX), [6, 5]),
        ] {
            assert_eq!(range(from).bounds(), bounds);
            assert_eq!(seqs(range(from), found), [5, 6], "{from:?}");
        }
        let page = |before| Page { before, limit: 1 };
        assert_eq!((page(None).below(), page(Some(MessageId(7))).below()), (i64::MAX, 7));
    }

    #[test]
    fn a_thread_is_read_in_its_own_conversation() {
        let root = sample::text("root");
        let thread = MessageRange { thread: Some(root.id), from: Start::End, limit: 2 };
        assert!(thread.check_root(root.conversation, Some(&root)).is_ok());
        assert!(MessageRange { thread: None, ..thread }.check_root(root.conversation, None).is_ok());
        for (conversation, found) in [(ConversationId(99), Some(&root)), (root.conversation, None)] {
            let refused = thread.check_root(conversation, found);
            assert!(matches!(refused, Err(Error::NotFound(Kind::Message))));
        }
    }

    #[test]
    fn an_unknown_user_has_no_history() {
        let conversation = Some(ConversationId(3));
        assert_eq!(of_pair(conversation, false).unwrap(), conversation);
        assert_eq!(of_pair(None, true).unwrap(), None);
        assert!(matches!(of_pair(None, false), Err(Error::NotFound(Kind::User))));
    }

    #[test]
    fn a_quote_shows_characters_and_not_bytes() {
        let long = "é".repeat(QUOTE_CHARS + 1);
        assert_eq!(Quote::excerpt(&long).chars().count(), QUOTE_CHARS);
        assert_eq!(Quote::excerpt("cheese"), "cheese");
    }
}
