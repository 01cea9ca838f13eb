//! The JSON of fields that few messages have, which stores keep in one column: media with more than an address,
//! mentions, custom data, the origin of a forward. Ordinary messages have none. JSON that cannot be parsed is read as
//! empty.

use std::borrow::Cow;

use chat_core::ids::{MessageId, UserId};
use chat_core::media::Media;
use chat_core::messages::{Forwarded, Mentions, Message};
use serde::{Deserialize, Serialize};

use crate::fields::{numbers, users};
use crate::media::EncodedMedia;

/// The fields of a message that have no column of their own.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Extra {
    /// All media; empty if the column `media_url` is sufficient.
    pub media: Vec<Media>,
    pub mentions: Mentions,
    /// JSON object of an application.
    pub custom: Option<String>,
    /// The original, if the message is a forward.
    pub forwarded: Option<Forwarded>,
}

/// Encodes the fields for the column; `None` if the message has none of them.
pub fn encode(message: &Message) -> serde_json::Result<Option<String>> {
    let media = match message.media.as_slice() {
        [only] if is_bare(only) => &[],
        all => all,
    };
    let fields = Fields {
        media: media.iter().map(EncodedMedia::from).collect(),
        mentions: numbers(&message.mentions.users),
        mention_all: message.mentions.all,
        custom: message.custom.as_deref().map(Cow::from),
        forwarded: message.forwarded.map(|from| (from.message.0, from.sender.0)),
    };
    if fields == Fields::default() {
        return Ok(None);
    }
    serde_json::to_string(&fields).map(Some)
}

/// Returns the media of a message: those of the extra data or, if there are none, the one of the column `media_url`.
pub fn media(url: String, extra: Vec<Media>) -> Vec<Media> {
    match (extra.is_empty(), url.is_empty()) {
        (false, _) => extra,
        (true, true) => Vec::new(),
        (true, false) => vec![Media { url, ..Media::default() }],
    }
}

/// Returns the user ids for the table of mentions. If the message mentions all members, that is 0 alone: a row for each
/// member that it also names would count twice.
pub fn mentioned(mentions: &Mentions) -> impl Iterator<Item = i64> {
    let named = if mentions.all { &[][..] } else { &mentions.users };
    mentions.all.then_some(0).into_iter().chain(named.iter().map(|user| user.0))
}

impl Extra {
    /// Decodes the column. Unknown fields of a later release are ignored.
    pub fn decode(json: &str) -> Self {
        let fields: Fields<'_> = serde_json::from_str(json).unwrap_or_else(|error| {
            tracing::warn!(error = %error, "skipped extra data of a message: it cannot be parsed");
            Fields::default()
        });
        Self {
            media: fields.media.into_iter().map(Media::from).collect(),
            mentions: Mentions { users: users(fields.mentions), all: fields.mention_all },
            custom: fields.custom.map(Cow::into_owned),
            forwarded: fields
                .forwarded
                .map(|(message, sender)| Forwarded { message: MessageId(message), sender: UserId(sender) }),
        }
    }
}

/// Whether the attachment has only an address.
fn is_bare(media: &Media) -> bool {
    let Media { url: _, kind, name, size, width, height } = media;
    kind.is_none() && name.is_none() && size.is_none() && width.is_none() && height.is_none()
}

#[derive(Serialize, Deserialize, PartialEq, Default)]
#[serde(default)]
struct Fields<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    media: Vec<EncodedMedia<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mentions: Vec<i64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    mention_all: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<Cow<'a, str>>,
    /// Ids of the message and its sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    forwarded: Option<(i64, i64)>,
}

#[cfg(test)]
mod tests {
    use chat_core::ids::{ConversationId, GroupId, Rev, Seq};
    use chat_core::media::MessageKind;
    use chat_core::messages::{Recipient, Status};
    use chat_core::time::Timestamp;

    use super::*;

    fn at(url: &str) -> Media {
        Media { url: url.into(), ..Media::default() }
    }

    #[test]
    fn media_comes_back_from_its_two_columns() {
        let named = Media { name: Some("a.png".into()), ..at("https://example.com/a.png") };
        for media in [vec![], vec![at("https://example.com/a.png")], vec![named], vec![at("/a"), at("/b")]] {
            let message = Message { media: media.clone(), ..plain() };
            let extra = encode(&message).unwrap().map(|json| Extra::decode(&json).media).unwrap_or_default();
            assert_eq!(super::media(message.media_url().into(), extra), media);
        }
    }

    fn plain() -> Message {
        Message {
            id: MessageId(1),
            conversation: ConversationId(1),
            seq: Seq(1),
            rev: Rev(1),
            sender: UserId(1),
            to: Recipient::Group(GroupId(1)),
            kind: MessageKind::Text,
            content: "hi".into(),
            media: Vec::new(),
            reply_to: None,
            thread: None,
            replies: None,
            forwarded: None,
            mentions: Mentions::default(),
            custom: None,
            reactions: Vec::new(),
            client_msg_id: None,
            sent_at: Timestamp(0),
            edited_at: None,
            deleted_at: None,
            pin: None,
            streaming: None,
            status: Status::Sent,
        }
    }

    #[test]
    fn an_ordinary_message_has_no_extra_data() {
        assert_eq!(encode(&plain()).unwrap(), None);
        let picture = Message { media: vec![at("https://example.com/a.png")], ..plain() };
        assert_eq!(encode(&picture).unwrap(), None, "the column has the address");
    }

    #[test]
    fn every_field_survives_encoding() {
        let film = Media {
            kind: Some(MessageKind::Video),
            name: Some("\"cheese\"\0.mp4".into()),
            size: Some(u64::MAX),
            width: Some(u32::MAX),
            height: Some(0),
            ..at("https://example.com/b.mp4")
        };
        let whole = Message {
            media: vec![film, at("https://example.com/a.png")],
            mentions: Mentions { users: vec![UserId(2), UserId(3)], all: true },
            custom: Some("{ \"a\": [1, 2.50] }".into()),
            forwarded: Some(Forwarded { message: MessageId(7), sender: UserId(1) }),
            ..plain()
        };
        let parts = [
            Message { media: whole.media.clone(), ..plain() },
            Message { media: whole.media[..1].to_vec(), ..plain() },
            Message { mentions: Mentions { users: Vec::new(), all: true }, ..plain() },
            Message { custom: whole.custom.clone(), ..plain() },
            Message { forwarded: whole.forwarded, ..plain() },
        ];
        for message in [whole].into_iter().chain(parts) {
            let json = encode(&message).unwrap().unwrap();
            let Message { media, mentions, custom, forwarded, .. } = message;
            assert_eq!(Extra::decode(&json), Extra { media, mentions, custom, forwarded }, "{json}");
        }
    }

    #[test]
    fn invalid_data_is_left_out() {
        for broken in ["", "{", "[1]", "null", "{\"mentions\":\"all\"}"] {
            assert_eq!(Extra::decode(broken), Extra::default(), "{broken}");
        }
        let later =
            "{\"poll\":{\"a\":1},\"mention_all\":true,\"media\":[{\"url\":\"u\",\"kind\":\"hologram\"}]}";
        let known = Extra {
            media: vec![at("u")],
            mentions: Mentions { users: Vec::new(), all: true },
            ..Extra::default()
        };
        assert_eq!(Extra::decode(later), known);
    }
}
