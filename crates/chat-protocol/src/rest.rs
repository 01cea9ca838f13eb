//! The bodies of `/v1` (docs/contract.md, "Routes"), except those about messages and conversations.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Time;

/// `GET /ping`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Pong {
    /// Always `pong`.
    #[schema(example = "pong")]
    pub message: String,
    /// `sqlite3` or `postgres`.
    #[schema(example = "sqlite3")]
    pub db_driver: String,
}

/// `GET /healthz`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    pub status: String,
}

/// `GET /readyz`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// Always `ready`.
    #[schema(example = "ready")]
    pub status: String,
    /// State of the bus to the other nodes of a cluster; omitted on SQLite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub bus: Option<Bus>,
    /// How far the clock of the server's machine is ahead of the database's, in milliseconds; negative if it is behind.
    /// Measured some seconds ago; omitted if the database has no clock of its own (SQLite) or was not reachable then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = -12)]
    pub clock_skew_ms: Option<i64>,
}

/// State of the bus between the nodes of a cluster. With `down` or `none`, the node serves clients all the same: it
/// reads the events of other nodes from the database, so that their messages arrive a little later, and the presence
/// and typing of their users not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bus {
    /// Events travel over the bus.
    Up,
    /// The bus cannot be used.
    Down,
    /// The node has no bus configured, and reads from the database.
    None,
}

/// A request to register.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct RegisterRequest {
    /// 3 to 32 visible characters; unique regardless of case and look.
    #[schema(example = "spike", min_length = 3, max_length = 32)]
    pub username: String,
    /// Unique regardless of case.
    #[schema(example = "spike@temp.com", format = "email", max_length = 254)]
    pub email: String,
    /// 8 to 128 characters.
    #[schema(example = "bulldog-42", format = "password", min_length = 8, max_length = 128)]
    pub password: String,
}

/// A new account.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Registered {
    /// Id of the account.
    #[schema(example = 3)]
    pub id: i64,
    /// The name as stored and shown.
    pub username: String,
    /// The email address as stored.
    pub email: String,
    /// `User registered successfully`.
    pub message: String,
    /// A JWT for the new account.
    pub token: String,
}

/// Name of the cookie by which a server recognizes a device that a user has logged in from before. It grants no access;
/// failed logins from elsewhere just do not count against a client that sends it.
pub const DEVICE_COOKIE: &str = "chatserver_device";

/// A request to log in: the password, and either `email` or `username`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct LoginRequest {
    /// The email address, unless `username` is given.
    #[schema(example = "tom@temp.com")]
    pub email: Option<String>,
    /// The username, unless `email` is given.
    #[schema(example = "tom")]
    pub username: Option<String>,
    /// The password.
    #[schema(example = "password123", format = "password")]
    pub password: String,
}

/// A login that succeeded.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct LoggedIn {
    /// `Login successful`.
    pub message: String,
    /// A JWT.
    pub token: String,
    /// Id of the account.
    #[schema(example = 1)]
    pub user_id: i64,
    /// The account's name.
    #[schema(example = "tom")]
    pub username: String,
    /// When the token expires.
    pub expires_at: Time,
}

/// `GET /v1/test-auth`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AccessGranted {
    /// `Access granted`.
    pub message: String,
    /// Id of the token's user.
    #[schema(example = 3)]
    pub user_id: i64,
}

/// `POST /v1/ws-ticket`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct WsTicket {
    /// Valid once, as `/ws?ticket=`.
    pub ticket: String,
    /// Seconds until it expires.
    #[schema(example = 30)]
    pub expires_in: u32,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Id of the account.
    #[schema(example = 1)]
    pub id: i64,
    /// The account's name.
    #[schema(example = "tom")]
    pub username: String,
    /// Null except on the caller's own row.
    #[schema(required)]
    pub email: Option<String>,
    /// When the account was registered.
    pub created_at: Time,
}

/// A user, with the last message between the caller and them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserWithChatInfo {
    /// The user.
    #[serde(flatten)]
    pub user: User,
    /// Text of that message; null if there is none.
    #[schema(required)]
    pub last_message_content: Option<String>,
    /// When it was sent; null if there is none.
    #[schema(required)]
    pub last_message_timestamp: Option<Time>,
    /// Id of its sender; null if there is none.
    #[schema(required)]
    pub last_message_sender_id: Option<i64>,
}

/// A request for a new group.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreateGroupRequest {
    /// 1 to 100 characters.
    #[schema(example = "Cheese lovers", min_length = 1, max_length = 100)]
    pub name: String,
}

/// A new group.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GroupCreated {
    /// `Group created successfully`.
    pub message: String,
    /// Id of the group.
    #[schema(example = 1)]
    pub id: i64,
    /// The same as `id`.
    #[schema(example = 1)]
    pub group_id: i64,
    /// The name, trimmed.
    pub name: String,
    /// Id of the owner, the caller.
    #[schema(example = 1)]
    pub owner_id: i64,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// Id of the group.
    #[schema(example = 1)]
    pub id: i64,
    /// Name of the group.
    #[schema(example = "Cheese lovers")]
    pub name: String,
    /// Id of the owner.
    #[schema(example = 1)]
    pub owner_id: i64,
    /// When it was created.
    pub created_at: Time,
}

/// A request to add a member.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AddMemberRequest {
    /// Id of the user to add.
    #[schema(example = 2, minimum = 1)]
    pub user_id: i64,
}

/// An answer without data.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// For instance `Member added successfully`.
    pub message: String,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// Id of the member's account.
    #[schema(example = 1)]
    pub id: i64,
    /// The member's name.
    #[schema(example = "tom")]
    pub username: String,
    /// `owner`, `admin` or `member`.
    #[schema(example = "owner")]
    pub role: String,
}

/// A request to rename a group.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RenameGroupRequest {
    /// 1 to 100 characters.
    #[schema(example = "Cheese lovers", min_length = 1, max_length = 100)]
    pub name: String,
}

/// A request to give a member another role.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChangeRoleRequest {
    /// `admin`, `member`, or `owner`, which makes the caller an admin.
    #[schema(example = "admin")]
    pub role: String,
}

/// A request to log out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct LogoutRequest {
    /// Whether to revoke all of the caller's tokens instead of only the one that was sent.
    #[serde(default)]
    pub everywhere: bool,
}

/// A request to change the caller's password, which revokes all tokens.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct ChangePasswordRequest {
    /// The current password.
    #[schema(format = "password")]
    pub old_password: String,
    /// 8 to 128 characters.
    #[schema(format = "password", min_length = 8, max_length = 128)]
    pub new_password: String,
}

/// The answer to a password change.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct PasswordChanged {
    /// `Password changed successfully`.
    pub message: String,
    /// A new JWT; all earlier ones are revoked.
    pub token: String,
}
