//! Names that would be taken for something other than a name: for a word with a meaning, or for an address.

use chat_names::{is_of_words, plain};

use super::looks;

/// Words that mean something to clients (`@all`) or would let somebody speak in the server's name.
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

/// Whether the name is read as one of the words that are kept for the server, whatever its accents.
pub(super) fn is_reserved(name: &str) -> bool {
    let bare = plain(name);
    RESERVED.iter().any(|word| looks::is_read_as(name, word) || looks::is_read_as(&bare, word))
}

/// Without signs at its ends: whoever writes `@all!` does not call a user of that name.
pub(super) fn without_signs(name: &str) -> &str {
    name.trim_matches(|c| !is_of_words(c))
}

/// Whether browsers or mail programs make a link of a part of it: of `scheme://`, `www.` and `tom@there.org`. A mere
/// `tom.it` is no such part: people are called `st.john` and `anna.lee`, the endings of domains are whatever is sold
/// this year, and no client of ours makes a link of one.
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

/// Whether there is a name before an @ and something with a dot and a letter after that, as in `tom@there.org`; not
/// `Lunch@12.30`.
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
    fn what_a_browser_or_a_mail_program_makes_a_link_of_is_an_address() {
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
