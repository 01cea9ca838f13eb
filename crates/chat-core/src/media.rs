//! Attachments of messages, and the kind of a message that they imply. Attachments are addresses; the server never
//! fetches what they point to.

use crate::Limits;
use crate::error::{Error, Result};
use crate::posting::check_text;

/// The main content of a message; decides how clients show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// Plain text.
    Text,
    /// An image under `media_url`.
    Image,
    /// A video under `media_url`.
    Video,
    /// A sound under `media_url`.
    Audio,
    /// Any other file under `media_url`.
    File,
}

impl MessageKind {
    const ALL: [Self; 5] = [Self::Text, Self::Image, Self::Video, Self::Audio, Self::File];

    /// Returns the name of the kind for clients and stores.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::File => "file",
        }
    }

    /// Returns the kind with that name, if there is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Returns the kind of a message whose sender names none: that of its first attachment (an image if the attachment
    /// has none), or text if there are no attachments (docs/contract.md, "Messages").
    pub fn implied(media: &[Media]) -> Self {
        media.first().map_or(Self::Text, |first| first.kind.unwrap_or(Self::Image))
    }
}

/// An attachment; all fields but the address are optional.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Media {
    /// Address of the attachment, see [`Limits::media_url_bytes`].
    pub url: String,
    /// Kind of the attachment; never [`MessageKind::Text`].
    pub kind: Option<MessageKind>,
    /// File name that the sender gave, see [`Limits::media_name_bytes`].
    pub name: Option<String>,
    /// Size in bytes.
    pub size: Option<u64>,
    /// Width in pixels.
    pub width: Option<u32>,
    /// Height in pixels.
    pub height: Option<u32>,
}

/// Checks the addresses of the media of a new message.
pub(crate) fn check_addresses(media: &[Media]) -> Result<()> {
    media.iter().try_for_each(|media| check_address(&media.url))
}

/// Checks one attachment except its address, which [`check_addresses`] checks.
pub(crate) fn check_media(media: &Media, limits: &Limits) -> Result<()> {
    if media.url.is_empty() {
        return Err(Error::invalid("media_url", "must not be empty"));
    }
    check_text("media_url", &media.url, limits.media_url_bytes)?;
    if media.url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Error::invalid("media_url", "must not contain spaces or control characters"));
    }
    if media.kind == Some(MessageKind::Text) {
        return Err(Error::invalid("media", "must be of type image, video, audio or file"));
    }
    check_text("media", media.name.as_deref().unwrap_or_default(), limits.media_name_bytes)
}

/// Checks an address. Clients make images and links of these, so it must not be of a kind that runs code or reads files
/// on the reader's machine. An address that begins with two slashes names another host and only looks like a path.
fn check_address(url: &str) -> Result<()> {
    let is_path = url.starts_with('/') && !url.starts_with("//") && !url.starts_with("/\\");
    let leads_to_a_host = |(scheme, rest): (&str, &str)| {
        let is_known = ["https", "http"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        is_known && !rest.is_empty() && !rest.starts_with(['/', '\\', '?', '#', ':', '@'])
    };
    if is_path || url.split_once("://").is_some_and(leads_to_a_host) {
        return Ok(());
    }
    let reason = "must begin with https:// or http://, or be a path that begins with one /";
    Err(Error::invalid("media_url", reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_can_be_parsed() {
        for kind in MessageKind::ALL {
            assert_eq!(MessageKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(MessageKind::parse("system"), None);
    }

    #[test]
    fn a_kind_is_implied_by_the_first_media() {
        let media = |kind| Media { url: "https://example.com/a".into(), kind, ..Media::default() };
        assert_eq!(MessageKind::implied(&[]), MessageKind::Text);
        assert_eq!(MessageKind::implied(&[media(None)]), MessageKind::Image);
        let film = media(Some(MessageKind::Video));
        assert_eq!(MessageKind::implied(&[film, media(None)]), MessageKind::Video);
    }

    fn is_refused(url: &str) -> bool {
        let media = Media { url: url.into(), ..Media::default() };
        let checked = check_media(&media, &Limits::default()).and_then(|()| check_address(url));
        matches!(checked, Err(Error::Invalid { field: "media_url", .. }))
    }

    #[test]
    fn addresses_of_media_run_no_code() {
        for good in [
            "https://example.com/a.png",
            "http://127.0.0.1:8080/a?b=c#d",
            "HTTPS://EXAMPLE.COM",
            "https://[::1]/a",
            "https://example.com/javascript:alert(1)",
            "/uploads/a.png",
        ] {
            assert!(!is_refused(good), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "JavaScript://example.com/%0aalert(1)",
            "java\nscript:alert(1)",
            "\tjavascript:alert(1)",
            "\u{1}javascript:alert(1)",
            "\u{a0}javascript:alert(1)",
            "vbscript:x",
            "data:text/html,<script>alert(1)</script>",
            "data:image/png;base64,AAAA",
            "blob:https://example.com/1",
            "file:///etc/passwd",
            "ftp://example.com/a",
            "view-source:https://example.com",
            "filesystem:http://example.com/a",
            "//example.com/a.png",
            "/\\example.com/a.png",
            "\\\\example.com",
            "https:example.com",
            "https:/example.com",
            "https:\\\\example.com",
            "https://",
            "https:///etc/passwd",
            "xhttps://example.com",
            "example.com/a.png",
            "../a.png",
            "?a",
        ] {
            assert!(is_refused(bad), "{bad:?}");
        }
    }
}
