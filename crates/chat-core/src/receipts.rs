//! Read and delivery receipts. Each member has pointers into a conversation, which only grow; a message's status and a
//! member's unread counts derive from them (docs/contract.md, "The model"), so there is no row per recipient and
//! message.

use std::cmp::Reverse;
use std::collections::HashMap;

use async_trait::async_trait;

use crate::Chat;
use crate::conversations::{Audience, Counted};
use crate::error::{Error, Kind, Result};
use crate::event::{Change, Outcome};
use crate::ids::{ConversationId, MessageId, Seq, UserId};

/// Maximum number of members of a group in which all members get receipts. In larger groups, only the member's own
/// clients do.
pub const MAX_RECEIPT_MEMBERS: u32 = 100;

/// Maximum number of conversations that one request marks as read by their ids.
pub const MAX_READ: usize = 1000;
/// Number of conversations that are marked as read in one transaction, so that other writes wait no longer than that.
const READ_AT_ONCE: u16 = 100;

/// A confirmation: a client of `user` has every message of `conversation` up to and including `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    pub user: UserId,
    pub conversation: ConversationId,
    /// The last message that the client has.
    pub seq: Seq,
}

/// A member's pointers in a conversation; 0 means none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pointers {
    /// `seq` of the last message that a client of the member has confirmed.
    pub delivered: Seq,
    /// `seq` of the last message that the member has read.
    pub read: Seq,
}

impl Pointers {
    /// Moves both pointers of a member to the last message, wherever that is.
    pub const END: Self = Self { delivered: Seq(i64::MAX), read: Seq(i64::MAX) };

    /// Returns the pointers after a move: never back and never past `last`; what is read also counts as delivered.
    #[must_use]
    pub fn moved(self, to: Self, last: Seq) -> Self {
        let read = self.read.max(to.read.min(last));
        Self { delivered: self.delivered.max(to.delivered.min(last)).max(read), read }
    }
}

/// Pointers of a member that have moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub user: UserId,
    pub conversation: ConversationId,
    /// The pointers after the move.
    pub pointers: Pointers,
    /// The users whose clients get the receipt.
    pub audience: Audience,
    /// The member's unread counts after the move, for the member's own clients; `None` if the clients count themselves.
    pub counts: Option<Counted>,
}

impl Receipt {
    /// Returns the audience of a moved pointer in a conversation with `n_members` members.
    pub fn audience(members: Audience, n_members: u32, user: UserId) -> Audience {
        if n_members > MAX_RECEIPT_MEMBERS { Audience::User(user) } else { members }
    }
}

/// A conversation, as far as moving pointers in it needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointerScope {
    pub conversation: ConversationId,
    /// Its last message, which bounds all pointers.
    pub last: Seq,
    pub n_members: u32,
    /// All members.
    pub members: Audience,
}

impl PointerScope {
    /// Makes a receipt of this member's pointers.
    pub fn receipt(&self, user: UserId, pointers: Pointers) -> Receipt {
        let audience = Receipt::audience(self.members, self.n_members, user);
        Receipt { user, conversation: self.conversation, pointers, audience, counts: None }
    }
}

/// A member's progress in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub user: UserId,
    pub place: PointerScope,
    pub pointers: Pointers,
    /// Whether the member has marked the conversation as unread.
    pub marked_unread: bool,
}

/// The update that a store writes when a member's pointers move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// The pointers after the move.
    pub receipt: Receipt,
    /// Whether the member has read; the receipt then needs the unread counts.
    pub is_reading: bool,
    /// Whether the mark as unread is removed.
    pub unmarks: bool,
}

impl Progress {
    /// Moves the pointers. Returns `None` if nothing changes.
    pub fn advance(&mut self, to: Pointers) -> Option<Advance> {
        let before = self.pointers;
        self.pointers = before.moved(to, self.place.last);
        // A late request that reads up to less than the pointer says nothing of what the user has looked at since.
        let is_reading = to.read > Seq(0) && to.read >= before.read;
        let unmarks = is_reading && std::mem::take(&mut self.marked_unread);
        if self.pointers == before && !unmarks {
            return None;
        }
        Some(Advance { receipt: self.place.receipt(self.user, self.pointers), is_reading, unmarks })
    }
}

/// Moves the pointers of a user who was looked up among the members. Returns `None` if nothing changes.
///
/// # Errors
/// `NotFound` if the user is not a member.
pub fn decide(found: Option<&mut Progress>, to: Pointers) -> Result<Option<Advance>> {
    found.map(|member| member.advance(to)).ok_or(Error::NotFound(Kind::Conversation))
}

impl Delivered {
    /// Returns the requested pointers.
    pub fn pointers(&self) -> Pointers {
        Pointers { delivered: self.seq, read: Seq(0) }
    }

    /// Keeps the furthest confirmation of each member, sorted by conversation, then by member.
    pub fn furthest(mut receipts: Vec<Self>) -> Vec<Self> {
        receipts.sort_unstable_by_key(|receipt| (receipt.conversation, receipt.user, Reverse(receipt.seq)));
        receipts.dedup_by_key(|receipt| (receipt.conversation, receipt.user));
        receipts
    }
}

/// The result of moving pointers: the ones that did move, grouped by conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Moved(pub Vec<Receipt>);

impl Moved {
    /// Returns the receipts in runs that are announced together: adjacent ones of one conversation and audience. Each
    /// run is one change, so a store MUST record the log position of the first change for the first run, and so on.
    pub fn runs(&self) -> impl Iterator<Item = &[Receipt]> {
        self.0.chunk_by(|one, next| one.conversation == next.conversation && one.audience == next.audience)
    }
}

impl Outcome for Moved {
    fn changes(&self) -> Vec<Change> {
        self.runs().map(|run| Change::PointersMoved(run.to_vec())).collect()
    }
}

/// The result of marking conversations as read up to their last messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MarkedRead {
    /// One receipt for each conversation that was not read up to its end, or was marked as unread.
    pub moved: Moved,
    /// Conversations that do not exist or of which the user is not a member.
    pub not_found: Vec<ConversationId>,
}

impl MarkedRead {
    /// Adds the result of a later transaction.
    fn add(&mut self, later: Self) {
        self.moved.0.extend(later.moved.0);
        self.not_found.extend(later.not_found);
    }
}

impl Outcome for MarkedRead {
    fn changes(&self) -> Vec<Change> {
        self.moved.changes()
    }
}

/// A thread as one member sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadView {
    pub root: crate::messages::Message,
    /// `seq` of the last reply that the member has read.
    pub read: Seq,
    /// Number of replies of others after `read` that the member can see: neither deleted nor hidden.
    pub unread: u32,
}

/// The durable side of receipts.
#[async_trait]
pub trait ReceiptStore: Send + Sync + 'static {
    /// Records confirmations. MUST move each pointer as [`Progress::advance`] decides and ignore users who are not
    /// members, all in one transaction.
    async fn mark_delivered(&self, receipts: Vec<Delivered>) -> Result<Moved>;
    /// Moves a member's pointers as [`decide`] decides; adds the unread counts if the member has read.
    async fn move_pointers(&self, user: UserId, conversation: ConversationId, to: Pointers) -> Result<Moved>;
    /// Moves a member's pointers to [`Pointers::END`] in each of these conversations, which are distinct, as
    /// [`Progress::advance`] decides, and adds the unread counts, all in one transaction. Each receipt is a change.
    async fn mark_read(&self, user: UserId, conversations: Vec<ConversationId>) -> Result<MarkedRead>;
    /// Returns the user's conversations that have messages after the read pointer or are marked as unread, in the order
    /// of their ids: at most `limit` after `after`.
    async fn unread_conversations(
        &self,
        user: UserId,
        after: ConversationId,
        limit: u16,
    ) -> Result<Vec<ConversationId>>;
    /// Returns those of these conversations of which the user is a member, each with whether
    /// [`ReceiptStore::unread_conversations`] has it.
    async fn are_unread(
        &self,
        user: UserId,
        conversations: Vec<ConversationId>,
    ) -> Result<Vec<(ConversationId, bool)>>;
    /// Returns the pointers of the members in the order of their ids, at most `limit` after `after`. MUST answer
    /// `NotFound` to readers who are not members.
    async fn receipts(
        &self,
        reader: UserId,
        conversation: ConversationId,
        after: UserId,
        limit: u16,
    ) -> Result<Vec<(UserId, Pointers)>>;
    /// Returns the thread below a root. MUST answer `NotFound` to users who are not members of its conversation.
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

    /// Records that a client of the user has everything up to `seq`.
    pub async fn delivered(&self, user: UserId, conversation: ConversationId, seq: Seq) -> Result<()> {
        let to = Pointers { delivered: seq, read: Seq(0) };
        self.store.move_pointers(user, conversation, to).await.map(drop)
    }

    /// Records that the user has read everything up to `seq`.
    pub async fn read(&self, user: UserId, conversation: ConversationId, seq: Seq) -> Result<()> {
        let to = Pointers { delivered: seq, read: seq };
        self.store.move_pointers(user, conversation, to).await.map(drop)
    }

    /// Marks all conversations of the user as read that have anything unread, up to the messages that are their last
    /// ones when their turn comes.
    pub async fn read_all(&self, user: UserId) -> Result<MarkedRead> {
        let mut marked = MarkedRead::default();
        let mut after = ConversationId(0);
        loop {
            let unread = self.store.unread_conversations(user, after, READ_AT_ONCE).await?;
            let Some(&last) = unread.last() else { break };
            after = last;
            marked.add(self.store.mark_read(user, unread).await?);
        }
        // The user has left these meanwhile.
        marked.not_found.clear();
        Ok(marked)
    }

    /// Marks these conversations of the user as read up to their last messages.
    ///
    /// # Errors
    /// `Invalid` if there are more than [`MAX_READ`].
    pub async fn read_each(
        &self,
        user: UserId,
        mut conversations: Vec<ConversationId>,
    ) -> Result<MarkedRead> {
        if conversations.len() > MAX_READ {
            let reason = format!("must have at most {MAX_READ} entries");
            return Err(Error::invalid("conversation_ids", reason));
        }
        conversations.sort_unstable();
        conversations.dedup();
        // What is read already costs the writer nothing.
        let known: HashMap<_, _> =
            self.store.are_unread(user, conversations.clone()).await?.into_iter().collect();
        let (mut marked, mut unread) = (MarkedRead::default(), Vec::new());
        for conversation in conversations {
            match known.get(&conversation) {
                Some(true) => unread.push(conversation),
                Some(false) => {}
                None => marked.not_found.push(conversation),
            }
        }
        for part in unread.chunks(READ_AT_ONCE.into()) {
            marked.add(self.store.mark_read(user, part.to_vec()).await?);
        }
        Ok(marked)
    }

    /// Returns the pointers of a conversation's members, for a member.
    pub async fn receipts(
        &self,
        reader: UserId,
        conversation: ConversationId,
        after: UserId,
        limit: u16,
    ) -> Result<Vec<(UserId, Pointers)>> {
        self.store.receipts(reader, conversation, after, limit).await
    }

    /// Returns a thread, for a member.
    pub async fn thread(&self, reader: UserId, root: MessageId) -> Result<ThreadView> {
        self.store.thread(reader, root).await
    }

    /// Records that the user has read a thread of this conversation up to `seq`.
    ///
    /// # Errors
    /// `NotFound` if the root is not in this conversation.
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
    use proptest::prelude::*;

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

    fn progress(pointers: Pointers, marked_unread: bool) -> Progress {
        let members = Audience::Group(ConversationId(5));
        let place = PointerScope { conversation: ConversationId(5), last: Seq(9), n_members: 3, members };
        Progress { user: UserId(1), place, pointers, marked_unread }
    }

    #[test]
    fn reading_moves_pointers_and_removes_the_mark() {
        for (before, marked, to, moved) in [
            (at(3, 1), false, at(2, 0), None),
            (at(3, 1), true, at(2, 0), None),
            (at(3, 1), true, at(5, 0), Some((at(5, 1), false, false))),
            (at(3, 1), false, at(5, 5), Some((at(5, 5), true, false))),
            (at(3, 1), true, at(5, 5), Some((at(5, 5), true, true))),
            (at(3, 3), false, at(3, 3), None),
            (at(3, 3), true, at(3, 3), Some((at(3, 3), true, true))),
            // From behind the pointer; the delivered one may still move.
            (at(3, 3), true, at(2, 2), None),
            (at(3, 3), true, at(4, 2), Some((at(4, 3), false, false))),
            (at(9, 9), true, at(99, 99), Some((at(9, 9), true, true))),
        ] {
            let mut member = progress(before, marked);
            let advance = decide(Some(&mut member), to).unwrap();
            let seen = advance.map(|it| (it.receipt.pointers, it.is_reading, it.unmarks));
            assert_eq!(seen, moved, "{before:?} to {to:?}, marked: {marked}");
            let unmarks = moved.is_some_and(|(_, _, unmarks)| unmarks);
            let after = moved.map_or(before, |(after, _, _)| after);
            assert_eq!((member.pointers, member.marked_unread), (after, marked && !unmarks));
        }
        assert!(matches!(decide(None, at(1, 1)), Err(Error::NotFound(Kind::Conversation))));
    }

    #[test]
    fn the_furthest_receipt_of_each_member_counts() {
        let receipt = |conversation, user, seq| Delivered {
            user: UserId(user),
            conversation: ConversationId(conversation),
            seq: Seq(seq),
        };
        let given =
            [receipt(6, 1, 4), receipt(5, 2, 1), receipt(6, 1, 9), receipt(5, 1, 3), receipt(5, 2, 2)];
        let furthest = [receipt(5, 1, 3), receipt(5, 2, 2), receipt(6, 1, 9)];
        assert_eq!(Delivered::furthest(given.to_vec()), furthest);
    }

    proptest! {
        // Moves that are repeated or arrive late change nothing: a member's pointers end at the furthest move.
        #[test]
        fn pointers_do_not_depend_on_the_order_of_moves(
            moves in prop::collection::vec((0..12_i64, 0..12_i64), 1..8),
            marked in any::<bool>(),
        ) {
            let end = |moves: &mut dyn Iterator<Item = &(i64, i64)>| {
                let mut member = progress(at(2, 1), marked);
                for &(delivered, read) in moves {
                    let before = member;
                    let advance = member.advance(at(delivered, read));
                    assert_eq!(advance.is_none(), before == member);
                    assert!(member.pointers.read >= before.pointers.read);
                    assert!(member.pointers.delivered >= before.pointers.delivered.max(member.pointers.read));
                    assert!(member.pointers.delivered <= Seq(9));
                    assert_eq!(member.advance(at(delivered, read)), None);
                }
                member.pointers
            };
            prop_assert_eq!(end(&mut moves.iter()), end(&mut moves.iter().rev()));
        }
    }

    #[test]
    fn receipts_with_one_audience_are_one_change() {
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
        let audiences: Vec<_> = moved.changes().iter().map(Change::audience).collect();
        let own = |user| Audience::User(UserId(user));
        assert_eq!(audiences, [group(5), group(6), own(1), own(2), own(2)]);
        assert!(Moved::default().changes().is_empty());
    }

    #[test]
    fn members_of_large_groups_get_no_receipts_of_others() {
        let members = Audience::Group(ConversationId(7));
        assert_eq!(Receipt::audience(members, MAX_RECEIPT_MEMBERS, UserId(1)), members);
        assert_eq!(Receipt::audience(members, MAX_RECEIPT_MEMBERS + 1, UserId(1)), Audience::User(UserId(1)));
    }
}
