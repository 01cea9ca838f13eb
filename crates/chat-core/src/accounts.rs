//! Accounts: registering, logging in and finding other users.

use async_trait::async_trait;
pub use chat_names::folded;

use crate::Chat;
use crate::demo::{self, DemoLogin};
use crate::error::{Error, Kind, Result, Unique};
use crate::event::{Change, Outcome};
use crate::ids::UserId;
use crate::names;
use crate::passwords::check_password;
use crate::ports::{Turn, Verdict};
use crate::time::Timestamp;

/// Maximum number of accounts in one page of the list of users.
pub const MAX_ACCOUNTS: u16 = 1000;

/// A user account, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: UserId,
    /// Follows the rules of [`names`]; unique without regard to case and to similar looks. Earlier releases were less
    /// strict.
    pub username: String,
    /// Unique without regard to case; shown only to the account's owner.
    pub email: String,
    pub created_at: Timestamp,
}

/// An account and its password hash, for checking a login.
#[derive(Clone)]
pub struct Credentials {
    pub account: Account,
    /// A PHC string, or a bcrypt hash from the earlier Go server.
    pub password_hash: String,
    /// Second since 1970 from which this user's tokens are valid; 0 if they were never all revoked. Grows with each
    /// revocation of all tokens.
    pub tokens_from: i64,
    /// Whether the server made the account as a demo user.
    pub is_demo: bool,
}

/// A successful login, for which a token is issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub account: Account,
    /// Issue date of the token, in seconds since 1970. Not earlier than the second from which tokens are valid, as the
    /// store has it (this node may not have heard of a newer one). Not later than the moment at which the password was
    /// read, so that a password change in the meantime revokes this token too.
    pub dated: i64,
    /// Value of `tokens_from` when the password was read. Distinguishes the token from earlier and later ones even if
    /// the clocks of the issuing and the revoking node differ.
    pub tokens_from: i64,
}

/// A request to register.
#[derive(Clone)]
pub struct Register {
    pub username: String,
    pub email: String,
    /// The password in the clear; passed only to the hasher.
    pub password: String,
}

/// A checked registration, ready to be stored.
#[derive(Clone)]
pub struct NewAccount {
    pub username: String,
    pub email: String,
    pub password_hash: String,
    /// Whether the account is a demo user.
    pub is_demo: bool,
    pub at: Timestamp,
}

/// The name that a user logs in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginName {
    Email(String),
    Username(String),
}

/// Selects a part of the list of users, in the order of ids.
#[derive(Debug, Clone)]
pub struct AccountQuery {
    /// Only names with a word that begins with this ([`names::is_found`]).
    pub prefix: Option<String>,
    /// Only accounts with a larger id.
    pub after: UserId,
    /// Maximum number of accounts, 1 to [`MAX_ACCOUNTS`].
    pub limit: u16,
}

/// The last message of a direct conversation, in brief.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastMessage {
    pub content: String,
    pub sent_at: Timestamp,
    pub sender: UserId,
}

impl Outcome for Account {
    fn changes(&self) -> Vec<Change> {
        Vec::new()
    }
}

/// Which names of a new account are already taken.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// The username, without regard to case.
    pub username: bool,
    /// A username that could be mistaken for the new one.
    pub look: bool,
    /// One of the [forms](names::login_keys) of the address.
    pub email: bool,
}

/// Succeeds if none of a new account's names is taken.
///
/// # Errors
/// The first name that is taken.
pub fn check_free(taken: Taken) -> Result<()> {
    match taken {
        Taken { username: true, .. } => Err(Error::Taken(Unique::Username)),
        Taken { look: true, .. } => Err(names::looks_taken()),
        Taken { email: true, .. } => Err(Error::Taken(Unique::Email)),
        Taken { username: false, look: false, email: false } => Ok(()),
    }
}

/// Succeeds if the caller's account exists.
///
/// # Errors
/// `UnknownCaller` if it does not.
pub fn check_caller(exists: bool) -> Result<()> {
    if exists { Ok(()) } else { Err(Error::UnknownCaller) }
}

/// Succeeds if the user that a request names exists.
///
/// # Errors
/// `NotFound` if there is no such account.
pub fn check_user(exists: bool) -> Result<()> {
    if exists { Ok(()) } else { Err(Error::NotFound(Kind::User)) }
}

/// The durable side of accounts.
#[async_trait]
pub trait AccountStore: Send + Sync + 'static {
    /// Stores a new account. In the same transaction, MUST refuse a name that [could be mistaken](names::is_mistakable)
    /// for an existing one, and an address if one of its [forms](names::login_keys) exists. Names that an earlier
    /// release has stored count too, including those that it stores meanwhile.
    async fn create_account(&self, new: NewAccount) -> Result<Account>;
    /// Returns the account with that id, if it exists.
    async fn account(&self, id: UserId) -> Result<Option<Account>>;
    /// Returns a page of accounts in the order of their ids.
    async fn accounts(&self, query: AccountQuery) -> Result<Vec<Account>>;
    /// Returns the same page, each account with the last message of its direct conversation with `reader`.
    async fn accounts_with_last_message(
        &self,
        reader: UserId,
        query: AccountQuery,
    ) -> Result<Vec<(Account, Option<LastMessage>)>>;
    /// Returns the account with a login name: the first that one of the name's [forms](names::login_keys) finds.
    async fn credentials(&self, name: LoginName) -> Result<Option<Credentials>>;
    /// Replaces the hash. MUST do so only if the hash is still `old`, so that a password changed meanwhile stays
    /// changed.
    async fn replace_password_hash(&self, user: UserId, old: String, new: String) -> Result<()>;
    /// Returns the costliest of the remaining bcrypt hashes of the earlier Go server, if there are any. Called at every
    /// failed login, so it MUST NOT scan all accounts.
    async fn bcrypt_hash(&self) -> Result<Option<String>>;
    /// Returns the accounts that are marked as demo users.
    async fn demo_accounts(&self) -> Result<Vec<Account>>;
}

impl Chat {
    /// Registers an account.
    ///
    /// # Errors
    /// `Invalid` if a field breaks a rule; `Taken` or `Conflict` if the name or address is in use.
    pub async fn register(&self, request: Register, turn: Turn) -> Result<Login> {
        self.make_account(request, false, turn).await
    }

    pub(crate) async fn make_account(&self, request: Register, is_demo: bool, turn: Turn) -> Result<Login> {
        let username = names::username(&request.username)?;
        let email = names::normal(&request.email);
        check_email(&email)?;
        check_password(&request.password, &username, &email)?;
        let password_hash = self.hash_password(&request.password, turn).await?;
        let at = self.clock.now();
        let new = NewAccount { username, email, password_hash, is_demo, at };
        let account = self.store.create_account(new).await?;
        Ok(Login { account, dated: at.seconds(), tokens_from: 0 })
    }

    /// Checks a login. An unknown user and a wrong password get the same answer after the same time. `DemoUser` is
    /// returned only if the password was right.
    pub async fn login(
        &self,
        name: LoginName,
        password: String,
        demo: DemoLogin,
        turn: Turn,
    ) -> Result<Login> {
        let asked_at = self.clock.now().seconds();
        let found = self.store.credentials(name).await?;
        let hash = found.as_ref().map(|credentials| credentials.password_hash.clone());
        let verdict = self.check_password(&password, hash, turn).await?;
        let Some(Credentials { account, password_hash, tokens_from, is_demo }) = found else {
            return Err(Error::WrongCredentials);
        };
        if verdict == Verdict::Mismatch {
            return Err(Error::WrongCredentials);
        }
        if is_demo && demo == DemoLogin::Refused && names::normal(&password) == demo::PASSWORD {
            return Err(Error::DemoUser);
        }
        if verdict == Verdict::MatchOutdated {
            self.upgrade_hash(account.id, password_hash, &password, turn).await;
        }
        Ok(Login { account, dated: asked_at.max(tokens_from), tokens_from })
    }

    /// Replaces an outdated hash. A failure is only logged: the login was correct, and the next one tries again.
    async fn upgrade_hash(&self, user: UserId, old: String, password: &str, turn: Turn) {
        let upgraded = match self.hash_password(password, turn).await {
            Ok(new) => self.store.replace_password_hash(user, old, new).await,
            Err(error) => Err(error),
        };
        if let Err(error) = upgraded {
            tracing::warn!(user.id = user.0, error = %error, "the password hash could not be upgraded");
        }
    }

    /// Returns the account with that id.
    ///
    /// # Errors
    /// `NotFound` if it does not exist.
    pub async fn account(&self, id: UserId) -> Result<Account> {
        self.store.account(id).await?.ok_or(Error::NotFound(Kind::User))
    }

    /// Returns the account with a login name, for operator commands; clients must not learn which user has an address.
    pub async fn account_named(&self, name: LoginName) -> Result<Option<Account>> {
        Ok(self.store.credentials(name).await?.map(|credentials| credentials.account))
    }

    /// Whether an account with that id exists, for checking the bearer of a token.
    pub async fn account_exists(&self, id: UserId) -> Result<bool> {
        Ok(self.store.account(id).await?.is_some())
    }

    /// Returns a page of the list of users.
    pub async fn accounts(&self, query: AccountQuery) -> Result<Vec<Account>> {
        self.store.accounts(query).await
    }

    /// Returns the same page, each user with the last message between that user and the reader.
    pub async fn accounts_with_last_message(
        &self,
        reader: UserId,
        query: AccountQuery,
    ) -> Result<Vec<(Account, Option<LastMessage>)>> {
        self.store.accounts_with_last_message(reader, query).await
    }
}

/// Checks the practical subset of RFC 5321 mailbox syntax: `local@domain.tld`, no quoting, at most 254 bytes.
fn check_email(email: &str) -> Result<()> {
    let mut character = [0; 4];
    if email.chars().any(|c| names::is_blank(c.encode_utf8(&mut character))) {
        return Err(Error::invalid("email", "must not contain spaces or invisible characters"));
    }
    let valid = email.len() <= 254
        && email.split_once('@').is_some_and(|(local, domain)| is_local_part(local) && is_domain(domain));
    if valid {
        Ok(())
    } else {
        Err(Error::invalid("email", "must be a valid address such as tom@example.com"))
    }
}

fn is_local_part(local: &str) -> bool {
    let allowed = |c: char| !c.is_whitespace() && !c.is_control() && !"@,;:<>()[]\\\"".contains(c);
    (1..=64).contains(&local.len())
        && local.chars().all(allowed)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.contains('.') && domain.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails_are_checked() {
        for good in ["tom@temp.com", "a.b+c@x-y.example.org", "ünï@exämple.de"] {
            assert!(check_email(good).is_ok(), "{good}");
        }
        let long = format!("{}@example.com", "x".repeat(65));
        for bad in [
            "",
            "tom",
            "@x.com",
            "tom@",
            "tom@com",
            "a b@x.com",
            "a@b@c.com",
            "a@-x.com",
            "a..b@x.com",
            "a\u{200b}@example.com",
            "a\u{ad}@example.com",
            "\u{202e}a@example.com",
            "a@exa\u{1160}mple.com",
            "a@\u{feff}example.com",
            &long,
        ] {
            assert!(check_email(bad).is_err(), "{bad:?}");
        }
    }
}
