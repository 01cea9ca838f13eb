//! Messages that were sent and whose echo has not arrived. The server stores a message once per `client_msg_id`, so it
//! can be resent after a broken connection without being stored twice.

use std::collections::VecDeque;

use chat_client::new_key;
use chat_protocol::v1::{ClientFrame, MessageFrame};

use super::names::Recipient;

/// Most messages without an echo. Beyond that, the oldest are no longer waited for.
const MAX: usize = 1024;

/// A message without its echo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// The frame as sent.
    pub(super) frame: String,
    /// Whether it has a `client_msg_id`, so that it can be resent.
    pub(super) is_keyed: bool,
    to: Recipient,
    content: String,
    media_url: String,
}

impl Message {
    /// A new message with a `client_msg_id` of its own.
    pub(super) fn new(to: Recipient, content: &str, media_url: &str) -> Self {
        let (recipient_id, group_id) = match to {
            Recipient::User(id) => (Some(id), None),
            Recipient::Group(id) => (None, Some(id)),
        };
        let kind = if media_url.is_empty() { "text" } else { "image" };
        let frame = ClientFrame {
            kind: Some(kind.into()),
            recipient_id,
            group_id,
            content: Some(content.into()),
            media_url: Some(media_url.to_owned()).filter(|url| !url.is_empty()),
            client_msg_id: Some(new_key()),
            ..ClientFrame::default()
        };
        let frame = serde_json::to_string(&frame).unwrap_or_default();
        Self { frame, is_keyed: true, to, content: content.into(), media_url: media_url.into() }
    }

    /// The message that a frame typed by hand sends; `None` if it sends none.
    pub(super) fn typed(line: &str, frame: &ClientFrame) -> Option<Self> {
        if frame.action.is_some() || matches!(frame.kind.as_deref(), None | Some("typing")) {
            return None;
        }
        let named = |id: Option<i64>| id.filter(|id| *id > 0);
        let to = named(frame.group_id).map(Recipient::Group);
        Some(Self {
            frame: line.into(),
            is_keyed: frame.client_msg_id.is_some(),
            to: to.or(named(frame.recipient_id).map(Recipient::User))?,
            content: frame.content.clone().unwrap_or_default(),
            media_url: frame.media_url.clone().unwrap_or_default(),
        })
    }

    fn is_echoed_by(&self, echo: &MessageFrame) -> bool {
        let to = match self.to {
            Recipient::User(id) => (id, 0),
            Recipient::Group(id) => (0, id),
        };
        to == (echo.recipient_id, echo.group_id)
            && self.content == echo.content
            && self.media_url == echo.media_url
    }
}

/// The messages without an echo, oldest first.
#[derive(Default)]
pub(super) struct Outbox(VecDeque<Message>);

impl Outbox {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn push(&mut self, message: Message) {
        self.0.push_back(message);
        if self.0.len() > MAX {
            self.0.pop_front();
        }
    }

    /// Stops waiting for a message.
    pub(super) fn remove(&mut self, message: &Message) {
        if let Some(at) = self.0.iter().rposition(|pending| pending == message) {
            self.0.remove(at);
        }
    }

    /// Takes a message of this user from the server, and removes the oldest message that it can be the echo of.
    pub(super) fn echoed(&mut self, echo: &MessageFrame) {
        if let Some(at) = self.0.iter().position(|pending| pending.is_echoed_by(echo)) {
            self.0.remove(at);
        }
    }

    pub(super) fn messages(&self) -> Vec<Message> {
        self.0.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_protocol::time::Time;

    fn echo(recipient_id: i64, group_id: i64, content: &str) -> MessageFrame {
        MessageFrame {
            id: 1,
            sender_id: 1,
            recipient_id,
            group_id,
            kind: "text".into(),
            content: content.into(),
            media_url: String::new(),
            timestamp: Time(0),
        }
    }

    fn to_jerry(content: &str) -> Message {
        Message::new(Recipient::User(2), content, "")
    }

    #[test]
    fn a_message_stays_until_its_echo() {
        let mut outbox = Outbox::default();
        outbox.push(to_jerry("hello"));
        outbox.push(to_jerry("hello"));
        outbox.echoed(&echo(3, 0, "hello"));
        outbox.echoed(&echo(0, 2, "hello"));
        outbox.echoed(&echo(2, 0, "other"));
        assert_eq!(outbox.len(), 2);
        outbox.echoed(&echo(2, 0, "hello"));
        assert_eq!(outbox.len(), 1);
        let refused = to_jerry("refused");
        outbox.push(refused.clone());
        outbox.remove(&refused);
        assert_eq!(outbox.messages().len(), 1);
    }

    #[test]
    fn every_message_has_a_key_of_its_own() {
        let (one, two) = (to_jerry("hello"), to_jerry("hello"));
        assert!(one.is_keyed && one.frame != two.frame);
        assert!(
            one.frame.starts_with(r#"{"type":"text","recipient_id":2,"content":"hello","client_msg_id":""#)
        );
        let image = Message::new(Recipient::Group(1), "", "http://x/a.png");
        assert!(image.frame.starts_with(
            r#"{"type":"image","group_id":1,"content":"","media_url":"http://x/a.png","client_msg_id":""#
        ));
    }

    #[test]
    fn frames_typed_by_hand_are_waited_for_if_they_send() {
        let typed = |line: &str| Message::typed(line, &serde_json::from_str(line).unwrap());
        let sends = typed(r#"{"type":"p2p_message","recipient_id":2,"content":"x"}"#).unwrap();
        assert!(!sends.is_keyed && sends.is_echoed_by(&echo(2, 0, "x")));
        assert!(typed(r#"{"type":"text","group_id":1,"content":"x","client_msg_id":"a"}"#).unwrap().is_keyed);
        for silent in [
            r#"{"action":"set_recipient","user_id":2}"#,
            r#"{"type":"typing","recipient_id":2}"#,
            r#"{"type":"text","content":"to nobody"}"#,
            "{}",
        ] {
            assert_eq!(typed(silent), None, "{silent}");
        }
    }
}
