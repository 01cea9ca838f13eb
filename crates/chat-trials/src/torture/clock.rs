//! Sets a node's clock back by an hour, forward by a year, and right again. After each step all clients have to
//! reconnect and continue. A guest logs in and out: new logins must be accepted, and ended ones must stay refused.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use chat_client::{Client, Error, ServerUrl};
use chat_protocol::rest::RegisterRequest;
use jiff::Timestamp;
use tokio::time::sleep;

use super::fault::Injection;
use super::target::Target;
use super::verdict::{Findings, Violation};

/// Seconds by which the clock is ahead, in this order.
const STEPS_S: [i64; 3] = [-3600, YEAR_S, 0];
const YEAR_S: i64 = 365 * 24 * 3600;
/// Lifetime of tokens in minutes, two years: expiry by the step of a year would be correct, but would end the run.
pub(super) const TOKEN_MINUTES: &str = "1051200";
/// Upper bound for the difference between a node's clock and its setting, in seconds. Setting it takes some time.
const NEAR_S: i64 = 600;
/// How long clients cannot connect after the clock was set.
const AWAY: Duration = Duration::from_millis(50);
const PASSWORD: &str = "only-for-this-test";

impl Target {
    /// Sets the clock of a node to each step, and leaves it there for the injection's duration.
    pub(super) async fn step_clock(
        &self,
        victim: usize,
        injection: &mut Injection,
        findings: &mut Findings,
    ) -> Result<()> {
        let node = self.nodes.get(victim).context("there is no such node")?;
        let mut guest = Guest::register(node.url(), format!("guest-{:016x}", injection.rng.number())).await?;
        for ahead_s in STEPS_S {
            node.set_clock(ahead_s)?;
            // All clients have to reconnect under the new time.
            self.restart_proxy(AWAY).await;
            guest.log_in_and_out(ahead_s, findings).await?;
            sleep(injection.lasts).await;
            guest.check_ended(findings).await?;
        }
        Ok(())
    }
}

/// A user beside the users of the run.
struct Guest {
    name: String,
    client: Client,
    /// Logins that were ended so far.
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

    /// Logs in three times, ends one login, then ends all, and logs in again.
    async fn log_in_and_out(&mut self, ahead_s: i64, findings: &mut Findings) -> Result<()> {
        let [one, other, last] =
            [self.login(ahead_s).await?, self.login(ahead_s).await?, self.login(ahead_s).await?];
        for login in [&one, &other, &last] {
            check_accepted(login, findings).await?;
        }
        if is_done(one.logout().await, findings)? {
            self.ended.push(one);
        }
        if is_done(last.logout_everywhere().await, findings)? {
            self.ended.extend([other, last]);
        }
        check_accepted(&self.login(ahead_s).await?, findings).await
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

    async fn check_ended(&self, findings: &mut Findings) -> Result<()> {
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

async fn check_accepted(login: &Client, findings: &mut Findings) -> Result<()> {
    is_done(login.caller().await, findings).map(drop)
}

/// Whether the request succeeded. A refused new login is a violation.
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
