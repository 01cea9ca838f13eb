//! The one vocabulary of refusals and failures. Adapters turn their drivers' errors into these; the gateway turns
//! these into HTTP problems and error frames. No driver's or protocol's type may appear here.

/// What a use case answers when it does not succeed.
pub type Result<T> = std::result::Result<T, Error>;

/// What was looked for and is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A user account.
    User,
    /// A group.
    Group,
    /// A conversation.
    Conversation,
    /// A message; one that the caller may not see is not found either.
    Message,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::Conversation => "Conversation",
            Self::Message => "Message",
        })
    }
}

/// Why storage takes no writes, where that is known and somebody can see to it. Anybody may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// There is no room.
    Full,
    /// Nothing may be written: a file system or database is read-only, or the database is a standby.
    ReadOnly,
    /// The file is not under its name any more.
    Moved,
    /// Another file is under its name.
    Replaced,
    /// The file is there, and the log that belongs to it is not.
    LogMoved,
    /// The file is there, and holds what somebody else has written over what was in it.
    Overwritten,
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Full => "its disk is full",
            Self::ReadOnly => "it is read-only, or a standby",
            Self::Moved => "the database file was moved or deleted; put it back, or restart the server",
            Self::Replaced => {
                "another file is in the place of the database file; put the original back, or restart the server"
            }
            Self::Overwritten => {
                "the database file was overwritten while it was served; stop the server, and restore a backup with chatserver restore"
            }
            Self::LogMoved => "the database's log (-wal) was moved or deleted; restart the server",
        })
    }
}

/// What no two accounts may have in common, compared without regard to case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unique {
    /// The name that others see and find the account by.
    Username,
    /// The address that the account's owner logs in with.
    Email,
}

impl std::fmt::Display for Unique {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Username => "username",
            Self::Email => "email",
        })
    }
}

/// Why a use case refused or failed. Each variant has one stable code.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field is missing, malformed or out of bounds; the reason is a phrase that follows the field's name.
    #[error("{field} {reason}")]
    Invalid {
        /// The field as clients spell it.
        field: &'static str,
        /// For instance `must be 3 to 32 characters`.
        reason: String,
    },
    /// A message, typing signal or history request names the caller as the other side.
    #[error("You cannot chat with yourself")]
    Yourself,
    /// No such thing, or none that the caller may know of.
    #[error("{0} not found")]
    NotFound(Kind),
    /// The caller is not a member of the group.
    #[error("You are not a member of this group")]
    NotMember,
    /// What is asked for does not fit the present state of things.
    #[error("{sentence}")]
    Conflict {
        /// The stable name of this conflict.
        code: &'static str,
        /// What is the matter, and what to do.
        sentence: String,
    },
    /// The caller's role does not allow it.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The value is taken, compared without regard to case.
    #[error("That {0} is already registered")]
    Taken(Unique),
    /// Unknown user or wrong password; deliberately one and the same.
    #[error("Invalid email or password")]
    WrongCredentials,
    /// A demo user with the password that everybody knows, by a way on which everybody may come.
    #[error(
        "Demo users can log in only on the server's own machine, at localhost, unless the server was started with \
         --demo"
    )]
    DemoUser,
    /// The caller's account is gone.
    #[error("This account no longer exists; log in again")]
    UnknownCaller,
    /// A search that takes longer than searches may. The same one would again; one that says more would not.
    #[error("This search takes too long; narrow it with a conversation, a sender or rarer words")]
    SearchTooSlow,
    /// A bounded queue is full; nothing was done and the same request may be sent again.
    #[error("The server is busy; try again in a moment")]
    Overloaded,
    /// Storage refuses writes at present, for instance because the disk is full; nothing was done.
    #[error("Storage accepts no writes at present; try again later")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The same, where it is known why.
    #[error("Storage accepts no writes at present: {0}")]
    Obstructed(Obstacle),
    /// A fault of ours or of a driver. Its text is for the log and never for a client.
    #[error("Internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Wraps a fault that no client can do anything about.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// A field that breaks a rule, with the reason as a phrase after the field's name.
    pub fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid { field, reason: reason.into() }
    }

    /// Something that does not fit the present state, with its stable code.
    pub fn conflict(code: &'static str, sentence: impl Into<String>) -> Self {
        Self::Conflict { code, sentence: sentence.into() }
    }

    /// The stable machine-readable name of this refusal (docs/contract.md, "Errors").
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid_request",
            Self::Yourself => "cannot_chat_with_yourself",
            Self::NotFound(Kind::User) => "user_not_found",
            Self::NotFound(Kind::Group) => "group_not_found",
            Self::NotFound(Kind::Conversation) => "conversation_not_found",
            Self::NotFound(Kind::Message) => "message_not_found",
            Self::Conflict { code, .. } => code,
            Self::NotMember => "not_a_member",
            Self::Forbidden(_) => "forbidden",
            Self::Taken(Unique::Email) => "email_taken",
            Self::Taken(Unique::Username) => "username_taken",
            Self::WrongCredentials => "wrong_credentials",
            Self::DemoUser => "demo_user",
            Self::UnknownCaller => "unauthenticated",
            Self::SearchTooSlow => "search_too_slow",
            Self::Overloaded => "overloaded",
            Self::Unavailable(_) | Self::Obstructed(_) => "storage_unavailable",
            Self::Internal(_) => "internal",
        }
    }

    /// Whether the same request may well succeed later, unchanged.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Overloaded | Self::Unavailable(_) | Self::Obstructed(_) | Self::Internal(_))
    }
}
