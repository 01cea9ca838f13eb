//! Tom and Jerry: where they are made, where a server with them refuses to start, and who is offered to try them.
//!
//! They are made where only this machine can log in as them, or where the operator says so; everywhere else a server
//! with such an account refuses to start (docs/contract.md, "First run").

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use chat_core::Chat;
use chat_core::accounts::{Account, AccountQuery};
pub(crate) use chat_core::demo::{PASSWORD, USERS, email};
use chat_core::ids::UserId;
use tokio::sync::Mutex;

/// For how long it is believed that a password is still the known one.
const BELIEVED: Duration = Duration::from_secs(60);

/// One more than there are demo users.
const MOST: u16 = 3;

/// What the operator says about the demo users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Make them, and let them in from everywhere.
    Wanted,
    /// Never make them.
    Unwanted,
    /// Nothing: they are made where nobody else comes by.
    None,
}

/// What decides about the demo users.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances {
    pub(crate) wish: Wish,
    /// Only this machine can reach the server.
    pub(crate) is_loopback: bool,
    /// The database was made just now.
    pub(crate) is_new: bool,
}

/// Makes the demo users where they belong and refuses to start where they would be a hole. Gives the names of those there
/// are.
///
/// Passwords are checked, which takes its time, only where the answer decides about starting.
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
    // Where no demo users are wanted, others may come by on loopback too.
    if wish == Wish::Unwanted || (!is_loopback && !is_wanted) {
        tell_namesakes(chat).await?;
    }
    Ok(present.into_iter().map(|account| account.username).collect())
}

/// Whether there are no accounts but those of demo users: the first start may have been ended before it had made both.
async fn has_nobody_else(chat: &Chat) -> Result<bool> {
    let first = AccountQuery { prefix: None, after: UserId(0), limit: MOST };
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

/// Says which accounts without the mark anybody could log in to. They stop no server: else two strangers with these names
/// could.
async fn tell_namesakes(chat: &Chat) -> Result<()> {
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

/// Whom the web client offers to be tried: those demo users whose password is still the known one. That is looked at when
/// somebody wants to know, since it takes its time, and then not again for a while.
pub(crate) struct Offer {
    chat: Chat,
    last: Mutex<Option<(Instant, Vec<String>)>>,
}

impl Offer {
    pub(crate) fn new(chat: Chat) -> Self {
        Self { chat, last: Mutex::new(None) }
    }

    /// Who they are now.
    pub(crate) async fn users(&self) -> Vec<String> {
        // Whoever asks meanwhile waits for the answer instead of looking, too.
        let mut last = self.last.lock().await;
        if let Some((at, users)) = &*last
            && at.elapsed() < BELIEVED
        {
            return users.clone();
        }
        // Looked for each time: another node may have made them after the start of this one.
        let present = self.chat.demo_users().await.unwrap_or_default();
        let mut users = Vec::new();
        let mut is_certain = true;
        for account in &present {
            match self.chat.has_known_password(account).await {
                Ok(true) => users.push(account.username.clone()),
                Ok(false) => {}
                // A server with too much to do says nothing about the password: who asks next may learn more.
                Err(_) => is_certain = false,
            }
        }
        // It is the passwords that take long to check.
        if !present.is_empty() && is_certain {
            *last = Some((Instant::now(), users.clone()));
        }
        users
    }
}
