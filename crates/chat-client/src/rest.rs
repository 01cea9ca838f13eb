//! The calls of `/v1`. Those about conversations are in a file of their own.

mod conversations;

use chat_names::is_same_name;
use chat_protocol::message::History;
use chat_protocol::problem::Problem;
use chat_protocol::rest;
use hyper::header::{AUTHORIZATION, COOKIE, HeaderName};
use hyper::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::http::{Connection, Response};
use crate::{Error, ServerUrl};

/// A client of one server. With a token, it acts for the token's user.
pub struct Client {
    url: ServerUrl,
    token: Option<String>,
    connection: Mutex<Option<Connection>>,
}

impl Client {
    /// Creates a client without a token. Sends nothing yet. Fails if the URL is not a server address.
    pub fn new(url: &str) -> Result<Self, Error> {
        Ok(Self::at(ServerUrl::parse(url)?))
    }

    /// Same as [`Client::new`], for an address that is already parsed.
    pub fn at(url: ServerUrl) -> Self {
        Self { url, token: None, connection: Mutex::new(None) }
    }

    /// Returns a client of the same server that acts for the user of this token.
    #[must_use]
    pub fn with_token(&self, token: String) -> Self {
        Self { url: self.url.clone(), token: Some(token), connection: Mutex::new(None) }
    }

    /// Returns the address of the server.
    pub fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// Returns the token, if there is one.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Returns whether the server reports that it is ready.
    pub async fn ready(&self) -> Result<bool, Error> {
        Ok(self.exchange(Method::GET, "/readyz", self.bearer(), None).await?.status == StatusCode::OK)
    }

    /// Registers an account.
    pub async fn register(&self, request: &rest::RegisterRequest) -> Result<rest::Registered, Error> {
        self.call(Method::POST, "/v1/users/register", Some(request)).await
    }

    /// Logs in by name.
    pub async fn login(&self, username: &str, password: &str) -> Result<rest::LoggedIn, Error> {
        Ok(self.login_from(None, username, password).await?.0)
    }

    /// Same as [`Client::login`], from a device that presents the cookie of an earlier login, if there is
    /// one. Returns the cookie for the next login too.
    pub async fn login_from(
        &self,
        device: Option<&str>,
        username: &str,
        password: &str,
    ) -> Result<(rest::LoggedIn, Option<String>), Error> {
        let request =
            rest::LoginRequest { email: None, username: Some(username.into()), password: password.into() };
        let json = serde_json::to_vec(&request).map_err(|error| Error::Unexpected(error.to_string()))?;
        let cookie = device.map(|device| (COOKIE, device.to_owned()));
        let answer = self.exchange(Method::POST, "/v1/users/login", cookie, Some(json)).await?;
        let device = answer.device.clone();
        Ok((parsed(answer)?, device))
    }

    /// Revokes the token.
    pub async fn logout(&self) -> Result<rest::Done, Error> {
        self.call(Method::POST, "/v1/users/logout", Some(&rest::LogoutRequest::default())).await
    }

    /// Revokes all tokens of the user.
    pub async fn logout_everywhere(&self) -> Result<rest::Done, Error> {
        let request = rest::LogoutRequest { everywhere: true };
        self.call(Method::POST, "/v1/users/logout", Some(&request)).await
    }

    /// Returns the users whose names begin with this prefix.
    pub async fn users(&self, prefix: &str) -> Result<Vec<rest::User>, Error> {
        self.get(&format!("/v1/users?q={}", percent_encoded(prefix))).await
    }

    /// Returns the user of this name, in any spelling that counts as the [same name](is_same_name).
    pub async fn user_named(&self, name: &str) -> Result<Option<rest::User>, Error> {
        let encoded = percent_encoded(name);
        let mut after = 0;
        loop {
            let page: Vec<rest::User> = self.get(&format!("/v1/users?q={encoded}&after_id={after}")).await?;
            let Some(last) = page.last().map(|user| user.id) else { return Ok(None) };
            let found = page.into_iter().find(|user| is_same_name(&user.username, name));
            if found.is_some() {
                return Ok(found);
            }
            after = last;
        }
    }

    /// Returns the user of this id.
    pub async fn user(&self, id: i64) -> Result<rest::User, Error> {
        self.get(&format!("/v1/users/{id}")).await
    }

    /// Returns the user of the token.
    pub async fn caller(&self) -> Result<rest::User, Error> {
        let granted: rest::AccessGranted = self.get("/v1/test-auth").await?;
        self.user(granted.user_id).await
    }

    /// Returns the last messages of the conversation with a user, oldest first.
    pub async fn direct_history(&self, user_id: i64, limit: u16) -> Result<History, Error> {
        self.get(&format!("/v1/messages/history/{user_id}?lean=1&limit={limit}")).await
    }

    /// Returns the last messages of a group, oldest first.
    pub async fn group_history(&self, group_id: i64, limit: u16) -> Result<History, Error> {
        self.get(&format!("/v1/groups/{group_id}/messages?lean=1&limit={limit}")).await
    }

    /// Returns the user's groups.
    pub async fn groups(&self) -> Result<Vec<rest::Group>, Error> {
        self.get("/v1/groups").await
    }

    /// Creates a group.
    pub async fn create_group(&self, name: &str) -> Result<rest::GroupCreated, Error> {
        let request = rest::CreateGroupRequest { name: name.into() };
        self.call(Method::POST, "/v1/groups", Some(&request)).await
    }

    /// Adds a member to a group.
    pub async fn add_member(&self, group: i64, user_id: i64) -> Result<rest::Done, Error> {
        let request = rest::AddMemberRequest { user_id };
        self.call(Method::POST, &format!("/v1/groups/{group}/members"), Some(&request)).await
    }

    /// Returns the members of a group.
    pub async fn members(&self, group: i64) -> Result<Vec<rest::Member>, Error> {
        self.get(&format!("/v1/groups/{group}/members")).await
    }

    /// Removes a member from a group.
    pub async fn remove_member(&self, group: i64, user_id: i64) -> Result<rest::Done, Error> {
        self.call(Method::DELETE, &format!("/v1/groups/{group}/members/{user_id}"), None::<&()>).await
    }

    /// Sends any `GET` that answers with JSON.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.call(Method::GET, path, None::<&()>).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        request: Option<&impl Serialize>,
    ) -> Result<T, Error> {
        let json = request.map(serde_json::to_vec).transpose();
        let json = json.map_err(|error| Error::Unexpected(error.to_string()))?;
        parsed(self.exchange(method, path, self.bearer(), json).await?)
    }

    fn bearer(&self) -> Option<(HeaderName, String)> {
        self.token().map(|token| (AUTHORIZATION, format!("Bearer {token}")))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        header: Option<(HeaderName, String)>,
        json: Option<Vec<u8>>,
    ) -> Result<Response, Error> {
        let mut kept = self.connection.lock().await;
        let mut connection = match kept.take().filter(Connection::is_usable) {
            Some(connection) => connection,
            None => Connection::open(&self.url).await?,
        };
        let answered = connection.send_with(method, path, header, json.map(Into::into)).await?;
        *kept = Some(connection);
        Ok(answered)
    }
}

/// Parses a response, or returns the reason for a refusal.
fn parsed<T: DeserializeOwned>(answer: Response) -> Result<T, Error> {
    let Response { status, body, retry_after, .. } = answer;
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|error| Error::Unexpected(error.to_string()));
    }
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => {
            let Problem { code, error: sentence, .. } = problem;
            Err(Error::Refused { status: status.as_u16(), code, sentence, retry_after })
        }
        Err(_) => Err(Error::foreign_refusal(status.as_u16(), &body)),
    }
}

pub(crate) fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
