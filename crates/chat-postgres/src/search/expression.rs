//! What is asked of the index, in PostgreSQL's `tsquery`. Nothing that a user typed stands in it but letters and digits.

use chat_core::ids::UserId;
use chat_core::search::{Search, Term};

use super::words::words;

/// More words than the core lets anybody ask for. A query of very many is refused by PostgreSQL.
const MAX_WORDS: usize = 256;
/// Fits every message: that label is given to none.
const ANYTHING: &str = "!'@'";

/// The labels by which the index tells messages apart beside their words.
pub(super) fn labels(sender: i64, has_media: bool) -> Vec<String> {
    let mut labels = vec![format!("@u{sender}")];
    if has_media {
        labels.push("@m".into());
    }
    labels
}

/// A question in two parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// What must be so.
    pub(super) all: String,
    /// Only the words, by which what fits is ranked; empty where there are none.
    pub(super) words: String,
    /// Whether the index can name the messages, rather than only those that are not meant.
    pub(super) is_indexable: bool,
}

impl Question {
    /// What a search asks; `None` if nothing can answer it.
    pub(super) fn of(search: &Search) -> Option<Self> {
        let terms: Vec<Vec<String>> =
            search.terms.iter().map(parts).filter(|words| !words.is_empty()).collect();
        let n_words: usize = terms.iter().map(Vec::len).sum();
        // What has no word in it is left out, but that all was left out does not mean that all fits.
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

/// The words of a term, which have to follow each other.
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
        Question::of(search).unwrap().all
    }

    #[test]
    fn all_that_is_asked_for_must_be_so() {
        let terms =
            [Term::Word("Old".into()), Term::Phrase("blue cheese".into()), Term::Prefix("mou".into())];
        let words = "('old') & ('blue' <-> 'cheese') & ('mou':*)";
        assert_eq!(all(&of(&terms)), words);
        let narrow = Search { sender: Some(UserId(5)), has_media: Some(true), ..of(&terms) };
        let question = Question::of(&narrow).unwrap();
        assert_eq!(question.all, format!("{words} & '@u5' & '@m'"));
        assert_eq!((question.words.as_str(), question.is_indexable), (words, true));
    }

    #[test]
    fn without_words_the_filters_are_asked_for() {
        assert_eq!(all(&of(&[])), "!'@'");
        let without = Question::of(&Search { has_media: Some(false), ..of(&[]) }).unwrap();
        assert_eq!((without.all.as_str(), without.is_indexable), ("!'@m'", false));
        let sent = Question::of(&Search { sender: Some(UserId(7)), ..of(&[]) }).unwrap();
        assert_eq!((sent.all.as_str(), sent.words.as_str(), sent.is_indexable), ("'@u7'", "", true));
    }

    #[test]
    fn what_is_no_word_is_left_out_unless_it_is_everything() {
        let [heart, cheese] = [Term::Word("❤️".into()), Term::Word("it's".into())];
        assert_eq!(all(&of(&[heart.clone(), cheese])), "('it' <-> 's')");
        assert_eq!(Question::of(&of(std::slice::from_ref(&heart))), None);
        assert_eq!(Question::of(&Search { sender: Some(UserId(7)), ..of(&[heart]) }), None);
        assert_eq!(Question::of(&of(&[Term::Phrase("a ".repeat(1000))])), None);
    }

    #[test]
    fn nothing_typed_is_an_operator() {
        let typed = of(&[Term::Word("a' | !'b".into()), Term::Prefix("c:* & \\'".into())]);
        assert_eq!(all(&typed), "('a' <-> 'b') & ('c':*)");
    }
}
