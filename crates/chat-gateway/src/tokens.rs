//! JSON Web Tokens: HS256 only, with every claim required and checked (RFC 7519, RFC 8725). Claims are cached once
//! their signature was verified; whether a token is valid now is decided on each use.

mod read;

use std::time::Duration;

use chat_core::access::Fingerprint;
use chat_core::failpoints;
use chat_core::ids::UserId;
use chat_core::time::Timestamp;
use data_encoding::HEXLOWER;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error as JwtError, ErrorKind, new_error};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::devices::Devices;
use read::{Claimed, Read};

const ISSUER: &str = "chatserver";
/// Seconds by which the clock of another issuer with our key may be ahead of ours. Nodes of earlier releases accept no
/// token of ours that is dated further ahead either.
pub(crate) const LEEWAY_S: i64 = 60;
/// Time for which a token is still accepted after its expiry, in seconds.
const EXPIRY_LEEWAY_S: i64 = 5;

/// Parameters of tokens.
#[derive(Clone)]
pub struct TokenOptions {
    /// The key, at least 32 bytes.
    pub secret: Vec<u8>,
    /// Time from issue to expiry.
    pub lifetime: Duration,
}

/// Issues and verifies tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    lifetime_s: i64,
    device_key: hmac::Key,
    read: Read,
}

/// Content of a valid token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) user: UserId,
    /// Compared with the second before which all of the user's tokens are revoked.
    pub(crate) counts_from: i64,
    /// Seconds since 1970.
    pub(crate) expires_at: i64,
    /// Identifies the token in the list of revoked tokens.
    pub(crate) fingerprint: Fingerprint,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    user_id: i64,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    /// The second from which the user's tokens counted when this one was issued. It decides whether all tokens have
    /// been revoked since; the issue date does not, because clocks differ. Tokens of earlier releases, and of other
    /// issuers with our key, go by their date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens_from: Option<i64>,
    /// Makes each token unique, so that logging out one does not log out another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
}

impl Tokens {
    /// Prepares the keys.
    pub fn new(options: &TokenOptions) -> Self {
        // A second installation fails and changes nothing, which is what a second instance needs.
        let _ = PROVIDER.install_default();
        let mut validation = Validation::new(Algorithm::HS256);
        // Times are checked below, each with its own leeway and by the application's clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss"]);
        Self {
            encoding: EncodingKey::from_secret(&options.secret),
            decoding: DecodingKey::from_secret(&options.secret),
            validation,
            lifetime_s: i64::try_from(options.lifetime.as_secs()).unwrap_or(i64::MAX / 4),
            device_key: Devices::key(&options.secret),
            read: Read::default(),
        }
    }

    /// The key for device cookies.
    pub(crate) fn device_key(&self) -> hmac::Key {
        self.device_key.clone()
    }

    /// Issues a token for this user with this issue date; returns it and its expiry (both times in seconds since 1970).
    /// `tokens_from` is the second from which the user's tokens count now.
    pub fn issue(&self, user: UserId, dated: i64, tokens_from: i64) -> Result<(String, i64), JwtError> {
        let exp = dated.saturating_add(self.lifetime_s);
        let mut number = [0; 12];
        SystemRandom::new()
            .fill(&mut number)
            .map_err(|_| new_error(ErrorKind::Signing("no randomness".into())))?;
        let jti = Some(HEXLOWER.encode(&number));
        let claims = Claims {
            user_id: user.0,
            iss: ISSUER.into(),
            iat: dated,
            nbf: dated,
            exp,
            tokens_from: Some(tokens_from),
            jti,
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)?;
        Ok((token, exp))
    }

    /// Verifies a token. A lifetime longer than ours shows another issuer, and is refused. The clock may have been set
    /// back since one of our tokens was issued: the token is still valid, but for no longer than twice its lifetime. A
    /// token of another issuer with our key is valid from the time that it claims, within the tolerance for clocks.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Option<Granted> {
        let fingerprint = fingerprint(token);
        let claimed = self.read.of(fingerprint, || self.claimed(token))?;
        self.counts(&claimed, now.seconds()).then(|| Granted {
            user: claimed.user,
            counts_from: claimed.tokens_from.unwrap_or(claimed.iat),
            expires_at: claimed.exp,
            fingerprint,
        })
    }

    /// The claims of a token, if its signature is right.
    fn claimed(&self, token: &str) -> Option<Claimed> {
        let Claims { user_id, iat, nbf, exp, tokens_from, .. } =
            jsonwebtoken::decode(token, &self.decoding, &self.validation).ok()?.claims;
        Some(Claimed { user: UserId(user_id), iat, nbf, exp, tokens_from })
    }

    /// Whether the claims are valid at `now`, in seconds since 1970.
    fn counts(&self, claimed: &Claimed, now: i64) -> bool {
        let is_ours = claimed.tokens_from.is_some() && !failpoints::is_broken("strict_dates");
        let leeway = if is_ours { self.lifetime_s.max(LEEWAY_S) } else { LEEWAY_S };
        let has_begun = claimed.iat.max(claimed.nbf) <= now.saturating_add(leeway);
        let has_expired = claimed.exp < now.saturating_sub(EXPIRY_LEEWAY_S);
        let longest = self.lifetime_s.saturating_add(EXPIRY_LEEWAY_S);
        let too_long = claimed.exp.saturating_sub(claimed.iat) > longest;
        claimed.user.0 > 0 && has_begun && !has_expired && !too_long
    }
}

/// Half of a SHA-256: nobody can make another token or ticket with the same one.
pub(crate) fn fingerprint(token: &str) -> Fingerprint {
    let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
    let mut half = [0; 16];
    half.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    Fingerprint(half)
}

/// HMAC by `ring`, so that there is no second crypto library.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| {
        let key = hs256(*algorithm, key.as_bytes())?;
        Ok(Box::new(Hs256(key)))
    },
    verifier_factory: |algorithm, key| {
        let key = hs256(*algorithm, key.try_get_as_bytes()?)?;
        Ok(Box::new(Hs256(key)))
    },
    key_utils: KeyUtils::new_unimplemented(),
};

fn hs256(algorithm: Algorithm, secret: &[u8]) -> Result<hmac::Key, JwtError> {
    match algorithm {
        Algorithm::HS256 => Ok(hmac::Key::new(hmac::HMAC_SHA256, secret)),
        _ => Err(new_error(ErrorKind::InvalidAlgorithm)),
    }
}

struct Hs256(hmac::Key);

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        hmac::verify(&self.0, message, signature).map_err(|_| SignatureError::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(secret: &[u8]) -> Tokens {
        Tokens::new(&TokenOptions { secret: secret.to_vec(), lifetime: Duration::from_secs(3600) })
    }

    fn now() -> Timestamp {
        Timestamp(1_800_000_000_000_000)
    }

    fn forged(header: &Header, claims: &serde_json::Value, secret: &[u8]) -> String {
        let _ = PROVIDER.install_default();
        jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(secret)).unwrap()
    }

    fn claims(now: i64) -> serde_json::Value {
        serde_json::json!({"user_id": 3, "iss": "chatserver", "iat": now, "nbf": now, "exp": now + 3600})
    }

    #[test]
    fn a_token_says_who_until_when() {
        let tokens = tokens(&[7; 32]);
        let (token, expires_at) = tokens.issue(UserId(3), now().seconds(), 7).unwrap();
        let granted = tokens.verify(&token, now()).unwrap();
        assert_eq!((granted.user, granted.expires_at, granted.counts_from), (UserId(3), expires_at, 7));
        assert_eq!(granted.expires_at - now().seconds(), 3600);
        let (another, _) = tokens.issue(UserId(3), now().seconds(), 7).unwrap();
        assert_ne!(tokens.verify(&another, now()).unwrap().fingerprint, granted.fingerprint);
    }

    #[test]
    fn a_token_of_another_key_or_changed_by_a_letter_is_refused() {
        let tokens = tokens(&[7; 32]);
        let (other, _) = super::tests::tokens(&[8; 32]).issue(UserId(3), now().seconds(), 0).unwrap();
        assert_eq!(tokens.verify(&other, now()), None);
        let (token, _) = tokens.issue(UserId(3), now().seconds(), 0).unwrap();
        for (index, letter) in token.char_indices().filter(|(_, letter)| *letter != '.') {
            let mut changed = token.clone();
            let replacement = if letter == 'A' { "Q" } else { "A" };
            changed.replace_range(index..=index, replacement);
            // The last letter of a part may hold bits that base64 ignores; then nothing has changed.
            let same_bits = changed
                .split('.')
                .zip(token.split('.'))
                .all(|(a, b)| a.get(..a.len() - 1) == b.get(..b.len() - 1));
            assert!(same_bits || tokens.verify(&changed, now()).is_none(), "{index}");
        }
    }

    #[test]
    fn every_claim_is_required_and_checked() {
        let tokens = tokens(&[7; 32]);
        let header = Header::new(Algorithm::HS256);
        let now_s = now().seconds();
        assert!(tokens.verify(&forged(&header, &claims(now_s), &[7; 32]), now()).is_some());
        for missing in ["user_id", "iss", "iat", "nbf", "exp"] {
            let mut claims = claims(now_s);
            claims.as_object_mut().unwrap().remove(missing);
            assert_eq!(tokens.verify(&forged(&header, &claims, &[7; 32]), now()), None, "without {missing}");
        }
        let wrong = [
            ("user_id", serde_json::json!(0)),
            ("user_id", serde_json::json!("3")),
            ("iss", serde_json::json!("somebody")),
            ("iat", serde_json::json!(now_s + 61)),
            ("nbf", serde_json::json!(now_s + 61)),
            ("exp", serde_json::json!(now_s - 6)),
            ("exp", serde_json::json!(253_402_300_799_i64)),
        ];
        for (claim, value) in wrong {
            let mut claims = claims(now_s);
            claims[claim] = value.clone();
            assert_eq!(tokens.verify(&forged(&header, &claims, &[7; 32]), now()), None, "{claim} = {value}");
        }
    }

    #[test]
    fn a_clock_may_be_set_back_by_a_lifetime_and_those_of_others_differ_by_a_minute() {
        let tokens = tokens(&[7; 32]);
        let now_s = now().seconds();
        let at = |seconds: i64| Timestamp((now_s + seconds) * 1_000_000);
        let (ours, _) = tokens.issue(UserId(3), now_s, 0).unwrap();
        let others = forged(&Header::new(Algorithm::HS256), &claims(now_s), &[7; 32]);
        for (seconds, is_valid) in [(-3601, false), (-3600, true), (0, true), (3605, true), (3606, false)] {
            assert_eq!(tokens.verify(&ours, at(seconds)).is_some(), is_valid, "{seconds}");
        }
        for (seconds, is_valid) in [(-61, false), (-60, true), (0, true), (3605, true), (3606, false)] {
            assert_eq!(tokens.verify(&others, at(seconds)).is_some(), is_valid, "{seconds}");
        }
    }

    /// The second use of a token reads cached claims. That must not confuse two tokens, nor make a bad one good.
    #[test]
    fn a_cached_token_is_checked_like_a_new_one() {
        let tokens = tokens(&[7; 32]);
        let now_s = now().seconds();
        let (good, expires_at) = tokens.issue(UserId(3), now_s, 0).unwrap();
        let first = tokens.verify(&good, now()).unwrap();
        assert_eq!(tokens.verify(&good, now()), Some(first));
        let (others, _) = tokens.issue(UserId(4), now_s, 0).unwrap();
        assert_eq!(tokens.verify(&others, now()).unwrap().user, UserId(4));
        assert_eq!(tokens.verify(&good, Timestamp((expires_at + 6) * 1_000_000)), None, "it has expired");
        assert_eq!(tokens.verify(&good, now()), Some(first), "by a clock that was set back it has not");
        let (head, signature) = good.rsplit_once('.').unwrap();
        let first_letter = if signature.starts_with('A') { "B" } else { "A" };
        let unsigned = format!("{head}.{first_letter}{}", signature.get(1..).unwrap());
        let forged = forged(&Header::new(Algorithm::HS256), &claims(now_s), &[8; 32]);
        for bad in [&unsigned, &forged, &unsigned, &forged] {
            assert_eq!(tokens.verify(bad, now()), None, "{bad}");
        }
    }

    /// As issued by an earlier release, or by another issuer with our key.
    #[test]
    fn a_token_without_tokens_from_counts_from_its_date() {
        let tokens = tokens(&[7; 32]);
        let token = forged(&Header::new(Algorithm::HS256), &claims(now().seconds()), &[7; 32]);
        assert_eq!(tokens.verify(&token, now()).unwrap().counts_from, now().seconds());
    }

    #[test]
    fn no_other_algorithm_is_accepted() {
        let tokens = tokens(&[7; 32]);
        let (token, _) = tokens.issue(UserId(3), now().seconds(), 0).unwrap();
        let rest = token.split_once('.').unwrap().1;
        // {"alg":"none"}, {"alg":"None"}, {"alg":"HS512","typ":"JWT"}, {"alg":"RS256","typ":"JWT"}
        for header in [
            "eyJhbGciOiJub25lIn0",
            "eyJhbGciOiJOb25lIn0",
            "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9",
            "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9",
        ] {
            assert_eq!(tokens.verify(&format!("{header}.{rest}"), now()), None);
            let unsigned = rest.split_once('.').unwrap().0;
            assert_eq!(tokens.verify(&format!("{header}.{unsigned}."), now()), None);
        }
        for junk in ["", ".", "..", "a.b.c", &token[..token.len() - 5], &token.replace('.', "")] {
            assert_eq!(tokens.verify(junk, now()), None, "{junk}");
        }
    }
}
