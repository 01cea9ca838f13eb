//! The body of every refusal over HTTP: RFC 9457 problem details with extension members of this server.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of a [`Problem`].
pub const MEDIA_TYPE: &str = "application/problem+json";

/// An error. `error` and `detail` are equal; `error` is for early clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `about:blank`, because `code` names the problem; or the registered type for an exceeded limit.
    #[serde(rename = "type")]
    pub kind: String,
    /// Reason phrase of the status.
    #[schema(example = "Bad Request")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 400)]
    pub status: u16,
    /// A sentence for people.
    pub detail: String,
    /// The same sentence as `detail`.
    #[schema(example = "Invalid request format: username must be 3 to 32 characters")]
    pub error: String,
    /// Stable name for programs.
    #[schema(example = "invalid_request")]
    pub code: String,
    /// Identifies this request in the server's log.
    pub request_id: String,
    /// Names of the exceeded limits, if any.
    #[serde(default, rename = "violated-policies", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub violated_policies: Option<Vec<String>>,
}
