//! The JSON of what few messages have: media of which there is more to say than an address, mentions, custom data,
//! where a message was forwarded from. Ordinary messages have none, and what cannot be understood reads as nothing.

use chat_core::ids::{MessageId, UserId};
use chat_core::messages::{Forwarded, Media, Mentions, MessageKind};
use serde::{Deserialize, Serialize};

/// What a message has beside its columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Extra {
    /// All media, or none where the column `media_url` says it all.
    pub(crate) media: Vec<Media>,
    pub(crate) mentions: Mentions,
    pub(crate) custom: Option<String>,
    pub(crate) forwarded: Option<Forwarded>,
}

impl Extra {
    /// As the column holds it; `None` where there is nothing to say.
    pub(crate) fn encode(&self) -> rusqlite::Result<Option<String>> {
        let is_bare = self.media.iter().all(is_bare) && self.media.len() < 2;
        let media: Vec<_> = if is_bare { Vec::new() } else { self.media.iter().map(Attached::of).collect() };
        let fields = Fields {
            media,
            mentions: self.mentions.users.iter().map(|user| user.0).collect(),
            mention_all: self.mentions.all,
            custom: self.custom.clone(),
            forwarded: self.forwarded.map(|from| (from.message.0, from.sender.0)),
        };
        if fields == Fields::default() {
            return Ok(None);
        }
        let json = serde_json::to_string(&fields);
        json.map(Some).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
    }

    /// What the column holds; of a later release's fields those that are known here.
    pub(crate) fn decode(json: &str) -> Self {
        let fields: Fields = serde_json::from_str(json).unwrap_or_else(|error| {
            tracing::warn!(error = %error, "a message's extra data is not understood and left out");
            Fields::default()
        });
        Self {
            media: fields.media.into_iter().map(Attached::media).collect(),
            mentions: Mentions {
                users: fields.mentions.into_iter().map(UserId).collect(),
                all: fields.mention_all,
            },
            custom: fields.custom,
            forwarded: fields
                .forwarded
                .map(|(message, sender)| Forwarded { message: MessageId(message), sender: UserId(sender) }),
        }
    }
}

/// Whether there is nothing to say of it but where it is.
fn is_bare(media: &Media) -> bool {
    let Media { url: _, kind, name, size, width, height } = media;
    kind.is_none() && name.is_none() && size.is_none() && width.is_none() && height.is_none()
}

#[derive(Serialize, Deserialize, PartialEq, Default)]
#[serde(default)]
struct Fields {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    media: Vec<Attached>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mentions: Vec<i64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    mention_all: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<String>,
    /// The message and its sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    forwarded: Option<(i64, i64)>,
}

#[derive(Serialize, Deserialize, PartialEq, Default)]
#[serde(default)]
struct Attached {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
}

impl Attached {
    fn of(media: &Media) -> Self {
        let Media { url, kind, name, size, width, height } = media.clone();
        Self { url, kind: kind.map(|kind| kind.as_str().to_owned()), name, size, width, height }
    }

    fn media(self) -> Media {
        let Self { url, kind, name, size, width, height } = self;
        Media { url, kind: kind.as_deref().and_then(MessageKind::parse), name, size, width, height }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> Media {
        Media { url: url.into(), ..Media::default() }
    }

    #[test]
    fn an_ordinary_message_has_nothing() {
        assert_eq!(Extra::default().encode().unwrap(), None);
        let picture = Extra { media: vec![at("https://example.com/a.png")], ..Extra::default() };
        assert_eq!(picture.encode().unwrap(), None, "the column has the address");
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let film = Media {
            kind: Some(MessageKind::Video),
            name: Some("\"cheese\"\0.mp4".into()),
            size: Some(u64::MAX),
            width: Some(u32::MAX),
            height: Some(0),
            ..at("https://example.com/b.mp4")
        };
        let whole = Extra {
            media: vec![film, at("https://example.com/a.png")],
            mentions: Mentions { users: vec![UserId(2), UserId(3)], all: true },
            custom: Some("{ \"a\": [1, 2.50] }".into()),
            forwarded: Some(Forwarded { message: MessageId(7), sender: UserId(1) }),
        };
        let parts = [
            Extra { media: whole.media.clone(), ..Extra::default() },
            Extra { media: whole.media[..1].to_vec(), ..Extra::default() },
            Extra { mentions: Mentions { users: Vec::new(), all: true }, ..Extra::default() },
            Extra { custom: whole.custom.clone(), ..Extra::default() },
            Extra { forwarded: whole.forwarded, ..Extra::default() },
        ];
        for extra in [whole].into_iter().chain(parts) {
            let json = extra.encode().unwrap().unwrap();
            assert_eq!(Extra::decode(&json), extra, "{json}");
        }
    }

    #[test]
    fn what_is_not_understood_is_left_out() {
        for broken in ["", "{", "[]", "null", "{\"mentions\":\"all\"}"] {
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
