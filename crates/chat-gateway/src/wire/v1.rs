//! The frames of the v1 stream.

use bytes::Bytes;
use chat_core::event::Signal;
use chat_core::messages::{Message, Recipient};
use chat_core::time::Timestamp;
use chat_protocol::v1;

use super::{recipient_ids, text_frame, time};
use crate::http::problem::Problem;

/// A message in the v1 stream.
pub(crate) fn message(message: &Message) -> Bytes {
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
        media_url: message.media_url().to_owned(),
        timestamp: time(message.sent_at),
    })
}

/// The first frame of a v1 stream.
pub(crate) fn welcome(now: Timestamp) -> Bytes {
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
pub(crate) fn signal(signal: &Signal) -> Bytes {
    let (from, to, at) = match *signal {
        Signal::TypingToUser { from, to, at, .. } => (from, Recipient::User(to), at),
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
pub(crate) fn error(problem: &Problem) -> Bytes {
    text_frame(&v1::ErrorFrame {
        kind: "error".into(),
        error: problem.sentence().into(),
        code: problem.code().into(),
        temporary: problem.policy().map(|_| true),
        policy: problem.policy().map(Into::into),
        retry_after_ms: problem.policy().and(problem.retry_after_ms()),
    })
}
