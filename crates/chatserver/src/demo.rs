//! Tom and Jerry: two users with a known password, so that a newcomer has somebody to chat with.
//!
//! They are made where only this machine can log in as them, or where the operator says so; everywhere else a server
//! with such an account refuses to start (contract.md part 1, "First run").

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use chat_core::accounts::{LoginName, Register};
use chat_core::{Chat, Error};
use tokio::sync::Mutex;

/// Names of the demo users, in the order of their ids.
pub(crate) const USERS: [&str; 2] = ["tom", "jerry"];
/// The password of both.
pub(crate) const PASSWORD: &str = "password123";

/// For how long it is believed that a password is still the known one.
const BELIEVED: Duration = Duration::from_secs(60);

/// What decides about the demo users.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances {
    /// The operator asked for them.
    pub(crate) wanted: bool,
    /// Only this machine can reach the server.
    pub(crate) is_loopback: bool,
    /// The database was made just now.
    pub(crate) is_new: bool,
}

/// The address of a demo user.
pub(crate) fn email(name: &str) -> String {
    format!("{name}@temp.com")
}

/// Makes the demo users where they belong and refuses to start where they would be a hole. Gives those there are.
///
/// Passwords are checked, which takes its time, only where the answer decides about starting.
pub(crate) async fn prepare(chat: &Chat, circumstances: Circumstances) -> Result<Vec<&'static str>> {
    let Circumstances { wanted, is_loopback, is_new } = circumstances;
    let mut present = who_is_there(chat).await?;
    if wanted || (is_loopback && is_new) {
        for name in USERS.into_iter().filter(|name| !present.contains(name)) {
            make(chat, name).await?;
        }
        present = who_is_there(chat).await?;
    }
    if !is_loopback && !wanted {
        refuse_known_passwords(chat, &present).await?;
    }
    Ok(present)
}

async fn refuse_known_passwords(chat: &Chat, present: &[&'static str]) -> Result<()> {
    for name in present {
        match chat.login(LoginName::Username((*name).into()), PASSWORD.into()).await {
            Ok(_) => bail!(
                "the demo user {name} could log in with a password that everybody knows, and this server listens \
                 beyond this machine; use another database, listen on 127.0.0.1, or pass --demo if that is what you \
                 want"
            ),
            Err(Error::WrongCredentials) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The demo users, recognised by name and address; somebody else of that name is none.
async fn who_is_there(chat: &Chat) -> Result<Vec<&'static str>> {
    let mut present = Vec::new();
    for name in USERS {
        let found = chat.account_named(LoginName::Username(name.into())).await?;
        if found.is_some_and(|account| account.email == email(name)) {
            present.push(name);
        }
    }
    Ok(present)
}

async fn make(chat: &Chat, name: &str) -> Result<()> {
    let request = Register { username: name.into(), email: email(name), password: PASSWORD.into() };
    match chat.register(request).await {
        // Somebody else's name stays theirs.
        Ok(_) | Err(Error::Taken(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whom the web client offers to be tried: those demo users whose password is still the known one. That is looked at when
/// somebody wants to know, since it takes its time, and then not again for a while.
pub(crate) struct Offer {
    chat: Chat,
    last: Mutex<Option<(Instant, Vec<&'static str>)>>,
}

impl Offer {
    pub(crate) fn new(chat: Chat) -> Self {
        Self { chat, last: Mutex::new(None) }
    }

    /// Who they are now.
    pub(crate) async fn users(&self) -> Vec<&'static str> {
        // Whoever asks meanwhile waits for the answer instead of looking, too.
        let mut last = self.last.lock().await;
        if let Some((at, users)) = &*last
            && at.elapsed() < BELIEVED
        {
            return users.clone();
        }
        // Looked for each time: another node may have made them after the start of this one.
        let present = who_is_there(&self.chat).await.unwrap_or_default();
        let mut users = Vec::new();
        let mut is_certain = true;
        for name in &present {
            match self.chat.login(LoginName::Username((*name).into()), PASSWORD.into()).await {
                Ok(_) => users.push(*name),
                Err(Error::WrongCredentials) => {}
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
