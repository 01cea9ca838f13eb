//! What every refusal over HTTP looks like: RFC 9457 problem details with our extension members.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of a [`Problem`].
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A refusal. `error` and `detail` say the same; the first is for clients of the first hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `about:blank`, since `code` says what kind of problem it is; or the registered type of a limit that was reached.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    #[schema(example = "Bad Request")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 400)]
    pub status: u16,
    /// What was wrong, as a sentence.
    pub detail: String,
    /// The same sentence.
    #[schema(example = "Invalid request format: username must be 3 to 32 characters")]
    pub error: String,
    /// Stable and meant for programs.
    #[schema(example = "invalid_request")]
    pub code: String,
    /// Names this request in the server's log.
    pub request_id: String,
    /// The limits that were reached, by name, where they are the problem.
    #[serde(default, rename = "violated-policies", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub violated_policies: Option<Vec<String>>,
}
