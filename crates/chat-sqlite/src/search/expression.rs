//! Builds queries in the language of FTS5. A user's words appear only between quotation marks, where FTS5 has no
//! operators.

use std::fmt::Write as _;

use chat_core::ids::{ConversationId, UserId};
use chat_core::search::{Search, Term};

/// Tokens by which the index filters messages before it looks at their words.
pub(super) fn scope(conversation: i64, sender: i64, has_media: bool) -> String {
    format!("c{conversation} u{sender} m{}", u8::from(has_media))
}

/// The query for `search` in these conversations, or in all of them. Empty if that leaves nothing to ask for.
pub(super) fn expression(search: &Search, conversations: &[ConversationId]) -> String {
    let mut text = String::new();
    let terms: Vec<_> = search.terms.iter().map(term).collect();
    if !terms.is_empty() {
        // Joined by blanks instead of AND, because FTS5 then ignores a term without any token.
        and(&mut text, format_args!("content:({})", terms.join(" ")));
    }
    if let Some(UserId(sender)) = search.sender {
        and(&mut text, format_args!("scope:(\"u{sender}\")"));
    }
    if let Some(has_media) = search.has_media {
        and(&mut text, format_args!("scope:(\"m{}\")", u8::from(has_media)));
    }
    if !conversations.is_empty() {
        let tokens: Vec<_> = conversations.iter().map(|id| format!("\"c{id}\"")).collect();
        and(&mut text, format_args!("scope:({})", tokens.join(" OR ")));
    }
    text
}

fn and(text: &mut String, part: std::fmt::Arguments<'_>) {
    let joint = if text.is_empty() { "" } else { " AND " };
    // Writing to a string does not fail.
    let _ = write!(text, "{joint}{part}");
}

fn term(term: &Term) -> String {
    match term {
        Term::Word(words) | Term::Phrase(words) => quoted(words),
        Term::Prefix(beginning) => quoted(beginning) + "*",
    }
}

/// A string literal of FTS5. A zero byte would end the whole query.
fn quoted(words: &str) -> String {
    format!("\"{}\"", words.replace('\0', " ").replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(terms: &[Term]) -> Search {
        Search { terms: terms.to_vec(), ..Search::default() }
    }

    #[test]
    fn what_is_asked_for_stands_side_by_side() {
        let terms =
            [Term::Word("old".into()), Term::Phrase("blue cheese".into()), Term::Prefix("mou".into())];
        let words = "content:(\"old\" \"blue cheese\" \"mou\"*)";
        assert_eq!(expression(&of(&terms), &[]), words);
        let narrow = Search { sender: Some(UserId(5)), has_media: Some(true), ..of(&terms) };
        let conversations = [ConversationId(1), ConversationId(7)];
        let expected = format!("{words} AND scope:(\"u5\") AND scope:(\"m1\") AND scope:(\"c1\" OR \"c7\")");
        assert_eq!(expression(&narrow, &conversations), expected);
        assert_eq!(expression(&of(&[]), &conversations), "scope:(\"c1\" OR \"c7\")");
        assert_eq!(expression(&of(&[]), &[]), "");
    }

    #[test]
    fn no_quotation_mark_is_closed_from_within() {
        let word = |text: &str| expression(&of(&[Term::Word(text.into())]), &[]);
        assert_eq!(word("a\" OR \"b"), "content:(\"a\"\" OR \"\"b\")");
        assert_eq!(word("a\0b"), "content:(\"a b\")");
        assert_eq!(word("\""), "content:(\"\"\"\")");
    }
}
