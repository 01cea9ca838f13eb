//! What is decided of a post inside the transaction that stores it: where it goes, and whether it may refer to what it
//! names. Stores look the facts up, ask here, and apply the answer; a key that was used before is in `intention.rs`. Pure.

use super::{Destination, NewMessage};
use crate::accounts;
use crate::conversations::Reached;
use crate::error::{Error, Kind, Result};
use crate::ids::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::messages::{self, Message, Quote, Recipient, Status};
use crate::policy::{Action, allowed};

/// What a store has where a message is to go.
#[derive(Debug, Clone, Copy)]
pub enum Found {
    /// This conversation.
    Conversation(Reached),
    /// A pair that has no conversation yet.
    Pair {
        /// Whether the sender has an account.
        sender_exists: bool,
        /// Whether the other user has one.
        other_exists: bool,
    },
    /// Nothing.
    Nothing,
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Into this conversation.
    Conversation(Reached),
    /// Into the conversation with this user, which the message makes.
    NewPair(UserId),
}

impl Place {
    /// The conversation, where there is one already.
    pub fn conversation(&self) -> Option<ConversationId> {
        match self {
            Self::Conversation(reached) => Some(reached.id),
            Self::NewPair(_) => None,
        }
    }
}

/// What a store has of the messages and users that a post refers to. What was not looked up counts as missing and is refused.
#[derive(Debug, Default)]
pub struct References {
    /// Those of the mentioned users who are members of its conversation; not looked up for a new pair.
    pub members: Vec<UserId>,
    /// The message that it names as its thread's root.
    pub root: Option<Message>,
    /// The message that it answers.
    pub answered: Option<Message>,
}

/// Where a message to `to` goes.
///
/// # Errors
/// Where there is nothing, or its sender may not post there.
pub fn destination(to: Destination, found: Found) -> Result<Place> {
    match (to, found) {
        (Destination::Conversation(_), Found::Conversation(reached)) => {
            allowed(reached.access.of_member()?, Action::Post)?;
            Ok(Place::Conversation(reached))
        }
        (Destination::To(_), Found::Conversation(reached)) => {
            allowed(reached.access, Action::Post)?;
            Ok(Place::Conversation(reached))
        }
        (Destination::To(Recipient::User(other)), Found::Pair { sender_exists, other_exists }) => {
            accounts::check_caller(sender_exists)?;
            accounts::check_user(other_exists)?;
            Ok(Place::NewPair(other))
        }
        (Destination::To(Recipient::User(_)), Found::Nothing) => Err(Error::NotFound(Kind::User)),
        (Destination::To(Recipient::Group(_)), _) => Err(Error::NotFound(Kind::Group)),
        (Destination::Conversation(_), _) => Err(Error::NotFound(Kind::Conversation)),
    }
}

/// The quote of the message that the post answers, if it does. In a thread its messages may be answered, and those outside
/// of threads anywhere.
///
/// # Errors
/// Where it mentions somebody who is not a member, or a message that is elsewhere, not there, or in a thread.
pub fn check_references(new: &NewMessage, place: &Place, found: References) -> Result<Option<Quote>> {
    let References { members, root, answered } = found;
    let is_member = |user: &UserId| match place {
        Place::Conversation(_) => members.contains(user),
        Place::NewPair(other) => user == other || *user == new.sender,
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

/// A message of the same conversation.
fn here(found: Option<Message>, place: &Place) -> Result<Message> {
    messages::found(found.filter(|message| Some(message.conversation) == place.conversation()))
}

/// The message as it will be, but for its numbers.
#[must_use]
pub fn draft(new: &NewMessage, at: Reached, reply_to: Option<Quote>) -> Message {
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
        // No pointer goes beyond the last message, so it has reached nobody yet.
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

    fn reached(membership: Option<Membership>) -> Reached {
        Reached { id: ConversationId(3), to: GROUP, access: Access::of(membership) }
    }

    fn member() -> Reached {
        reached(Some(Membership::new(Role::Member, Between::Group)))
    }

    #[track_caller]
    fn refused<T: std::fmt::Debug>(decision: Result<T>) -> &'static str {
        decision.unwrap_err().code()
    }

    #[test]
    fn a_member_posts_by_whatever_the_conversation_is_named() {
        for to in [GROUP.into(), Destination::Conversation(ConversationId(3))] {
            let place = destination(to, Found::Conversation(member())).unwrap();
            assert_eq!(place, Place::Conversation(member()));
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
        assert_eq!(pair(true, true).unwrap(), Place::NewPair(JERRY));
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
        let place = Place::Conversation(member());
        let with = |members: &[UserId]| References { members: members.to_vec(), ..References::default() };
        let new = mentioning(&[TOM, JERRY]);
        assert_eq!(check_references(&new, &place, with(&[JERRY, TOM])).unwrap(), None);
        assert_eq!(refused(check_references(&new, &place, with(&[TOM]))), "invalid_request");
        assert_eq!(refused(check_references(&new, &place, References::default())), "invalid_request");
        let pair = Place::NewPair(JERRY);
        assert_eq!(check_references(&new, &pair, References::default()).unwrap(), None);
        let third = mentioning(&[UserId(3)]);
        assert_eq!(refused(check_references(&third, &pair, with(&[UserId(3)]))), "invalid_request");
    }

    #[test]
    fn a_thread_begins_at_a_message_of_the_conversation_that_is_in_none() {
        let mut new = new();
        new.body.thread = Some(MessageId(30));
        let check =
            |place, root| check_references(&new, &place, References { root, ..References::default() });
        let here = Place::Conversation(member());
        assert_eq!(check(here, Some(there(None))).unwrap(), None);
        assert_eq!(refused(check(here, Some(there(Some(MessageId(4)))))), "in_thread");
        assert_eq!(refused(check(here, None)), "message_not_found");
        let elsewhere = Message { conversation: ConversationId(4), ..there(None) };
        assert_eq!(refused(check(here, Some(elsewhere))), "message_not_found");
        assert_eq!(refused(check(Place::NewPair(JERRY), Some(there(None)))), "message_not_found");
    }

    #[test]
    fn an_answer_quotes_a_message_of_its_thread_or_of_none() {
        let here = Place::Conversation(member());
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
