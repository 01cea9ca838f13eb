//! Converts wire requests to the core's commands, for REST and the v2 stream. It checks only that fields are
//! well-formed; rules of chat are in the core.

use chat_core::conversations::OwnChange;
use chat_core::ids::{ConversationId, GroupId, MessageId, UserId};
use chat_core::live_text::{Chunk, Finish};
use chat_core::media::{Media, MessageKind};
use chat_core::messages::{Mentions, Recipient, Streaming};
use chat_core::posting::{Body, Destination, Forward, PostMessage};
use chat_core::time::Timestamp;
use chat_protocol::conversation::StateRequest;
use chat_protocol::message as wire;

use crate::http::problem::Problem;

/// Requires exactly one of the three ways to address a message.
pub(crate) fn destination(
    to_user: Option<i64>,
    to_group: Option<i64>,
    conversation: Option<i64>,
) -> Result<Destination, Problem> {
    match (to_user, to_group, conversation) {
        (Some(id), None, None) => Ok(Recipient::User(UserId(positive(id, "to_user")?)).into()),
        (None, Some(id), None) => Ok(Recipient::Group(GroupId(positive(id, "to_group")?)).into()),
        (None, None, Some(id)) => {
            Ok(Destination::Conversation(ConversationId(positive(id, "conversation_id")?)))
        }
        _ => Err(Problem::invalid("give exactly one of to_user, to_group and conversation_id")),
    }
}

pub(crate) fn positive(id: i64, field: &str) -> Result<i64, Problem> {
    if id > 0 { Ok(id) } else { Err(Problem::invalid(format!("{field} must be a positive integer"))) }
}

pub(crate) fn post(to: Destination, request: wire::SendRequest) -> Result<PostMessage, Problem> {
    let media = attachments(request.media, request.media_url)?;
    let custom = match request.custom {
        Some(object @ serde_json::Value::Object(_)) => Some(object.to_string()),
        Some(serde_json::Value::Null) | None => None,
        Some(_) => return Err(Problem::invalid("custom must be a JSON object")),
    };
    let mentions = request.mentions.unwrap_or_default();
    let mentions = mentions.into_iter().map(|id| positive(id, "mentions").map(UserId));
    let body = Body {
        content: request.content.unwrap_or_default(),
        media,
        reply_to: message_id(request.reply_to, "reply_to")?,
        thread: message_id(request.thread_id, "thread_id")?,
        mentions: Mentions {
            users: mentions.collect::<Result<_, _>>()?,
            all: request.mention_all.unwrap_or(false),
        },
        custom,
    };
    Ok(PostMessage {
        to,
        kind: request.kind.as_deref().map(kind).transpose()?,
        body,
        streaming: request.streaming.unwrap_or(false),
        client_msg_id: request.client_msg_id,
    })
}

pub(crate) fn forward(message: i64, request: wire::ForwardRequest) -> Result<Forward, Problem> {
    let wire::ForwardRequest { to_user, to_group, conversation_id, client_msg_id } = request;
    let message = MessageId(positive(message, "message_id")?);
    Ok(Forward { to: destination(to_user, to_group, conversation_id)?, message, client_msg_id })
}

/// A chunk of a message that is being written.
pub(crate) fn chunk(request: wire::AppendRequest) -> Chunk {
    Chunk { offset: request.offset, content: request.content }
}

/// The end of a message that was being written.
pub(crate) fn finish(request: wire::FinishRequest) -> Finish {
    let state = if request.abandoned { Streaming::Abandoned } else { Streaming::Finished };
    Finish { state, content: request.content }
}

/// Converts a change to the caller's per-member state.
pub(crate) fn own_change(request: StateRequest) -> OwnChange {
    let StateRequest { marked_unread, muted_until, archived, pinned, draft } = request;
    let muted_until = muted_until.map(|until| until.map(|until| Timestamp(until.0)));
    OwnChange { marked_unread, muted_until, archived, pinned, draft }
}

/// Checks a message id of a body, frame or query, if it has one.
pub(crate) fn message_id(id: Option<i64>, field: &str) -> Result<Option<MessageId>, Problem> {
    id.map(|id| positive(id, field).map(MessageId)).transpose()
}

fn attachments(media: Option<Vec<wire::Media>>, media_url: Option<String>) -> Result<Vec<Media>, Problem> {
    let media_url = media_url.filter(|url| !url.is_empty());
    match (media, media_url) {
        (None, None) => Ok(Vec::new()),
        (None, Some(url)) => Ok(vec![Media { url, ..Media::default() }]),
        (Some(media), None) => media.into_iter().map(attachment).collect(),
        (Some(_), Some(_)) => Err(Problem::invalid("give either media or media_url, not both")),
    }
}

fn attachment(media: wire::Media) -> Result<Media, Problem> {
    let wire::Media { url, kind: named, name, size, width, height } = media;
    Ok(Media { url, kind: named.as_deref().map(kind).transpose()?, name, size, width, height })
}

fn kind(text: &str) -> Result<MessageKind, Problem> {
    MessageKind::parse(text)
        .ok_or_else(|| Problem::invalid("type must be one of text, image, video, audio, file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_exactly_one() {
        assert!(matches!(destination(Some(2), None, None), Ok(Destination::To(Recipient::User(UserId(2))))));
        assert!(matches!(destination(None, None, Some(7)), Ok(Destination::Conversation(ConversationId(7)))));
        for (user, group, conversation) in
            [(None, None, None), (Some(1), Some(1), None), (Some(0), None, None), (None, Some(-1), None)]
        {
            assert!(destination(user, group, conversation).is_err(), "{user:?} {group:?} {conversation:?}");
        }
    }

    #[test]
    fn custom_data_is_an_object() {
        let to = Destination::Conversation(ConversationId(1));
        let with = |custom| wire::SendRequest { custom: Some(custom), ..wire::SendRequest::default() };
        assert_eq!(post(to, with(serde_json::json!({"a": 1}))).unwrap().body.custom.unwrap(), r#"{"a":1}"#);
        assert!(post(to, with(serde_json::json!([1]))).is_err());
        assert!(post(to, with(serde_json::json!("x"))).is_err());
        assert!(post(to, with(serde_json::Value::Null)).unwrap().body.custom.is_none());
    }
}
