//! Authentication: a token from the command line, a saved login, or name and password. Passwords are not shown while
//! they are typed and are not saved.

use std::io::{IsTerminal, Write, stderr, stdin};

use anyhow::{Context, Result, bail};
use chat_client::{Client, Error, ServerUrl};
use chat_names::is_same_name;
use chat_protocol::rest::User;
use chat_protocol::time::Time;
use jiff::Timestamp;

use crate::clean::clean;
use crate::credentials::{Credentials, Login};
use crate::{Failed, Usage, within};

/// The server, and how to log in there.
pub struct Who {
    /// URL of the server.
    pub url: ServerUrl,
    /// The user's name. `None`: the user of the saved login, or ask for it.
    pub username: Option<String>,
    /// The user's password. `None`: use a saved login, or ask for it.
    pub password: Option<String>,
    /// A JWT, used instead of name and password. If a name is given too, it must be the token's user.
    pub token: Option<String>,
    /// Returns the password of a demo user; `None` for any other name.
    pub known_password: fn(&str) -> Option<&'static str>,
}

/// Logs in if there is no valid token. Returns a client that the server accepts, and its user.
pub(crate) async fn authenticate(who: &Who) -> Result<(Client, User)> {
    let client = Client::at(who.url.clone());
    let cannot = || format!("cannot log in at {}", who.url);
    let (client, me) = match (&who.token, saved_token(who)) {
        (Some(token), _) => with_caller(client.with_token(token.clone())).await.with_context(cannot)?,
        (None, Some(token)) => match with_caller(client.with_token(token)).await {
            Err(error) if is_refused(&error) => with_caller(log_in(&client, who).await?).await?,
            known => known.with_context(cannot)?,
        },
        (None, None) => with_caller(log_in(&client, who).await?).await.with_context(cannot)?,
    };
    match &who.username {
        Some(username) if !is_same_name(username, &me.username) => {
            bail!("the token belongs to {}, not to {username}", clean(&me.username))
        }
        _ => Ok((client, me)),
    }
}

async fn with_caller(client: Client) -> Result<(Client, User)> {
    let me = within(client.caller()).await?;
    Ok((client, me))
}

/// Whether the server rejects the login: unknown, revoked or expired.
fn is_refused(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Failed(Error::Refused { status: 401, .. })))
}

/// Logs in, asks for a missing name or password, and saves the login. Returns the user's name.
pub(crate) async fn log_in_and_remember(who: &Who) -> Result<String> {
    let username = username(who)?;
    let password = password(who, &username)?;
    let (client, login) = exchange(&Client::at(who.url.clone()), who, (&username, &password)).await?;
    let name = login.username.clone();
    if let Err(error) = Credentials::read().and_then(|mut credentials| credentials.remember(login)) {
        // Revoke the token, because it could not be saved and nobody can use it.
        let _ = within(client.logout()).await;
        return Err(error);
    }
    Ok(name)
}

/// Revokes a saved login at the server and removes it from the file. Returns the user's name; `None` if there is none.
pub(crate) async fn log_out(who: &Who) -> Result<Option<String>> {
    let mut credentials = Credentials::read()?;
    let server = who.url.to_string();
    let found = credentials.find(&server, who.username.as_deref(), Time(i64::MIN)).cloned();
    let Some(login) = found else { return Ok(None) };
    let client = Client::at(who.url.clone()).with_token(login.token.clone());
    match within(client.logout()).await {
        Ok(_) => {}
        // Revoked or expired already.
        Err(error) if is_refused(&error) => {}
        Err(error) => return Err(error.context("the server could not be reached, so the login is kept")),
    }
    credentials.forget(&server, &login.username)?;
    Ok(Some(login.username))
}

/// The token of a saved login. An unreadable file is reported and ignored, because the user can still log in.
fn saved_token(who: &Who) -> Option<String> {
    if who.token.is_some() || who.password.is_some() || known_password(who).is_some() {
        return None;
    }
    let credentials = Credentials::read().inspect_err(|error| eprintln!("* {error:#}")).ok()?;
    let login = credentials.find(&who.url.to_string(), who.username.as_deref(), now())?;
    Some(login.token.clone())
}

async fn log_in(client: &Client, who: &Who) -> Result<Client> {
    let username = username(who)?;
    let password = password(who, &username)?;
    let is_asked = who.password.is_none() && (who.known_password)(&username).is_none();
    let (client, login) = exchange(client, who, (&username, &password)).await?;
    if is_asked && let Err(error) = Credentials::read().and_then(|mut kept| kept.remember(login)) {
        eprintln!("* {error:#}");
    }
    Ok(client)
}

async fn exchange(client: &Client, who: &Who, (username, password): (&str, &str)) -> Result<(Client, Login)> {
    // Without the file only the device cookie is missing. Callers that need the file report its errors.
    let known = Credentials::read().ok();
    let device = known.as_ref().and_then(|known| known.device(&who.url.to_string(), username));
    let response = within(client.login_from(device, username, password)).await;
    let (logged_in, device) =
        response.with_context(|| format!("cannot log in as {username} at {}", who.url))?;
    let login = Login {
        server: who.url.to_string(),
        username: logged_in.username,
        token: logged_in.token.clone(),
        expires_at: logged_in.expires_at,
        device,
    };
    Ok((client.with_token(logged_in.token), login))
}

fn known_password(who: &Who) -> Option<&'static str> {
    who.username.as_deref().and_then(who.known_password)
}

fn username(who: &Who) -> Result<String> {
    if let Some(username) = &who.username {
        return Ok(username.clone());
    }
    if !stdin().is_terminal() {
        return Err(Usage("choose a user with --as, or log in first: chatserver login".into()).into());
    }
    let mut out = stderr();
    write!(out, "User name: ")?;
    out.flush()?;
    let mut line = String::new();
    stdin().read_line(&mut line).context("the name cannot be read")?;
    match line.trim() {
        "" => bail!("no name was given"),
        name => Ok(name.to_owned()),
    }
}

fn password(who: &Who, username: &str) -> Result<String> {
    if let Some(password) = &who.password {
        return Ok(password.clone());
    }
    if let Some(password) = (who.known_password)(username) {
        return Ok(password.into());
    }
    if stdin().is_terminal() {
        return rpassword::prompt_password(format!("Password of {username}: "))
            .context("the password cannot be read");
    }
    let hint = "set CHATSERVER_PASSWORD, or log in first: chatserver login";
    Err(Usage(format!("the password of {username} is missing: {hint}")).into())
}

fn now() -> Time {
    Time(Timestamp::now().as_microsecond())
}
