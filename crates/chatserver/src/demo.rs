//! Tom and Jerry: two users with a known password, so that a newcomer has somebody to chat with.
//!
//! They are made where only this machine can log in as them, or where the operator says so; everywhere else a server
//! with such an account refuses to start (contract.md part 1, "First run").

use anyhow::{Result, bail};
use chat_core::accounts::{LoginName, Register};
use chat_core::{Chat, Error};

/// Names of the demo users, in the order of their ids.
pub(crate) const USERS: [&str; 2] = ["tom", "jerry"];
/// The password of both.
pub(crate) const PASSWORD: &str = "password123";

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

/// Makes the demo users where they belong and refuses to start where they would be a hole. Gives those whose password is still
/// the known one.
pub(crate) async fn prepare(chat: &Chat, circumstances: Circumstances) -> Result<Vec<&'static str>> {
    let Circumstances { wanted, is_loopback, is_new } = circumstances;
    let present = who_is_there(chat).await?;
    let mut open = Vec::new();
    if wanted || (is_loopback && is_new) {
        for name in USERS.into_iter().filter(|name| !present.contains(name)) {
            if make(chat, name).await? {
                open.push(name);
            }
        }
    }
    // Checking a password takes its time, which a new database needs none of.
    for name in present {
        if can_log_in(chat, name).await? {
            open.push(name);
        }
    }
    match open.first() {
        Some(name) if !is_loopback && !wanted => bail!(
            "the demo user {name} could log in with a password that everybody knows, and this server listens beyond \
             this machine; use another database, listen on 127.0.0.1, or pass --demo if that is what you want"
        ),
        _ => Ok(USERS.into_iter().filter(|name| open.contains(name)).collect()),
    }
}

async fn can_log_in(chat: &Chat, name: &str) -> Result<bool> {
    match chat.login(LoginName::Username(name.into()), PASSWORD.into()).await {
        Ok(_) => Ok(true),
        Err(Error::WrongCredentials) => Ok(false),
        Err(error) => Err(error.into()),
    }
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

/// Whether there is one now; somebody else's name stays theirs.
async fn make(chat: &Chat, name: &str) -> Result<bool> {
    let request = Register { username: name.into(), email: email(name), password: PASSWORD.into() };
    match chat.register(request).await {
        Ok(_) => Ok(true),
        Err(Error::Taken(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
