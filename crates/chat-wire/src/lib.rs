//! Converts the core's types to those of the wire: the only place that defines how a message, a conversation or a
//! change looks outside. Streams, REST, webhooks and exports send the values made here. No WebSocket, no HTTP and no
//! encoding to bytes may be in here.

pub mod v1;
pub mod v2;

use chat_core::ids::{GroupId, UserId};
use chat_core::media::Media;
use chat_core::messages::{Message, Quote, Recipient};
use chat_core::time::Timestamp;
use chat_core::{accounts, conversations, groups, reactions};
use chat_protocol::lean::{LeanHistory, LeanMessage};
use chat_protocol::time::Time;
use chat_protocol::{conversation as wire, message as wire_message, rest};

/// The form of message objects that a client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// With every member.
    #[default]
    Complete,
    /// Without the members that have their default values ([`chat_protocol::lean`]).
    Lean,
}

/// `recipient_id` and `group_id` of a message; one of the two is 0.
fn recipient_ids(to: Recipient) -> (i64, i64) {
    match to {
        Recipient::User(UserId(id)) => (id, 0),
        Recipient::Group(GroupId(id)) => (0, id),
    }
}

/// Converts a time, in microseconds since 1970.
pub fn time(at: Timestamp) -> Time {
    Time(at.0)
}

/// A message object as `viewer` sees it. Only the `me` of its reactions depends on the viewer.
pub fn message(message: &Message, viewer: UserId) -> wire_message::Message {
    let (recipient_id, group_id) = recipient_ids(message.to);
    let reaction = |reaction: &reactions::Reaction| wire_message::Reaction {
        emoji: reaction.emoji.clone(),
        count: reaction.count,
        me: reaction.users.contains(&viewer),
    };
    wire_message::Message {
        id: message.id.0,
        sender_id: message.sender.0,
        recipient_id,
        group_id,
        kind: message.kind.as_str().into(),
        content: message.content.clone(),
        media_url: message.media_url().to_owned(),
        timestamp: time(message.sent_at),
        status: message.status.as_str().into(),
        conversation_id: message.conversation.0,
        seq: message.seq.0,
        rev: message.rev.0,
        media: message.media.iter().map(media).collect(),
        reply_to: message.reply_to.as_ref().map(|quote| quote.message.0),
        quote: message.reply_to.as_ref().map(quote),
        thread_id: message.thread.map(|root| root.0),
        thread: message.replies.map(|replies| wire_message::ThreadSummary {
            replies: replies.n_replies,
            last_reply_at: time(replies.last_reply_at),
        }),
        forwarded_from: message
            .forwarded
            .map(|from| wire_message::Forwarded { message_id: from.message.0, sender_id: from.sender.0 }),
        reactions: message.reactions.iter().map(reaction).collect(),
        mentions: message.mentions.users.iter().map(|user| user.0).collect(),
        mention_all: message.mentions.all,
        // Was checked before it was stored.
        custom: message.custom.as_deref().and_then(|custom| serde_json::from_str(custom).ok()),
        client_msg_id: message.client_msg_id.clone(),
        edited_at: message.edited_at.map(time),
        deleted_at: message.deleted_at.map(time),
        pinned_at: message.pin.map(|pin| time(pin.at)),
        pinned_by: message.pin.map(|pin| pin.by.0),
        streaming: message.streaming.map(|state| state.as_str().into()),
    }
}

/// Message objects as `viewer` sees them.
pub fn messages(messages: &[Message], viewer: UserId) -> Vec<wire_message::Message> {
    messages.iter().map(|one| message(one, viewer)).collect()
}

/// A page of messages as `viewer` sees them, in the order given.
pub fn history(page: &[Message], viewer: UserId) -> wire_message::History {
    wire_message::History { messages: messages(page, viewer), count: page.len() }
}

/// The lean form of message objects as `viewer` sees them.
pub fn lean_messages(page: &[Message], viewer: UserId) -> Vec<LeanMessage> {
    page.iter().map(|one| LeanMessage::new(message(one, viewer), viewer.0)).collect()
}

/// The lean form of a page of messages as `viewer` sees them, in the order given.
pub fn lean_history(page: &[Message], viewer: UserId) -> LeanHistory {
    LeanHistory { messages: lean_messages(page, viewer), count: page.len() }
}

fn media(media: &Media) -> wire_message::Media {
    wire_message::Media {
        url: media.url.clone(),
        kind: media.kind.map(|kind| kind.as_str().to_owned()),
        name: media.name.clone(),
        size: media.size,
        width: media.width,
        height: media.height,
    }
}

fn quote(quote: &Quote) -> wire_message::Quote {
    wire_message::Quote {
        message_id: quote.message.0,
        sender_id: quote.sender.0,
        content: quote.content.clone(),
        deleted: quote.deleted,
    }
}

/// A conversation as one of its members sees it.
pub fn conversation(view: &conversations::ConversationView, viewer: UserId) -> wire::Conversation {
    let own = own_part(&view.own, view.capabilities());
    let last_message = view.last_message.as_ref().map(|last| Box::new(message(last, viewer)));
    wire::Conversation { own: Some(own), last_message, ..common(&view.conversation, viewer) }
}

/// The part of a conversation that all members see. In a direct one, each sees the other user's id.
pub fn common(conversation: &conversations::Conversation, viewer: UserId) -> wire::Conversation {
    use conversations::ConversationKind;
    let mut common = wire::Conversation {
        id: conversation.id.0,
        kind: "direct".into(),
        user_id: None,
        group_id: None,
        name: None,
        owner_id: None,
        rev: conversation.rev.0,
        last_seq: conversation.last_seq.0,
        n_members: conversation.n_members,
        created_at: time(conversation.created_at),
        last_message: None,
        own: None,
    };
    match &conversation.kind {
        ConversationKind::Direct(low, high) => {
            common.user_id = Some(if *low == viewer { high.0 } else { low.0 });
        }
        ConversationKind::Group { id, name, owner } => {
            common.kind = "group".into();
            common.group_id = Some(id.0);
            common.name = Some(name.clone());
            common.owner_id = Some(owner.0);
        }
    }
    common
}

fn own_part(own: &conversations::OwnPart, capabilities: Vec<&'static str>) -> wire::OwnPart {
    wire::OwnPart {
        role: own.role.map(|role| role.as_str().into()),
        delivered_seq: own.pointers.delivered.0,
        read_seq: own.pointers.read.0,
        unread: own.counts.unread,
        mentions: own.counts.mentions,
        marked_unread: own.marked_unread,
        muted_until: own.muted_until.map(time),
        archived: own.archived,
        pinned: own.pinned,
        draft: own.draft.clone(),
        capabilities: capabilities.into_iter().map(Into::into).collect(),
    }
}

/// A user as `viewer` may see them: with the email address only if it is the viewer's own account.
pub fn user(account: accounts::Account, viewer: UserId) -> rest::User {
    rest::User {
        id: account.id.0,
        username: account.username,
        email: (account.id == viewer).then_some(account.email),
        created_at: time(account.created_at),
    }
}

/// A group as an item of the list of groups.
pub fn group(group: groups::Group) -> rest::Group {
    rest::Group {
        id: group.id.0,
        name: group.name,
        owner_id: group.owner.0,
        created_at: time(group.created_at),
    }
}

/// The group of a conversation; `None` for a direct one.
pub fn group_of(conversation: conversations::Conversation) -> Option<rest::Group> {
    let conversations::ConversationKind::Group { id, name, owner } = conversation.kind else { return None };
    let created_at = time(conversation.created_at);
    Some(rest::Group { id: id.0, name, owner_id: owner.0, created_at })
}

/// A member of a group.
pub fn member(member: groups::Member) -> rest::Member {
    rest::Member { id: member.id.0, username: member.username, role: member.role.as_str().into() }
}
