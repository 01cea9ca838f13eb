//! Conversations as their members see them: what is common to all, and each member's own part.

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

/// Most conversations in one page of the list.
pub const MAX_CONVERSATIONS: u16 = 200;

/// What a conversation is between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConversationKind {
    /// Two users, the smaller id first.
    Direct(UserId, UserId),
    /// The members of a group.
    Group {
        /// The group as clients name it.
        id: GroupId,
        /// Its name.
        name: String,
        /// Who owns it.
        owner: UserId,
    },
}

/// Two users in the order in which their direct conversation names them, the smaller id first.
pub fn pair(one: UserId, other: UserId) -> (UserId, UserId) {
    (one.min(other), one.max(other))
}

/// A conversation, with one user's access to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// Which conversation.
    pub id: ConversationId,
    /// To whom a message goes that the user posts there.
    pub to: Recipient,
    /// What the user is to it.
    pub access: Access,
}

impl Reached {
    /// The conversation that a pair's first message has made, with the access of its sender.
    #[must_use]
    pub fn new_pair(id: ConversationId, other: UserId) -> Self {
        Self { id, to: Recipient::User(other), access: Access::of(Some(Membership::of_new_pair())) }
    }
}

/// What a store found of a conversation for one of its members.
///
/// # Errors
/// `NotFound` where there is none, or the user is not a member.
pub fn for_member<T>(found: Option<T>) -> Result<T> {
    found.ok_or(Error::NotFound(Kind::Conversation))
}

/// What all members see of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its number.
    pub id: ConversationId,
    /// What it is between.
    pub kind: ConversationKind,
    /// Its count of changes.
    pub rev: Rev,
    /// The number of its last message.
    pub last_seq: Seq,
    /// How many members it has.
    pub n_members: u32,
    /// When it came into being.
    pub created_at: Timestamp,
}

impl Conversation {
    /// The conversation of a pair before its first message.
    #[must_use]
    pub fn of_new_pair(id: ConversationId, (low, high): (UserId, UserId), created_at: Timestamp) -> Self {
        let kind = ConversationKind::Direct(low, high);
        Self { id, kind, rev: Rev(0), last_seq: Seq(0), n_members: 2, created_at }
    }

    /// Its members.
    pub fn audience(&self) -> Audience {
        match self.kind {
            ConversationKind::Direct(low, high) => Audience::Pair(low, high),
            ConversationKind::Group { .. } => Audience::Group(self.id),
        }
    }

    /// The conversation to somebody who has left it: that there is nothing more to know. Nothing in it changes with
    /// what goes on there since, so that nobody can watch it from outside. Where an earlier release has not kept how it
    /// was then, `rev` and owner are those of now, since a client believes no older ones.
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

/// How a group was when somebody left it, that leaving included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departure {
    /// Its count of changes.
    pub rev: Rev,
    /// Who owned it.
    pub owner: UserId,
}

/// Whose clients are told of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// One user's.
    User(UserId),
    /// Those of the two sides of a direct conversation.
    Pair(UserId, UserId),
    /// Those of all members of a group, by its conversation.
    Group(ConversationId),
}

/// How much waits for a member in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Messages of others after the member's read pointer that are not deleted.
    pub unread: u32,
    /// Those of them that mention the member or all.
    pub mentions: u32,
}

/// What a conversation is to one of its members alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnPart {
    /// The member's role; `None` for somebody who is no member any more.
    pub role: Option<Role>,
    /// How far the member has come.
    pub pointers: Pointers,
    /// What waits.
    pub counts: Counts,
    /// Marked as unread by hand; the next reading takes the mark away.
    pub marked_unread: bool,
    /// No notifications until then.
    pub muted_until: Option<Timestamp>,
    /// Put away by the member.
    pub archived: bool,
    /// Kept at the top by the member.
    pub pinned: bool,
    /// A text that the member has begun.
    pub draft: Option<String>,
}

/// A conversation as one user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationView {
    /// What all members see.
    pub conversation: Conversation,
    /// What only this one sees.
    pub own: OwnPart,
    /// The newest message, where it was asked for and there is one.
    pub last_message: Option<Message>,
}

impl ConversationView {
    /// What the user may do there, as clients spell it.
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

/// Which part of the list of conversations is wanted: those with the newest messages first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversationPage {
    /// Only what comes after this entry of an earlier page: its last message (0 if none) and its conversation.
    pub after: Option<(MessageId, ConversationId)>,
    /// At most so many; 1 to [`MAX_CONVERSATIONS`].
    pub limit: u16,
}

/// What a member changes of their own part; `None` leaves a thing as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnChange {
    /// Mark as unread by hand, or take the mark away.
    pub marked_unread: Option<bool>,
    /// Mute until then, or (`Some(None)`) no longer.
    pub muted_until: Option<Option<Timestamp>>,
    /// Put away or back.
    pub archived: Option<bool>,
    /// Keep at the top or not.
    pub pinned: Option<bool>,
    /// Leave a draft, or (`Some(None)`) take it away.
    pub draft: Option<Option<String>>,
}

/// What came of changing one's own part: the conversation as its member sees it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnChanged {
    /// Whose part.
    pub user: UserId,
    /// As it is now.
    pub view: ConversationView,
}

impl Outcome for OwnChanged {
    fn changes(&self) -> Vec<Change> {
        vec![Change::OwnPartChanged { user: self.user, view: Box::new(self.view.clone()) }]
    }
}

/// What waits for a user in all conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Messages and mentions in conversations that are not muted.
    pub counts: Counts,
    /// Conversations in which something waits, those marked by hand included, muted ones not.
    pub n_conversations: u32,
}

impl Totals {
    /// Counts one more conversation, of whose messages so many wait, or which is marked as unread by hand.
    pub fn add(&mut self, counts: Counts, is_marked: bool) {
        self.counts.unread = self.counts.unread.saturating_add(counts.unread);
        self.counts.mentions = self.counts.mentions.saturating_add(counts.mentions);
        self.n_conversations += u32::from(is_marked || counts.unread > 0);
    }
}

/// The durable side of conversations.
#[async_trait]
pub trait ConversationStore: Send + Sync + 'static {
    /// A page of the user's conversations, each with its last message, the newest message first, then by falling ids.
    async fn conversations(&self, user: UserId, page: ConversationPage) -> Result<Vec<ConversationView>>;
    /// One of the user's conversations with its last message. MUST answer `NotFound` to those who are not members.
    async fn conversation(&self, user: UserId, id: ConversationId) -> Result<ConversationView>;
    /// What waits for the user, at `now`.
    async fn totals(&self, user: UserId, now: Timestamp) -> Result<Totals>;
    /// Changes the member's own part. MUST answer `NotFound` to those who are not members.
    async fn change_own_part(
        &self,
        user: UserId,
        id: ConversationId,
        change: OwnChange,
    ) -> Result<OwnChanged>;
    /// The members whom `viewer` may look at in this conversation, with the time each was last seen, at most `limit`.
    /// MUST answer `NotFound` to those who are not members.
    async fn companions(
        &self,
        viewer: UserId,
        id: ConversationId,
        limit: u16,
    ) -> Result<Vec<(UserId, Option<Timestamp>)>>;
    /// Notes when users were last seen: what stands there gives way as [`last_seen`](crate::presence::last_seen) says.
    async fn note_last_seen(&self, seen: Vec<(UserId, Timestamp)>) -> Result<()>;
    /// The conversation of the two, if they have one. MUST refuse an unknown `other`.
    async fn direct_with(&self, user: UserId, other: UserId) -> Result<Option<ConversationId>>;
    /// To whom a message in this conversation goes. MUST answer `NotFound` to those who are not members.
    async fn recipient(&self, member: UserId, id: ConversationId) -> Result<Recipient>;
}

impl Chat {
    /// A page of the user's conversations.
    pub async fn conversations(&self, user: UserId, page: ConversationPage) -> Result<Vec<ConversationView>> {
        self.store.conversations(user, page).await
    }

    /// One of the user's conversations.
    pub async fn conversation(&self, user: UserId, id: ConversationId) -> Result<ConversationView> {
        self.store.conversation(user, id).await
    }

    /// What waits for the user in all conversations.
    pub async fn totals(&self, user: UserId) -> Result<Totals> {
        self.store.totals(user, self.clock.now()).await
    }

    /// Changes what a conversation is to the user alone.
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

    /// Whom the user may look at in a conversation, and when each was last seen.
    pub async fn companions(
        &self,
        viewer: UserId,
        id: ConversationId,
        limit: u16,
    ) -> Result<Vec<(UserId, Option<Timestamp>)>> {
        self.store.companions(viewer, id, limit).await
    }

    /// Notes that users were connected until now.
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
