//! Tokens made by hand (RFC 7515), to see which the server accepts.

use data_encoding::BASE64URL_NOPAD;
use ring::hmac;
use serde_json::{Value, json};

/// A key that the server accepts.
pub const SECRET: &str = "the-tests-own-key-0123456789-abcdefghij";

/// The present time in seconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// The claims of a good token, valid for an hour.
pub fn claims(user_id: i64) -> Value {
    let now = now();
    json!({"user_id": user_id, "iss": "chatserver", "iat": now, "nbf": now, "exp": now + 3600})
}

/// Returns a token with these claims, signed properly.
pub fn signed(claims: &Value) -> String {
    signed_with(&json!({"alg": "HS256", "typ": "JWT"}), claims, hmac::HMAC_SHA256, SECRET)
}

/// Returns a token with any header, signed with any hash and key.
pub fn signed_with(header: &Value, claims: &Value, hash: hmac::Algorithm, key: &str) -> String {
    let unsigned = unsigned(header, claims);
    let signature = hmac::sign(&hmac::Key::new(hash, key.as_bytes()), unsigned.as_bytes());
    format!("{unsigned}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
}

/// Returns the part of a token that is signed.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| BASE64URL_NOPAD.encode(part.to_string().as_bytes());
    format!("{}.{}", encode(header), encode(claims))
}

/// Decodes a part of a token: 0 for the header, 1 for the claims.
pub fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
}
