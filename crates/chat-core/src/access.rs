//! Ending access: log-out and password change, after which tokens are rejected within a second (README, promise 7).
//! Also tickets, each of which opens one stream in place of a token.

use async_trait::async_trait;

use crate::Chat;
use crate::accounts::{Login, LoginName};
use crate::error::{Error, Result};
use crate::event::{Change, Outcome};
use crate::ids::UserId;
use crate::passwords::check_password;
use crate::ports::{Turn, Verdict};
use crate::time::Timestamp;

/// How long a store remembers a revoked token after the token has expired, in seconds. The long margin covers a clock
/// that was set up to a year ahead by mistake and is corrected later.
pub const REMEMBERED_S: i64 = 400 * 24 * 3600;

/// Identifies a revoked token: a hash, so that the store holds nothing that grants access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 16]);

/// Which tokens of a user are no longer valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// One token.
    One {
        token: Fingerprint,
        /// When it would have expired, in seconds since 1970; after that it need not be remembered.
        expires_at: i64,
    },
    /// All tokens that are valid from an earlier second since 1970.
    IssuedBefore(i64),
}

/// A revocation: the user and the revoked tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub user: UserId,
    pub which: Revoked,
}

impl Outcome for Ended {
    fn changes(&self) -> Vec<Change> {
        vec![Change::AccessRevoked { user: self.user, which: self.which }]
    }
}

/// Opens one stream, once and for a short time, in place of the token that it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// Hash that identifies the ticket. Only the client holds the ticket itself.
    pub fingerprint: Fingerprint,
    /// The user who opens the stream.
    pub user: UserId,
    /// The token that the ticket was made for.
    pub token: Fingerprint,
    /// Second since 1970 from which the token is valid; compared with [`Revoked::IssuedBefore`].
    pub counts_from: i64,
    /// When the token expires, in seconds since 1970.
    pub expires_at: i64,
    /// When the ticket expires if it has not been used.
    pub until: Timestamp,
}

/// A request to replace a password.
#[derive(Clone)]
pub struct ChangePassword {
    /// The present password in the clear.
    pub old: String,
    /// The new password in the clear.
    pub new: String,
    /// The queue in which the two passwords wait to be hashed.
    pub turn: Turn,
}

/// Decides which tokens are revoked. `tokens_from` is the second since 1970 from which the user's tokens are valid so
/// far; `None` if there is no such user. The second that is decided is always larger than `tokens_from`, whichever was
/// requested, because clocks differ and may be set back.
///
/// # Errors
/// `UnknownCaller` if there is no such user.
pub fn decide(ended: Ended, tokens_from: Option<i64>) -> Result<Ended> {
    let Some(tokens_from) = tokens_from else { return Err(Error::UnknownCaller) };
    let which = match ended.which {
        one @ Revoked::One { .. } => one,
        Revoked::IssuedBefore(requested) => Revoked::IssuedBefore(requested.max(tokens_from + 1)),
    };
    Ok(Ended { which, ..ended })
}

/// Checks that the user's password hash is still `old`, the hash that the present password was checked against.
///
/// # Errors
/// `WrongCredentials` if the password was changed meanwhile, or the account no longer exists.
pub fn check_unchanged(hash: Option<&str>, old: &str) -> Result<()> {
    if hash == Some(old) { Ok(()) } else { Err(Error::WrongCredentials) }
}

/// Stores tickets until they are used. All nodes share one store, since a client may fetch its ticket from one node and
/// use it at another.
#[async_trait]
pub trait TicketStore: Send + Sync + 'static {
    /// Stores a ticket that is made at `now`. MAY refuse with `Overloaded` if too many tickets are stored.
    async fn keep_ticket(&self, ticket: Ticket, now: Timestamp) -> Result<()>;
    /// Returns the ticket with that fingerprint, unless it has expired by `now`. MUST return it only once, even if
    /// several callers ask at the same moment. Where nodes share tickets, the remaining lifetime MUST NOT depend on
    /// which node's clock is used.
    async fn redeem_ticket(&self, fingerprint: Fingerprint, now: Timestamp) -> Result<Option<Ticket>>;
}

/// The durable side of ending access.
#[async_trait]
pub trait AccessStore: Send + Sync + 'static {
    /// Stores the revocation that [`decide`] returns. A single token MUST be remembered for [`REMEMBERED_S`] after it
    /// has expired, and SHOULD be forgotten then. The result contains the second that was decided.
    async fn revoke(&self, ended: Ended) -> Result<Ended>;
    /// Replaces the password's hash and revokes the tokens, in one transaction; MUST call [`check_unchanged`].
    async fn change_password(&self, ended: Ended, old: String, new: String) -> Result<Ended>;
    /// Returns all revocations of tokens that would still be valid at `now`, in seconds since 1970.
    async fn revocations(&self, now: i64) -> Result<Vec<Ended>>;
}

impl Chat {
    /// Revokes one token, which expires at `expires_at`, in seconds since 1970.
    pub async fn log_out(&self, user: UserId, token: Fingerprint, expires_at: i64) -> Result<Ended> {
        let which = Revoked::One { token, expires_at };
        self.store.revoke(Ended { user, which }).await
    }

    /// Revokes all tokens of a user, including the caller's, which is valid from `counts_from`, in seconds since 1970.
    pub async fn log_out_everywhere(&self, user: UserId, counts_from: i64) -> Result<Ended> {
        let which = Revoked::IssuedBefore(self.second_after(counts_from));
        self.store.revoke(Ended { user, which }).await
    }

    /// Changes a user's password and revokes all tokens, as [`log_out_everywhere`](Self::log_out_everywhere) does. The
    /// returned login is for a new token.
    ///
    /// # Errors
    /// `WrongCredentials` if `old` is not the present password; `Invalid` if `new` breaks the rules for passwords.
    pub async fn change_password(
        &self,
        user: UserId,
        counts_from: i64,
        change: ChangePassword,
    ) -> Result<(Ended, Login)> {
        let ChangePassword { old, new, turn } = change;
        let account = self.account(user).await?;
        check_password(&new, &account.username, &account.email)?;
        let found = self.store.credentials(LoginName::Username(account.username.clone())).await?;
        let old_hash = found.map(|credentials| credentials.password_hash);
        let verdict = self.check_password(&old, old_hash.clone(), turn).await?;
        let (Some(old_hash), Verdict::Match | Verdict::MatchOutdated) = (old_hash, verdict) else {
            return Err(Error::WrongCredentials);
        };
        let new_hash = self.hash_password(&new, turn).await?;
        let requested = self.second_after(counts_from);
        let ended = Ended { user, which: Revoked::IssuedBefore(requested) };
        let ended = self.store.change_password(ended, old_hash, new_hash).await?;
        let tokens_from = match ended.which {
            Revoked::IssuedBefore(second) => second,
            Revoked::One { .. } => requested,
        };
        Ok((ended, Login { account, dated: tokens_from, tokens_from }))
    }

    /// Returns all revocations of tokens that would still be valid now.
    pub async fn revocations(&self) -> Result<Vec<Ended>> {
        self.store.revocations(self.clock.now().seconds()).await
    }

    /// Stores a ticket until it is used or expires.
    pub async fn keep_ticket(&self, ticket: Ticket) -> Result<()> {
        self.tickets.keep_ticket(ticket, self.clock.now()).await
    }

    /// Uses a ticket up; `None` if it is unknown, used or expired.
    pub async fn redeem_ticket(&self, fingerprint: Fingerprint) -> Result<Option<Ticket>> {
        self.tickets.redeem_ticket(fingerprint, self.clock.now()).await
    }

    /// Returns a second that is later than the issue of every token so far, by this node's clock and by the clock of
    /// the node that issued the caller's token.
    fn second_after(&self, counts_from: i64) -> i64 {
        self.clock.now().seconds().max(counts_from).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_before_which_tokens_are_revoked_grows() {
        let everywhere = |second| Ended { user: UserId(1), which: Revoked::IssuedBefore(second) };
        for (tokens_from, requested, taken) in [(0, 50, 50), (50, 50, 51), (90, 50, 91), (50, 51, 51)] {
            assert_eq!(decide(everywhere(requested), Some(tokens_from)).unwrap(), everywhere(taken));
        }
        assert!(matches!(decide(everywhere(50), None), Err(Error::UnknownCaller)));
    }

    #[test]
    fn one_token_is_revoked_as_it_is_named() {
        let which = Revoked::One { token: Fingerprint([7; 16]), expires_at: 50 };
        let one = Ended { user: UserId(1), which };
        assert_eq!(decide(one, Some(90)).unwrap(), one);
        assert!(matches!(decide(one, None), Err(Error::UnknownCaller)));
    }

    #[test]
    fn a_password_that_was_changed_meanwhile_is_not_replaced() {
        assert!(check_unchanged(Some("a"), "a").is_ok());
        for hash in [Some("b"), None] {
            assert!(matches!(check_unchanged(hash, "a"), Err(Error::WrongCredentials)));
        }
    }
}
