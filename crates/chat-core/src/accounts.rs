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

/// Most accounts in one page of the list of users.
pub const MAX_ACCOUNTS: u16 = 1000;

/// A user account, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The account's number.
    pub id: UserId,
    /// As [`names`] gives it, unique without regard to case and looks; earlier releases were less strict.
    pub username: String,
    /// Unique without regard to case; shown to nobody but its owner.
    pub email: String,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// An account and its password hash, for checking a login.
#[derive(Clone)]
pub struct Credentials {
    /// Whose they are.
    pub account: Account,
    /// A PHC string, or a bcrypt hash of the earlier Go server.
    pub password_hash: String,
    /// The second since 1970 from which on tokens of this user count; 0 where they were never all revoked. Grows each time
    /// they are.
    pub tokens_from: i64,
    /// Whether the server made the account for newcomers to try.
    pub is_demo: bool,
}

/// Somebody who has shown who they are, and is to be given a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Who.
    pub account: Account,
    /// The second since 1970 of which the token is to be dated. Not before that from which tokens count, by the store
    /// rather than by what this node has heard; and not after the password was read, so that whoever changes it
    /// meanwhile ends this token too.
    pub dated: i64,
    /// What `tokens_from` was when the password was read. By this the token is told from those of before and after,
    /// whatever the clocks of the nodes say that made it and that end it.
    pub tokens_from: i64,
}

/// What somebody gives to register.
#[derive(Clone)]
pub struct Register {
    /// The wished name.
    pub username: String,
    /// The address.
    pub email: String,
    /// The password in the clear; it leaves this struct only towards the hasher.
    pub password: String,
}

/// A checked registration, ready to be stored.
#[derive(Clone)]
pub struct NewAccount {
    /// The name.
    pub username: String,
    /// The address.
    pub email: String,
    /// The hash of the password.
    pub password_hash: String,
    /// Whether the server makes it for newcomers to try.
    pub is_demo: bool,
    /// When.
    pub at: Timestamp,
}

/// By what somebody logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginName {
    /// By address.
    Email(String),
    /// By name.
    Username(String),
}

/// Which part of the list of users is wanted, in the order of ids.
#[derive(Debug, Clone)]
pub struct AccountQuery {
    /// Only names of which a word begins so ([`names::is_found`]).
    pub prefix: Option<String>,
    /// Only accounts with a larger id.
    pub after: UserId,
    /// At most so many; 1 to [`MAX_ACCOUNTS`].
    pub limit: u16,
}

/// The last message of a direct conversation, in brief.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastMessage {
    /// Its text.
    pub content: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Who sent it.
    pub sender: UserId,
}

impl Outcome for Account {
    fn changes(&self) -> Vec<Change> {
        Vec::new()
    }
}

/// Which of a new account's names somebody else has.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// The username, without regard to case.
    pub username: bool,
    /// A username that could be mistaken for the new one.
    pub look: bool,
    /// One of the [forms](names::login_keys) of the address.
    pub email: bool,
}

/// Succeeds for an account whose names nobody else has.
///
/// # Errors
/// Which of them is taken, the first of them.
pub fn check_free(taken: Taken) -> Result<()> {
    match taken {
        Taken { username: true, .. } => Err(Error::Taken(Unique::Username)),
        Taken { look: true, .. } => Err(names::looks_taken()),
        Taken { email: true, .. } => Err(Error::Taken(Unique::Email)),
        Taken { username: false, look: false, email: false } => Ok(()),
    }
}

/// Succeeds if the account that a request is made with is there.
///
/// # Errors
/// `UnknownCaller` where it is not.
pub fn check_caller(exists: bool) -> Result<()> {
    if exists { Ok(()) } else { Err(Error::UnknownCaller) }
}

/// Succeeds if the user whom a request names is there.
///
/// # Errors
/// `NotFound` where there is no such account.
pub fn check_user(exists: bool) -> Result<()> {
    if exists { Ok(()) } else { Err(Error::NotFound(Kind::User)) }
}

/// The durable side of accounts.
#[async_trait]
pub trait AccountStore: Send + Sync + 'static {
    /// MUST refuse, in the same transaction, a name that [could be mistaken](names::is_mistakable) for one that is there,
    /// or an address of which one of the [forms](names::login_keys) is. Names that an earlier release has stored count,
    /// also those that it stores meanwhile.
    async fn create_account(&self, new: NewAccount) -> Result<Account>;
    /// The account of that number, if there is one.
    async fn account(&self, id: UserId) -> Result<Option<Account>>;
    /// A page of accounts in the order of their ids.
    async fn accounts(&self, query: AccountQuery) -> Result<Vec<Account>>;
    /// The same page, each with the last message of its direct conversation with `reader`.
    async fn accounts_with_last_message(
        &self,
        reader: UserId,
        query: AccountQuery,
    ) -> Result<Vec<(Account, Option<LastMessage>)>>;
    /// The account behind a login name: the first that one of its [forms](names::login_keys) finds.
    async fn credentials(&self, name: LoginName) -> Result<Option<Credentials>>;
    /// MUST replace the hash only if it is still `old`, so that a password changed meanwhile stays changed.
    async fn replace_password_hash(&self, user: UserId, old: String, new: String) -> Result<()>;
    /// One of the bcrypt hashes of the earlier Go server that are left, the costliest, if any is. Asked for at every
    /// failed login, so it MUST be found without looking at all accounts.
    async fn bcrypt_hash(&self) -> Result<Option<String>>;
    /// The accounts that were made for newcomers to try, by their mark alone.
    async fn demo_accounts(&self) -> Result<Vec<Account>>;
}

impl Chat {
    /// Registers an account.
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

    /// Checks a login. Unknown user and wrong password answer alike and take as long. Demo users with the password that
    /// everybody knows are told apart only from a wrong password.
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

    /// A login that was right stays right even if its hash can't be replaced now; the next one tries again.
    async fn upgrade_hash(&self, user: UserId, old: String, password: &str, turn: Turn) {
        let upgraded = match self.hash_password(password, turn).await {
            Ok(new) => self.store.replace_password_hash(user, old, new).await,
            Err(error) => Err(error),
        };
        if let Err(error) = upgraded {
            tracing::warn!(user.id = user.0, error = %error, "the password hash could not be upgraded");
        }
    }

    /// The account of that number.
    pub async fn account(&self, id: UserId) -> Result<Account> {
        self.store.account(id).await?.ok_or(Error::NotFound(Kind::User))
    }

    /// The account behind a login name, for the operator's own questions; clients must not learn who has which address.
    pub async fn account_named(&self, name: LoginName) -> Result<Option<Account>> {
        Ok(self.store.credentials(name).await?.map(|credentials| credentials.account))
    }

    /// Whether there is an account of that number, for checking a token's bearer.
    pub async fn account_exists(&self, id: UserId) -> Result<bool> {
        Ok(self.store.account(id).await?.is_some())
    }

    /// A page of the list of users.
    pub async fn accounts(&self, query: AccountQuery) -> Result<Vec<Account>> {
        self.store.accounts(query).await
    }

    /// The same page with the last message between each user and the reader.
    pub async fn accounts_with_last_message(
        &self,
        reader: UserId,
        query: AccountQuery,
    ) -> Result<Vec<(Account, Option<LastMessage>)>> {
        self.store.accounts_with_last_message(reader, query).await
    }
}

/// The practical subset of RFC 5321 mailbox syntax: `local@domain.tld`, no quoting, at most 254 characters.
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
