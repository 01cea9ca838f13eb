//! One HTTP/1.1 connection that is kept open between requests.

use std::time::Duration;

use bytes::Bytes;
use chat_protocol::rest::DEVICE_COOKIE;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, RETRY_AFTER, SET_COOKIE};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;

use crate::{Error, ServerUrl, Socket};

/// A complete response.
#[derive(Debug)]
pub struct Response {
    /// HTTP status code.
    pub status: StatusCode,
    /// The complete body.
    pub body: Bytes,
    /// Time to wait before trying again, if the server names one.
    pub retry_after: Option<Duration>,
    /// Name and value of the cookie by which the server will recognise this device, if it sets one.
    pub device: Option<String>,
}

/// A connection to a server. It sends one request at a time.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    /// Connects to the server. Fails if the connection or the TLS handshake fails.
    pub async fn open(url: &ServerUrl) -> Result<Self, Error> {
        let socket = Socket::connect(url).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        // The sender gets this task's errors too.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, host: url.authority().to_owned() })
    }

    /// Returns whether the connection can send another request.
    pub fn is_usable(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and reads the complete response.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        token: Option<&str>,
        json: Option<Bytes>,
    ) -> Result<Response, Error> {
        let bearer = token.map(|token| (AUTHORIZATION, format!("Bearer {token}")));
        self.send_with(method, path, bearer, json).await
    }

    /// Same as [`Connection::send`], with a header of the caller's choice that authenticates the request.
    pub(crate) async fn send_with(
        &mut self,
        method: Method,
        path: &str,
        header: Option<(HeaderName, String)>,
        json: Option<Bytes>,
    ) -> Result<Response, Error> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.host);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        if json.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(json.unwrap_or_default()));
        let request = request.map_err(|error| Error::Unexpected(error.to_string()))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(seconds);
        let device = device(response.headers());
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Response { status, body, retry_after, device })
    }
}

/// Returns the device's cookie among all cookies that the server and its proxies set.
fn device(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.filter_map(|cookie| cookie.split(';').next()).map(str::trim);
    pairs.find(|pair| pair.split('=').next() == Some(DEVICE_COOKIE)).map(str::to_owned)
}

/// Parses a `Retry-After` header in seconds, the only form that our server uses.
pub(crate) fn seconds(header: &str) -> Option<Duration> {
    header.parse().ok().map(Duration::from_secs)
}
