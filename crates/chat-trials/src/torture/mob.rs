//! Clients that nobody invites: they come back for much and take it slowly, they ask and do not take the answer, or they
//! leave while what they sent is still being read. What they do stands below `mob/`; whether a node that they come to goes
//! on answering others is looked at in here.

mod askers;
mod leavers;
mod resumers;

use std::time::Duration;

use anyhow::{Context, Result};
use chat_client::v2::{Entrance, Received, V2Stream, Way, cursor_of};
use chat_client::{Client, ServerUrl};
use chat_protocol::message::SendRequest;
use chat_protocol::rest::{RegisterRequest, Registered};
use tokio::net::{TcpSocket, TcpStream};

use super::dice::Dice;
use super::fault::{Fault, Injection};
use super::target::Target;
use super::verdict::{Findings, Violation};
use super::watch::{answers, stands_still};

/// How much their systems take for them in advance.
const WINDOW: u32 = 4096;
/// What a reader is owed: a page of history that is far more than sockets hold.
const OWED: usize = 200;
const CHARACTERS: usize = 16_000;
/// After so many seconds a server that they come to cuts off who takes nothing of an answer.
pub(super) const ANSWER_TIMEOUT: &str = "1";
/// With so few threads a few of them are enough.
pub(super) const THREADS: &str = "2";

impl Target {
    /// Lets them come to a node; one that answers nobody any more is killed and started again, as its supervisor would.
    pub(super) async fn beset(
        &mut self,
        victim: usize,
        injection: &mut Injection,
        findings: &mut Findings,
    ) -> Result<()> {
        let node = self.nodes.get(victim).context("there is no such node")?.url().clone();
        let (fault, lasts) = (injection.fault, injection.lasts);
        let done = tokio::select! {
            done = come(fault, &node, lasts, &mut injection.dice) => Some(done?),
            () = stands_still(&node) => None,
        };
        if let Some(found) = done {
            findings.add(found);
            // They are gone, and so must be what they did.
            if answers(&node).await {
                return Ok(());
            }
        }
        findings.note(Violation::Unanswered, || format!("a node stands still by {}", fault.name()));
        self.kill(victim).await
    }
}

async fn come(fault: Fault, node: &ServerUrl, lasts: Duration, dice: &mut Dice) -> Result<Findings> {
    match fault {
        Fault::SlowResumers => resumers::come(&Owed::much(node, dice).await?, lasts, dice).await,
        Fault::UntakenAnswers => askers::come(&Owed::much(node, dice).await?, lasts).await,
        _ => leavers::come(node, lasts, dice).await,
    }
}

/// A user who takes no part in the run, so that the ledger has nothing of this.
struct Stranger {
    id: i64,
    client: Client,
    token: String,
}

impl Stranger {
    async fn register(node: &ServerUrl, dice: &mut Dice) -> Result<Self> {
        let username = format!("mob-{:016x}", dice.throw());
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

    fn entrance(&self, cursor: Option<String>) -> Entrance {
        Entrance { token: self.token.clone(), way: Way::Header, cursor }
    }
}

/// Somebody who has missed much.
struct Owed {
    node: ServerUrl,
    from: i64,
    reader: Stranger,
    /// From before it.
    cursor: String,
}

impl Owed {
    async fn much(node: &ServerUrl, dice: &mut Dice) -> Result<Self> {
        let writer = Stranger::register(node, dice).await?;
        let reader = Stranger::register(node, dice).await?;
        let mut stream = V2Stream::connect(node, &reader.entrance(None)).await?;
        let cursor = loop {
            if let Received::Frame(frame) = stream.next().await?
                && let Some(cursor) = cursor_of(&frame)
            {
                break cursor.to_owned();
            }
        };
        drop(stream);
        for _ in 0..OWED {
            writer.write(reader.id, "x".repeat(CHARACTERS)).await?;
        }
        Ok(Self { node: node.clone(), from: writer.id, reader, cursor })
    }
}

/// A connection over a small window.
async fn connect(node: &ServerUrl) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(WINDOW)?;
    Ok(socket.connect(node.authority().parse()?).await?)
}
