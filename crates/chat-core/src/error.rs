//! All refusals and failures of use cases. Adapters convert their drivers' errors into these; the gateway converts
//! these into HTTP problems and error frames. No type of a driver or protocol may appear here.

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

/// The kind of object that was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A user account.
    User,
    /// A group.
    Group,
    /// A conversation.
    Conversation,
    /// A message; also returned for one that the caller may not see.
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

/// Why storage accepts no writes, if the reason is known and an operator can act on it. May be shown to every client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The disk is full.
    Full,
    /// A file system or database is read-only, or the database is a standby.
    ReadOnly,
    /// The database file was moved or deleted.
    Moved,
    /// Another file is in the place of the database file.
    Replaced,
    /// The database file is there, but its write-ahead log is not.
    LogMoved,
    /// Something else has overwritten the contents of the database file.
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

/// A value that no two accounts may share, compared without regard to case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unique {
    /// The name by which others see and find the account.
    Username,
    /// The address with which the account's owner logs in.
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

/// Why a use case refused or failed. Each variant has a stable code, see [`Error::code`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field is missing, malformed or out of bounds.
    #[error("{field} {reason}")]
    Invalid {
        /// The field's name in the API.
        field: &'static str,
        /// A phrase that follows the field's name, such as `must be 3 to 32 characters`.
        reason: String,
    },
    /// A message, typing signal or history request names the caller as the other side.
    #[error("You cannot chat with yourself")]
    Yourself,
    /// The object does not exist, or the caller may not know of it.
    #[error("{0} not found")]
    NotFound(Kind),
    /// The caller is not a member of the group.
    #[error("You are not a member of this group")]
    NotMember,
    /// The request does not fit the present state.
    #[error("{sentence}")]
    Conflict {
        /// Stable code of this conflict.
        code: &'static str,
        /// What is wrong, and what to do.
        sentence: String,
    },
    /// The caller's role does not allow it. Holds the reason.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The value is in use, compared without regard to case.
    #[error("That {0} is already registered")]
    Taken(Unique),
    /// Unknown user or wrong password; deliberately the same error for both.
    #[error("Invalid email or password")]
    WrongCredentials,
    /// A demo user tries to log in with the well-known password over a connection that is open to everybody.
    #[error(
        "Demo users can log in only on the server's own machine, at localhost, unless the server was started with \
         --demo"
    )]
    DemoUser,
    /// The caller's account no longer exists.
    #[error("This account no longer exists; log in again")]
    UnknownCaller,
    /// A search exceeds the time limit. Repeating it fails again; a narrower one may succeed.
    #[error("This search takes too long; narrow it with a conversation, a sender or rarer words")]
    SearchTooSlow,
    /// A bounded queue is full. Nothing was done; the same request may be sent again.
    #[error("The server is busy; try again in a moment")]
    Overloaded,
    /// Storage refuses writes at present. Nothing was done.
    #[error("Storage accepts no writes at present; try again later")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Storage refuses writes at present, for a known reason. Nothing was done.
    #[error("Storage accepts no writes at present: {0}")]
    Obstructed(Obstacle),
    /// A fault of the server or of a driver. The source is for the log and must never reach a client.
    #[error("Internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Wraps a fault that no client can do anything about.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// Makes the error for a field that breaks a rule; `reason` is a phrase that follows the field's name.
    pub fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid { field, reason: reason.into() }
    }

    /// Makes the error for a request that does not fit the present state.
    pub fn conflict(code: &'static str, sentence: impl Into<String>) -> Self {
        Self::Conflict { code, sentence: sentence.into() }
    }

    /// Returns the stable machine-readable code (docs/contract.md, "Errors").
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

    /// Whether the same request may succeed later, unchanged.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Overloaded | Self::Unavailable(_) | Self::Obstructed(_) | Self::Internal(_))
    }
}
