//! What is attached to messages, and what a message mainly is for that. Attachments are named by their addresses; what
//! is found there is nothing that the server looks at.

use crate::Limits;
use crate::error::{Error, Result};
use crate::posting::check_text;

/// What a message mainly is; decides how clients show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// Plain text.
    Text,
    /// A picture under `media_url`.
    Image,
    /// A film under `media_url`.
    Video,
    /// A sound under `media_url`.
    Audio,
    /// Any other file under `media_url`.
    File,
}

impl MessageKind {
    const ALL: [Self; 5] = [Self::Text, Self::Image, Self::Video, Self::Audio, Self::File];

    /// The kind as clients and stores spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::File => "file",
        }
    }

    /// The kind that is spelt so, if any.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// What a message is when its sender does not say: what its first media says or else a picture, or text where
    /// there is none (docs/contract.md, "Messages").
    pub fn implied(media: &[Media]) -> Self {
        media.first().map_or(Self::Text, |first| first.kind.unwrap_or(Self::Image))
    }
}

/// Something attached to a message; only where it is has to be known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Media {
    /// Where it is.
    pub url: String,
    /// What it is; never [`MessageKind::Text`].
    pub kind: Option<MessageKind>,
    /// Its name as its sender knows it.
    pub name: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Its width in pixels.
    pub width: Option<u32>,
    /// Its height in pixels.
    pub height: Option<u32>,
}

/// Checks at what addresses the media of a new message is.
pub(crate) fn check_addresses(media: &[Media]) -> Result<()> {
    media.iter().try_for_each(|media| check_address(&media.url))
}

/// Checks one attachment but for its address, which [`check_addresses`] looks at.
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

/// Clients make pictures and links of these addresses, so none may be of a kind that runs something or reads what is on
/// the reader's own machine. One that begins with two slashes names another host and only looks like a path.
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
    fn a_kind_survives_spelling() {
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
    fn media_is_at_an_address_that_runs_nothing() {
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
