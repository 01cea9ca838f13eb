//! Recognises devices from which an account has logged in before, by a signed cookie that the login set. The cookie
//! grants no access: it only makes wrong passwords of this device count separately, so that guessing strangers cannot
//! lock the owner out.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use chat_core::ids::UserId;
use chat_core::time::Timestamp;
use chat_protocol::rest::DEVICE_COOKIE;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

/// Time for which a device is known after its last login, in seconds.
const LIFETIME_S: i64 = 180 * 24 * 60 * 60;
/// Separates this kind of signature from all others made with the same secret.
const PURPOSE: &[u8] = b"chatserver device cookie 1";

/// Makes and checks the cookies.
pub(crate) struct Devices {
    key: hmac::Key,
}

/// A known device and its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) user: UserId,
    pub(crate) number: u64,
}

impl Devices {
    pub(crate) fn new(key: hmac::Key) -> Self {
        Self { key }
    }

    /// Derives the cookie key from the secret that signs tokens.
    pub(crate) fn key(secret: &[u8]) -> hmac::Key {
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), PURPOSE);
        hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
    }

    /// The device that a request comes from, if it is known.
    pub(crate) fn of(&self, headers: &HeaderMap, now: Timestamp) -> Option<Device> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies = cookies.flat_map(|value| value.split(';')).map(str::trim);
        cookies.find_map(|cookie| self.check(cookie.strip_prefix(DEVICE_COOKIE)?.strip_prefix('=')?, now))
    }

    /// The cookie for a device from which its user has just logged in. A known device keeps its number. A cookie that
    /// was set over TLS is sent back over TLS only.
    pub(crate) fn cookie(
        &self,
        user: UserId,
        known: Option<Device>,
        is_encrypted: bool,
        now: Timestamp,
    ) -> Option<HeaderValue> {
        let number = match known.filter(|device| device.user == user) {
            Some(device) => device.number,
            None => {
                let mut random = [0; 8];
                SystemRandom::new().fill(&mut random).ok()?;
                u64::from_le_bytes(random)
            }
        };
        let claim = format!("{user}.{number:016x}.{}", now.seconds());
        let signature = HEXLOWER.encode(hmac::sign(&self.key, claim.as_bytes()).as_ref());
        let secure = if is_encrypted { "; Secure" } else { "" };
        let cookie = format!(
            "{DEVICE_COOKIE}={claim}.{signature}; Path=/v1/users; Max-Age={LIFETIME_S}; HttpOnly; SameSite=Lax{secure}"
        );
        HeaderValue::from_str(&cookie).ok()
    }

    fn check(&self, value: &str, now: Timestamp) -> Option<Device> {
        let (claim, signature) = value.rsplit_once('.')?;
        let signature = HEXLOWER_PERMISSIVE.decode(signature.as_bytes()).ok()?;
        hmac::verify(&self.key, claim.as_bytes(), &signature).ok()?;
        let mut parts = claim.split('.');
        let user = UserId(parts.next()?.parse().ok()?);
        let number = u64::from_str_radix(parts.next()?, 16).ok()?;
        let made_at: i64 = parts.next()?.parse().ok()?;
        (now.seconds().saturating_sub(made_at) < LIFETIME_S).then_some(Device { user, number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

    fn devices(secret: &[u8]) -> Devices {
        Devices::new(Devices::key(secret))
    }

    fn sent_back(cookie: &HeaderValue) -> String {
        cookie.to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    fn headers(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(cookie).unwrap())])
    }

    #[test]
    fn a_device_is_known_again_and_keeps_its_number() {
        let devices = devices(b"a secret");
        let cookie = sent_back(&devices.cookie(UserId(3), None, false, NOW).unwrap());
        let known = devices.of(&headers(&format!("a=b; {cookie}; c=d")), NOW).unwrap();
        assert_eq!(known.user, UserId(3));
        let again = sent_back(&devices.cookie(UserId(3), Some(known), false, NOW).unwrap());
        assert_eq!(devices.of(&headers(&again), NOW), Some(known));
        let another = sent_back(&devices.cookie(UserId(4), Some(known), false, NOW).unwrap());
        let another = devices.of(&headers(&another), NOW).unwrap();
        assert!(another.user == UserId(4) && another.number != known.number);
    }

    #[test]
    fn nobody_makes_one_and_none_lasts_for_ever() {
        let devices = devices(b"a secret");
        let cookie = sent_back(&devices.cookie(UserId(3), None, false, NOW).unwrap());
        let end = Timestamp(NOW.0 + LIFETIME_S * 1_000_000);
        assert_eq!(devices.of(&headers(&cookie), end), None);
        assert_eq!(self::devices(b"another secret").of(&headers(&cookie), NOW), None);
        let for_another = cookie.replace("=3.", "=4.");
        assert_ne!(cookie, for_another);
        for forged in [
            &for_another,
            "chatserver_device=",
            "chatserver_device=3.0.0.",
            "chatserver_device=3.0.0.zz",
            "chatserver_device",
        ] {
            assert_eq!(devices.of(&headers(forged), NOW), None, "{forged}");
        }
    }

    #[test]
    fn scripts_and_other_sites_do_not_get_it() {
        let cookie = devices(b"x").cookie(UserId(3), None, true, NOW).unwrap();
        let cookie = cookie.to_str().unwrap();
        assert!(
            cookie.ends_with("; Path=/v1/users; Max-Age=15552000; HttpOnly; SameSite=Lax; Secure"),
            "{cookie}"
        );
    }
}
