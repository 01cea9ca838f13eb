//! What a server says when it does not let us use a subject, and which one that was.

/// By this refusals begin that are about one subject.
const VIOLATION: &str = "permissions violation";

/// What may not be done with a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    Say,
    Hear,
}

/// One subject that may not be used in one way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Refusal {
    pub(crate) way: Way,
    pub(crate) subject: String,
}

impl Refusal {
    /// What words are about, that begin with `for Publish to "` or `for Subscription to "`.
    pub(crate) fn read(words: &str) -> Option<Self> {
        let (what, rest) = words.split_once('"')?;
        let (subject, _) = rest.split_once('"')?;
        let what = what.to_ascii_lowercase();
        let way = match () {
            () if what.contains("publish") => Way::Say,
            () if what.contains("subscription") => Way::Hear,
            () => return None,
        };
        Some(Self { way, subject: subject.to_owned() })
    }
}

/// Whether an error of the server's is about one subject, and which words it has for it.
pub(crate) fn violation(error: &str) -> Option<&str> {
    let begins = error.get(..VIOLATION.len())?.eq_ignore_ascii_case(VIOLATION);
    begins.then(|| error.get(VIOLATION.len()..).unwrap_or_default().trim_start())
}

/// The reason as the operator is told it.
pub(crate) fn reason(words: &str) -> String {
    format!("{VIOLATION}: {words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_are_told_from_other_errors() {
        assert_eq!(violation("Permissions Violation for Publish to \"a\""), Some("for Publish to \"a\""));
        assert_eq!(violation("authorization violation"), None);
        assert_eq!(violation("Permissions"), None);
    }

    #[test]
    fn what_is_refused_is_read_and_what_is_not_known_is_left_alone() {
        let refused = |way, subject: &str| Some(Refusal { way, subject: subject.into() });
        assert_eq!(Refusal::read("for Publish to \"chat.1.u.5\""), refused(Way::Say, "chat.1.u.5"));
        assert_eq!(Refusal::read("for subscription to \"chat.1.log\""), refused(Way::Hear, "chat.1.log"));
        assert_eq!(Refusal::read("for Subscription to \"a\" using queue \"b\""), refused(Way::Hear, "a"));
        for odd in ["", "for Publish to a", "for Publish to \"a", "for Dreaming of \"a\""] {
            assert_eq!(Refusal::read(odd), None, "{odd}");
        }
    }
}
