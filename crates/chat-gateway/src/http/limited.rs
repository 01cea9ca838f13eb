//! The rate-limit policy of each route, and the checks that run before a request's body is read.

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::Method;
use axum::http::request::Parts;
use chat_core::Error;
use chat_core::ids::UserId;

use super::around;
use super::problem::Problem;
use crate::App;
use crate::app::Shared;
use crate::arrival::Arrival;
use crate::audit::By;
use crate::client_address::ClientAddress;
use crate::devices::Device;
use crate::limits::{NoGuess, Passed, Policy, Refused};

/// Policy that counts a user's request on this route.
fn policy(method: &Method, route: &str) -> Policy {
    match (method.as_str(), route) {
        (
            "POST",
            "/v1/messages/p2p/{userID}"
            | "/v1/messages/group/{groupID}"
            | "/v1/conversations/{id}/messages"
            | "/v1/messages/{id}/forward",
        ) => Policy::Send,
        ("POST", "/v1/conversations/{id}/typing") => Policy::Typing,
        ("GET", "/v1/search") => Policy::Search,
        ("GET", "/v1/users" | "/v1/users/with-chat-info" | "/v1/users/{id}") => Policy::UserLookup,
        ("POST", "/v1/groups" | "/v1/groups/{id}/members") => Policy::Groups,
        ("POST", "/v1/ws-ticket") => Policy::Streams,
        _ => Policy::Default,
    }
}

/// Counts a user's request under its route's policy.
pub(crate) fn count(app: &Shared, parts: &Parts, user: UserId) -> Result<(), Problem> {
    let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let by = By { user: Some(user), address: Some(ClientAddress::of(&parts.extensions)), ..By::default() };
    passed(app, app.limits.user(policy(&parts.method, route), user), by)
}

/// Notes a nearly exhausted limit, or refuses.
fn passed(app: &Shared, passed: Result<Passed, Refused>, by: By<'_>) -> Result<(), Problem> {
    let passed = passed.map_err(|refused| app.too_much(refused, by))?;
    if let Some(near) = passed.near {
        around::note(near);
    }
    Ok(())
}

impl Shared {
    /// Refusal by a rate limit; counts it and writes an audit line.
    pub(crate) fn too_much(&self, refused: Refused, by: By<'_>) -> Problem {
        self.hub.metrics().limited(refused.policy);
        self.audit.flood(&refused, by);
        Problem::from(refused)
    }

    /// Reason why a password is not checked. Only guesses above a limit get an audit line.
    pub(super) fn no_guess(&self, why: NoGuess, by: By<'_>) -> Problem {
        match why {
            NoGuess::Refused(refused) => self.too_much(refused, by),
            NoGuess::Busy => Problem::from(Error::Overloaded),
        }
    }
}

/// The address that a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CameFrom(pub(crate) ClientAddress);

impl CameFrom {
    pub(crate) fn of(parts: &Parts) -> Self {
        Self(ClientAddress::of(&parts.extensions))
    }

    pub(crate) fn by(self) -> By<'static> {
        By { address: Some(self.0), ..By::default() }
    }
}

impl FromRequestParts<App> for CameFrom {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        Ok(Self::of(parts))
    }
}

/// A client that wants to register.
pub(super) struct Newcomer {
    pub(super) from: CameFrom,
    pub(super) is_encrypted: bool,
}

impl Newcomer {
    /// Gives the attempt back if the request was malformed. A taken name counts, because the refusal reveals that the
    /// account exists.
    pub(super) fn settle(&self, app: &Shared, refused: &Problem) {
        if refused.is_of_the_request() {
            app.limits.not_registered(self.from.0);
        }
    }
}

impl FromRequestParts<App> for Newcomer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let from = CameFrom::of(parts);
        passed(app, app.limits.address(Policy::Register, from.0), from.by())?;
        Ok(Self { from, is_encrypted: is_encrypted(parts) })
    }
}

/// A client that wants to log in, possibly from a known device.
pub(super) struct Visitor {
    pub(super) from: CameFrom,
    pub(super) device: Option<Device>,
    pub(super) is_encrypted: bool,
}

/// Whether the client speaks TLS, with this server or with a proxy in front of it.
fn is_encrypted(parts: &Parts) -> bool {
    Arrival::encrypted(&parts.extensions).is_some()
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let from = CameFrom::of(parts);
        let device = app.devices.of(&parts.headers, app.chat.now());
        if device.is_none() {
            app.limits.may_guess(from.0).map_err(|refused| app.too_much(refused, from.by()))?;
        }
        Ok(Self { from, device, is_encrypted: is_encrypted(parts) })
    }
}

/// Counts a request for a stream by address, before anything else is checked.
pub(crate) fn count_upgrade(app: &Shared, parts: &Parts) -> Result<(), Problem> {
    let from = CameFrom::of(parts);
    passed(app, app.limits.address(Policy::StreamsAddress, from.0), from.by())
}

/// Counts a stream that a user opens.
pub(crate) fn count_stream(app: &Shared, user: UserId, from: ClientAddress) -> Result<(), Problem> {
    let by = By { user: Some(user), address: Some(from), ..By::default() };
    passed(app, app.limits.user(Policy::Streams, user), by)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A renamed route would fall under the default policy unnoticed.
    #[test]
    fn routes_with_a_policy_of_their_own_are_there() {
        let document = crate::openapi();
        let mut found: Vec<&str> = Vec::new();
        for (path, item) in &document.paths.paths {
            for (method, is_there) in [(Method::GET, item.get.is_some()), (Method::POST, item.post.is_some())]
            {
                let policy = policy(&method, path);
                if is_there && policy != Policy::Default {
                    found.push(policy.name());
                }
            }
        }
        found.sort_unstable();
        assert_eq!(
            found,
            [
                "groups",
                "groups",
                "search",
                "send",
                "send",
                "send",
                "send",
                "streams",
                "typing",
                "user-lookup",
                "user-lookup",
                "user-lookup"
            ]
        );
    }
}
