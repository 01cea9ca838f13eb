//! Changes to existing messages and their results. Each feature that changes messages returns [`Changed`]; the rules of
//! these features are not here.

use crate::event::{Change, Outcome};
use crate::messages::Message;

/// What changed about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageEvent {
    Created,
    Edited,
    /// It was deleted for everyone.
    Deleted,
    /// A reaction was added or removed.
    Reaction,
    /// It was pinned or unpinned.
    Pinned,
    /// A reply was added to its thread.
    Thread,
    /// Text was appended while it is being written.
    Appended,
    /// Its growth ended: finished or abandoned.
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

    /// Returns the name of the event for clients and stores.
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

    /// Returns the event with that name, if there is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == text)
    }
}

/// The result of changing a message in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// The message as it is after the change.
    Now(Message, MessageEvent),
    /// Nothing changed: the message was already as requested.
    Already(Message),
}

impl Changed {
    /// Returns the message as it is now.
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
    fn stored_names_can_be_parsed() {
        for event in MessageEvent::ALL {
            assert_eq!(MessageEvent::parse(event.as_str()), Some(event));
        }
    }
}
