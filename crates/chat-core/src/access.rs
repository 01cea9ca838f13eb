//! Ending access: logging out and changing the password, after which tokens are worth nothing within a second
//! (promise 7).

use async_trait::async_trait;

use crate::Chat;
use crate::accounts::{LoginName, check_password};
use crate::error::{Error, Result};
use crate::event::{Change, Outcome};
use crate::ids::UserId;
use crate::ports::Verdict;
use crate::time::Timestamp;

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
    /// All that were issued before this second since 1970.
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

/// The durable side of ending access.
#[async_trait]
pub trait AccessStore: Send + Sync + 'static {
    /// Remembers that tokens are revoked.
    async fn revoke(&self, ended: Ended) -> Result<Ended>;
    /// Replaces the password's hash and revokes the tokens, in one transaction; MUST refuse with `WrongCredentials` if
    /// the hash is no longer `old`.
    async fn change_password(&self, ended: Ended, old: String, new: String) -> Result<Ended>;
    /// What was revoked and would still be valid at `now`, in seconds since 1970.
    async fn revocations(&self, now: i64) -> Result<Vec<Ended>>;
}

impl Chat {
    /// Logs one token out.
    pub async fn log_out(&self, user: UserId, token: Fingerprint, expires_at: i64) -> Result<()> {
        let which = Revoked::One { token, expires_at };
        self.store.revoke(Ended { user, which }).await.map(drop)
    }

    /// Logs all of a user's tokens out.
    pub async fn log_out_everywhere(&self, user: UserId) -> Result<()> {
        let which = self.all_until_now();
        self.store.revoke(Ended { user, which }).await.map(drop)
    }

    /// Changes the password of a user who knows the present one, and logs all tokens out.
    pub async fn change_password(&self, user: UserId, old: String, new: String) -> Result<()> {
        check_password(&new)?;
        let username = self.account(user).await?.username;
        let found = self.store.credentials(LoginName::Username(username)).await?;
        let old_hash = found.map(|credentials| credentials.password_hash);
        let verdict = self.passwords.verify(old, old_hash.clone()).await?;
        let (Some(old_hash), Verdict::Match | Verdict::MatchOutdated) = (old_hash, verdict) else {
            return Err(Error::WrongCredentials);
        };
        let new_hash = self.passwords.hash(new).await?;
        let which = self.all_until_now();
        self.store.change_password(Ended { user, which }, old_hash, new_hash).await.map(drop)
    }

    /// What was revoked and would still be valid.
    pub async fn revocations(&self) -> Result<Vec<Ended>> {
        self.store.revocations(seconds(self.clock.now())).await
    }

    /// Tokens know the second of their issue and no more, so all of the present one are among them.
    fn all_until_now(&self) -> Revoked {
        Revoked::IssuedBefore(seconds(self.clock.now()) + 1)
    }
}

fn seconds(at: Timestamp) -> i64 {
    at.0.div_euclid(1_000_000)
}
