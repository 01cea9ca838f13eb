//! Identifiers and positions as distinct types, so that a user's id can never stand where a group's is wanted.
//! Nothing but the numbers themselves may live here.

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A user account; positive.
    UserId
);
number!(
    /// A group as clients name it; positive, in a number space of its own.
    GroupId
);
number!(
    /// A conversation, direct or group; positive.
    ConversationId
);
number!(
    /// A message, unique on the server; positive, later messages have larger ids.
    MessageId
);
number!(
    /// A message's place in its conversation: 1, 2, 3 … without gaps (README, promise 3).
    Seq
);
number!(
    /// A conversation's count of changes of every kind; a changed object carries the `rev` of its last change.
    Rev
);
number!(
    /// A place in the one log of all changes, which is ordered by commit.
    Position
);
