//! Revoked tokens in memory, because every request checks them. The store keeps them for the next start, and events
//! keep this copy current (README, promise 7).

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use chat_core::access::{Ended, Fingerprint, Revoked};
use chat_core::ids::UserId;

use crate::tokens::Granted;

/// Tokens that were revoked and have not expired.
#[derive(Default)]
pub(crate) struct Revocations(RwLock<Known>);

#[derive(Default)]
struct Known {
    /// With the time at which each expires, in seconds since 1970.
    tokens: HashMap<Fingerprint, i64>,
    /// Seconds since 1970; earlier tokens of the user are revoked.
    users: HashMap<UserId, i64>,
}

impl Revocations {
    pub(crate) fn add(&self, ended: Ended) {
        let Ended { user, which } = ended;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match which {
            Revoked::One { token, expires_at } => {
                known.tokens.insert(token, expires_at);
            }
            Revoked::IssuedBefore(second) => {
                let from = known.users.entry(user).or_insert(second);
                *from = second.max(*from);
            }
        }
    }

    pub(crate) fn has(&self, granted: &Granted) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let tokens_from = known.users.get(&granted.user).copied().unwrap_or(i64::MIN);
        granted.counts_from < tokens_from || known.tokens.contains_key(&granted.fingerprint)
    }

    /// Forgets tokens that have expired.
    pub(crate) fn forget_expired(&self, now: i64) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // A token is accepted for a few seconds after its expiry.
        known.tokens.retain(|_, expires_at| *expires_at > now - 60);
    }
}

impl Granted {
    /// Whether `which` revokes this token.
    pub(crate) fn is_revoked_by(&self, which: Revoked) -> bool {
        match which {
            Revoked::One { token, .. } => self.fingerprint == token,
            Revoked::IssuedBefore(second) => self.counts_from < second,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(user: i64, counts_from: i64, token: u8) -> Granted {
        let fingerprint = Fingerprint([token; 16]);
        Granted { user: UserId(user), counts_from, expires_at: 1000, fingerprint }
    }

    #[test]
    fn one_token_or_all_of_a_user_are_revoked() {
        let revocations = Revocations::default();
        revocations.add(Ended {
            user: UserId(1),
            which: Revoked::One { token: Fingerprint([7; 16]), expires_at: 1000 },
        });
        assert!(revocations.has(&granted(1, 50, 7)));
        assert!(!revocations.has(&granted(1, 50, 8)));
        revocations.add(Ended { user: UserId(2), which: Revoked::IssuedBefore(60) });
        revocations.add(Ended { user: UserId(2), which: Revoked::IssuedBefore(40) });
        assert!(revocations.has(&granted(2, 59, 1)));
        assert!(!revocations.has(&granted(2, 60, 1)));
        assert!(!revocations.has(&granted(3, 59, 1)));
    }

    #[test]
    fn what_expired_is_forgotten_and_what_is_valid_is_not() {
        let revocations = Revocations::default();
        revocations.add(Ended {
            user: UserId(1),
            which: Revoked::One { token: Fingerprint([7; 16]), expires_at: 1000 },
        });
        revocations.forget_expired(1000);
        assert!(revocations.has(&granted(1, 50, 7)));
        revocations.forget_expired(1061);
        assert!(!revocations.has(&granted(1, 50, 7)));
    }
}
