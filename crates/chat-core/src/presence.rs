//! How users want to be seen.

/// How the user of a client wants to be seen. Of several clients of a user the smallest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Choice {
    /// As if not there; counts for all clients of the user.
    Invisible,
    /// There.
    Online,
    /// There, but not looking.
    Away,
}

impl Choice {
    /// The choice as clients spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invisible => "invisible",
            Self::Online => "online",
            Self::Away => "away",
        }
    }

    /// The choice that is spelt so, if any.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Invisible, Self::Online, Self::Away].into_iter().find(|choice| choice.as_str() == text)
    }
}
