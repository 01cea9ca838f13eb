//! The frames of the v1 stream, which all have the same fields.

use chat_core::event::Signal;
use chat_core::messages::{Message, Recipient};
use chat_core::time::Timestamp;
use chat_protocol::v1::MessageFrame;

use super::{recipient_ids, time};

/// The frame of a message.
pub fn message(message: &Message) -> MessageFrame {
    let (recipient_id, group_id) = recipient_ids(message.to);
    let kind = match message.to {
        Recipient::User(_) => message.kind.as_str(),
        Recipient::Group(_) => "group_message",
    };
    MessageFrame {
        id: message.id.0,
        sender_id: message.sender.0,
        recipient_id,
        group_id,
        kind: kind.into(),
        content: message.content.clone(),
        media_url: message.media_url().to_owned(),
        timestamp: time(message.sent_at),
    }
}

/// The first frame of a v1 stream.
pub fn welcome(now: Timestamp) -> MessageFrame {
    MessageFrame {
        id: 0,
        sender_id: 0,
        recipient_id: 0,
        group_id: 0,
        kind: "system".into(),
        content: "Welcome to the chat server.".into(),
        media_url: String::new(),
        timestamp: time(now),
    }
}

/// The frame of a signal: a message with id 0 and no text.
pub fn signal(signal: &Signal) -> MessageFrame {
    let (from, to, at) = match *signal {
        Signal::TypingToUser { from, to, at, .. } => (from, Recipient::User(to), at),
        Signal::TypingToGroup { from, group, at, .. } => (from, Recipient::Group(group), at),
    };
    let (recipient_id, group_id) = recipient_ids(to);
    MessageFrame {
        id: 0,
        sender_id: from.0,
        recipient_id,
        group_id,
        kind: "typing".into(),
        content: String::new(),
        media_url: String::new(),
        timestamp: time(at),
    }
}
