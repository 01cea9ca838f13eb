//! Ending access: logging out and changing the password, after which tokens are worth nothing within a second
//! (README, promise 7). And tickets, each of which opens one stream in place of a token.

use async_trait::async_trait;

use crate::Chat;
use crate::accounts::{Login, LoginName};
use crate::error::{Error, Result};
use crate::event::{Change, Outcome};
use crate::ids::UserId;
use crate::passwords::check_password;
use crate::ports::{Turn, Verdict};
use crate::time::Timestamp;

/// For how long a store remembers a revoked token after it has expired, in seconds: the clock by which it has may be a year
/// ahead, by mistake, and set right later.
pub const REMEMBERED_S: i64 = 400 * 24 * 3600;

/// What a token is known by once it is revoked: a hash, so that the store holds nothing that would let anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 16]);

/// Which tokens of a user are no longer valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// This one.
    One {
        /// The token.
        token: Fingerprint,
        /// When it would have expired, in seconds since 1970; after that it need not be remembered.
        expires_at: i64,
    },
    /// All that count from an earlier second since 1970.
    IssuedBefore(i64),
}

/// Access that was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Whose.
    pub user: UserId,
    /// Which tokens.
    pub which: Revoked,
}

impl Outcome for Ended {
    fn changes(&self) -> Vec<Change> {
        vec![Change::AccessRevoked { user: self.user, which: self.which }]
    }
}

/// What opens one stream, once and not for long, in place of the token that it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// By what it is known: a hash. The ticket itself is with the client alone.
    pub fingerprint: Fingerprint,
    /// Whom it lets in.
    pub user: UserId,
    /// The token that it was made for.
    pub token: Fingerprint,
    /// From when the token counts, in seconds since 1970: what [`Revoked::IssuedBefore`] is compared with.
    pub counts_from: i64,
    /// When the token expires, in seconds since 1970.
    pub expires_at: i64,
    /// Until when it waits for its use.
    pub until: Timestamp,
}

/// A password in place of the present one, and in whose turn the two are hashed.
#[derive(Clone)]
pub struct ChangePassword {
    /// The present one.
    pub old: String,
    /// The next one.
    pub new: String,
    /// In whose turn.
    pub turn: Turn,
}

/// Decides which tokens are revoked. `tokens_from` is the second, since 1970, from which the user's tokens count so far; `None`
/// if there is no such user. It grows by at least one each time, whatever second is asked for: clocks differ, and are set
/// back.
///
/// # Errors
/// `UnknownCaller` if there is no such user.
pub fn decide(ended: Ended, tokens_from: Option<i64>) -> Result<Ended> {
    let Some(tokens_from) = tokens_from else { return Err(Error::UnknownCaller) };
    let which = match ended.which {
        one @ Revoked::One { .. } => one,
        Revoked::IssuedBefore(wished) => Revoked::IssuedBefore(wished.max(tokens_from + 1)),
    };
    Ok(Ended { which, ..ended })
}

/// Checks that the user's password hash is still the `old` one, with which the present password was compared.
///
/// # Errors
/// `WrongCredentials` if the password was changed meanwhile, or the user is gone.
pub fn check_unchanged(hash: Option<&str>, old: &str) -> Result<()> {
    if hash == Some(old) { Ok(()) } else { Err(Error::WrongCredentials) }
}

/// Where tickets wait for their use: where there are several nodes, in one place for all of them, since a client may
/// fetch its ticket from one and use it at another.
#[async_trait]
pub trait TicketStore: Send + Sync + 'static {
    /// Keeps a ticket that is made `now`. MAY refuse with `Overloaded` where too many wait.
    async fn keep_ticket(&self, ticket: Ticket, now: Timestamp) -> Result<()>;
    /// The ticket of that fingerprint, unless it has expired by `now`. MUST give it out once, also when several ask at
    /// the same moment. Where nodes share tickets, what it has left MUST NOT depend on whose clock is asked.
    async fn redeem_ticket(&self, fingerprint: Fingerprint, now: Timestamp) -> Result<Option<Ticket>>;
}

/// The durable side of ending access.
#[async_trait]
pub trait AccessStore: Send + Sync + 'static {
    /// Remembers that tokens are revoked, as [`decide`] has it. One MUST be remembered for [`REMEMBERED_S`] after it has
    /// expired, and SHOULD be forgotten then. The answer has the second that was taken.
    async fn revoke(&self, ended: Ended) -> Result<Ended>;
    /// Replaces the password's hash and revokes the tokens, in one transaction; MUST ask [`check_unchanged`].
    async fn change_password(&self, ended: Ended, old: String, new: String) -> Result<Ended>;
    /// What was revoked and would still be valid at `now`, in seconds since 1970.
    async fn revocations(&self, now: i64) -> Result<Vec<Ended>>;
}

impl Chat {
    /// Logs one token out.
    pub async fn log_out(&self, user: UserId, token: Fingerprint, expires_at: i64) -> Result<Ended> {
        let which = Revoked::One { token, expires_at };
        self.store.revoke(Ended { user, which }).await
    }

    /// Logs all of a user's tokens out, the one that asks for it above all, which counts from the given second.
    pub async fn log_out_everywhere(&self, user: UserId, counts_from: i64) -> Result<Ended> {
        let which = Revoked::IssuedBefore(self.second_after(counts_from));
        self.store.revoke(Ended { user, which }).await
    }

    /// Changes the password of a user who knows the present one, and logs all tokens out, as
    /// [`log_out_everywhere`](Self::log_out_everywhere) does; the login is the next one.
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
        let wished = self.second_after(counts_from);
        let ended = Ended { user, which: Revoked::IssuedBefore(wished) };
        let ended = self.store.change_password(ended, old_hash, new_hash).await?;
        let tokens_from = match ended.which {
            Revoked::IssuedBefore(second) => second,
            Revoked::One { .. } => wished,
        };
        Ok((ended, Login { account, dated: tokens_from, tokens_from }))
    }

    /// What was revoked and would still be valid.
    pub async fn revocations(&self) -> Result<Vec<Ended>> {
        self.store.revocations(self.clock.now().seconds()).await
    }

    /// Keeps a ticket until it is used.
    pub async fn keep_ticket(&self, ticket: Ticket) -> Result<()> {
        self.tickets.keep_ticket(ticket, self.clock.now()).await
    }

    /// Uses a ticket up.
    pub async fn redeem_ticket(&self, fingerprint: Fingerprint) -> Result<Option<Ticket>> {
        self.tickets.redeem_ticket(fingerprint, self.clock.now()).await
    }

    /// Before this, all tokens so far were issued that know the second of their issue and no more: by this clock, and by
    /// that of whoever issued the token that asks.
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
        for (tokens_from, wished, taken) in [(0, 50, 50), (50, 50, 51), (90, 50, 91), (50, 51, 51)] {
            assert_eq!(decide(everywhere(wished), Some(tokens_from)).unwrap(), everywhere(taken));
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
