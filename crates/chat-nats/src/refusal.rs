//! Parses a server's errors about subjects that may not be used.

/// The beginning of errors about one subject.
const VIOLATION: &str = "permissions violation";

/// What the server does not allow on a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    Publish,
    Subscribe,
}

/// A subject and the action that is not allowed on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Refusal {
    pub(crate) action: Action,
    pub(crate) subject: String,
}

impl Refusal {
    /// Parses the rest of an error, which begins with `for Publish to "` or `for Subscription to "`.
    pub(crate) fn read(words: &str) -> Option<Self> {
        let (what, rest) = words.split_once('"')?;
        let (subject, _) = rest.split_once('"')?;
        let what = what.to_ascii_lowercase();
        let action = match () {
            () if what.contains("publish") => Action::Publish,
            () if what.contains("subscription") => Action::Subscribe,
            () => return None,
        };
        Some(Self { action, subject: subject.to_owned() })
    }
}

/// The rest of a server's error after [`VIOLATION`], if the error is about one subject.
pub(crate) fn violation(error: &str) -> Option<&str> {
    let begins = error.get(..VIOLATION.len())?.eq_ignore_ascii_case(VIOLATION);
    begins.then(|| error.get(VIOLATION.len()..).unwrap_or_default().trim_start())
}

/// The reason as it is logged.
pub(crate) fn reason(words: &str) -> String {
    format!("{VIOLATION}: {words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_are_distinguished_from_other_errors() {
        assert_eq!(violation("Permissions Violation for Publish to \"a\""), Some("for Publish to \"a\""));
        assert_eq!(violation("authorization violation"), None);
        assert_eq!(violation("Permissions"), None);
    }

    #[test]
    fn refusals_are_parsed_and_unknown_texts_are_ignored() {
        let refused = |action, subject: &str| Some(Refusal { action, subject: subject.into() });
        assert_eq!(Refusal::read("for Publish to \"chat.1.u.5\""), refused(Action::Publish, "chat.1.u.5"));
        assert_eq!(
            Refusal::read("for subscription to \"chat.1.log\""),
            refused(Action::Subscribe, "chat.1.log")
        );
        assert_eq!(
            Refusal::read("for Subscription to \"a\" using queue \"b\""),
            refused(Action::Subscribe, "a")
        );
        for odd in ["", "for Publish to a", "for Publish to \"a", "for Dreaming of \"a\""] {
            assert_eq!(Refusal::read(odd), None, "{odd}");
        }
    }
}
