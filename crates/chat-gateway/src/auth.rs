//! Finds the user of a token, however the client sent the token.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use chat_core::accounts::Login;
use chat_core::ids::UserId;
use chat_core::{Chat, Error};

use crate::App;
use crate::http::limited;
use crate::http::problem::Problem;
use crate::hub::Hub;
use crate::tokens::{Granted, LEEWAY_S, Tokens};

/// Longest wait in [`Authenticator::issue`]. A date further ahead comes from a clock that was wrong and is not waited
/// for.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Checks tokens. An account is looked up once and then remembered, because no node ever deletes accounts.
pub(crate) struct Authenticator {
    chat: Chat,
    hub: Hub,
    tokens: Tokens,
    known: RwLock<HashSet<UserId>>,
}

impl Authenticator {
    pub(crate) fn new(chat: Chat, hub: Hub, tokens: Tokens) -> Self {
        Self { chat, hub, tokens, known: RwLock::default() }
    }

    /// Issues the token of a login; returns it and its expiry in seconds since 1970. If all of the user's tokens were
    /// revoked within this second, waits for the next one: nodes of an earlier release go by the date alone, and on
    /// those a token dated ahead would survive another revocation within that second.
    pub(crate) async fn issue(&self, login: &Login) -> Result<(String, i64), Error> {
        let ahead_us = login.dated.saturating_mul(1_000_000).saturating_sub(self.chat.now().0);
        let wait = Duration::from_micros(u64::try_from(ahead_us).unwrap_or(0)).min(LONGEST_WAIT);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let now = self.chat.now().seconds();
        // We would refuse a token that is dated further ahead. Such a date comes from a clock that has since been
        // corrected.
        let dated = if login.dated.saturating_sub(now) > LEEWAY_S { now } else { login.dated };
        self.tokens.issue(login.account.id, dated, login.tokens_from).map_err(Error::internal)
    }

    /// The token's grant. `None`: it is invalid or revoked, or its account does not exist.
    pub(crate) async fn check(&self, token: &str) -> Result<Option<Granted>, Error> {
        let Some(granted) = self.tokens.verify(token, self.chat.now()) else { return Ok(None) };
        if self.hub.revocations().has(&granted) {
            return Ok(None);
        }
        if self.known.read().unwrap_or_else(PoisonError::into_inner).contains(&granted.user) {
            return Ok(Some(granted));
        }
        if !self.chat.account_exists(granted.user).await? {
            return Ok(None);
        }
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(granted.user);
        Ok(Some(granted))
    }
}

const INVALID_TOKEN: &str = "Invalid or expired token; log in again";

/// The user who makes the request. Extracting it refuses a request without a valid token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller(pub(crate) UserId);

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Bearer(granted) = Bearer::from_request_parts(parts, app).await?;
        Ok(Self(granted.user))
    }
}

/// The grant of a request's token, for handlers that need more than the user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bearer(pub(crate) Granted);

impl FromRequestParts<App> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).ok_or_else(|| {
            Problem::unauthenticated("Missing bearer token: send the header Authorization: Bearer <token>")
        })?;
        let granted = app.auth.check(token).await?;
        let granted = granted.ok_or_else(|| Problem::unauthenticated(INVALID_TOKEN))?;
        limited::count(app, parts, granted.user)?;
        parts.extensions.insert(granted);
        Ok(Self(granted))
    }
}

/// Refuses a request whose token was revoked after its head was read: the body may come seconds later.
pub(crate) fn still_valid(app: &App, extensions: &Extensions) -> Result<(), Problem> {
    let is_revoked = |granted| app.hub.revocations().has(granted);
    if extensions.get::<Granted>().is_some_and(is_revoked) {
        return Err(Problem::unauthenticated(INVALID_TOKEN));
    }
    Ok(())
}

/// The token of an `Authorization: Bearer` header (RFC 6750, 2.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
