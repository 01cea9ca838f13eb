//! TLS in the server: requests and streams over it, by clients that trust nothing but the certificate's own issuer.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::support::people::{PASSWORD, p2p};
use crate::support::raw_ws::upgrade;
use crate::support::{Answer, Request, Server, Setup, bytes_of, eventually, within};

/// Boxed, because it is large.
type Tls = Box<TlsStream<TcpStream>>;

const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

/// Makes a self-signed certificate and its key.
fn make_certificate(setup: &Setup, certificate: &str, key: &str) {
    let config = "[req]\ndistinguished_name=dn\nx509_extensions=ext\nprompt=no\n[dn]\nCN=localhost\n\
                  [ext]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n";
    std::fs::write(setup.path("openssl.cnf"), config).unwrap();
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    command.args(["-days", "30", "-config", "openssl.cnf", "-out", certificate, "-keyout", key]);
    let output = command.current_dir(setup.path("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn encrypted() -> Setup {
    let setup = Setup::new().on_one_node("the certificate is a file of one folder");
    make_certificate(&setup, CERTIFICATE, KEY);
    setup.env("TLS_CERT", CERTIFICATE).env("TLS_KEY", KEY)
}

fn certificate_in(file: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).unwrap()
}

/// A client that trusts this certificate alone.
fn connector(trusted: &CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

async fn handshake(stream: TcpStream, trusted: &CertificateDer<'static>) -> std::io::Result<Tls> {
    let name = ServerName::try_from("localhost").unwrap();
    within(20, connector(trusted).connect(name, stream)).await.map(Box::new)
}

async fn connect(server: &Server) -> Tls {
    let trusted = certificate_in(&server.setup.path(CERTIFICATE));
    handshake(TcpStream::connect(&server.address).await.unwrap(), &trusted).await.unwrap()
}

async fn ask(server: &Server, request: Request) -> Answer {
    let mut stream = connect(server).await;
    stream.write_all(&request.bytes(&server.address)).await.unwrap();
    let mut bytes = Vec::new();
    // rustls reports an error if the server closes without a close_notify.
    within(20, stream.read_to_end(&mut bytes)).await.unwrap();
    Answer::parse(&bytes)
}

#[tokio::test]
async fn browsers_are_asked_to_use_tls_alone_where_the_name_is_somebodys() {
    let server = encrypted().start();
    for (host, expected) in [
        ("chat.example.com", Some("max-age=31536000")),
        ("chat.example.com:8443", Some("max-age=31536000")),
        ("localhost", None),
        (server.address.as_str(), None),
    ] {
        let mut stream = connect(&server).await;
        stream.write_all(&Request::get("/ping").bytes(host)).await.unwrap();
        let mut bytes = Vec::new();
        within(20, stream.read_to_end(&mut bytes)).await.unwrap();
        let answer = Answer::parse(&bytes);
        answer.expect(200);
        assert_eq!(answer.header("strict-transport-security"), expected, "{host}");
    }
}

async fn log_in(server: &Server, name: &str) -> String {
    let body = json!({"username": name, "password": PASSWORD});
    let answer = ask(server, Request::post("/v1/users/login", &body)).await;
    assert!(answer.header("set-cookie").is_some_and(|cookie| cookie.ends_with("; Secure")));
    answer.expect(200)["token"].as_str().unwrap().to_owned()
}

struct Client(WebSocketStream<Tls>);

impl Client {
    async fn over(stream: Tls, server: &Server, token: Option<&str>) -> Self {
        let mut request = format!("wss://{}/ws", server.address).into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", HeaderValue::from_static("chatserver.v2"));
        if let Some(token) = token {
            headers.insert("Authorization", HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
        }
        let opened = Box::pin(tokio_tungstenite::client_async(request, stream));
        let (client, _) = within(20, opened).await.unwrap();
        Self(client)
    }

    async fn open(server: &Server, token: &str) -> Self {
        let mut client = Self::over(connect(server).await, server, Some(token)).await;
        client.until(|frame| frame["type"] == "live").await;
        client
    }

    async fn say(&mut self, frame: &Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    async fn next(&mut self) -> Message {
        within(20, self.0.next()).await.unwrap().unwrap()
    }

    async fn until(&mut self, is_so: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Message::Text(text) = self.next().await {
                let frame: Value = serde_json::from_str(&text).unwrap();
                if is_so(&frame) {
                    return frame;
                }
            }
        }
    }
}

#[tokio::test]
async fn requests_are_answered_over_tls_and_not_without() {
    let server = encrypted().start();
    let token = log_in(&server, "tom").await;
    let sent = Request::post(&p2p(2), &json!({"content": "hi"})).bearer(&token);
    assert_eq!(ask(&server, sent).await.expect(201)["seq"], 1);
    let url = format!("https://localhost:{}/ping", server.address.rsplit_once(':').unwrap().1);
    let curl = |args: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["-sS", "--max-time", "20"]).args(args).arg(&url).current_dir(server.setup.path(""));
        command.output().unwrap()
    };
    let answered = curl(&["--cacert", CERTIFICATE]);
    let answer: Value = serde_json::from_slice(&answered.stdout).unwrap();
    assert_eq!(answer["message"], "pong");
    assert_eq!(curl(&[]).status.code(), Some(60), "nobody vouches for the certificate");
    let plain = Request::get("/ping").send(&server.address).await;
    assert_eq!(plain.status, 400, "{}", plain.text());
}

#[tokio::test]
async fn a_socket_that_says_nothing_is_closed_within_10_seconds() {
    let server = encrypted().start();
    let mut silent = TcpStream::connect(&server.address).await.unwrap();
    let mut half = TcpStream::connect(&server.address).await.unwrap();
    half.write_all(&[0x16, 0x03, 0x01]).await.unwrap();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let both = async { tokio::join!(silent.read_to_end(&mut first), half.read_to_end(&mut second)) };
    let _ = within(10, both).await;
}

/// More data at a time than any buffer on the way holds, in both directions.
#[tokio::test]
async fn streams_over_tls_carry_everything_in_order() {
    let server = encrypted().start();
    let (tom, jerry) = (log_in(&server, "tom").await, log_in(&server, "jerry").await);
    let mut toms = Client::open(&server, &tom).await;
    let mut jerrys = Client::open(&server, &jerry).await;
    let content = |number: usize| format!("{number} {}", "x".repeat(number * 37 % 15_000));
    for number in 0..300 {
        let op = json!({"op": "send", "id": number, "to_user": 2, "content": content(number)});
        toms.0.feed(Message::text(op.to_string())).await.unwrap();
    }
    toms.0.flush().await.unwrap();
    for number in 0..300 {
        let frame = jerrys.until(|frame| frame["event"] == "created").await;
        assert_eq!(frame["message"]["content"], content(number));
    }
    toms.until(|frame| frame["type"] == "ack" && frame["id"] == 299).await;
    // Missed messages arrive as they would without TLS.
    jerrys.0.close(None).await.unwrap();
    let later = ask(&server, Request::get("/v1/conversations/1/messages?limit=200").bearer(&jerry)).await;
    assert_eq!(later.expect(200)["messages"].as_array().unwrap().len(), 200);
}

#[tokio::test]
async fn a_client_may_say_who_it_is_by_its_first_frame() {
    let server = encrypted().start();
    let token = log_in(&server, "tom").await;
    let mut client = Client::over(connect(&server).await, &server, None).await;
    client.say(&json!({"op": "auth", "token": token})).await;
    client.until(|frame| frame["type"] == "live").await;
    let mut stranger = Client::over(connect(&server).await, &server, None).await;
    stranger.say(&json!({"op": "auth", "token": "nonsense"})).await;
    let Message::Close(Some(close)) = stranger.next().await else { panic!("no closing frame") };
    assert_eq!(u16::from(close.code), 4001);
}

#[tokio::test]
async fn a_client_that_never_reads_is_closed_with_the_reason() {
    let server = encrypted().env("MAX_QUEUED_FRAMES", "8").start();
    let (tom, jerry) = (log_in(&server, "tom").await, log_in(&server, "jerry").await);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let socket = socket.connect(server.address.parse().unwrap()).await.unwrap();
    let trusted = certificate_in(&server.setup.path(CERTIFICATE));
    let stream = handshake(socket, &trusted).await.unwrap();
    let mut slow = Client::over(stream, &server, Some(&jerry)).await;
    slow.until(|frame| frame["type"] == "live").await;
    let mut toms = Client::open(&server, &tom).await;
    for number in 0..600 {
        let op = json!({"op": "send", "id": number, "to_user": 2, "content": "x".repeat(16_000)});
        toms.say(&op).await;
        toms.until(|frame| frame["type"] == "ack" && frame["id"] == number).await;
    }
    loop {
        match slow.next().await {
            Message::Close(Some(close)) => return assert_eq!(u16::from(close.code), 4008),
            Message::Close(None) => panic!("closed without a code"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn clients_are_asked_to_reconnect_when_the_server_ends() {
    let mut server = encrypted().start();
    let token = log_in(&server, "tom").await;
    let mut client = Client::open(&server, &token).await;
    server.ask_to_end();
    let Message::Close(Some(close)) = client.next().await else { panic!("no closing frame") };
    assert_eq!(u16::from(close.code), 1012);
    // Not cut off: tungstenite would report that as an error.
    while let Some(message) = within(20, client.0.next()).await {
        message.unwrap();
    }
    assert!(server.ended_within(Duration::from_secs(10)).success());
}

/// Rewrites the certificate's last day to one that has passed. Its signature becomes invalid, which only clients would
/// notice.
fn expire(setup: &Setup) {
    let pem = String::from_utf8(bytes_of(&setup.path(CERTIFICATE))).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let mut der = BASE64.decode(body.as_bytes()).unwrap();
    // Times are 13 characters that end with a Z, each after its tag and length. The second is the last day.
    let is_time = |window: &[u8]| window[..2] == [0x17, 13] && window[14] == b'Z';
    let times: Vec<_> = der.windows(15).enumerate().filter(|(_, window)| is_time(window)).collect();
    let second = times[1].0 + 2;
    der[second..second + 2].copy_from_slice(b"20");
    let body = BASE64.encode(&der);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    std::fs::write(setup.path(CERTIFICATE), pem).unwrap();
}

#[test]
fn files_that_cannot_be_used_are_refused_in_one_sentence() {
    let one = |name: &str| Setup::new().env(name, "some.pem");
    one("TLS_CERT").refuse().says("TLS_KEY");
    one("TLS_KEY").refuse().says("TLS_CERT");
    let missing = encrypted();
    std::fs::remove_file(missing.path(CERTIFICATE)).unwrap();
    missing.refuse().says(CERTIFICATE);
    let missing = encrypted();
    std::fs::remove_file(missing.path(KEY)).unwrap();
    missing.refuse().says(KEY);
    let empty = encrypted();
    std::fs::write(empty.path(CERTIFICATE), "nothing\n").unwrap();
    empty.refuse().says("there is no certificate");
    let empty = encrypted();
    std::fs::write(empty.path(KEY), "nothing\n").unwrap();
    empty.refuse().says("TLS_KEY");
    let mixed_up = encrypted();
    make_certificate(&mixed_up, "other.pem", KEY);
    mixed_up.refuse().says("is not that of the certificate");
    let expired = encrypted();
    expire(&expired);
    expired.refuse().says("has expired");
    assert!(!expired.database().exists(), "a refused start left a database behind");
    for setting in ["TLS_CERT", "TLS_KEY"] {
        drop(Setup::new().env(setting, "").start());
    }
}

/// Returns which of these two certificates the server shows.
async fn shown(server: &Server, candidates: [&CertificateDer<'static>; 2]) -> Option<usize> {
    for (number, candidate) in candidates.into_iter().enumerate() {
        let stream = TcpStream::connect(&server.address).await.unwrap();
        if handshake(stream, candidate).await.is_ok() {
            return Some(number);
        }
    }
    None
}

fn hang_up(server: &Server) {
    let asked = Command::new("sh").args(["-c", &format!("kill -HUP {}", server.id())]).status();
    assert!(asked.unwrap().success());
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_and_a_broken_one_is_not() {
    let server = encrypted().start();
    let token = log_in(&server, "tom").await;
    let mut before = Client::open(&server, &token).await;
    let first = certificate_in(&server.setup.path(CERTIFICATE));
    make_certificate(&server.setup, CERTIFICATE, KEY);
    let second = certificate_in(&server.setup.path(CERTIFICATE));
    assert_ne!(first, second);
    hang_up(&server);
    let shows_second = async || shown(&server, [&first, &second]).await == Some(1);
    eventually(4, "the second certificate", shows_second).await;
    // A connection from before goes on.
    before.say(&json!({"op": "ping", "id": 1})).await;
    before.until(|frame| frame["type"] == "pong").await;

    std::fs::write(server.setup.path(CERTIFICATE), "broken\n").unwrap();
    hang_up(&server);
    let is_logged =
        async || server.printed().contains("the certificate was not reloaded; the former one stays in use");
    eventually(4, "a line in the log", is_logged).await;
    assert!(shows_second().await);

    make_certificate(&server.setup, CERTIFICATE, KEY);
    let third = certificate_in(&server.setup.path(CERTIFICATE));
    let shows_third = async || shown(&server, [&second, &third]).await == Some(1);
    eventually(15, "the third certificate, without a signal", shows_third).await;
}

/// A client that uses HTTP where TLS is spoken gets a hint, and ChatServer's own client shows it.
#[tokio::test]
async fn http_to_a_port_with_tls_is_asked_to_use_tls() {
    let server = encrypted().start();
    for request in [Request::get("/ping"), Request::post("/v1/users/login", &json!({"username": "tom"}))] {
        let answer = request.send(&server.address).await;
        assert_eq!((answer.status, answer.header("content-type")), (400, Some("text/plain")));
        assert_eq!(answer.text(), "This port speaks TLS: use https:// or wss://\n");
    }
    let args = ["send", "--url", &server.url(), "--as", "tom", "--to", "jerry", "hello"];
    let output = server.setup.tool(&args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("use https://"), "{said}");
}

/// With one worker thread, a single slow client would be enough to occupy it.
#[tokio::test]
async fn a_client_that_resumes_over_tls_and_reads_nothing_holds_nobody_up() {
    let server = encrypted().env("TOKIO_WORKER_THREADS", "1").start();
    let (tom, jerry) = (log_in(&server, "tom").await, log_in(&server, "jerry").await);
    let body = json!({"content": "\u{1}".repeat(16_000)});
    for _ in 0..40 {
        ask(&server, Request::post(&p2p(2), &body).bearer(&tom)).await.expect(201);
    }
    let trusted = certificate_in(&server.setup.path(CERTIFICATE));
    let mut asleep = Vec::new();
    for _ in 0..2 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let socket = socket.connect(server.address.parse().unwrap()).await.unwrap();
        let mut stream = handshake(socket, &trusted).await.unwrap();
        stream.write_all(&upgrade("/ws").bearer(&jerry).bytes(&server.address)).await.unwrap();
        let mut first = [0; 12];
        within(20, stream.read_exact(&mut first)).await.unwrap();
        assert_eq!(first, *b"HTTP/1.1 101");
        asleep.push(stream);
    }
    for _ in 0..10 {
        within(5, ask(&server, Request::get("/healthz"))).await.expect(200);
    }
}

/// Returns the number of log lines at this level with this text.
fn said(server: &Server, level: &str, text: &str) -> usize {
    let level = format!(r#""level":"{level}""#);
    server.printed().lines().filter(|line| line.contains(&level) && line.contains(text)).count()
}

/// Clients judge a certificate by their own clocks, so the server goes on showing it.
#[tokio::test]
async fn a_certificate_that_the_clock_says_has_ended_is_logged_once_and_shown() {
    let (setup, clock) = encrypted().with_clock();
    let server = setup.start();
    let token = log_in(&server, "tom").await;
    let mut stream = Client::open(&server, &token).await;
    clock.set(365 * 24 * 3600).unwrap();
    let refused = setup.refuse();
    refused.says("has expired; get a new one, or set this machine's clock right");
    let not_valid = async || said(&server, "ERROR", "the certificate is not valid") > 0;
    eventually(20, "the log says so", not_valid).await;
    ask(&server, Request::get("/ping")).await.expect(200);
    stream.say(&json!({"op": "ping", "id": "still there"})).await;
    stream.until(|frame| frame["type"] == "pong").await;
    clock.set(0).unwrap();
    let valid = async || said(&server, "INFO", "the certificate is valid again") > 0;
    eventually(20, "the log says that it is over", valid).await;
    assert_eq!(said(&server, "ERROR", "the certificate is not valid"), 1);
}
