//! Searching the messages that one may see.

use async_trait::async_trait;

use crate::Chat;
use crate::error::{Error, Result};
use crate::ids::{ConversationId, MessageId, UserId};
use crate::messages::Message;
use crate::time::Timestamp;

/// Most messages in one page of results.
pub const MAX_RESULTS: u16 = 100;
/// Longest query in bytes, and most words in it.
const MAX_QUERY_BYTES: usize = 256;
const MAX_TERMS: usize = 16;

/// One thing that must be in a message's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// A word, without regard to case and accents.
    Word(String),
    /// The beginning of a word.
    Prefix(String),
    /// Words in this order.
    Phrase(String),
}

/// The order of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The newest first.
    #[default]
    Newest,
    /// The best match first (BM25), among the newest matches.
    Best,
}

/// A search as a client asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// What must be in the text; all of it. A page of results may be had by filters alone.
    pub terms: Vec<Term>,
    /// Only messages of this sender.
    pub sender: Option<UserId>,
    /// Only messages of this conversation.
    pub conversation: Option<ConversationId>,
    /// Only messages sent at or after this.
    pub since: Option<Timestamp>,
    /// Only messages sent before this.
    pub until: Option<Timestamp>,
    /// Only messages with (or without) something attached.
    pub has_media: Option<bool>,
    /// Only messages with a smaller id: the next page of [`Order::Newest`].
    pub before: Option<MessageId>,
    /// In which order.
    pub order: Order,
    /// At most so many; 1 to [`MAX_RESULTS`].
    pub limit: u16,
}

/// Understands a query as people type it: words, `"a phrase"`, `begin*`. Every word must be found.
pub fn parse_terms(query: &str) -> Result<Vec<Term>> {
    if query.len() > MAX_QUERY_BYTES {
        return Err(Error::invalid("q", format!("must be at most {MAX_QUERY_BYTES} bytes")));
    }
    let mut terms = Vec::new();
    for (index, part) in query.split('"').enumerate() {
        // Every second part stands between quotation marks; one that is not closed is taken as closed at the end.
        if index % 2 == 1 {
            terms.extend(has_word(part).then(|| Term::Phrase(part.trim().to_owned())));
        } else {
            terms.extend(part.split_whitespace().filter(|word| has_word(word)).map(word));
        }
    }
    if terms.len() > MAX_TERMS {
        return Err(Error::invalid("q", format!("must have at most {MAX_TERMS} words")));
    }
    Ok(terms)
}

fn has_word(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

fn word(text: &str) -> Term {
    match text.strip_suffix('*') {
        Some(beginning) => Term::Prefix(beginning.to_owned()),
        None => Term::Word(text.to_owned()),
    }
}

/// The durable side of searching. An index may lag behind the log by about a second.
#[async_trait]
pub trait SearchStore: Send + Sync + 'static {
    /// The messages that fit, of those that the reader may see: in conversations of which the reader is a member,
    /// neither deleted nor hidden. Where that takes longer than a store lets it, it answers `SearchTooSlow`.
    async fn search(&self, reader: UserId, search: Search) -> Result<Vec<Message>>;
}

impl Chat {
    /// Searches the messages that the reader may see.
    pub async fn search(&self, reader: UserId, search: Search) -> Result<Vec<Message>> {
        let has_filter =
            search.sender.is_some() || search.conversation.is_some() || search.has_media.is_some();
        if search.terms.is_empty() && !has_filter {
            return Err(Error::invalid("q", "must have a word, or name a sender, conversation or has_media"));
        }
        self.store.search(reader, search).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_phrases_and_beginnings_are_told_apart() {
        let terms = parse_terms("old \"blue cheese\" mou* 4").unwrap();
        let word = |text: &str| Term::Word(text.into());
        let expected =
            [word("old"), Term::Phrase("blue cheese".into()), Term::Prefix("mou".into()), word("4")];
        assert_eq!(terms, expected);
    }

    #[test]
    fn what_has_no_word_in_it_is_nothing() {
        for empty in ["", "   ", "* \"\" - ()", "\"  \""] {
            assert_eq!(parse_terms(empty).unwrap(), [], "{empty:?}");
        }
    }

    #[test]
    fn an_open_quotation_mark_ends_with_the_query() {
        assert_eq!(parse_terms("\"blue che").unwrap(), [Term::Phrase("blue che".into())]);
    }

    #[test]
    fn queries_are_bounded() {
        assert!(parse_terms(&"a".repeat(257)).is_err());
        assert!(parse_terms(&"a ".repeat(17)).is_err());
        assert!(parse_terms(&"a ".repeat(16)).is_ok());
    }
}
