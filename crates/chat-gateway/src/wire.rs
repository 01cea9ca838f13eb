//! From the core's nouns to the wire's. Each frame is encoded once, however many clients it goes to.

use bytes::Bytes;
use chat_core::event::Signal;
use chat_core::ids::{GroupId, UserId};
use chat_core::messages::{Message, Recipient};
use chat_core::time::Timestamp;
use chat_core::{accounts, groups};
use chat_protocol::time::Time;
use chat_protocol::{rest, v1};
use chat_websocket::{Opcode, encode};
use serde::Serialize;

/// The number of a user in a field that is 0 for groups, and of a group in one that is 0 for users.
fn recipient_ids(to: Recipient) -> (i64, i64) {
    match to {
        Recipient::User(UserId(id)) => (id, 0),
        Recipient::Group(GroupId(id)) => (0, id),
    }
}

pub(crate) fn time(at: Timestamp) -> Time {
    Time(at.0)
}

/// A REST message object.
pub(crate) fn message(message: Message) -> rest::Message {
    let (recipient_id, group_id) = recipient_ids(message.to);
    rest::Message {
        id: message.id.0,
        sender_id: message.sender.0,
        recipient_id,
        group_id,
        kind: message.kind.as_str().into(),
        content: message.content,
        media_url: message.media_url,
        timestamp: time(message.sent_at),
        status: message.status.as_str().into(),
        conversation_id: message.conversation.0,
        seq: message.seq.0,
        rev: message.rev.0,
        client_msg_id: message.client_msg_id,
    }
}

/// A user as `viewer` may see them: nobody sees another's address.
pub(crate) fn user(account: accounts::Account, viewer: UserId) -> rest::User {
    rest::User {
        id: account.id.0,
        username: account.username,
        email: (account.id == viewer).then_some(account.email),
        created_at: time(account.created_at),
    }
}

/// A group in the list of groups.
pub(crate) fn group(group: groups::Group) -> rest::Group {
    rest::Group {
        id: group.id.0,
        name: group.name,
        owner_id: group.owner.0,
        created_at: time(group.created_at),
    }
}

/// A member of a group.
pub(crate) fn member(member: groups::Member) -> rest::Member {
    rest::Member { id: member.id.0, username: member.username, role: member.role.as_str().into() }
}

/// A message in the v1 stream.
pub(crate) fn v1_message(message: &Message) -> Bytes {
    let (recipient_id, group_id) = recipient_ids(message.to);
    let kind = match message.to {
        Recipient::User(_) => message.kind.as_str(),
        Recipient::Group(_) => "group_message",
    };
    text_frame(&v1::MessageFrame {
        id: message.id.0,
        sender_id: message.sender.0,
        recipient_id,
        group_id,
        kind: kind.into(),
        content: message.content.clone(),
        media_url: message.media_url.clone(),
        timestamp: time(message.sent_at),
    })
}

/// The first frame of a v1 stream.
pub(crate) fn v1_welcome(now: Timestamp) -> Bytes {
    text_frame(&v1::MessageFrame {
        id: 0,
        sender_id: 0,
        recipient_id: 0,
        group_id: 0,
        kind: "system".into(),
        content: "Welcome to the chat server.".into(),
        media_url: String::new(),
        timestamp: time(now),
    })
}

/// A signal in the v1 stream, in the shape of a message without number or text.
pub(crate) fn v1_signal(signal: &Signal) -> Bytes {
    let (from, to, at) = match *signal {
        Signal::TypingToUser { from, to, at } => (from, Recipient::User(to), at),
        Signal::TypingToGroup { from, group, at, .. } => (from, Recipient::Group(group), at),
    };
    let (recipient_id, group_id) = recipient_ids(to);
    text_frame(&v1::MessageFrame {
        id: 0,
        sender_id: from.0,
        recipient_id,
        group_id,
        kind: "typing".into(),
        content: String::new(),
        media_url: String::new(),
        timestamp: time(at),
    })
}

/// The answer to a wrong v1 frame.
pub(crate) fn v1_error(code: &str, error: &str) -> Bytes {
    text_frame(&v1::ErrorFrame { kind: "error".into(), error: error.into(), code: code.into() })
}

fn text_frame(frame: &impl Serialize) -> Bytes {
    // These types have string keys and no custom serialisation that could fail.
    encode(Opcode::Text, &serde_json::to_vec(frame).unwrap_or_default())
}
