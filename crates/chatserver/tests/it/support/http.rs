//! HTTP by hand: one request on one connection, and the whole answer with its headers. So that odd requests can be made
//! too, only `Host`, `Connection` and `Content-Length` are added to what the test asks for.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::within;

/// A request to send.
#[derive(Clone)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.into(), path: path.into(), headers: Vec::new(), body: None }
    }

    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A `POST` with a JSON body.
    pub fn post(path: &str, body: &Value) -> Self {
        Self::new("POST", path).header("Content-Type", "application/json").body(body.to_string())
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Returns the bytes of the request.
    pub fn bytes(&self, host: &str) -> Vec<u8> {
        let mut head =
            format!("{} {} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = &self.body {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        let mut bytes = (head + "\r\n").into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }

    /// Sends it and reads the answer to its end.
    pub async fn send(&self, address: &str) -> Answer {
        let bytes = self.bytes(address);
        within(20, exchange(address, &bytes)).await
    }

    /// Sends it up to its body and waits until the server asks for that. Returns the connection, for the body and the
    /// answer.
    pub async fn send_head(&self, address: &str) -> TcpStream {
        let bytes = self.clone().header("Expect", "100-continue").bytes(address);
        let head = bytes.len() - self.body.as_ref().map_or(0, Vec::len);
        let mut socket = TcpStream::connect(address).await.expect("the server accepts");
        socket.write_all(&bytes[..head]).await.unwrap();
        let mut interim = [0; 25];
        within(20, socket.read_exact(&mut interim)).await.unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        socket
    }
}

/// Sends bytes on a new connection and reads until the server closes it.
pub async fn exchange(address: &str, bytes: &[u8]) -> Answer {
    let mut socket = TcpStream::connect(address).await.expect("the server accepts");
    // A refusal may come before all was written.
    let _ = socket.write_all(bytes).await;
    read_answer(&mut socket).await
}

/// Reads an answer up to the end of the connection.
pub async fn read_answer(socket: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // An answer to a request that was not read to its end may be followed by a reset.
    let _ = socket.read_to_end(&mut bytes).await;
    Answer::parse(&bytes)
}

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no HTTP answer: {:?}", String::from_utf8_lossy(bytes)));
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Self { status, headers: lines.map(header).collect(), body: bytes[end + 4..].to_vec() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Returns the JSON of the answer, which must have this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/json"));
        self.json()
    }

    /// Checks that the answer has no body.
    #[track_caller]
    pub fn is_empty(&self) {
        assert_eq!((self.status, self.text().as_str()), (204, ""));
    }

    /// Returns the problem of a refusal with this status and code, and checks its shape to the letter.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["detail"], problem["error"], "{problem}");
        for text in ["type", "title", "error", "request_id"] {
            assert!(problem[text].as_str().is_some_and(|text| !text.is_empty()), "{text} in {problem}");
        }
        assert_eq!(self.header("x-request-id"), problem["request_id"].as_str());
        problem
    }

    /// Checks for a 400 with the beginning that the contract requires.
    #[track_caller]
    pub fn invalid(&self) -> Value {
        let problem = self.refused(400, "invalid_request");
        let error = problem["error"].as_str().unwrap();
        assert!(error.starts_with("Invalid request format"), "{error}");
        problem
    }
}

/// Returns the names of an object's fields in alphabetical order.
#[track_caller]
pub fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
