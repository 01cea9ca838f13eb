//! Tom and Jerry: two users with a password that everybody knows, so that a newcomer has somebody to chat with.
//!
//! What makes an account one of them is a mark that is set when the server makes it, never its name or password: a
//! stranger may register the same of both.

use crate::Chat;
use crate::accounts::{Account, LoginName, Register};
use crate::error::{Error, Result};
use crate::ports::{Turn, Verdict};

/// Names of the demo users, in the order of their ids.
pub const USERS: [&str; 2] = ["tom", "jerry"];
/// The password of both.
pub const PASSWORD: &str = "password123";

/// Whether demo users may log in with the known password by the way on which somebody tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DemoLogin {
    /// Only whoever is on the server's machine can come by it, or the operator wants them everywhere.
    Allowed,
    /// Anybody could.
    Refused,
}

/// The address of a demo user.
pub fn email(name: &str) -> String {
    format!("{name}@temp.com")
}

impl Chat {
    /// Makes those demo users that there are not, with their mark. Somebody else's name stays theirs.
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

    /// The demo users there are, whatever their passwords are by now.
    pub async fn demo_users(&self) -> Result<Vec<Account>> {
        self.store.demo_accounts().await
    }

    /// Accounts without the mark that have a demo user's name and address. A stranger may have registered them so; or an
    /// earlier release has made them, which knew no mark.
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

    /// Whether a demo user still has the known password. It takes as long as a login.
    pub async fn has_known_password(&self, demo_user: &Account) -> Result<bool> {
        let name = LoginName::Username(demo_user.username.clone());
        let hash = self.store.credentials(name).await?.map(|credentials| credentials.password_hash);
        Ok(self.passwords.verify(PASSWORD.into(), hash, Turn::OWN).await? != Verdict::Mismatch)
    }
}
