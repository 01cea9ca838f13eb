//! Names that readers would take for something else: for a word with a special meaning, or for an address.

use chat_names::{is_word_char, plain};

use super::looks;

/// Words with a meaning to clients (`@all`), or with which a user could pose as the server or its operators.
const RESERVED: [&str; 20] = [
    "admin",
    "administrator",
    "all",
    "channel",
    "chatserver",
    "everybody",
    "everyone",
    "here",
    "moderator",
    "null",
    "official",
    "postmaster",
    "root",
    "security",
    "staff",
    "support",
    "sysadmin",
    "system",
    "undefined",
    "webmaster",
];

/// Whether the name is read as one of the reserved words, with or without accents.
pub(super) fn is_reserved(name: &str) -> bool {
    let bare = plain(name);
    RESERVED.iter().any(|word| looks::is_read_as(name, word) || looks::is_read_as(&bare, word))
}

/// Removes signs at both ends: a client reads `@all!` as `@all`.
pub(super) fn trim_signs(name: &str) -> &str {
    name.trim_matches(|c| !is_word_char(c))
}

/// Whether browsers or mail programs make a link of a part of the name: `scheme://`, `www.` or `tom@there.org`. A bare
/// `tom.it` is allowed: people are called `st.john` and `anna.lee`, new top-level domains keep appearing, and no client
/// of this project makes a link of it.
pub(super) fn is_address(name: &str) -> bool {
    let plain = looks::with_plain_signs(name);
    let has_scheme =
        plain.match_indices("://").any(|(at, _)| plain[..at].chars().next_back().is_some_and(is_of_schemes));
    let is_web = |(at, www): (usize, &str)| {
        let before = plain[..at].chars().next_back();
        let after = plain[at + www.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric)
    };
    has_scheme || plain.match_indices("www.").any(is_web) || plain.split(' ').any(is_mail)
}

fn is_of_schemes(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+-.".contains(c)
}

/// Whether the word has a name before an @, and after it a host with a dot and a letter behind the dot, as in
/// `tom@there.org`; not `Lunch@12.30`.
fn is_mail(word: &str) -> bool {
    let Some((local, host)) = word.rsplit_once('@') else { return false };
    let mut labels = host.split('.');
    let has_host = labels.next().is_some_and(|first| first.starts_with(char::is_alphanumeric));
    has_host && !local.is_empty() && labels.any(|label| label.starts_with(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_programs_make_links_of_are_addresses() {
        for address in [
            "http://a",
            "HTTPS://evil.example/login",
            "see ftp://files",
            "chatserver+x://y",
            "http:\u{2215}\u{2215}evil.example",
            "http\u{a789}//evil",
            "www.evil.example",
            "WWW.evil",
            "(www.evil)",
            "x@y.z",
            "ask tom@there.org",
            "tom@mail.there.org, please",
            "tom@b\u{fc}cher.example",
        ] {
            assert!(is_address(address), "{address:?}");
        }
        for name in [
            "J.R. Smith",
            "st.john",
            "mr.bean",
            "evil.com",
            "asp.net",
            "#abc",
            "us @ work",
            "Lunch@12.30",
            "@ home",
            "team@work",
            "and/or",
            "a: b",
            ":// smile",
            "www",
            "awww.cute",
            "www...",
            "50/50",
            "c++/c#",
        ] {
            assert!(!is_address(name), "{name:?}");
        }
    }
}
