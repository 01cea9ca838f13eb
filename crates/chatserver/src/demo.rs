//! The demo users Tom and Jerry: when the server makes them, when it refuses to start with them, and to which pages it
//! offers them.
//!
//! The server makes them if only this machine can log in as them or if the operator says so. Otherwise a server with
//! such an account refuses to start (docs/contract.md, "First run").

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use chat_core::Chat;
use chat_core::accounts::{Account, AccountQuery};
pub(crate) use chat_core::demo::{PASSWORD, USERS, email};
use chat_core::ids::UserId;
use tokio::sync::Mutex;

/// How long a checked password is assumed to be still the known one.
const CHECKED_FOR: Duration = Duration::from_secs(60);

/// Accounts to look at: one more than the number of demo users.
const FIRST_ACCOUNTS: u16 = 3;

/// The operator's wish for the demo users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Make them, and let them log in from everywhere.
    Wanted,
    /// Never make them.
    Unwanted,
    /// No wish: make them if nobody outside this machine can reach the server.
    None,
}

/// Conditions that decide whether demo users are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances {
    pub(crate) wish: Wish,
    /// Only this machine can reach the server.
    pub(crate) is_loopback: bool,
    /// This start created the database.
    pub(crate) is_new: bool,
}

/// Makes the demo users if they are wanted, and returns the names of those that exist.
///
/// Checks their passwords, which is slow, only if the server's start depends on it.
///
/// # Errors
/// A demo user still has the public password and the server listens beyond this machine.
pub(crate) async fn prepare(chat: &Chat, circumstances: Circumstances) -> Result<Vec<String>> {
    let Circumstances { wish, is_loopback, is_new } = circumstances;
    let is_wanted = wish == Wish::Wanted;
    let may_be_made = is_loopback && wish == Wish::None;
    if is_wanted || (may_be_made && (is_new || has_nobody_else(chat).await?)) {
        chat.make_demo_users().await?;
    }
    let present = chat.demo_users().await?;
    if !is_loopback && !is_wanted {
        refuse_known_passwords(chat, &present).await?;
    }
    // If demo users are unwanted, others may reach the server on loopback too, such as through a proxy.
    if wish == Wish::Unwanted || (!is_loopback && !is_wanted) {
        warn_of_namesakes(chat).await?;
    }
    Ok(present.into_iter().map(|account| account.username).collect())
}

/// Whether all accounts are demo users'. The first start may have ended before it had made both.
async fn has_nobody_else(chat: &Chat) -> Result<bool> {
    let first = AccountQuery { prefix: None, after: UserId(0), limit: FIRST_ACCOUNTS };
    let (first, demo_users) = (chat.accounts(first).await?, chat.demo_users().await?);
    Ok(first.iter().all(|account| demo_users.iter().any(|demo_user| demo_user.id == account.id)))
}

async fn refuse_known_passwords(chat: &Chat, present: &[Account]) -> Result<()> {
    for account in present {
        if chat.has_known_password(account).await? {
            bail!(
                "the demo user {} could log in with a public password, and this server listens beyond this machine; \
                 use another database, listen on 127.0.0.1, or pass --demo if that is what you want; if a real user \
                 owns the account, change its password on 127.0.0.1 and the server starts",
                account.username
            )
        }
    }
    Ok(())
}

/// Warns of accounts that anybody can log in to although they are not marked as demo users. They do not stop a server:
/// otherwise two strangers who register these names could.
async fn warn_of_namesakes(chat: &Chat) -> Result<()> {
    let mut names = Vec::new();
    for account in chat.namesakes_of_demo_users().await? {
        if chat.has_known_password(&account).await? {
            names.push(account.username);
        }
    }
    if !names.is_empty() {
        tracing::warn!(
            "anybody can log in as {}: name, address and password are a demo user's; if an earlier release created \
             the account with --demo, or you do not know its owner, log in and change its password",
            names.join(" and as ")
        );
    }
    Ok(())
}

/// The demo users that the web client offers: those whose password is still the known one. The check is slow, so it
/// runs only on demand and its result is kept for `CHECKED_FOR`.
pub(crate) struct Offer {
    chat: Chat,
    last: Mutex<Option<(Instant, Vec<String>)>>,
}

impl Offer {
    pub(crate) fn new(chat: Chat) -> Self {
        Self { chat, last: Mutex::new(None) }
    }

    /// Returns their names.
    pub(crate) async fn users(&self) -> Vec<String> {
        // Held during the check, so that concurrent callers wait for its result and do not check too.
        let mut last = self.last.lock().await;
        if let Some((at, users)) = &*last
            && at.elapsed() < CHECKED_FOR
        {
            return users.clone();
        }
        // Read each time: another node may have made them after the start of this one.
        let present = self.chat.demo_users().await.unwrap_or_default();
        let mut users = Vec::new();
        let mut is_certain = true;
        for account in &present {
            match self.chat.has_known_password(account).await {
                Ok(true) => users.push(account.username.clone()),
                Ok(false) => {}
                // An overloaded server cannot check the password. The next caller may get an answer.
                Err(_) => is_certain = false,
            }
        }
        // Without demo users there was nothing slow to remember.
        if !present.is_empty() && is_certain {
            *last = Some((Instant::now(), users.clone()));
        }
        users
    }
}
