//! Clients of both stream versions that resume over small receive buffers: some read nothing, some read slowly, and
//! some disconnect in the middle and reconnect.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chat_client::v2::{StreamLogin, upgrade_v2};
use chat_client::{ServerUrl, upgrade};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Backlog, connect};
use crate::rng::Rng;
use crate::torture::verdict::Findings;

/// Number of clients of each kind: more than the server has threads.
const EACH: usize = 4;
const CHUNK: usize = 1024;
const PAUSE: Duration = Duration::from_millis(20);
/// How long those that disconnect stay, in milliseconds.
const STAY_MS: (u64, u64) = (20, 300);

#[derive(Clone, Copy)]
enum Behaviour {
    ReadsNothing,
    ReadsSlowly,
    Disconnects,
}

pub(super) async fn run(backlog: &Backlog, lasts: Duration, rng: &mut Rng) -> Result<Findings> {
    let login = backlog.reader.login(Some(backlog.cursor.clone()));
    let target = Arc::new((backlog.node.clone(), login));
    let mut clients = JoinSet::new();
    for _ in 0..EACH {
        for behaviour in [Behaviour::ReadsNothing, Behaviour::ReadsSlowly, Behaviour::Disconnects] {
            for is_v2 in [false, true] {
                let rng = Rng::new(rng.number(), "resumer", 0);
                clients.spawn(reconnect_repeatedly(target.clone(), is_v2, behaviour, rng));
            }
        }
    }
    tokio::select! {
        () = sleep(lasts) => {}
        // A client that cannot connect proves nothing, so its error ends the run.
        Some(ended) = clients.join_next() => match ended.context("a client broke down")?? {},
    }
    // Closes their sockets, too.
    clients.shutdown().await;
    Ok(Findings::default())
}

async fn reconnect_repeatedly(
    target: Arc<(ServerUrl, StreamLogin)>,
    is_v2: bool,
    behaviour: Behaviour,
    mut rng: Rng,
) -> Result<Infallible> {
    let (node, login) = &*target;
    loop {
        let socket = connect(node).await?;
        let socket = match is_v2 {
            true => upgrade_v2(socket, node, login).await,
            false => upgrade(socket, node, &login.token).await,
        };
        stay(socket.context("a client cannot resume")?.0, behaviour, &mut rng).await;
    }
}

/// Stays connected until the server or the client ends the connection.
async fn stay(mut socket: TcpStream, behaviour: Behaviour, rng: &mut Rng) {
    let mut chunk = [0; CHUNK];
    match behaviour {
        Behaviour::Disconnects => sleep(rng.millis(STAY_MS.0, STAY_MS.1)).await,
        Behaviour::ReadsNothing => std::future::pending().await,
        Behaviour::ReadsSlowly => {
            while socket.read(&mut chunk).await.is_ok_and(|read| read > 0) {
                sleep(PAUSE).await;
            }
        }
    }
}
