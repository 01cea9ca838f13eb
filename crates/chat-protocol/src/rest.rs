//! The bodies of `/v1` (contract.md part 1).

use std::borrow::Cow;

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

/// `GET /healthz` and `GET /readyz`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok` or `ready`.
    #[schema(example = "ok")]
    pub status: String,
}

/// A request to register.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct RegisterRequest {
    /// 3 to 32 characters, unique without regard to case.
    #[schema(example = "spike", min_length = 3, max_length = 32)]
    pub username: String,
    /// Unique without regard to case.
    #[schema(example = "spike@temp.com", format = "email", max_length = 254)]
    pub email: String,
    /// 8 to 128 characters.
    #[schema(example = "bulldog-42", format = "password", min_length = 8, max_length = 128)]
    pub password: String,
}

/// A new account.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Registered {
    /// The account's number.
    #[schema(example = 3)]
    pub id: i64,
    /// The name as given.
    pub username: String,
    /// The address as given.
    pub email: String,
    /// `User registered successfully`.
    pub message: String,
    /// A JWT for the new account.
    pub token: String,
}

/// A request to log in: the password with one of the names.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct LoginRequest {
    /// The address; or give `username`.
    #[schema(example = "tom@temp.com")]
    pub email: Option<String>,
    /// The name; or give `email`.
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
    /// The account's number.
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
    /// Who the token stands for.
    #[schema(example = 3)]
    pub user_id: i64,
}

/// `POST /v1/ws-ticket`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct WsTicket {
    /// To be used once, as `/ws?ticket=`.
    pub ticket: String,
    /// Seconds until it expires.
    #[schema(example = 30)]
    pub expires_in: u32,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// The account's number.
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
    /// The message's text; null where the two have not written to each other.
    #[schema(required)]
    pub last_message_content: Option<String>,
    /// When it was sent.
    #[schema(required)]
    pub last_message_timestamp: Option<Time>,
    /// Who sent it.
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
    /// The group's number.
    #[schema(example = 1)]
    pub id: i64,
    /// The same number.
    #[schema(example = 1)]
    pub group_id: i64,
    /// The name, trimmed.
    pub name: String,
    /// Who owns it: the caller.
    #[schema(example = 1)]
    pub owner_id: i64,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// The group's number.
    #[schema(example = 1)]
    pub id: i64,
    /// Its name.
    #[schema(example = "Cheese lovers")]
    pub name: String,
    /// Who owns it.
    #[schema(example = 1)]
    pub owner_id: i64,
    /// When it was created.
    pub created_at: Time,
}

/// A request to add a member.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AddMemberRequest {
    /// Whom to add.
    #[schema(example = 2, minimum = 1)]
    pub user_id: i64,
}

/// An answer that only says that it is done.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// For instance `Member added successfully`.
    pub message: String,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The member's account.
    #[schema(example = 1)]
    pub id: i64,
    /// The member's name.
    #[schema(example = "tom")]
    pub username: String,
    /// `owner`, `admin` or `member`.
    #[schema(example = "owner")]
    pub role: String,
}

/// A message to be sent: `content`, `media_url` or both.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct SendRequest {
    /// Text, at most 16 KiB.
    #[schema(example = "Hello, Jerry!")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Where the media is.
    #[schema(max_length = 2048)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_url: Option<String>,
    /// `text`, `image`, `video`, `audio` or `file`; where absent, `image` if there is media, else `text`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The sender's key for this message: a retry under the same key gets the first result.
    #[schema(max_length = 128)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_msg_id: Option<String>,
}

/// A message that is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sent {
    /// What was done, in words.
    pub message: String,
    /// The message's number.
    #[schema(example = 7)]
    pub id: i64,
    /// Its place in the conversation: 1, 2, 3 … without gaps.
    #[schema(example = 1)]
    pub seq: i64,
    /// When the server accepted it.
    pub timestamp: Time,
    /// The conversation it is in.
    #[schema(example = 1)]
    pub conversation_id: i64,
    /// As in the message object.
    #[serde(rename = "type")]
    #[schema(example = "text")]
    pub kind: Cow<'static, str>,
    /// As in the message object.
    #[schema(example = "PENDING")]
    pub status: Cow<'static, str>,
    /// The key it was sent under, if any.
    #[schema(required)]
    pub client_msg_id: Option<String>,
    /// Whether this is the first result of an earlier request with the same key.
    pub duplicate: bool,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// The message's number, unique on the server.
    #[schema(example = 7)]
    pub id: i64,
    /// Who wrote it.
    #[schema(example = 1)]
    pub sender_id: i64,
    /// To which user; 0 in a group message.
    #[schema(example = 2)]
    pub recipient_id: i64,
    /// To which group; 0 in a P2P message.
    #[schema(example = 0)]
    pub group_id: i64,
    /// `text`, `image`, `video`, `audio` or `file`.
    #[serde(rename = "type")]
    #[schema(example = "text")]
    pub kind: Cow<'static, str>,
    /// Text.
    pub content: String,
    /// Where the media is; empty where none.
    pub media_url: String,
    /// When the server accepted it.
    pub timestamp: Time,
    /// P2P: `PENDING`, `DELIVERED` or `READ`; group: `SENT`.
    #[schema(example = "DELIVERED")]
    pub status: Cow<'static, str>,
    /// The conversation it is in.
    #[schema(example = 1)]
    pub conversation_id: i64,
    /// Its place in the conversation: 1, 2, 3 … without gaps.
    #[schema(example = 1)]
    pub seq: i64,
    /// The conversation's count of changes when this message last changed.
    #[schema(example = 1)]
    pub rev: i64,
    /// The key it was sent under, if any.
    #[schema(required)]
    pub client_msg_id: Option<String>,
}

/// A page of a conversation, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// The messages.
    pub messages: Vec<Message>,
    /// How many there are in this page.
    #[schema(example = 1)]
    pub count: usize,
}
