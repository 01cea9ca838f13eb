//! Accounts, messages and commands for tests, and short forms of answers to compare.

use chat_core::accounts::NewAccount;
use chat_core::command::MessageCommand;
use chat_core::ids::UserId;
use chat_core::intention::Intention;
use chat_core::media::MessageKind;
use chat_core::messages::{Message, Page};
use chat_core::posting::{Body, Destination, NewMessage};
use chat_core::time::Timestamp;
use chat_core::{Error, Result};

/// The time of every change in these tests.
pub const NOW: Timestamp = Timestamp(1_761_399_699_962_541);
/// A page with more messages than any test sends.
pub const ALL: Page = Page { before: None, limit: 200 };

/// The page with this many of the newest messages.
pub fn newest(limit: u16) -> Page {
    Page { before: None, limit }
}

pub fn account(name: &str) -> NewAccount {
    NewAccount {
        username: name.to_owned(),
        email: format!("{name}@temp.com"),
        password_hash: format!("hash of {name}"),
        is_demo: false,
        at: NOW,
    }
}

pub fn message(sender: UserId, to: impl Into<Destination>, content: &str) -> NewMessage {
    NewMessage {
        sender,
        to: to.into(),
        kind: MessageKind::Text,
        body: Body { content: content.to_owned(), ..Body::default() },
        forwarded: None,
        streaming: None,
        client_msg_id: None,
        intention: None,
        at: NOW,
    }
}

pub fn keyed(sender: UserId, to: impl Into<Destination>, content: &str, key: &str) -> NewMessage {
    under(key, message(sender, to, content))
}

/// The message with a client's key and its intention, as the core passes it to a store.
pub fn under(key: &str, new: NewMessage) -> NewMessage {
    let intention = Some(Intention::of_message(new.kind, &new.body, new.streaming.is_some()));
    NewMessage { client_msg_id: Some(key.to_owned()), intention, ..new }
}

/// A command on a message, one second after the message was sent.
pub fn command(actor: UserId, message: &Message) -> MessageCommand {
    MessageCommand::new(actor, message.id, Timestamp(NOW.0 + 1_000_000))
}

/// The stable code of a refusal.
pub fn code<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result {
        Ok(value) => panic!("{value:?} instead of a refusal"),
        Err(error @ Error::Internal(_)) => panic!("{error:?}"),
        Err(error) => error.code(),
    }
}

pub fn contents(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.content.as_str()).collect()
}

pub fn ids(messages: &[Message]) -> Vec<i64> {
    messages.iter().map(|message| message.id.0).collect()
}

pub fn seqs(messages: &[Message]) -> Vec<i64> {
    messages.iter().map(|message| message.seq.0).collect()
}
