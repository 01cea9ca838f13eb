//! Misbehaving clients: they resume a lot of data and read it slowly, they send requests and do not read the answers,
//! or they log out while the server is still reading their frames. Their behaviour is below `bad_clients/`; this module
//! checks that a node still answers others.

mod late_frames;
mod slow_resumers;
mod untaken_answers;

use std::time::Duration;

use anyhow::{Context, Result};
use chat_client::v2::{Received, StreamLogin, TokenTransport, V2Stream, cursor_of};
use chat_client::{Client, ServerUrl};
use chat_protocol::message::SendRequest;
use chat_protocol::rest::{RegisterRequest, Registered};
use tokio::net::{TcpSocket, TcpStream};

use super::fault::{Fault, Injection};
use super::target::Target;
use super::verdict::{Findings, Violation};
use super::watch::{answers, until_stuck};
use crate::rng::Rng;

/// Receive buffer of their sockets, in bytes.
const WINDOW: u32 = 4096;
/// Number and length of the messages that a reader has missed: far more than sockets buffer.
const MISSED: usize = 200;
const CHARACTERS: usize = 16_000;
/// `ANSWER_TIMEOUT` of the server, in seconds: it disconnects clients that do not read an answer for this time.
pub(super) const ANSWER_TIMEOUT: &str = "1";
/// Threads of the server: with so few, a few such clients could block it.
pub(super) const THREADS: &str = "2";

impl Target {
    /// Runs misbehaving clients against a node. A node that no longer answers is killed and restarted, as a supervisor
    /// would do.
    pub(super) async fn run_bad_clients(
        &mut self,
        victim: usize,
        injection: &mut Injection,
        findings: &mut Findings,
    ) -> Result<()> {
        let node = self.nodes.get(victim).context("there is no such node")?.url().clone();
        let (fault, lasts) = (injection.fault, injection.lasts);
        let done = tokio::select! {
            done = run(fault, &node, lasts, &mut injection.rng) => Some(done?),
            () = until_stuck(&node) => None,
        };
        if let Some(found) = done {
            findings.add(found);
            // After the clients have gone, the node must answer.
            if answers(&node).await {
                return Ok(());
            }
        }
        findings.note(Violation::Unanswered, || format!("a node stands still by {}", fault.name()));
        self.kill(victim).await
    }
}

async fn run(fault: Fault, node: &ServerUrl, lasts: Duration, rng: &mut Rng) -> Result<Findings> {
    match fault {
        Fault::SlowResumers => slow_resumers::run(&Backlog::create(node, rng).await?, lasts, rng).await,
        Fault::UntakenAnswers => untaken_answers::run(&Backlog::create(node, rng).await?, lasts).await,
        _ => late_frames::run(node, lasts, rng).await,
    }
}

/// A user beside the users of the run, whose messages are in no client's record.
struct ExtraUser {
    id: i64,
    client: Client,
    token: String,
}

impl ExtraUser {
    async fn register(node: &ServerUrl, rng: &mut Rng) -> Result<Self> {
        let username = format!("extra-{:016x}", rng.number());
        let email = format!("{username}@torture.example");
        let request = RegisterRequest { username, email, password: "only-for-this-test".into() };
        let client = Client::at(node.clone());
        let registered = client.register(&request).await.context("a user cannot be registered")?;
        let Registered { id, token, .. } = registered;
        Ok(Self { id, client: client.with_token(token.clone()), token })
    }

    async fn write(&self, to: i64, content: String) -> Result<()> {
        let message = SendRequest { content: Some(content), ..SendRequest::default() };
        self.client.send_to_user(to, &message).await.context("a message cannot be sent")?;
        Ok(())
    }

    fn login(&self, cursor: Option<String>) -> StreamLogin {
        StreamLogin { token: self.token.clone(), transport: TokenTransport::Header, cursor, lean: false }
    }
}

/// A user who has missed many messages.
struct Backlog {
    node: ServerUrl,
    from: i64,
    reader: ExtraUser,
    /// Cursor from before these messages.
    cursor: String,
}

impl Backlog {
    async fn create(node: &ServerUrl, rng: &mut Rng) -> Result<Self> {
        let writer = ExtraUser::register(node, rng).await?;
        let reader = ExtraUser::register(node, rng).await?;
        let mut stream = V2Stream::connect(node, &reader.login(None)).await?;
        let cursor = loop {
            if let Received::Frame(frame) = stream.next().await?
                && let Some(cursor) = cursor_of(&frame)
            {
                break cursor.to_owned();
            }
        };
        drop(stream);
        for _ in 0..MISSED {
            writer.write(reader.id, "x".repeat(CHARACTERS)).await?;
        }
        Ok(Self { node: node.clone(), from: writer.id, reader, cursor })
    }
}

/// Connects with a small receive buffer.
async fn connect(node: &ServerUrl) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(WINDOW)?;
    Ok(socket.connect(node.authority().parse()?).await?)
}
