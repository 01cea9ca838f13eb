//! The query for the index, in PostgreSQL's `tsquery`. Of the user's text it contains only letters and
//! digits.

use chat_core::ids::UserId;
use chat_core::search::{Search, Term};

use super::words::words;

/// More words than the core allows in a query. PostgreSQL refuses a query of very many words.
const MAX_WORDS: usize = 256;
/// Matches every message, because no message has that label.
const ANYTHING: &str = "!'@'";

/// The labels that the index stores for a message besides its words.
pub(super) fn labels(sender: i64, has_media: bool) -> Vec<String> {
    let mut labels = vec![format!("@u{sender}")];
    if has_media {
        labels.push("@m".into());
    }
    labels
}

/// A query in two parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct IndexQuery {
    /// The conditions that a message must meet.
    pub(super) all: String,
    /// Only the words, which rank the matches; empty if there are none.
    pub(super) words: String,
    /// Whether the index can list the matches, rather than only the exceptions.
    pub(super) is_indexable: bool,
}

impl IndexQuery {
    /// Returns the query of a search; `None` if nothing can match.
    pub(super) fn of(search: &Search) -> Option<Self> {
        let terms: Vec<Vec<String>> =
            search.terms.iter().map(parts).filter(|words| !words.is_empty()).collect();
        let n_words: usize = terms.iter().map(Vec::len).sum();
        // Terms without a word are left out. If all are left out, that does not mean that everything matches.
        if n_words > MAX_WORDS || (terms.is_empty() && !search.terms.is_empty()) {
            return None;
        }
        let phrases: Vec<String> = terms.iter().map(|words| format!("({})", words.join(" <-> "))).collect();
        let words = phrases.join(" & ");
        let mut all = phrases;
        if let Some(UserId(sender)) = search.sender {
            all.push(format!("'@u{sender}'"));
        }
        if search.has_media == Some(true) {
            all.push("'@m'".into());
        }
        let is_indexable = !all.is_empty();
        if search.has_media == Some(false) {
            all.push("!'@m'".into());
        }
        if all.is_empty() {
            all.push(ANYTHING.into());
        }
        Some(Self { all: all.join(" & "), words, is_indexable })
    }
}

/// Returns the words of a term, which must follow each other.
fn parts(term: &Term) -> Vec<String> {
    let (Term::Word(text) | Term::Phrase(text) | Term::Prefix(text)) = term;
    let mut parts: Vec<String> = words(text).into_iter().map(|word| format!("'{word}'")).collect();
    if let (Term::Prefix(_), Some(last)) = (term, parts.last_mut()) {
        last.push_str(":*");
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(terms: &[Term]) -> Search {
        Search { terms: terms.to_vec(), ..Search::default() }
    }

    fn all(search: &Search) -> String {
        IndexQuery::of(search).unwrap().all
    }

    #[test]
    fn all_conditions_must_hold() {
        let terms =
            [Term::Word("Old".into()), Term::Phrase("blue cheese".into()), Term::Prefix("mou".into())];
        let words = "('old') & ('blue' <-> 'cheese') & ('mou':*)";
        assert_eq!(all(&of(&terms)), words);
        let narrow = Search { sender: Some(UserId(5)), has_media: Some(true), ..of(&terms) };
        let query = IndexQuery::of(&narrow).unwrap();
        assert_eq!(query.all, format!("{words} & '@u5' & '@m'"));
        assert_eq!((query.words.as_str(), query.is_indexable), (words, true));
    }

    #[test]
    fn without_words_only_the_filters_count() {
        assert_eq!(all(&of(&[])), "!'@'");
        let without = IndexQuery::of(&Search { has_media: Some(false), ..of(&[]) }).unwrap();
        assert_eq!((without.all.as_str(), without.is_indexable), ("!'@m'", false));
        let sent = IndexQuery::of(&Search { sender: Some(UserId(7)), ..of(&[]) }).unwrap();
        assert_eq!((sent.all.as_str(), sent.words.as_str(), sent.is_indexable), ("'@u7'", "", true));
    }

    #[test]
    fn terms_without_words_are_left_out_unless_all_are() {
        let [heart, cheese] = [Term::Word("❤️".into()), Term::Word("it's".into())];
        assert_eq!(all(&of(&[heart.clone(), cheese])), "('it' <-> 's')");
        assert_eq!(IndexQuery::of(&of(std::slice::from_ref(&heart))), None);
        assert_eq!(IndexQuery::of(&Search { sender: Some(UserId(7)), ..of(&[heart]) }), None);
        assert_eq!(IndexQuery::of(&of(&[Term::Phrase("a ".repeat(1000))])), None);
    }

    #[test]
    fn no_typed_text_is_an_operator() {
        let typed = of(&[Term::Word("a' | !'b".into()), Term::Prefix("c:* & \\'".into())]);
        assert_eq!(all(&typed), "('a' <-> 'b') & ('c':*)");
    }
}
