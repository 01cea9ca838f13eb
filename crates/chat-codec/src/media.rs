//! The encoding of media, the same in a message's extra data and in events.

use std::borrow::Cow;

use chat_core::media::{Media, MessageKind};
use serde::{Deserialize, Serialize};

/// One attachment. An unknown kind is read as `None`.
#[derive(Serialize, Deserialize, PartialEq, Default)]
#[serde(default)]
pub(crate) struct EncodedMedia<'a> {
    url: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
}

impl<'a> From<&'a Media> for EncodedMedia<'a> {
    fn from(media: &'a Media) -> Self {
        let Media { url, kind, name, size, width, height } = media;
        Self {
            url: url.into(),
            kind: kind.map(|kind| kind.as_str().into()),
            name: name.as_deref().map(Cow::from),
            size: *size,
            width: *width,
            height: *height,
        }
    }
}

impl From<EncodedMedia<'_>> for Media {
    fn from(encoded: EncodedMedia<'_>) -> Self {
        let EncodedMedia { url, kind, name, size, width, height } = encoded;
        Self {
            url: url.into_owned(),
            kind: kind.as_deref().and_then(MessageKind::parse),
            name: name.map(Cow::into_owned),
            size,
            width,
            height,
        }
    }
}
