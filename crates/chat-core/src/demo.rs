//! Tom and Jerry: two users with a well-known password, so that a newcomer has somebody to chat with.
//!
//! An account is a demo user because of a mark that the server sets when it makes the account, not because of its name
//! or password: a stranger may register with the same ones.

use crate::Chat;
use crate::accounts::{Account, LoginName, Register};
use crate::error::{Error, Result};
use crate::ports::{Turn, Verdict};

pub const USERS: [&str; 2] = ["tom", "jerry"];
pub const PASSWORD: &str = "password123";

/// Whether demo users may log in with the known password over a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DemoLogin {
    /// Only users on the server's machine can connect this way, or the operator allows demo logins from everywhere.
    Allowed,
    /// Anybody can connect this way.
    Refused,
}

/// Returns the email address of a demo user.
pub fn email(name: &str) -> String {
    format!("{name}@temp.com")
}

impl Chat {
    /// Makes the missing demo users and marks them. A name that somebody else has registered is left alone.
    pub async fn make_demo_users(&self) -> Result<()> {
        let present = self.demo_users().await?;
        for name in USERS.into_iter().filter(|name| present.iter().all(|account| account.username != *name)) {
            let request = Register { username: name.into(), email: email(name), password: PASSWORD.into() };
            match self.make_account(request, true, Turn::OWN).await {
                Ok(_) | Err(Error::Taken(_) | Error::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Returns the existing demo users, whatever their passwords are now.
    pub async fn demo_users(&self) -> Result<Vec<Account>> {
        self.store.demo_accounts().await
    }

    /// Returns accounts without the mark that have a demo user's name and address: registered by a stranger, or made by
    /// an earlier release that did not set the mark.
    pub async fn namesakes_of_demo_users(&self) -> Result<Vec<Account>> {
        let mut namesakes = Vec::new();
        for name in USERS {
            let found = self.store.credentials(LoginName::Username(name.into())).await?;
            let unmarked = found.filter(|found| !found.is_demo).map(|found| found.account);
            namesakes
                .extend(unmarked.filter(|account| account.username == name && account.email == email(name)));
        }
        Ok(namesakes)
    }

    /// Whether a demo user still has the known password. Takes as long as a login.
    pub async fn has_known_password(&self, demo_user: &Account) -> Result<bool> {
        let name = LoginName::Username(demo_user.username.clone());
        let hash = self.store.credentials(name).await?.map(|credentials| credentials.password_hash);
        Ok(self.passwords.verify(PASSWORD.into(), hash, Turn::OWN).await? != Verdict::Mismatch)
    }
}
