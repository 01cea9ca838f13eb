//! Messages: what they are, and reading them back. How one comes to be is in `posting.rs`, and what is done to it
//! afterwards in `changes.rs`; neither may be imported here.

use async_trait::async_trait;

use crate::Chat;
use crate::conversations::Audience;
use crate::error::{Error, Kind, Result};
use crate::ids::{ConversationId, GroupId, MessageId, Rev, Seq, UserId};
use crate::media::{Media, MessageKind};
use crate::reactions::Reaction;
use crate::receipts::Pointers;
use crate::time::Timestamp;

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
    /// The status of a message; of a direct one, from its recipient's pointers.
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
    /// Of this message, as it is now.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        Self {
            message: message.id,
            sender: message.sender,
            content: Self::excerpt(&message.content),
            deleted: message.deleted_at.is_some(),
        }
    }

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
    /// The first attachment's address as v1 has it (docs/contract.md, "Messages"); empty where there is none.
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

/// The message that a request names, where there is one.
///
/// # Errors
/// `NotFound` where there is no such message.
pub fn found<T>(message: Option<T>) -> Result<T> {
    message.ok_or(Error::NotFound(Kind::Message))
}

/// Which part of a history is wanted: the newest `limit` messages older than `before`, or the newest of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Only messages with a smaller id.
    pub before: Option<MessageId>,
    /// At most so many; 1 to [`MAX_PAGE`].
    pub limit: u16,
}

impl Page {
    /// The id below which its messages are. The largest number for the newest page.
    pub fn below(&self) -> i64 {
        self.before.map_or(i64::MAX, |id| id.0)
    }
}

/// The conversation of a pair, as it was looked up.
///
/// # Errors
/// `NotFound` if there is none and the other user does not exist.
pub fn of_pair(conversation: Option<ConversationId>, other_is_known: bool) -> Result<Option<ConversationId>> {
    if conversation.is_none() && !other_is_known {
        return Err(Error::NotFound(Kind::User));
    }
    Ok(conversation)
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

impl Stretch {
    /// The numbers between which its messages are, without either.
    pub fn bounds(&self) -> (i64, i64) {
        match self.from {
            Start::Before(seq) => (i64::MIN, seq.0),
            Start::After(seq) => (seq.0, i64::MAX),
            Start::End => (i64::MIN, i64::MAX),
        }
    }

    /// Whether the oldest messages between the bounds are wanted, and not the newest.
    pub fn is_forward(&self) -> bool {
        matches!(self.from, Start::After(_))
    }

    /// Puts the messages, which were found beginning at the bound, into the order of their numbers.
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

/// The durable side of reading messages. Messages that a reader has hidden are in none of its answers to that reader, but for
/// `newest`.
#[async_trait]
pub trait MessageStore: Send + Sync + 'static {
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
    fn what_is_stored_by_name_survives_spelling() {
        for state in [Streaming::Growing, Streaming::Finished, Streaming::Abandoned] {
            assert_eq!(Streaming::parse(state.as_str()), Some(state));
        }
    }

    #[test]
    fn a_stretch_has_bounds_and_an_order() {
        let stretch = |from| Stretch { thread: None, from, limit: 2 };
        let message = |seq| Message { seq: Seq(seq), ..sample::text("hi") };
        let seqs = |stretch: Stretch, found: [i64; 2]| -> Vec<i64> {
            stretch.in_order(found.map(message).to_vec()).iter().map(|message| message.seq.0).collect()
        };
        for (from, bounds, found) in [
            (Start::Before(Seq(7)), (i64::MIN, 7), [6, 5]),
            (Start::After(Seq(4)), (4, i64::MAX), [5, 6]),
            (Start::End, (i64::MIN, i64::MAX), [6, 5]),
        ] {
            assert_eq!(stretch(from).bounds(), bounds);
            assert_eq!(seqs(stretch(from), found), [5, 6], "{from:?}");
        }
        let page = |before| Page { before, limit: 1 };
        assert_eq!((page(None).below(), page(Some(MessageId(7))).below()), (i64::MAX, 7));
    }

    #[test]
    fn a_thread_is_read_in_its_own_conversation() {
        let root = sample::text("root");
        let thread = Stretch { thread: Some(root.id), from: Start::End, limit: 2 };
        assert!(thread.check_root(root.conversation, Some(&root)).is_ok());
        assert!(Stretch { thread: None, ..thread }.check_root(root.conversation, None).is_ok());
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
