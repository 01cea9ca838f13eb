//! Identifiers and log positions as distinct types, so that a user's id cannot be passed where a group's is expected.
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
    /// Id of a user account; positive.
    UserId
);
number!(
    /// Id of a group in the API; positive, in a number space of its own.
    GroupId
);
number!(
    /// Id of a conversation, direct or group; positive.
    ConversationId
);
number!(
    /// Id of a message, unique on the server; positive. Later messages have larger ids.
    MessageId
);
number!(
    /// Number of a message in its conversation: 1, 2, 3 … without gaps (README, promise 3).
    Seq
);
number!(
    /// A conversation's count of changes of every kind; a changed object carries the `rev` of its last change.
    Rev
);
number!(
    /// Log position: the number of a change in the one log of all changes, in commit order.
    Position
);
