//! Tokens made by hand (RFC 7515), to see which the server takes.

use data_encoding::BASE64URL_NOPAD;
use ring::hmac;
use serde_json::{Value, json};

/// A key that the server accepts.
pub const SECRET: &str = "the-tests-own-key-0123456789-abcdefghij";

/// The present in seconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// The claims of a good token, valid for an hour.
pub fn claims(user_id: i64) -> Value {
    let now = now();
    json!({"user_id": user_id, "iss": "chatserver", "iat": now, "nbf": now, "exp": now + 3600})
}

/// A token with these claims, signed as it should be.
pub fn signed(claims: &Value) -> String {
    signed_with(&json!({"alg": "HS256", "typ": "JWT"}), claims, hmac::HMAC_SHA256, SECRET)
}

/// A token with any header, signed by any hash with any key.
pub fn signed_with(header: &Value, claims: &Value, hash: hmac::Algorithm, key: &str) -> String {
    let unsigned = unsigned(header, claims);
    let signature = hmac::sign(&hmac::Key::new(hash, key.as_bytes()), unsigned.as_bytes());
    format!("{unsigned}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
}

/// The part of a token that is signed.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| BASE64URL_NOPAD.encode(part.to_string().as_bytes());
    format!("{}.{}", encode(header), encode(claims))
}

/// A part of a token, read: 0 for the header, 1 for the claims.
pub fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
}
