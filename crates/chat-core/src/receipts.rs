//! How far each member has come in a conversation. Pointers only grow; a message's status and what waits for a member
//! derive from them (docs/contract.md, "The model"), so there is no row per recipient per message.

use async_trait::async_trait;

use crate::Chat;
use crate::conversations::{Audience, Counts};
use crate::error::{Error, Kind, Result};
use crate::event::{Change, Outcome};
use crate::ids::{ConversationId, MessageId, Seq, UserId};

/// In groups with more members than this, a moved pointer is told to the member's own clients only.
pub const MAX_TOLD_MEMBERS: u32 = 100;

/// A client of `user` has everything of `conversation` up to and including `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// Whose client it is.
    pub user: UserId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// The last message it has.
    pub seq: Seq,
}

/// A member's pointers in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pointers {
    /// The last message that a client of the member has confirmed.
    pub delivered: Seq,
    /// The last message that the member has read.
    pub read: Seq,
}

impl Pointers {
    /// The pointers after they were moved, never back and never past `last`; what is read has been delivered.
    #[must_use]
    pub fn moved(self, to: Self, last: Seq) -> Self {
        let read = self.read.max(to.read.min(last));
        Self { delivered: self.delivered.max(to.delivered.min(last)).max(read), read }
    }
}

/// Pointers that moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Whose.
    pub user: UserId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// Where they are now.
    pub pointers: Pointers,
    /// Who is told.
    pub audience: Audience,
    /// What waits for the member now, for the member's own clients; where it was not counted they count themselves.
    pub counts: Option<Counts>,
}

impl Receipt {
    /// Who is told of a moved pointer in a conversation of so many members.
    pub fn audience(members: Audience, n_members: u32, user: UserId) -> Audience {
        if n_members > MAX_TOLD_MEMBERS { Audience::User(user) } else { members }
    }
}

/// What came of moving pointers: those that did move, each conversation's together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Moved(pub Vec<Receipt>);

impl Moved {
    /// The receipts that are told of together: neighbours of one conversation that concern the same clients. Each run is
    /// one change, so a store MUST note the place of the first run as that of the first change, and so on.
    pub fn runs(&self) -> impl Iterator<Item = &[Receipt]> {
        self.0.chunk_by(|one, next| one.conversation == next.conversation && one.audience == next.audience)
    }
}

impl Outcome for Moved {
    fn changes(&self) -> Vec<Change> {
        self.runs().map(|run| Change::PointersMoved(run.to_vec())).collect()
    }
}

/// A thread as one member sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadView {
    /// Its root.
    pub root: crate::messages::Message,
    /// The last reply that the member has read.
    pub read: Seq,
    /// Replies of others after that which are not deleted.
    pub unread: u32,
}

/// The durable side of receipts.
#[async_trait]
pub trait ReceiptStore: Send + Sync + 'static {
    /// MUST move each pointer by the rule of [`Pointers::moved`], ignore those who are not members, and do all of it in
    /// one transaction.
    async fn mark_delivered(&self, receipts: Vec<Delivered>) -> Result<Moved>;
    /// Moves a member's pointers by the rule of [`Pointers::moved`]. MUST answer `NotFound` to those who are not
    /// members. Moving the read pointer, or asking to where it is already, takes away a mark of `marked_unread`.
    async fn move_pointers(&self, user: UserId, conversation: ConversationId, to: Pointers) -> Result<Moved>;
    /// The pointers of the members, in the order of their ids, at most `limit` after `after`. MUST answer `NotFound` to
    /// readers who are not members.
    async fn receipts(
        &self,
        reader: UserId,
        conversation: ConversationId,
        after: UserId,
        limit: u16,
    ) -> Result<Vec<(UserId, Pointers)>>;
    /// The thread below a root. MUST answer `NotFound` to those who are not members of its conversation.
    async fn thread(&self, reader: UserId, root: MessageId) -> Result<ThreadView>;
    /// Moves a member's pointer in a thread, never back. MUST answer `NotFound` as [`ReceiptStore::thread`] does.
    async fn read_thread(&self, reader: UserId, root: MessageId, seq: Seq) -> Result<()>;
}

impl Chat {
    /// Records what clients have confirmed.
    pub async fn confirm_delivered(&self, receipts: Vec<Delivered>) -> Result<()> {
        if receipts.is_empty() {
            return Ok(());
        }
        self.store.mark_delivered(receipts).await.map(drop)
    }

    /// A client of the user has everything up to `seq`.
    pub async fn delivered(&self, user: UserId, conversation: ConversationId, seq: Seq) -> Result<()> {
        let to = Pointers { delivered: seq, read: Seq(0) };
        self.store.move_pointers(user, conversation, to).await.map(drop)
    }

    /// The user has read everything up to `seq`.
    pub async fn read(&self, user: UserId, conversation: ConversationId, seq: Seq) -> Result<()> {
        let to = Pointers { delivered: seq, read: seq };
        self.store.move_pointers(user, conversation, to).await.map(drop)
    }

    /// The pointers of a conversation's members, for a member.
    pub async fn receipts(
        &self,
        reader: UserId,
        conversation: ConversationId,
        after: UserId,
        limit: u16,
    ) -> Result<Vec<(UserId, Pointers)>> {
        self.store.receipts(reader, conversation, after, limit).await
    }

    /// A thread, for a member.
    pub async fn thread(&self, reader: UserId, root: MessageId) -> Result<ThreadView> {
        self.store.thread(reader, root).await
    }

    /// The user has read a thread of this conversation up to `seq`. Whoever names a thread by another conversation than
    /// its own names nothing.
    pub async fn read_thread(
        &self,
        reader: UserId,
        conversation: ConversationId,
        root: MessageId,
        seq: Seq,
    ) -> Result<()> {
        if self.store.message(reader, root).await?.conversation != conversation {
            return Err(Error::NotFound(Kind::Message));
        }
        self.store.read_thread(reader, root, seq).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(delivered: i64, read: i64) -> Pointers {
        Pointers { delivered: Seq(delivered), read: Seq(read) }
    }

    #[test]
    fn pointers_only_grow_and_never_past_the_end() {
        assert_eq!(at(3, 1).moved(at(2, 0), Seq(9)), at(3, 1));
        assert_eq!(at(3, 1).moved(at(7, 0), Seq(5)), at(5, 1));
        assert_eq!(at(0, 0).moved(at(99, 99), Seq(4)), at(4, 4));
    }

    #[test]
    fn what_is_read_has_been_delivered() {
        assert_eq!(at(1, 1).moved(at(0, 4), Seq(9)), at(4, 4));
    }

    #[test]
    fn those_who_are_told_together_are_one_change() {
        let group = |id| Audience::Group(ConversationId(id));
        let receipt = |user, conversation, audience| Receipt {
            user: UserId(user),
            conversation: ConversationId(conversation),
            pointers: at(1, 0),
            audience,
            counts: None,
        };
        let moved = Moved(vec![
            receipt(1, 5, group(5)),
            receipt(2, 5, group(5)),
            receipt(1, 6, group(6)),
            receipt(1, 7, Audience::User(UserId(1))),
            receipt(2, 7, Audience::User(UserId(2))),
            receipt(2, 8, Audience::User(UserId(2))),
        ]);
        assert_eq!(moved.runs().map(<[_]>::len).collect::<Vec<_>>(), [2, 1, 1, 1, 1]);
        let told: Vec<_> = moved.changes().iter().map(Change::audience).collect();
        let own = |user| Audience::User(UserId(user));
        assert_eq!(told, [group(5), group(6), own(1), own(2), own(2)]);
        assert!(Moved::default().changes().is_empty());
    }

    #[test]
    fn large_groups_are_not_told() {
        let members = Audience::Group(ConversationId(7));
        assert_eq!(Receipt::audience(members, MAX_TOLD_MEMBERS, UserId(1)), members);
        assert_eq!(Receipt::audience(members, MAX_TOLD_MEMBERS + 1, UserId(1)), Audience::User(UserId(1)));
    }
}
