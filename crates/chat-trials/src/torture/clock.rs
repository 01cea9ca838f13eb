//! A node's clock is set back by an hour, forward by a year, and right again. Everybody has to come back once by each of
//! these times, and goes on; a guest logs in and out: what it is handed out has to be taken, and what it ended has to stay so.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use chat_client::{Client, Error, ServerUrl};
use chat_protocol::rest::RegisterRequest;
use jiff::Timestamp;
use tokio::time::sleep;

use super::fault::Injection;
use super::target::Target;
use super::verdict::{Findings, Violation};

/// By how many seconds the clock is ahead, one after the other.
const STEPS_S: [i64; 3] = [-3600, YEAR_S, 0];
const YEAR_S: i64 = 365 * 24 * 3600;
/// Tokens are good for so long meanwhile: that they end by a year's step is as it should be, and would end the run.
pub(super) const TOKEN_MINUTES: &str = "1051200";
/// How far the clock of a node may be from where it was set, which takes its time.
const NEAR_S: i64 = 600;
/// For how long clients find nobody when the clock was set.
const AWAY: Duration = Duration::from_millis(50);
const PASSWORD: &str = "only-for-this-test";

impl Target {
    /// Sets the clock of a node, and leaves it there for so long each time.
    pub(super) async fn step_clock(
        &self,
        victim: usize,
        injection: &mut Injection,
        findings: &mut Findings,
    ) -> Result<()> {
        let node = self.nodes.get(victim).context("there is no such node")?;
        let mut guest = Guest::register(node.url(), format!("guest-{:016x}", injection.dice.throw())).await?;
        for ahead_s in STEPS_S {
            node.set_clock(ahead_s)?;
            // Everybody has to come in by the new time.
            self.restart_proxy(AWAY).await;
            guest.comes_and_goes(ahead_s, findings).await?;
            sleep(injection.lasts).await;
            guest.has_ended(findings).await?;
        }
        Ok(())
    }
}

/// A user who takes no part in the run.
struct Guest {
    name: String,
    client: Client,
    /// The logins that were ended so far.
    ended: Vec<Client>,
}

impl Guest {
    async fn register(node: &ServerUrl, name: String) -> Result<Self> {
        let client = Client::at(node.clone());
        let email = format!("{name}@torture.example");
        let request = RegisterRequest { username: name.clone(), email, password: PASSWORD.into() };
        client.register(&request).await.context("a user cannot be registered")?;
        Ok(Self { name, client, ended: Vec::new() })
    }

    /// Ends a login by itself, all at once, and logs in again each time.
    async fn comes_and_goes(&mut self, ahead_s: i64, findings: &mut Findings) -> Result<()> {
        let [one, other, last] =
            [self.login(ahead_s).await?, self.login(ahead_s).await?, self.login(ahead_s).await?];
        for login in [&one, &other, &last] {
            is_taken(login, findings).await?;
        }
        if is_done(one.logout().await, findings)? {
            self.ended.push(one);
        }
        if is_done(last.logout_everywhere().await, findings)? {
            self.ended.extend([other, last]);
        }
        is_taken(&self.login(ahead_s).await?, findings).await
    }

    async fn login(&self, ahead_s: i64) -> Result<Client> {
        let login = self.client.login(&self.name, PASSWORD).await.context("a user cannot log in")?;
        let minutes: i64 = TOKEN_MINUTES.parse().context("minutes are a number")?;
        let dated = login.expires_at.0 / 1_000_000 - minutes * 60;
        if (dated - Timestamp::now().as_second() - ahead_s).abs() > NEAR_S {
            bail!("the clock of the server does not go by libfaketime; is its program linked statically?");
        }
        Ok(self.client.with_token(login.token))
    }

    async fn has_ended(&self, findings: &mut Findings) -> Result<()> {
        for login in &self.ended {
            match login.caller().await {
                Err(Error::Refused { status: 401, .. }) => {}
                Ok(_) => findings.note(Violation::Revoked, || "a login that was ended is taken again".into()),
                Err(error) => return Err(error).context("a node does not answer"),
            }
        }
        Ok(())
    }
}

async fn is_taken(login: &Client, findings: &mut Findings) -> Result<()> {
    is_done(login.caller().await, findings).map(drop)
}

/// Whether it was; that a login is refused that was handed out just now is a finding.
fn is_done<T>(done: Result<T, Error>, findings: &mut Findings) -> Result<bool> {
    match done {
        Ok(_) => Ok(true),
        Err(Error::Refused { status: 401, .. }) => {
            findings.note(Violation::Refused, || "a login that was handed out just now is refused".into());
            Ok(false)
        }
        Err(error) => Err(error).context("a node does not answer"),
    }
}
