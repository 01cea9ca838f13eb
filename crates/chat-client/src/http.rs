//! One HTTP/1.1 connection that is kept open.

use std::time::Duration;

use bytes::Bytes;
use chat_protocol::rest::DEVICE_COOKIE;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, RETRY_AFTER, SET_COOKIE};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;

use crate::{Error, ServerUrl, Socket};

/// An answer, whole.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
    /// After how long it may be tried again, where the server says so.
    pub retry_after: Option<Duration>,
    /// The cookie by which the server will know this device, where it gives one: name and value.
    pub device: Option<String>,
}

/// A connection to a server; requests on it follow one another.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    /// Connects.
    pub async fn open(url: &ServerUrl) -> Result<Self, Error> {
        let socket = Socket::connect(url).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        // Its errors reach the sender as well.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, host: url.authority().to_owned() })
    }

    /// Whether another request can be sent.
    pub fn is_usable(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and reads the whole answer.
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

    /// The same with a header that says who asks, whatever kind it is of.
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

/// The device's cookie among whatever a server and the proxies before it set.
fn device(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.filter_map(|cookie| cookie.split(';').next()).map(str::trim);
    pairs.find(|pair| pair.split('=').next() == Some(DEVICE_COOKIE)).map(str::to_owned)
}

/// What a `Retry-After` header says, in the form that our server uses.
pub(crate) fn seconds(header: &str) -> Option<Duration> {
    header.parse().ok().map(Duration::from_secs)
}
