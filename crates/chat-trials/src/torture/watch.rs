//! Checks of a node during a fault: its readiness, and whether its streams stay open.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use chat_client::v2::{Op, Received, StreamLogin, TokenTransport, V2Stream};
use chat_client::{Client, ServerUrl};
use chat_protocol::v2::{Ping, ServerFrame};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

/// How often a node is asked whether it is ready.
const POLL: Duration = Duration::from_millis(20);
/// Upper bound for opening a stream and for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until all of these nodes report that they are ready, or that they are not. A node that cannot be reached or
/// does not answer reports neither. Returns the time until the last one did, or `None` after `within`.
pub(super) async fn say(nodes: Vec<ServerUrl>, is_ready: bool, within: Duration) -> Option<Duration> {
    let began = Instant::now();
    let mut asking = JoinSet::new();
    for node in nodes {
        asking.spawn(timeout(within, until(node, is_ready)));
    }
    while let Some(said) = asking.join_next().await {
        said.ok()?.ok()?;
    }
    Some(began.elapsed())
}

async fn until(node: ServerUrl, is_ready: bool) {
    loop {
        let asked = async { Client::new(&format!("http://{}", node.authority()))?.ready().await };
        if asked.await.is_ok_and(|answer| answer == is_ready) {
            return;
        }
        sleep(POLL).await;
    }
}

/// Resolves when the node does not answer its health check within [`PATIENCE`].
pub(super) async fn until_stuck(node: &ServerUrl) {
    while answers(node).await {
        sleep(POLL).await;
    }
}

/// Whether the node answers its health check within [`PATIENCE`].
pub(super) async fn answers(node: &ServerUrl) -> bool {
    let client = Client::at(node.clone());
    timeout(PATIENCE, client.get::<serde_json::Value>("/healthz")).await.is_ok_and(|answer| answer.is_ok())
}

/// A stream to one node without the clients' proxy, so that only the node can end it.
pub(super) struct Checker {
    ask: oneshot::Sender<()>,
    task: JoinHandle<Result<()>>,
}

impl Checker {
    /// Opens the stream and waits until it is live.
    pub(super) async fn open(node: &ServerUrl, token: &str) -> Result<Self> {
        let stream = timeout(PATIENCE, open(node, token)).await;
        let stream = stream.context("a stream was not opened in time")?.context("a stream was not opened")?;
        let (ask, asked) = oneshot::channel();
        Ok(Self { ask, task: tokio::spawn(read_until_asked(stream, asked)) })
    }

    /// Fails if the stream was closed or does not answer a ping.
    pub(super) async fn verify(self) -> Result<()> {
        let _ = self.ask.send(());
        self.task.await.context("a stream's task broke down")?
    }
}

async fn open(node: &ServerUrl, token: &str) -> Result<V2Stream> {
    let login =
        StreamLogin { token: token.to_owned(), transport: TokenTransport::Header, cursor: None, lean: true };
    let mut stream = V2Stream::connect(node, &login).await?;
    while !matches!(next(&mut stream).await?, Received::Frame(ServerFrame::Live(_))) {}
    Ok(stream)
}

/// Reads until `asked`, then sends a ping and waits for the answer.
async fn read_until_asked(mut stream: V2Stream, mut asked: oneshot::Receiver<()>) -> Result<()> {
    loop {
        tokio::select! {
            received = next(&mut stream) => drop(received?),
            _ = &mut asked => break,
        }
    }
    stream.queue(1, &Op::Ping(Ping {}));
    let answered = async {
        while !matches!(next(&mut stream).await?, Received::Frame(ServerFrame::Pong(_))) {}
        Ok(())
    };
    timeout(PATIENCE, answered).await.context("no answer to a ping")?
}

async fn next(stream: &mut V2Stream) -> Result<Received> {
    match stream.next().await? {
        Received::Closed { code, reason } => bail!("closed with {code}: {reason}"),
        received => Ok(received),
    }
}
