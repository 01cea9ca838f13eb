//! Conversations as their members see them: what is common to all members, and each member's own part (the per-member
//! state).

use async_trait::async_trait;

use crate::Chat;
use crate::error::{Error, Kind, Result};
use crate::event::{Change, Outcome};
use crate::groups::Role;
use crate::ids::{ConversationId, GroupId, MessageId, Rev, Seq, UserId};
use crate::messages::{Message, Recipient};
use crate::policy::{Access, Action, Membership, allowed};
use crate::posting;
use crate::receipts::Pointers;
use crate::time::Timestamp;

/// Maximum number of conversations in one page of the list.
pub const MAX_CONVERSATIONS: u16 = 200;

/// Whether a conversation is direct or a group's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConversationKind {
    /// A direct conversation of two users, the smaller id first.
    Direct(UserId, UserId),
    /// A group's conversation.
    Group {
        /// Id of the group in the API.
        id: GroupId,
        name: String,
        owner: UserId,
    },
}

/// Returns two users in the order in which their direct conversation stores them: the smaller id first.
pub fn pair(one: UserId, other: UserId) -> (UserId, UserId) {
    (one.min(other), one.max(other))
}

/// A conversation, with one user's access to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversationAccess {
    pub id: ConversationId,
    /// Recipient of a message that the user posts there.
    pub to: Recipient,
    /// The user's access to it.
    pub access: Access,
}

impl ConversationAccess {
    /// Returns the conversation that a pair's first message has created, with its sender's access.
    #[must_use]
    pub fn new_pair(id: ConversationId, other: UserId) -> Self {
        Self { id, to: Recipient::User(other), access: Access::of(Some(Membership::of_new_pair())) }
    }
}

/// Unwraps what a store found of a conversation for one of its members.
///
/// # Errors
/// `NotFound` if there is no such conversation, or the user is not a member.
pub fn for_member<T>(found: Option<T>) -> Result<T> {
    found.ok_or(Error::NotFound(Kind::Conversation))
}

/// What all members see of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    pub id: ConversationId,
    pub kind: ConversationKind,
    pub rev: Rev,
    /// `seq` of its last message; 0 if there is none.
    pub last_seq: Seq,
    pub n_members: u32,
    pub created_at: Timestamp,
}

impl Conversation {
    /// Returns the conversation of a pair before its first message.
    #[must_use]
    pub fn of_new_pair(id: ConversationId, (low, high): (UserId, UserId), created_at: Timestamp) -> Self {
        let kind = ConversationKind::Direct(low, high);
        Self { id, kind, rev: Rev(0), last_seq: Seq(0), n_members: 2, created_at }
    }

    /// Returns the members as an audience.
    pub fn audience(&self) -> Audience {
        match self.kind {
            ConversationKind::Direct(low, high) => Audience::Pair(low, high),
            ConversationKind::Group { .. } => Audience::Group(self.id),
        }
    }

    /// Returns the conversation as it is shown to a user who has left it: without any content. Later changes in it do
    /// not show here, so that a former member cannot watch it from outside. If an earlier release has not stored the
    /// state at the departure (`then`), `rev` and owner are the present ones, since clients ignore older ones.
    #[must_use]
    pub fn as_left(self, then: Option<Departure>) -> Self {
        let rev = then.map_or(self.rev, |then| then.rev);
        let kind = match self.kind {
            ConversationKind::Group { id, owner, .. } => {
                let owner = then.map_or(owner, |then| then.owner);
                ConversationKind::Group { id, name: String::new(), owner }
            }
            direct @ ConversationKind::Direct(..) => direct,
        };
        Self { kind, rev, last_seq: Seq(0), n_members: 0, ..self }
    }
}

/// State of a group right after a user has left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departure {
    /// `rev` of the group's conversation, the departure included.
    pub rev: Rev,
    pub owner: UserId,
}

/// The users whose clients get an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// One user.
    User(UserId),
    /// The two users of a direct conversation.
    Pair(UserId, UserId),
    /// All members of a group, given its conversation.
    Group(ConversationId),
}

/// Numbers of unread messages of a member in a conversation, derived as `unread.rs` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Messages of others after the member's read pointer that the member can see: neither deleted nor hidden.
    pub unread: u32,
    /// Those of them that mention the member or everybody.
    pub mentions: u32,
}

/// A member's unread counts, and the state of the conversation in which they hold. A client that gets them late, or
/// among older changes, can tell from it which messages and changes they contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    pub counts: Counts,
    /// `seq` of the last message that the member has read.
    pub read: Seq,
    /// `seq` of the last message that is counted.
    pub last: Seq,
    /// The conversation's `rev`; 0 if a node of an earlier release counted, which does not tell `read` and `last` either.
    pub rev: Rev,
}

/// A conversation's state for one member alone: the per-member state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnPart {
    /// The member's role; `None` for a former member.
    pub role: Option<Role>,
    pub pointers: Pointers,
    pub counts: Counts,
    /// The member has marked it as unread; reading it removes the mark.
    pub marked_unread: bool,
    /// No notifications until then.
    pub muted_until: Option<Timestamp>,
    /// Archived by the member.
    pub archived: bool,
    /// Pinned to the top of the list by the member.
    pub pinned: bool,
    /// Text that the member has begun to write.
    pub draft: Option<String>,
}

/// A conversation as one user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationView {
    /// The part that all members see.
    pub conversation: Conversation,
    /// The part that only this user sees.
    pub own: OwnPart,
    /// The newest message, if it was requested and there is one.
    pub last_message: Option<Message>,
}

impl ConversationView {
    /// Returns the names of the actions that the policy allows the user there, as the API has them.
    pub fn capabilities(&self) -> Vec<&'static str> {
        let between = (&self.conversation.kind).into();
        let access = Access::of(self.own.role.map(|role| Membership::new(role, between)));
        Action::CAPABILITIES
            .into_iter()
            .filter(|(action, _)| allowed(access, *action).is_ok())
            .map(|(_, name)| name)
            .collect()
    }
}

/// Selects a page of the list of conversations: those with the newest messages first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversationPage {
    /// Only entries after this one of an earlier page: id of its last message (0 if none) and of its conversation.
    pub after: Option<(MessageId, ConversationId)>,
    /// Maximum number of entries, 1 to [`MAX_CONVERSATIONS`].
    pub limit: u16,
}

/// A change to a member's own part; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnChange {
    /// Mark as unread, or remove the mark.
    pub marked_unread: Option<bool>,
    /// Mute until then, or (`Some(None)`) unmute.
    pub muted_until: Option<Option<Timestamp>>,
    /// Archive or unarchive.
    pub archived: Option<bool>,
    /// Pin to the top of the list or unpin.
    pub pinned: Option<bool>,
    /// Store a draft, or (`Some(None)`) remove it.
    pub draft: Option<Option<String>>,
}

/// The result of changing one's own part: the conversation as its member sees it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnChanged {
    pub user: UserId,
    pub view: ConversationView,
}

impl Outcome for OwnChanged {
    fn changes(&self) -> Vec<Change> {
        vec![Change::OwnPartChanged { user: self.user, view: Box::new(self.view.clone()) }]
    }
}

/// Unread totals of a user over all conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Unread messages and mentions in conversations that are not muted.
    pub counts: Counts,
    /// Number of unread conversations, including those marked by hand, without muted ones.
    pub n_conversations: u32,
}

impl Totals {
    /// Adds a conversation with this many unread messages, or (`is_marked`) one that is marked as unread by hand.
    pub fn add(&mut self, counts: Counts, is_marked: bool) {
        self.counts.unread = self.counts.unread.saturating_add(counts.unread);
        self.counts.mentions = self.counts.mentions.saturating_add(counts.mentions);
        self.n_conversations += u32::from(is_marked || counts.unread > 0);
    }
}

/// The durable side of conversations.
#[async_trait]
pub trait ConversationStore: Send + Sync + 'static {
    /// Returns a page of the user's conversations, each with its last message: the newest message first, then by
    /// falling conversation ids.
    async fn conversations(&self, user: UserId, page: ConversationPage) -> Result<Vec<ConversationView>>;
    /// Returns one of the user's conversations with its last message. MUST answer `NotFound` to users who are not
    /// members.
    async fn conversation(&self, user: UserId, id: ConversationId) -> Result<ConversationView>;
    /// Returns the user's unread totals at `now`, which decides what is muted.
    async fn totals(&self, user: UserId, now: Timestamp) -> Result<Totals>;
    /// Changes the member's own part. MUST answer `NotFound` to users who are not members.
    async fn change_own_part(
        &self,
        user: UserId,
        id: ConversationId,
        change: OwnChange,
    ) -> Result<OwnChanged>;
    /// Returns the members whose presence `viewer` may see in this conversation, each with the time it was last seen,
    /// at most `limit` of them. MUST answer `NotFound` to users who are not members.
    async fn companions(
        &self,
        viewer: UserId,
        id: ConversationId,
        limit: u16,
    ) -> Result<Vec<(UserId, Option<Timestamp>)>>;
    /// Stores when users were last seen; [`last_seen`](crate::presence::last_seen) decides whether a stored time is
    /// replaced.
    async fn note_last_seen(&self, seen: Vec<(UserId, Timestamp)>) -> Result<()>;
    /// Returns the direct conversation of the two users, if they have one. MUST refuse an unknown `other`.
    async fn direct_with(&self, user: UserId, other: UserId) -> Result<Option<ConversationId>>;
    /// Returns the recipient of messages in this conversation. MUST answer `NotFound` to users who are not members.
    async fn recipient(&self, member: UserId, id: ConversationId) -> Result<Recipient>;
}

impl Chat {
    /// Returns a page of the user's conversations.
    pub async fn conversations(&self, user: UserId, page: ConversationPage) -> Result<Vec<ConversationView>> {
        self.store.conversations(user, page).await
    }

    /// Returns one of the user's conversations.
    ///
    /// # Errors
    /// `NotFound` if it does not exist or the user is not a member.
    pub async fn conversation(&self, user: UserId, id: ConversationId) -> Result<ConversationView> {
        self.store.conversation(user, id).await
    }

    /// Returns the user's unread totals over all conversations.
    pub async fn totals(&self, user: UserId) -> Result<Totals> {
        self.store.totals(user, self.clock.now()).await
    }

    /// Changes the user's own part of a conversation; an empty draft removes the draft.
    pub async fn change_own_part(
        &self,
        user: UserId,
        id: ConversationId,
        mut change: OwnChange,
    ) -> Result<ConversationView> {
        if let Some(Some(draft)) = &change.draft {
            posting::check_text("draft", draft, self.limits.content_bytes)?;
            if draft.is_empty() {
                change.draft = Some(None);
            }
        }
        Ok(self.store.change_own_part(user, id, change).await?.view)
    }

    /// Returns at most `limit` members whose presence the user may see, each with the time it was last seen.
    pub async fn companions(
        &self,
        viewer: UserId,
        id: ConversationId,
        limit: u16,
    ) -> Result<Vec<(UserId, Option<Timestamp>)>> {
        self.store.companions(viewer, id, limit).await
    }

    /// Stores that users were connected until the given times.
    pub async fn note_last_seen(&self, seen: Vec<(UserId, Timestamp)>) -> Result<()> {
        self.store.note_last_seen(seen).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(kind: ConversationKind, role: Option<Role>) -> ConversationView {
        let conversation = Conversation {
            id: ConversationId(1),
            kind,
            rev: Rev(1),
            last_seq: Seq(0),
            n_members: 2,
            created_at: Timestamp(0),
        };
        ConversationView { conversation, own: OwnPart { role, ..OwnPart::default() }, last_message: None }
    }

    #[test]
    fn capabilities_follow_the_policy() {
        let direct = view(ConversationKind::Direct(UserId(1), UserId(2)), Some(Role::Member));
        assert_eq!(direct.capabilities(), ["post", "react", "pin"]);
        let group = || ConversationKind::Group { id: GroupId(1), name: "Mice".into(), owner: UserId(1) };
        assert_eq!(view(group(), Some(Role::Member)).capabilities(), ["post", "react", "pin"]);
        assert_eq!(
            view(group(), Some(Role::Admin)).capabilities(),
            ["post", "react", "pin", "delete_any", "add_member", "remove_member", "rename"]
        );
        assert!(view(group(), Some(Role::Owner)).capabilities().contains(&"change_role"));
        assert!(view(group(), None).capabilities().is_empty());
    }
}
