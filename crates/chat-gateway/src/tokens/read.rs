//! Caches the claims of tokens whose signatures were verified; verification took more of a request than anything else
//! before its handler. The cache holds only what never changes about a token, never whether it is valid. It stores the
//! token's fingerprint, not the token.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use chat_core::access::Fingerprint;
use chat_core::ids::UserId;

/// Upper bound for the cached tokens. Above it all are dropped, and verified again on their next use.
const CAPACITY: usize = 16 * 1024;

/// The claims of a token; times in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claimed {
    pub(super) user: UserId,
    pub(super) iat: i64,
    pub(super) nbf: i64,
    pub(super) exp: i64,
    pub(super) tokens_from: Option<i64>,
}

#[derive(Default)]
pub(super) struct Read(RwLock<HashMap<Fingerprint, Claimed>>);

impl Read {
    /// The token's claims, from the cache or by `read`. `None`: we did not sign it.
    pub(super) fn of(&self, token: Fingerprint, read: impl FnOnce() -> Option<Claimed>) -> Option<Claimed> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&token).copied();
        known.or_else(|| {
            let claimed = read()?;
            self.remember(token, claimed);
            Some(claimed)
        })
    }

    fn remember(&self, token: Fingerprint, claimed: Claimed) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.insert(token, claimed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: usize) -> Fingerprint {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
        Fingerprint(bytes)
    }

    fn claimed(user: i64) -> Claimed {
        Claimed { user: UserId(user), iat: 1, nbf: 2, exp: 3, tokens_from: Some(4) }
    }

    #[test]
    fn a_token_is_read_once() {
        let read = Read::default();
        assert_eq!(read.of(token(1), || None), None, "an invalid token is not remembered");
        assert_eq!(read.of(token(1), || Some(claimed(5))), Some(claimed(5)));
        assert_eq!(read.of(token(1), || panic!("it is known")), Some(claimed(5)));
        assert_eq!(read.of(token(2), || Some(claimed(6))), Some(claimed(6)));
    }

    #[test]
    fn the_number_of_remembered_claims_is_bounded() {
        let read = Read::default();
        for number in 0..3 * CAPACITY {
            read.of(token(number), || Some(claimed(1)));
            assert!(read.0.read().unwrap().len() <= CAPACITY);
        }
    }
}
