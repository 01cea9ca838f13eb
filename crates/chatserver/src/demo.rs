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

/// Makes the demo users where they belong and refuses to start where they would be a hole. Gives those who can log in.
pub(crate) async fn prepare(chat: &Chat, circumstances: Circumstances) -> Result<Vec<&'static str>> {
    let Circumstances { wanted, is_loopback, is_new } = circumstances;
    if wanted || (is_loopback && is_new) {
        for name in USERS {
            make(chat, name).await?;
        }
    }
    let present = who_can_log_in(chat).await?;
    if !present.is_empty() && !is_loopback && !wanted {
        bail!(
            "the demo user {} could log in with a password that everybody knows, and this server listens beyond \
             this machine; use another database, listen on 127.0.0.1, or pass --demo if that is what you want",
            present.join(" and ")
        );
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

async fn who_can_log_in(chat: &Chat) -> Result<Vec<&'static str>> {
    let mut present = Vec::new();
    for name in USERS {
        match chat.login(LoginName::Username(name.into()), PASSWORD.into()).await {
            Ok(_) => present.push(name),
            Err(Error::WrongCredentials) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(present)
}
