//! The frames of a v1 client and their answers (docs/contract.md, "The v1 stream").

mod undelivered;

use bytes::Bytes;
use chat_core::ids::{GroupId, UserId};
use chat_core::media::MessageKind;
use chat_core::messages::Recipient;
use chat_core::posting::{PostMessage, Posted};
use chat_protocol::v1::ClientFrame;
use serde_json::Value;

use crate::audit::By;
use crate::client_address::ClientAddress;
use crate::http::problem::Problem;
use crate::hub::Connection;
use crate::limits::Policy;
use crate::metrics::Transport;
use crate::sends::Sender;
use crate::{App, sends, wire};
use undelivered::Undelivered;

/// A client with more refusals is closed; each accepted frame cancels one.
const MAX_REFUSALS: u32 = 200;

/// State of the dialogue with one client, such as the recipient of its plain text.
pub(super) struct Dialogue {
    user: UserId,
    client: ClientAddress,
    recipient: Option<Recipient>,
    refusals: u32,
    undelivered: Undelivered,
}

impl Dialogue {
    pub(super) fn new(connection: &Connection) -> Self {
        Self {
            user: connection.user(),
            client: connection.client(),
            recipient: None,
            refusals: 0,
            undelivered: Undelivered::default(),
        }
    }

    /// Executes a text frame. A sent message comes back as an event, so only refusals and duplicates are answered: a
    /// duplicate with the first message, because no event will follow.
    pub(super) async fn answer(&mut self, app: &App, connection: &Connection, text: &str) -> Option<Bytes> {
        let frame = parse(text);
        if let Err(refused) = app.limits.user(frame.policy(), self.user) {
            self.refusals = self.refusals.saturating_add(1);
            let by = By { user: Some(self.user), address: Some(self.client), ..By::default() };
            return Some(wire::v1::error(&app.too_much(refused, by)));
        }
        self.refusals = self.refusals.saturating_sub(1);
        let done = match frame {
            Frame::PlainText => self.send_text(app, text).await,
            Frame::Object(frame) => self.execute(app, *frame).await,
            Frame::Malformed(reason) => Err(Problem::invalid(reason)),
        };
        let problem = match done {
            Ok(Some(Posted::Duplicate(first))) => return Some(wire::v1::message(&first)),
            Ok(Some(Posted::New { message, .. })) => {
                self.undelivered.note(message);
                self.undelivered.delivered_up_to(connection.last_queued());
                return None;
            }
            Ok(None) => return None,
            Err(problem) => problem,
        };
        if let Some(cause) = problem.cause() {
            tracing::error!(user.id = self.user.0, cause, code = problem.code(), "a frame failed");
        }
        Some(wire::v1::error(&problem))
    }

    /// Answers that a frame was not executed, after the answers to those that were.
    pub(super) fn refuse_unexecuted(&mut self, connection: &Connection) {
        self.send_undelivered(connection);
        connection.send_answer(wire::v1::error(&Problem::not_done()));
    }

    /// Once the connection is closing, sends the client's own stored messages that the hub will not deliver any more.
    pub(super) fn send_undelivered(&mut self, connection: &Connection) {
        if !connection.is_closing() {
            return;
        }
        // The last queued message is final now.
        self.undelivered.delivered_up_to(connection.last_queued());
        for message in self.undelivered.take() {
            connection.send_answer(wire::v1::message(&message));
        }
    }

    /// Whether the client keeps sending although it is refused.
    pub(super) fn ignores_refusals(&self) -> bool {
        self.refusals > MAX_REFUSALS
    }

    fn sender(&self) -> Sender {
        Sender { user: self.user, from: self.client, transport: Transport::V1 }
    }

    /// Plain text, as typed into a terminal; the line end is not part of it.
    async fn send_text(&self, app: &App, text: &str) -> Result<Option<Posted>, Problem> {
        let Some(to) = self.recipient else {
            let sentence = r#"Choose a recipient first: {"action":"set_recipient","user_id":2} or {"action":"set_recipient","group_id":1}"#;
            return Err(Problem::new(400, "no_recipient", sentence));
        };
        let content = text.trim_end_matches(['\r', '\n']).to_owned();
        let message = PostMessage::plain(to, content, String::new());
        Ok(Some(sends::post(app, self.sender(), message).await?))
    }

    async fn execute(&mut self, app: &App, frame: ClientFrame) -> Result<Option<Posted>, Problem> {
        match (frame.action.as_deref(), frame.kind.as_deref()) {
            (Some("set_recipient"), _) => {
                let to = recipient(frame.user_id, frame.group_id, "user_id")?;
                app.chat.check_recipient(self.user, to).await?;
                self.recipient = Some(to);
                Ok(None)
            }
            (Some(_), _) => {
                Err(Problem::new(400, "unknown_action", "Unknown action; the only one is set_recipient"))
            }
            (None, Some("typing")) => {
                let to = recipient(frame.recipient_id, frame.group_id, "recipient_id")?;
                app.chat.typing(self.user, to).await?;
                Ok(None)
            }
            (None, Some(kind)) => {
                let message = message(kind, &frame)?;
                Ok(Some(sends::post(app, self.sender(), message).await?))
            }
            (None, None) => Err(Problem::invalid("a frame needs an action or a type")),
        }
    }
}

enum Frame {
    PlainText,
    Object(Box<ClientFrame>),
    Malformed(String),
}

impl Frame {
    /// The rate-limit policy that counts the frame.
    fn policy(&self) -> Policy {
        match self {
            Self::PlainText => Policy::Send,
            Self::Object(frame) => match (frame.action.as_deref(), frame.kind.as_deref()) {
                (Some(_), _) | (None, None) => Policy::Default,
                (None, Some("typing")) => Policy::Typing,
                (None, Some(_)) => Policy::Send,
            },
            Self::Malformed(_) => Policy::Default,
        }
    }
}

/// Anything but a JSON object is text that a person typed.
fn parse(text: &str) -> Frame {
    match serde_json::from_str::<Value>(text) {
        Ok(object @ Value::Object(_)) => match serde_json::from_value(object) {
            Ok(frame) => Frame::Object(Box::new(frame)),
            Err(error) => Frame::Malformed(error.to_string()),
        },
        _ => Frame::PlainText,
    }
}

/// A message frame. Its fields decide the recipient; `group_message` and `p2p_message` must agree with them.
fn message(kind: &str, frame: &ClientFrame) -> Result<PostMessage, Problem> {
    let (to, kind) = match kind {
        "group_message" => (recipient(None, frame.group_id, "group_id")?, None),
        "p2p_message" => (recipient(frame.recipient_id, None, "recipient_id")?, None),
        other => {
            let kind = MessageKind::parse(other).ok_or_else(|| {
                Problem::new(
                    400,
                    "unknown_type",
                    "Unknown type; use text, image, p2p_message, group_message or typing",
                )
            })?;
            (recipient(frame.recipient_id, frame.group_id, "recipient_id")?, Some(kind))
        }
    };
    let content = frame.content.clone().unwrap_or_default();
    let media_url = frame.media_url.clone().unwrap_or_default();
    let client_msg_id = frame.client_msg_id.clone();
    Ok(PostMessage { kind, client_msg_id, ..PostMessage::plain(to, content, media_url) })
}

/// Requires exactly one of a user and a group. 0 means none, as in the server's frames.
fn recipient(user: Option<i64>, group: Option<i64>, field: &str) -> Result<Recipient, Problem> {
    match (user.filter(|id| *id != 0), group.filter(|id| *id != 0)) {
        (Some(id), None) if id > 0 => Ok(Recipient::User(UserId(id))),
        (None, Some(id)) if id > 0 => Ok(Recipient::Group(GroupId(id))),
        (Some(_), Some(_)) => Err(Problem::invalid(format!("give either {field} or group_id, not both"))),
        _ => Err(Problem::invalid(format!("{field} or group_id must be a positive integer"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_objects_are_frames() {
        for typed in ["hello", "", "5", "[1,2]", "\"quoted\"", "null", "{not json", "{\"a\":1} and more"] {
            assert!(matches!(parse(typed), Frame::PlainText), "{typed}");
        }
        assert!(matches!(parse("{}"), Frame::Object(_)));
        assert!(matches!(parse("{\"type\":5}"), Frame::Malformed(_)));
        assert!(matches!(parse("{\"type\":\"text\",\"recipient_id\":\"2\"}"), Frame::Malformed(_)));
    }

    #[test]
    fn a_frame_goes_to_a_user_or_a_group() {
        assert_eq!(recipient(Some(2), None, "user_id").ok(), Some(Recipient::User(UserId(2))));
        assert_eq!(recipient(Some(2), Some(0), "user_id").ok(), Some(Recipient::User(UserId(2))));
        assert_eq!(recipient(Some(0), Some(1), "user_id").ok(), Some(Recipient::Group(GroupId(1))));
        for (user, group) in [(None, None), (Some(1), Some(1)), (Some(-1), None), (Some(0), None)] {
            assert!(recipient(user, group, "user_id").is_err(), "{user:?} {group:?}");
        }
    }
}
