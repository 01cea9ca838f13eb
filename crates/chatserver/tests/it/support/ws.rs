//! The stream through an independent client (tungstenite), which answers pings by itself while it is read. A task reads
//! all the time, so that a test that does something else is never a slow consumer.

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::frames::{self, Dialogue};
use super::{Server, User, within};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Maximum of unread frames. No test comes near it.
const UNREAD: usize = 1_000_000;
/// Upper bound for a frame on a busy machine, in seconds.
const PATIENCE_S: u64 = 20;

/// Received from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Got {
    Text(String),
    Pong(Vec<u8>),
    Closed(u16, String),
    /// The connection ended without a closing frame.
    Broken,
}

/// An open stream.
pub struct Ws {
    sink: SplitSink<Socket, Message>,
    inbox: mpsc::Receiver<Got>,
    /// The server's choice among the subprotocols.
    pub protocol: Option<String>,
    /// Whether the client asked for lean frames.
    pub is_lean: bool,
}

impl Ws {
    /// Opens a stream. `Err` is the status of a refusal.
    pub async fn open(server: &Server, path: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let mut request = format!("ws://{}{path}", server.address).into_client_request().unwrap();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
        }
        match within(PATIENCE_S, connect_async(request)).await {
            Ok((socket, response)) => {
                let protocol = response.headers().get("sec-websocket-protocol");
                let protocol = protocol.map(|value| value.to_str().unwrap().to_owned());
                let (sink, stream) = socket.split();
                let (sender, inbox) = mpsc::channel(UNREAD);
                tokio::spawn(read_on(stream, sender));
                Ok(Self { sink, inbox, protocol, is_lean: path.contains("lean=1") })
            }
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("neither upgraded nor refused: {error}"),
        }
    }

    /// Opens the stream of a user; the welcome is still to come.
    pub async fn greeted_next(server: &Server, user: &User) -> Self {
        let opened = Self::open(server, &format!("/ws?token={}", user.token), &[]).await;
        opened.unwrap_or_else(|status| panic!("refused with {status}"))
    }

    /// Opens the stream of a user and takes the welcome.
    pub async fn connect(server: &Server, user: &User) -> Self {
        let mut ws = Self::greeted_next(server, user).await;
        assert_eq!(ws.frame().await["type"], "system");
        ws
    }

    pub async fn text(&mut self, text: &str) {
        self.sink.send(Message::text(text)).await.unwrap();
    }

    pub async fn json(&mut self, frame: &Value) {
        self.text(&frame.to_string()).await;
    }

    pub async fn message(&mut self, message: Message) {
        self.sink.send(message).await.unwrap();
    }

    /// Sends if the stream is still open.
    pub async fn try_text(&mut self, text: &str) -> bool {
        self.sink.send(Message::text(text)).await.is_ok()
    }

    /// Sends if the stream is still open.
    pub async fn try_json(&mut self, frame: &Value) -> bool {
        self.try_text(&frame.to_string()).await
    }

    /// Returns what arrives next. A text frame must be as the AsyncAPI document says.
    pub async fn next(&mut self) -> Got {
        let got = within(PATIENCE_S, self.inbox.recv()).await.unwrap_or(Got::Broken);
        if let Got::Text(text) = &got {
            frames::check_received(self.dialogue(), text);
        }
        got
    }

    fn dialogue(&self) -> Dialogue {
        match self.protocol.as_deref() {
            Some("chatserver.v2") if self.is_lean => Dialogue::Lean,
            Some("chatserver.v2") => Dialogue::V2,
            _ => Dialogue::V1,
        }
    }

    /// Returns the next frame, which must be a JSON text.
    #[track_caller]
    pub fn frame(&mut self) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            match self.next().await {
                Got::Text(text) => serde_json::from_str(&text).unwrap(),
                other => panic!("{other:?} instead of a text frame, at {caller}"),
            }
        }
    }

    /// Returns the next `count` frames.
    pub async fn frames(&mut self, count: usize) -> Vec<Value> {
        let mut frames = Vec::with_capacity(count);
        for _ in 0..count {
            frames.push(self.frame().await);
        }
        frames
    }

    /// Returns the code of the error that answers an invalid frame.
    pub async fn error_code(&mut self) -> String {
        let frame = self.frame().await;
        assert_eq!(super::http::keys(&frame), ["code", "error", "type"], "{frame}");
        assert_eq!(frame["type"], "error", "{frame}");
        assert!(frame["error"].as_str().is_some_and(|error| !error.is_empty()), "{frame}");
        frame["code"].as_str().unwrap().to_owned()
    }

    /// Checks that nothing has arrived: a frame sent before the answer to this ping would be here.
    pub async fn is_quiet(&mut self) {
        self.message(Message::Ping(b"still there?".to_vec().into())).await;
        assert_eq!(self.next().await, Got::Pong(b"still there?".to_vec()));
    }

    /// Returns the closing frame, and skips other frames.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.next().await {
                Got::Closed(code, reason) => return (code, reason),
                Got::Broken => panic!("broken off without a closing frame"),
                _ => {}
            }
        }
    }

    /// Closes the stream and waits for the server's closing frame.
    pub async fn leave(mut self) {
        self.message(Message::Close(None)).await;
        while !matches!(self.next().await, Got::Closed(..) | Got::Broken) {}
    }
}

async fn read_on(
    mut stream: impl StreamExt<Item = Result<Message, Error>> + Unpin,
    inbox: mpsc::Sender<Got>,
) {
    while let Some(Ok(message)) = stream.next().await {
        let got = match message {
            Message::Text(text) => Got::Text(text.as_str().to_owned()),
            Message::Pong(payload) => Got::Pong(payload.to_vec()),
            Message::Close(frame) => frame.map_or(Got::Closed(1005, String::new()), |frame| {
                Got::Closed(frame.code.into(), frame.reason.as_str().to_owned())
            }),
            _ => continue,
        };
        if inbox.send(got).await.is_err() {
            return;
        }
    }
    let _ = inbox.send(Got::Broken).await;
}
