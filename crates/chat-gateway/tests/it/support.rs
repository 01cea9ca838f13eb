//! A cluster of nodes in one process. One SQLite file stands for the shared database. Each node has a gate in place of
//! the relay; events wait behind it while it is shut.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chat_client::v2::{Received, StreamLogin, TokenTransport, V2Stream};
use chat_client::{Connection, ServerUrl, Stream};
use chat_core::accounts::Register;
use chat_core::cluster::{LocalMembers, Peers};
use chat_core::event::{Event, Signal};
use chat_core::ids::UserId;
use chat_core::messages::Recipient;
use chat_core::ports::{Clock, EventSink, Passwords, Turn, Verdict};
use chat_core::posting::{PostMessage, Posted};
use chat_core::time::Timestamp;
use chat_core::{Adapters, Chat, Limits, Result};
use chat_gateway::{
    App, GatewayOptions, Hub, HubParts, MemoryTickets, Requests, ServeOptions, TokenOptions, Tokens, router,
    serve,
};
use chat_protocol::v2::ServerFrame;
use chat_sqlite::{Options, Sqlite};
use hyper::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};

pub const PASSWORD: &str = "password123";
/// Upper bound for an answer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for an answer, up to [`PATIENCE`].
pub async fn within<T>(answer: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, answer).await.expect("no answer came")
}

/// Waits until a condition holds.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "{what}: it never came about");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Stands in front of a hub like a relay. While it is shut, committed events wait.
pub struct Gate {
    hub: Hub,
    waiting: Mutex<Option<Vec<Arc<Event>>>>,
}

impl Gate {
    pub fn shut(&self) {
        self.waiting.lock().unwrap().get_or_insert_default();
    }

    /// Publishes what waits, and from now on everything at once.
    pub async fn open(self: &Arc<Self>) {
        let gate = self.clone();
        let open = move || {
            let mut waiting = gate.waiting.lock().unwrap();
            gate.hub.sink().publish(&waiting.take().unwrap_or_default());
        };
        tokio::task::spawn_blocking(open).await.unwrap();
    }

    /// Drops what waits, like a relay that cannot read it any more.
    pub async fn miss(self: &Arc<Self>) {
        let gate = self.clone();
        let miss = move || {
            let mut waiting = gate.waiting.lock().unwrap();
            *waiting = None;
            gate.hub.all_clients_resume();
        };
        tokio::task::spawn_blocking(miss).await.unwrap();
    }

    fn publish(&self, events: &[Arc<Event>]) {
        let mut waiting = self.waiting.lock().unwrap();
        match &mut *waiting {
            Some(waiting) => waiting.extend_from_slice(events),
            None => self.hub.sink().publish(events),
        }
    }
}

/// Passes the commits of the one store to all nodes.
struct Gates(Vec<Arc<Gate>>);

impl EventSink for Gates {
    fn publish(&self, events: &[Arc<Event>]) {
        self.0.iter().for_each(|gate| gate.publish(events));
    }

    fn signal(&self, _: Signal) {}
}

/// Stores passwords in plain text. Checking them can be blocked.
pub struct PlainPasswords {
    may_check: Semaphore,
    /// Notified when a check begins.
    pub asked: Notify,
}

impl PlainPasswords {
    pub fn block(&self) {
        self.may_check.forget_permits(usize::MAX);
    }

    pub fn unblock(&self) {
        self.may_check.add_permits(1000);
    }
}

#[async_trait]
impl Passwords for PlainPasswords {
    async fn hash(&self, password: String, _: Turn) -> Result<String> {
        Ok(password)
    }

    async fn verify(&self, password: String, hash: Option<String>, _: Turn) -> Result<Verdict> {
        self.asked.notify_one();
        let _may = self.may_check.acquire().await.unwrap();
        Ok(if hash == Some(password) { Verdict::Match } else { Verdict::Mismatch })
    }
}

/// The library behind tokens uses the system's clock, so everything here does.
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "see above")]
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp(i64::try_from(since_1970.as_micros()).unwrap())
    }
}

pub struct Node {
    pub gate: Arc<Gate>,
    pub hub: Hub,
    pub chat: Chat,
    pub passwords: Arc<PlainPasswords>,
    pub url: ServerUrl,
}

/// Stand-ins for the other nodes of the cluster.
pub struct Others {
    pub local_members: Arc<dyn LocalMembers>,
    pub peers: Arc<dyn Peers>,
}

pub struct TestCluster {
    pub nodes: Vec<Node>,
    _folder: TempDir,
}

impl TestCluster {
    pub async fn of(n_nodes: usize) -> Self {
        Self::joined(n_nodes, None).await
    }

    /// Nodes that are part of a cluster with `others`.
    pub async fn joined(n_nodes: usize, others: Option<Others>) -> Self {
        Self::with(n_nodes, others, GatewayOptions::default()).await
    }

    /// Nodes with the given options.
    pub async fn with(n_nodes: usize, others: Option<Others>, bounds: GatewayOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { path: folder.path().join("chat.db"), readers: 2, search: false };
        let prepared = Sqlite::prepare(&options).unwrap();
        let epoch = prepared.epoch();
        let hub = |_| {
            Hub::spawn(HubParts {
                shards: 2,
                clock: Arc::new(SystemClock),
                epoch,
                local_members: others.as_ref().map(|others| others.local_members.clone()),
                requests: Arc::new(Requests::of(&chat_gateway::openapi())),
            })
        };
        let hubs: Vec<_> = (0..n_nodes).map(hub).collect();
        let gate = |hub: &Hub| Arc::new(Gate { hub: hub.clone(), waiting: Mutex::new(None) });
        let gates: Vec<_> = hubs.iter().map(gate).collect();
        let store = Arc::new(prepared.open(Arc::new(Gates(gates.clone()))).unwrap().store);
        let tickets = Arc::new(MemoryTickets::default());
        let peers = others.map(|others| others.peers);
        let mut nodes = Vec::new();
        for (hub, gate) in hubs.into_iter().zip(gates) {
            let passwords = PlainPasswords { may_check: Semaphore::new(1000), asked: Notify::new() };
            let passwords = Arc::new(passwords);
            let adapters = Adapters {
                store: store.clone(),
                sink: hub.sink(),
                tickets: tickets.clone(),
                passwords: passwords.clone(),
                clock: Arc::new(SystemClock),
            };
            let chat = Chat::new(adapters, Limits::default());
            let url = start(chat.clone(), hub.clone(), peers.clone(), bounds).await;
            nodes.push(Node { gate, hub, chat, passwords, url });
        }
        Self { nodes, _folder: folder }
    }

    /// Registers a user and logs in.
    pub async fn register(&self, name: &str) -> User {
        let (email, password) = (format!("{name}@temp.com"), PASSWORD.to_owned());
        let request = Register { username: name.into(), email, password };
        let id = self.nodes[0].chat.register(request, Turn::OWN).await.unwrap().account.id;
        User { id, token: self.nodes[0].login(name, PASSWORD).await.unwrap() }
    }
}

async fn start(chat: Chat, hub: Hub, peers: Option<Arc<dyn Peers>>, bounds: GatewayOptions) -> ServerUrl {
    let tokens = Tokens::new(&TokenOptions { secret: vec![7; 32], lifetime: Duration::from_secs(3600) });
    let app = App::start(chat, hub, tokens, bounds, peers).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = ServerUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(serve(
        listener,
        router(app, chat_gateway::Router::new(), chat_gateway::Origins::default()),
        ServeOptions::default(),
        std::future::pending(),
    ));
    url
}

#[derive(Clone)]
pub struct User {
    pub id: UserId,
    pub token: String,
}

impl Node {
    /// Sends a request. Returns the status and the body.
    pub async fn call(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> (u16, Value) {
        let mut connection = Connection::open(&self.url).await.unwrap();
        let body = body.map(|body| body.to_string().into());
        let answer = within(connection.send(method, path, Some(token), body)).await.unwrap();
        (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap())
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, token, Some(body)).await
    }

    pub async fn login(&self, name: &str, password: &str) -> std::result::Result<String, u16> {
        let body = serde_json::json!({ "username": name, "password": password });
        match self.post("/v1/users/login", "", body).await {
            (200, answer) => Ok(answer["token"].as_str().unwrap().to_owned()),
            (status, _) => Err(status),
        }
    }

    pub async fn accepts_token(&self, token: &str) -> bool {
        self.call(Method::GET, "/v1/test-auth", token, None).await.0 == 200
    }

    /// Sends a message. Returns its id.
    pub async fn write(&self, from: &User, to: Recipient, text: &str) -> i64 {
        let posted = self.chat.post(from.id, PostMessage::plain(to, text.into(), String::new())).await;
        match posted.unwrap() {
            Posted::New { message, .. } | Posted::Duplicate(message) => message.id.0,
        }
    }

    /// A v1 stream, after its welcome.
    pub async fn v1(&self, user: &User) -> V1 {
        let mut stream = V1(within(Stream::connect(&self.url, &user.token)).await.unwrap());
        assert_eq!(stream.text().await, "Welcome to the chat server.");
        stream
    }

    /// A v2 stream, after its hello.
    pub async fn v2(&self, user: &User, cursor: Option<String>) -> V2 {
        let login =
            StreamLogin { token: user.token.clone(), transport: TokenTransport::Header, cursor, lean: false };
        let mut stream = V2(within(V2Stream::connect(&self.url, &login)).await.unwrap());
        let hello = stream.next().await;
        assert!(matches!(hello, ServerFrame::Hello(_)), "{hello:?}");
        stream
    }

    /// The HTTP status of an upgrade with this ticket.
    pub async fn upgrade_status(&self, ticket: &str) -> u16 {
        let (method, path) = (Method::GET, format!("/ws?ticket={ticket}"));
        let mut socket = tokio::net::TcpStream::connect(self.url.authority()).await.unwrap();
        let key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n\
             Sec-WebSocket-Version: 13\r\n\r\n"
        );
        tokio::io::AsyncWriteExt::write_all(&mut socket, request.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        within(tokio::io::AsyncReadExt::read_exact(&mut socket, &mut head)).await.unwrap();
        std::str::from_utf8(&head).unwrap().rsplit(' ').next().unwrap().parse().unwrap()
    }
}

pub struct V1(Stream);

impl V1 {
    /// Content of the next message.
    pub async fn text(&mut self) -> String {
        match within(self.0.next()).await.unwrap() {
            chat_client::Received::Text(text) => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                frame["content"].as_str().unwrap().to_owned()
            }
            chat_client::Received::Closed { code, reason } => panic!("closed with {code}: {reason}"),
        }
    }
}

pub struct V2(V2Stream);

impl V2 {
    pub async fn next(&mut self) -> ServerFrame {
        match within(self.0.next()).await.unwrap() {
            Received::Frame(frame) => frame,
            other => panic!("{other:?}"),
        }
    }

    /// Reads up to `live`. Returns the contents of the messages and the cursor of `live`.
    pub async fn until_live(&mut self) -> (Vec<String>, String) {
        let mut texts = Vec::new();
        loop {
            match self.next().await {
                ServerFrame::Message(frame) => texts.push(frame.message.content),
                ServerFrame::Live(at) => return (texts, at.cursor),
                _ => {}
            }
        }
    }

    /// Content of the next message.
    pub async fn text(&mut self) -> String {
        loop {
            if let ServerFrame::Message(frame) = self.next().await {
                return frame.message.content;
            }
        }
    }

    /// The code with which the stream is closed.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Received::Closed { code, .. } = within(self.0.next()).await.unwrap() {
                return code;
            }
        }
    }
}
