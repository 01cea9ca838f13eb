//! Registration, login and finding users.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chat_core::Error;
use chat_core::accounts::{
    Account, AccountQuery, LastMessage, Login, LoginName, MAX_ACCOUNTS, Register, folded,
};
use chat_core::demo::DemoLogin;
use chat_core::ids::UserId;
use chat_protocol::problem::Problem as ProblemBody;
use chat_protocol::rest;
use chat_protocol::time::Time;
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::{Body, Params, PathId, limit};
use super::limited::{self, CameFrom, Newcomer, Visitor};
use super::paging;
use super::problem::Problem;
use super::refusals::{Any, BodyRefused, Counted, NoSuchUser, Unauthenticated};
use crate::audit::{self, Action, By};
use crate::auth::{Caller, bearer};
use crate::devices::Device;
use crate::limits::Guess;
use crate::pages::Reader;
use crate::{App, is_from_this_machine, tickets, turns};

/// Registers an account and logs it in.
/// A username has 3 to 32 visible characters, including a letter or a digit, and no `@`. It is stored in the
/// Unicode form NFKC with single spaces; words such as `all` and `admin` are reserved. Names are unique regardless of
/// case, and must not look like a registered name in another script. A password has 8 to 128 characters, is not
/// blank, and is neither the username nor the email address.
#[utoipa::path(post, path = "/v1/users/register", tag = "accounts", request_body = rest::RegisterRequest, responses(
    (status = 201, body = rest::Registered),
    (status = 409, description = "The email address, the name or a similar-looking name is taken", body = ProblemBody,
     content_type = "application/problem+json"),
    Counted, Any, BodyRefused,
))]
pub(super) async fn register(
    newcomer: Newcomer,
    State(app): State<App>,
    body: Result<Body<rest::RegisterRequest>, Problem>,
) -> Result<(StatusCode, HeaderMap, Json<rest::Registered>), Problem> {
    let login = match body {
        Ok(Body(request)) => registered(&app, newcomer.from, request).await,
        Err(refused) => Err(refused),
    };
    let login = login.inspect_err(|refused| newcomer.settle(&app, refused))?;
    let (token, _) = app.auth.issue(&login).await?;
    note(&app, Action::Registered, newcomer.from, Some(&login.account));
    let cookie = device_cookie(&app, &login, None, newcomer.is_encrypted);
    let account = login.account;
    let registered = rest::Registered {
        id: account.id.0,
        username: account.username,
        email: account.email,
        message: "User registered successfully".into(),
        token,
    };
    Ok((StatusCode::CREATED, cookie, Json(registered)))
}

async fn registered(app: &App, from: CameFrom, request: rest::RegisterRequest) -> Result<Login, Problem> {
    let rest::RegisterRequest { username, email, password } = request;
    let turn = turns::newcomer(app, from.0);
    Ok(app.chat.register(Register { username, email, password }, turn).await?)
}

/// Writes an audit line about a registration or login.
fn note(app: &App, action: Action, from: CameFrom, account: Option<&Account>) {
    let name = account.map_or(audit::UNKNOWN, |account| account.username.as_str());
    let by = By { user: account.map(|account| account.id), account: Some(name), ..from.by() };
    app.audit.note(action, by, audit::To::default());
}

/// The cookie by which the device is known from now on.
fn device_cookie(app: &App, login: &Login, known: Option<Device>, is_encrypted: bool) -> HeaderMap {
    let cookie = app.devices.cookie(login.account.id, known, is_encrypted, app.chat.now());
    cookie.map(|cookie| (SET_COOKIE, cookie)).into_iter().collect()
}

/// Logs in with an email address or a username, and the password; returns a token.
/// Names, addresses and passwords are compared in the Unicode form NFKC, so that the keyboard does not matter.
#[utoipa::path(post, path = "/v1/users/login", tag = "accounts", request_body = rest::LoginRequest, responses(
    (status = 200, body = rest::LoggedIn),
    (status = 401, description = "Unknown user or wrong password, not distinguished", body = ProblemBody,
     content_type = "application/problem+json"),
    (status = 403, description = "A demo user with the public password, from another machine",
     body = ProblemBody, content_type = "application/problem+json"),
    Counted, Any, BodyRefused,
))]
pub(super) async fn login(
    visitor: Visitor,
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Body(request): Body<rest::LoginRequest>,
) -> Result<(HeaderMap, Json<rest::LoggedIn>), Problem> {
    let name = match (request.email, request.username) {
        (Some(email), _) => LoginName::Email(email),
        (None, Some(username)) => LoginName::Username(username),
        (None, None) => return Err(Problem::invalid("email or username must be given")),
    };
    let demo = if app.options.demo_for_all || is_from_this_machine(&headers, &uri) {
        DemoLogin::Allowed
    } else {
        DemoLogin::Refused
    };
    let login = checked(&app, &visitor, (name, request.password), demo).await?;
    let (token, expires_at) = app.auth.issue(&login).await?;
    let cookie = device_cookie(&app, &login, visitor.device, visitor.is_encrypted);
    let account = login.account;
    let logged_in = rest::LoggedIn {
        message: "Login successful".into(),
        token,
        user_id: account.id.0,
        username: account.username,
        expires_at: Time(expires_at.saturating_mul(1_000_000)),
    };
    Ok((cookie, Json(logged_in)))
}

/// Checks a name and a password, within the limits on guesses.
async fn checked(
    app: &App,
    visitor: &Visitor,
    (name, password): (LoginName, String),
    demo: DemoLogin,
) -> Result<Login, Problem> {
    let Visitor { from, device, .. } = visitor;
    let account = app.chat.account_named(name.clone()).await?;
    let known = device.filter(|device| account.as_ref().is_some_and(|account| account.id == device.user));
    let guess = match (known, &account) {
        (Some(device), _) => Guess::KnownDevice(device.number),
        (None, Some(account)) => Guess::AtAccount(account.id),
        (None, None) => {
            let (LoginName::Email(name) | LoginName::Username(name)) = &name;
            Guess::AtName(folded(name))
        }
    };
    let account_name = account.as_ref().map(|account| account.username.as_str());
    let by = By { account: Some(account_name.unwrap_or(audit::UNKNOWN)), ..from.by() };
    let attempt = app.limits.guess(&guess, from.0).await.map_err(|why| app.no_guess(why, by))?;
    let checked = app.chat.login(name, password, demo, turns::guess(app, &guess, from.0)).await;
    attempt.settle(&checked);
    match &checked {
        Ok(_) => note(app, Action::LoggedIn, *from, account.as_ref()),
        Err(Error::WrongCredentials | Error::DemoUser) => {
            note(app, Action::LoginFailed, *from, account.as_ref())
        }
        Err(_) => {}
    }
    Ok(checked?)
}

/// Returns the id of the token's user.
#[utoipa::path(get, path = "/v1/test-auth", tag = "accounts", security(("bearer" = [])), responses(
    (status = 200, body = rest::AccessGranted), Unauthenticated, Any,
))]
pub(super) async fn test_auth(Caller(user): Caller) -> Json<rest::AccessGranted> {
    Json(rest::AccessGranted { message: "Access granted".into(), user_id: user.0 })
}

/// Creates a ticket that opens one WebSocket connection, for clients that can't send headers with it.
#[utoipa::path(post, path = "/v1/ws-ticket", tag = "accounts", security(("bearer" = [])), responses(
    (status = 201, body = rest::WsTicket),
    (status = 429, description = "The user or the address has too many unused tickets",
     body = ProblemBody, content_type = "application/problem+json"),
    Unauthenticated, Any,
))]
pub(super) async fn ws_ticket(
    CameFrom(from): CameFrom,
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let granted = match bearer(&headers) {
        Some(token) => app.auth.check(token).await?,
        None => None,
    };
    let granted = granted.ok_or_else(|| Problem::unauthenticated("A valid bearer token is needed"))?;
    limited::count_stream(&app, granted.user, from)?;
    let ticket = tickets::issue(&app, granted, from).await?;
    let expires_in = u32::try_from(tickets::LIFETIME.as_secs()).unwrap_or(u32::MAX);
    Ok((StatusCode::CREATED, Json(rest::WsTicket { ticket, expires_in })).into_response())
}

/// Filter and page of the list of users.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct UserParams {
    /// Only names in which a word begins with this (`q=ca` finds `Tom Cat`), regardless of case and accents.
    q: Option<String>,
    /// Maximum number of entries, 1 to 1000.
    #[param(minimum = 1, default = 1000)]
    limit: Option<i64>,
    /// Only users with a larger id.
    after_id: Option<i64>,
}

impl UserParams {
    fn query(&self) -> Result<AccountQuery, Problem> {
        Ok(AccountQuery {
            prefix: self.q.clone(),
            after: UserId(self.after_id.unwrap_or(0)),
            limit: limit(self.limit, MAX_ACCOUNTS, MAX_ACCOUNTS)?,
        })
    }
}

/// Lists users in the order of their ids; `Link: rel="next"` leads to the next page.
#[utoipa::path(get, path = "/v1/users", tag = "accounts", security(("bearer" = [])), params(UserParams), responses(
    (status = 200, body = Vec<rest::User>), Unauthenticated, Any,
))]
pub(super) async fn users(
    reader: Reader,
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<UserParams>,
) -> Result<Response, Problem> {
    let (caller, query) = (reader.user, params.query()?);
    let turn = app.pages.turn(reader, query.limit).await?;
    let accounts = app.chat.accounts(query.clone()).await?;
    let last = accounts.last().map(|account| account.id);
    let next = next_page(uri.path(), &query, accounts.len(), last);
    let users = move |accounts: Vec<Account>| -> Vec<_> {
        accounts.into_iter().map(|account| chat_wire::user(account, caller)).collect()
    };
    Ok((next, turn.answer(accounts, users).await?).into_response())
}

/// Lists users, each with the last message between that user and the caller.
#[utoipa::path(get, path = "/v1/users/with-chat-info", tag = "accounts", security(("bearer" = [])),
    params(UserParams), responses(
    (status = 200, body = Vec<rest::UserWithChatInfo>), Unauthenticated, Any,
))]
pub(super) async fn users_with_chat_info(
    reader: Reader,
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<UserParams>,
) -> Result<Response, Problem> {
    let (caller, query) = (reader.user, params.query()?);
    let turn = app.pages.turn(reader, query.limit).await?;
    let rows = app.chat.accounts_with_last_message(caller, query.clone()).await?;
    let last = rows.last().map(|(account, _)| account.id);
    let next = next_page(uri.path(), &query, rows.len(), last);
    let users =
        move |rows: Vec<_>| -> Vec<_> { rows.into_iter().map(|row| with_chat_info(row, caller)).collect() };
    Ok((next, turn.answer(rows, users).await?).into_response())
}

fn with_chat_info((account, last): (Account, Option<LastMessage>), caller: UserId) -> rest::UserWithChatInfo {
    rest::UserWithChatInfo {
        user: chat_wire::user(account, caller),
        last_message_timestamp: last.as_ref().map(|last| chat_wire::time(last.sent_at)),
        last_message_sender_id: last.as_ref().map(|last| last.sender.0),
        last_message_content: last.map(|last| last.content),
    }
}

/// Returns one user.
#[utoipa::path(get, path = "/v1/users/{id}", tag = "accounts", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), responses(
    (status = 200, body = rest::User), Unauthenticated, NoSuchUser, Any,
))]
pub(super) async fn user(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(id): PathId,
) -> Result<Json<rest::User>, Problem> {
    Ok(Json(chat_wire::user(app.chat.account(UserId(id)).await?, caller)))
}

/// The `Link` header of a page that may not be the last.
fn next_page(path: &str, query: &AccountQuery, n_rows: usize, last: Option<UserId>) -> HeaderMap {
    let Some(last) = last.filter(|_| n_rows == usize::from(query.limit)) else { return HeaderMap::new() };
    let (limit, last) = (query.limit.to_string(), last.to_string());
    let mut parameters = vec![("limit", limit.as_str()), ("after_id", &last)];
    parameters.extend(query.prefix.as_ref().map(|prefix| ("q", prefix.as_str())));
    paging::next(path, &parameters)
}
