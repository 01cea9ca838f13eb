//! Decisions about a post inside the transaction that stores it: its destination, and whether it may refer to the
//! messages and users that it names. Stores read the facts, call these functions and apply the result; the decision on
//! a used key is in `intention.rs`. Pure functions.

use super::{Destination, NewMessage};
use crate::accounts;
use crate::conversations::ConversationAccess;
use crate::error::{Error, Kind, Result};
use crate::ids::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::messages::{self, Message, Quote, Recipient, Status};
use crate::policy::{Action, allowed};

/// What a store finds at the destination of a message.
#[derive(Debug, Clone, Copy)]
pub enum Found {
    /// A conversation.
    Conversation(ConversationAccess),
    /// Two users without a conversation.
    Pair {
        /// Whether the sender has an account.
        sender_exists: bool,
        /// Whether the other user has an account.
        other_exists: bool,
    },
    /// Neither.
    Nothing,
}

/// The conversation that a message goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostTarget {
    /// An existing one.
    Conversation(ConversationAccess),
    /// A new one with this user, which the message creates.
    NewPair(UserId),
}

impl PostTarget {
    /// Returns the conversation, if it exists.
    pub fn conversation(&self) -> Option<ConversationId> {
        match self {
            Self::Conversation(reached) => Some(reached.id),
            Self::NewPair(_) => None,
        }
    }
}

/// The messages and users that a post refers to, as a store finds them. What was not looked up counts as missing and is
/// refused.
#[derive(Debug, Default)]
pub struct References {
    /// The mentioned users who are members of the conversation; not looked up for a new pair.
    pub members: Vec<UserId>,
    /// The message that it names as its thread's root.
    pub root: Option<Message>,
    /// The message that it replies to.
    pub answered: Option<Message>,
}

/// Decides where a message to `to` goes.
///
/// # Errors
/// `NotFound` or `UnknownCaller` if something is missing; the policy's refusal of [`Action::Post`].
pub fn destination(to: Destination, found: Found) -> Result<PostTarget> {
    match (to, found) {
        (Destination::Conversation(_), Found::Conversation(reached)) => {
            allowed(reached.access.of_member()?, Action::Post)?;
            Ok(PostTarget::Conversation(reached))
        }
        (Destination::To(_), Found::Conversation(reached)) => {
            allowed(reached.access, Action::Post)?;
            Ok(PostTarget::Conversation(reached))
        }
        (Destination::To(Recipient::User(other)), Found::Pair { sender_exists, other_exists }) => {
            accounts::check_caller(sender_exists)?;
            accounts::check_user(other_exists)?;
            Ok(PostTarget::NewPair(other))
        }
        (Destination::To(Recipient::User(_)), Found::Nothing) => Err(Error::NotFound(Kind::User)),
        (Destination::To(Recipient::Group(_)), _) => Err(Error::NotFound(Kind::Group)),
        (Destination::Conversation(_), _) => Err(Error::NotFound(Kind::Conversation)),
    }
}

/// Returns the quote of the message that the post replies to, if it replies to one. A message in a thread may be
/// replied to only in that thread, any other message everywhere in its conversation.
///
/// # Errors
/// `Invalid` if a mentioned user is not a member; `NotFound` if a named message is not in the conversation; `in_thread`
/// if the root or the replied-to message is in a thread where it must not be.
pub fn check_references(new: &NewMessage, place: &PostTarget, found: References) -> Result<Option<Quote>> {
    let References { members, root, answered } = found;
    let is_member = |user: &UserId| match place {
        PostTarget::Conversation(_) => members.contains(user),
        PostTarget::NewPair(other) => user == other || *user == new.sender,
    };
    if !new.body.mentions.users.iter().all(is_member) {
        return Err(Error::invalid("mentions", "must be members of the conversation"));
    }
    if new.body.thread.is_some() && here(root, place)?.thread.is_some() {
        return Err(Error::conflict("in_thread", "This message is in a thread and cannot start one"));
    }
    if new.body.reply_to.is_none() {
        return Ok(None);
    }
    let answered = here(answered, place)?;
    if answered.thread.is_some() && answered.thread != new.body.thread {
        return Err(Error::conflict("in_thread", "This message is in a thread; reply to it there"));
    }
    Ok(Some(Quote::of(&answered)))
}

/// Requires a message of the same conversation.
fn here(found: Option<Message>, place: &PostTarget) -> Result<Message> {
    messages::found(found.filter(|message| Some(message.conversation) == place.conversation()))
}

/// Makes the message as it will be stored, without its numbers.
#[must_use]
pub fn draft(new: &NewMessage, at: ConversationAccess, reply_to: Option<Quote>) -> Message {
    let body = new.body.clone();
    Message {
        id: MessageId(0),
        conversation: at.id,
        seq: Seq(0),
        rev: Rev(0),
        sender: new.sender,
        to: at.to,
        kind: new.kind,
        content: body.content,
        media: body.media,
        reply_to,
        thread: body.thread,
        replies: None,
        forwarded: new.forwarded,
        mentions: body.mentions,
        custom: body.custom,
        reactions: Vec::new(),
        client_msg_id: new.client_msg_id.clone(),
        sent_at: new.at,
        edited_at: None,
        deleted_at: None,
        pin: None,
        streaming: new.streaming,
        // No pointer goes beyond the last message, so no client has it yet.
        status: if matches!(at.to, Recipient::User(_)) { Status::Pending } else { Status::Sent },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::Role;
    use crate::ids::GroupId;
    use crate::messages::Mentions;
    use crate::policy::{Access, Between, Membership};
    use crate::posting::{PostMessage, checked};
    use crate::time::Timestamp;

    const TOM: UserId = UserId(1);
    const JERRY: UserId = UserId(2);
    const GROUP: Recipient = Recipient::Group(GroupId(7));

    fn reached(membership: Option<Membership>) -> ConversationAccess {
        ConversationAccess { id: ConversationId(3), to: GROUP, access: Access::of(membership) }
    }

    fn member() -> ConversationAccess {
        reached(Some(Membership::new(Role::Member, Between::Group)))
    }

    #[track_caller]
    fn refused<T: std::fmt::Debug>(decision: Result<T>) -> &'static str {
        decision.unwrap_err().code()
    }

    #[test]
    fn a_member_may_name_the_conversation_in_every_way() {
        for to in [GROUP.into(), Destination::Conversation(ConversationId(3))] {
            let place = destination(to, Found::Conversation(member())).unwrap();
            assert_eq!(place, PostTarget::Conversation(member()));
        }
    }

    #[test]
    fn a_refusal_is_about_what_the_post_named() {
        let to_conversation = Destination::Conversation(ConversationId(3));
        let stranger = Found::Conversation(reached(None));
        assert_eq!(refused(destination(GROUP.into(), stranger)), "not_a_member");
        assert_eq!(refused(destination(to_conversation, stranger)), "conversation_not_found");
        assert_eq!(refused(destination(GROUP.into(), Found::Nothing)), "group_not_found");
        assert_eq!(refused(destination(to_conversation, Found::Nothing)), "conversation_not_found");
        assert_eq!(refused(destination(Recipient::User(JERRY).into(), Found::Nothing)), "user_not_found");
    }

    #[test]
    fn a_pairs_first_message_needs_both_accounts() {
        let to = Recipient::User(JERRY).into();
        let pair = |sender_exists, other_exists| destination(to, Found::Pair { sender_exists, other_exists });
        assert_eq!(pair(true, true).unwrap(), PostTarget::NewPair(JERRY));
        assert_eq!(refused(pair(true, false)), "user_not_found");
        assert_eq!(refused(pair(false, true)), "unauthenticated");
        assert_eq!(refused(pair(false, false)), "unauthenticated");
    }

    fn new() -> NewMessage {
        let command = PostMessage::plain(GROUP, "hi".into(), String::new());
        checked(TOM, command, &crate::Limits::default(), Timestamp(5)).unwrap()
    }

    fn mentioning(users: &[UserId]) -> NewMessage {
        let mut new = new();
        new.body.mentions = Mentions { users: users.to_vec(), all: false };
        new
    }

    /// A message of Jerry's in the group.
    fn there(thread: Option<MessageId>) -> Message {
        let mut new = new();
        new.sender = JERRY;
        Message { id: MessageId(30), thread, ..draft(&new, member(), None) }
    }

    #[test]
    fn those_who_are_mentioned_are_members() {
        let place = PostTarget::Conversation(member());
        let with = |members: &[UserId]| References { members: members.to_vec(), ..References::default() };
        let new = mentioning(&[TOM, JERRY]);
        assert_eq!(check_references(&new, &place, with(&[JERRY, TOM])).unwrap(), None);
        assert_eq!(refused(check_references(&new, &place, with(&[TOM]))), "invalid_request");
        assert_eq!(refused(check_references(&new, &place, References::default())), "invalid_request");
        let pair = PostTarget::NewPair(JERRY);
        assert_eq!(check_references(&new, &pair, References::default()).unwrap(), None);
        let third = mentioning(&[UserId(3)]);
        assert_eq!(refused(check_references(&third, &pair, with(&[UserId(3)]))), "invalid_request");
    }

    #[test]
    fn a_root_is_a_message_of_the_conversation_outside_of_threads() {
        let mut new = new();
        new.body.thread = Some(MessageId(30));
        let check =
            |place, root| check_references(&new, &place, References { root, ..References::default() });
        let here = PostTarget::Conversation(member());
        assert_eq!(check(here, Some(there(None))).unwrap(), None);
        assert_eq!(refused(check(here, Some(there(Some(MessageId(4)))))), "in_thread");
        assert_eq!(refused(check(here, None)), "message_not_found");
        let elsewhere = Message { conversation: ConversationId(4), ..there(None) };
        assert_eq!(refused(check(here, Some(elsewhere))), "message_not_found");
        assert_eq!(refused(check(PostTarget::NewPair(JERRY), Some(there(None)))), "message_not_found");
    }

    #[test]
    fn a_reply_quotes_a_message_of_its_thread_or_outside_of_threads() {
        let here = PostTarget::Conversation(member());
        let check = |thread: Option<MessageId>, answered: Option<Message>| {
            let mut new = new();
            new.body.reply_to = Some(MessageId(30));
            new.body.thread = thread;
            let root = thread.map(|id| Message { id, ..there(None) });
            check_references(&new, &here, References { members: Vec::new(), root, answered })
        };
        let quote = Quote { message: MessageId(30), sender: JERRY, content: "hi".into(), deleted: false };
        let root = Some(MessageId(4));
        assert_eq!(check(None, Some(there(None))).unwrap(), Some(quote.clone()));
        assert_eq!(check(root, Some(there(None))).unwrap(), Some(quote.clone()));
        assert_eq!(check(root, Some(there(root))).unwrap(), Some(quote));
        assert_eq!(refused(check(None, Some(there(root)))), "in_thread");
        assert_eq!(refused(check(Some(MessageId(5)), Some(there(root)))), "in_thread");
        assert_eq!(refused(check(None, None)), "message_not_found");
        let deleted = Message { deleted_at: Some(Timestamp(6)), content: String::new(), ..there(None) };
        assert!(check(None, Some(deleted)).unwrap().unwrap().deleted);
    }
}
