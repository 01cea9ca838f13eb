//! What is done to a message that is there, and what comes of it. Each feature that changes messages answers with
//! [`Changed`]; none of their rules are here.

use crate::event::{Change, Outcome};
use crate::messages::Message;

/// What was done to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageEvent {
    /// It came into being.
    Created,
    /// Its text was changed.
    Edited,
    /// It was deleted for everyone.
    Deleted,
    /// Somebody reacted to it, or took a reaction back.
    Reaction,
    /// It was pinned, or is no longer.
    Pinned,
    /// A reply was added to its thread.
    Thread,
    /// It grew while being written.
    Appended,
    /// It was shown while being written, and that has ended.
    Finished,
}

impl MessageEvent {
    const ALL: [Self; 8] = [
        Self::Created,
        Self::Edited,
        Self::Deleted,
        Self::Reaction,
        Self::Pinned,
        Self::Thread,
        Self::Appended,
        Self::Finished,
    ];

    /// The event as clients and stores spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Edited => "edited",
            Self::Deleted => "deleted",
            Self::Reaction => "reaction",
            Self::Pinned => "pinned",
            Self::Thread => "thread",
            Self::Appended => "appended",
            Self::Finished => "finished",
        }
    }

    /// The event that is spelt so, if any.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == text)
    }
}

/// What came of changing a message in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It is different now.
    Now(Message, MessageEvent),
    /// It was so before; nothing changed.
    Already(Message),
}

impl Changed {
    /// The message as it is now.
    pub fn into_message(self) -> Message {
        match self {
            Self::Now(message, _) | Self::Already(message) => message,
        }
    }
}

impl Outcome for Changed {
    fn changes(&self) -> Vec<Change> {
        match self {
            Self::Now(message, what) => {
                vec![Change::MessageChanged { message: message.clone(), what: *what }]
            }
            Self::Already(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_by_name_survives_spelling() {
        for event in MessageEvent::ALL {
            assert_eq!(MessageEvent::parse(event.as_str()), Some(event));
        }
    }
}
