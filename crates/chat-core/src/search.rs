//! Full-text search in the messages that a user may see.

use std::time::Duration;

use async_trait::async_trait;

use crate::Chat;
use crate::error::{Error, Result};
use crate::ids::{ConversationId, MessageId, UserId};
use crate::messages::Message;
use crate::time::Timestamp;

/// Maximum number of messages in one page of results.
pub const MAX_RESULTS: u16 = 100;
/// Longest query, in bytes, and maximum number of words and phrases in it.
const MAX_QUERY_BYTES: usize = 256;
const MAX_TERMS: usize = 16;
/// Number of the newest matches among which the best are searched.
const RANKED: usize = 1000;
/// How far the server's clock may have been set back without a search by time missing a message, in microseconds.
const CLOCK_MARGIN: i64 = 3_600_000_000;
/// Time limit of a search.
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// A condition on a message's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// The text contains this word, without regard to case and accents.
    Word(String),
    /// The text contains a word with this beginning.
    Prefix(String),
    /// The text contains these words in this order.
    Phrase(String),
}

/// Order of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The newest first.
    #[default]
    Newest,
    /// The best match first (BM25), among the newest matches.
    Best,
}

/// A client's search request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// Conditions on the text, all of which must hold. May be empty if there is a filter.
    pub terms: Vec<Term>,
    /// Only messages of this sender.
    pub sender: Option<UserId>,
    /// Only messages of this conversation.
    pub conversation: Option<ConversationId>,
    /// Only messages sent at or after this time.
    pub since: Option<Timestamp>,
    /// Only messages sent before this time.
    pub until: Option<Timestamp>,
    /// Only messages with (or without) attachments.
    pub has_media: Option<bool>,
    /// Only messages with a smaller id: the next page in the order [`Order::Newest`].
    pub before: Option<MessageId>,
    pub order: Order,
    /// Maximum number of messages, 1 to [`MAX_RESULTS`].
    pub limit: u16,
}

impl Search {
    /// Returns the maximum number of messages in the answer.
    pub fn limit(&self) -> usize {
        usize::from(self.limit)
    }

    /// Returns how many of the newest matches are needed: as many as the answer holds, or those that are ranked.
    pub fn wanted(&self) -> usize {
        if self.order == Order::Best { RANKED.max(self.limit()) } else { self.limit() }
    }

    /// Returns the range of times in which a message was sent, the first included: microseconds since 1970.
    pub fn times(&self) -> (i64, i64) {
        (self.since.map_or(i64::MIN, |at| at.0), self.until.map_or(i64::MAX, |at| at.0))
    }

    /// Returns the range of ids of the messages that may match. `next` is the id of the next message, or a larger
    /// number. `first_sent_at` returns the id of the first message sent at or after a time, in microseconds since 1970.
    /// Ids grow with time unless the clock is set back.
    pub fn range<E>(
        &self,
        next: i64,
        mut first_sent_at: impl FnMut(i64) -> std::result::Result<i64, E>,
    ) -> std::result::Result<Range, E> {
        let mut range = Range { after: 0, before: self.before.map_or(next, |id| id.0.min(next)) };
        if let Some(Timestamp(since)) = self.since {
            range.after = first_sent_at(since.saturating_sub(CLOCK_MARGIN))? - 1;
        }
        if let Some(Timestamp(until)) = self.until {
            range.before = range.before.min(first_sent_at(until.saturating_add(CLOCK_MARGIN))?);
        }
        Ok(range)
    }
}

/// A range of message ids, both bounds exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Lower bound, exclusive.
    pub after: i64,
    /// Upper bound, exclusive.
    pub before: i64,
}

/// Unwraps the index of a store.
///
/// # Errors
/// `search_off` if the store has none.
pub fn index<T>(index: Option<&T>) -> Result<&T> {
    index.ok_or_else(|| Error::conflict("search_off", "Search is turned off on this server"))
}

/// Checks the time limit of a search.
///
/// # Errors
/// `SearchTooSlow` if it has exceeded the limit.
pub fn check_time_limit(elapsed: Duration) -> Result<()> {
    if elapsed > TIME_LIMIT { Err(too_slow()) } else { Ok(()) }
}

/// Returns the refusal of a search that the database has stopped because it took too long.
pub fn too_slow() -> Error {
    Error::SearchTooSlow
}

/// Parses a query as people type it: words, `"a phrase"`, `begin*`. Every part must be found.
///
/// # Errors
/// `Invalid` if the query has too many bytes or parts.
pub fn parse_terms(query: &str) -> Result<Vec<Term>> {
    if query.len() > MAX_QUERY_BYTES {
        return Err(Error::invalid("q", format!("must be at most {MAX_QUERY_BYTES} bytes")));
    }
    let mut terms = Vec::new();
    for (index, part) in query.split('"').enumerate() {
        // Every second part is between quotation marks; a missing closing mark is assumed at the end.
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
    /// Returns the matching messages that the reader may see: in conversations of which the reader is a member, neither
    /// deleted nor hidden. Answers `SearchTooSlow` if the search exceeds the store's time limit.
    async fn search(&self, reader: UserId, search: Search) -> Result<Vec<Message>>;
}

impl Chat {
    /// Searches the messages that the reader may see.
    ///
    /// # Errors
    /// `Invalid` if there is neither a condition nor a filter; `search_off`; `SearchTooSlow`.
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
    fn words_phrases_and_prefixes_are_distinguished() {
        let terms = parse_terms("old \"blue cheese\" mou* 4").unwrap();
        let word = |text: &str| Term::Word(text.into());
        let expected =
            [word("old"), Term::Phrase("blue cheese".into()), Term::Prefix("mou".into()), word("4")];
        assert_eq!(terms, expected);
    }

    #[test]
    fn parts_without_a_word_are_ignored() {
        for empty in ["", "   ", "* \"\" - ()", "\"  \""] {
            assert_eq!(parse_terms(empty).unwrap(), [], "{empty:?}");
        }
    }

    #[test]
    fn a_range_of_ids_holds_all_that_may_have_been_sent_in_time() {
        // Message n was sent n hours after 1970.
        const HOUR: i64 = CLOCK_MARGIN;
        let first = |at: i64| Ok::<_, Error>(at.clamp(0, 21 * HOUR).div_euclid(HOUR).max(1));
        let range = |search: &Search| {
            let Range { after, before } = search.range(21, first).unwrap();
            (after, before)
        };
        let at = |hours| Some(Timestamp(hours * HOUR));
        let all = Search::default();
        assert_eq!(range(&all), (0, 21));
        assert_eq!(range(&Search { before: Some(MessageId(7)), ..all.clone() }), (0, 7));
        assert_eq!(range(&Search { before: Some(MessageId(99)), ..all.clone() }), (0, 21));
        assert_eq!(range(&Search { since: at(10), until: at(12), ..all.clone() }), (8, 13));
        assert_eq!(range(&Search { until: at(12), before: Some(MessageId(7)), ..all.clone() }), (0, 7));
        let ever = Search { since: Some(Timestamp(i64::MIN)), until: Some(Timestamp(i64::MAX)), ..all };
        assert_eq!(range(&ever), (0, 21));
        assert_eq!((ever.times(), Search::default().times()), ((i64::MIN, i64::MAX), (i64::MIN, i64::MAX)));
    }

    #[test]
    fn the_best_are_searched_among_more_than_a_page() {
        let search = |order, limit| Search { order, limit, ..Search::default() };
        assert_eq!(search(Order::Newest, 20).wanted(), 20);
        assert_eq!(search(Order::Best, 20).wanted(), RANKED);
    }

    #[test]
    fn a_search_has_a_time_limit() {
        assert!(check_time_limit(TIME_LIMIT).is_ok());
        let longer = TIME_LIMIT + Duration::from_millis(1);
        assert!(matches!(check_time_limit(longer), Err(Error::SearchTooSlow)));
    }

    #[test]
    fn without_an_index_nothing_is_searched() {
        assert_eq!(index(Some(&7)).unwrap(), &7);
        assert_eq!(index::<()>(None).unwrap_err().code(), "search_off");
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
