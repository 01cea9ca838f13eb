//! The encoding of revoked tokens.

use chat_core::access::{self, Fingerprint};
use serde::{Deserialize, Serialize};

use crate::fields::Unknown;

/// Either one token with its expiry, or all tokens issued before a second.
#[derive(Serialize, Deserialize)]
pub(super) struct Revoked {
    /// The fingerprint in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issued_before: Option<i64>,
}

impl From<access::Revoked> for Revoked {
    fn from(which: access::Revoked) -> Self {
        let none = Self { token: None, expires_at: None, issued_before: None };
        match which {
            access::Revoked::One { token, expires_at } => {
                let token = format!("{:032x}", u128::from_be_bytes(token.0));
                Self { token: Some(token), expires_at: Some(expires_at), ..none }
            }
            access::Revoked::IssuedBefore(second) => Self { issued_before: Some(second), ..none },
        }
    }
}

impl TryFrom<Revoked> for access::Revoked {
    type Error = Unknown;

    fn try_from(which: Revoked) -> Result<Self, Unknown> {
        match which {
            Revoked { token: Some(token), expires_at: Some(expires_at), .. } => {
                Ok(Self::One { token: fingerprint(&token)?, expires_at })
            }
            Revoked { issued_before: Some(second), .. } => Ok(Self::IssuedBefore(second)),
            Revoked { .. } => Err(Unknown),
        }
    }
}

/// A fingerprint of another length would come from another hash function.
fn fingerprint(digits: &str) -> Result<Fingerprint, Unknown> {
    let is_ours = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = u128::from_str_radix(digits, 16).ok().filter(|_| is_ours);
    number.map(|number| Fingerprint(number.to_be_bytes())).ok_or(Unknown)
}
