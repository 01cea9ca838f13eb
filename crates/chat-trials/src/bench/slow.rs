//! Slow clients: many reconnect after missing 50 KiB each, with small receive windows, and read 1 KiB per second.
//! Compares the response times of other senders and the server's memory with and without them, one right after the
//! other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chat_client::ServerUrl;
use chat_client::v2::{StreamLogin, TokenTransport, upgrade_v2};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::http::{self, HttpConnection};
use super::load::{ConnectedWorkers, Until};
use super::offline_users::{self, UserGroup};
use super::process::resident_bytes;
use super::report::{Fault, Figure, Measured, Run};
use super::samples::Sorted;
use super::sends;
use super::testbed::{Effort, Testbed, User};
use super::v2_stream::V2Connection;

const MEMBERS: usize = 20;
/// Number and size in bytes of the messages that each client has missed.
const MISSED: usize = 50;
const BYTES: usize = 1024;
/// How many bytes each client reads at a time, how often, and its socket's receive buffer.
const TAKEN: usize = 1024;
const PAUSE: Duration = Duration::from_secs(1);
const WINDOW: u32 = 4096;
/// Number of other senders.
const SENDERS: usize = 8;
/// Upper bound for concurrent connection attempts.
const AT_ONCE: usize = 64;
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn measure(testbed: &mut Testbed, measured: &mut Vec<Measured>) -> Result<()> {
    let wanted = usize::try_from(testbed.settings.resumers)?;
    let Some(user_groups) = offline_users::create(testbed, "slow", wanted.div_ceil(MEMBERS), MEMBERS).await?
    else {
        return Ok(());
    };
    testbed
        .note("slow: a run is two phases, without and with the slow clients, each as long as --seconds says");
    let name =
        format!("slow, {} resume at 1 KiB/s", super::table::number((user_groups.len() * MEMBERS) as f64));
    let run =
        super::repeat(testbed, &name, "x p99 without", async |testbed| run(testbed, &user_groups).await);
    measured.push(run.await?);
    Ok(())
}

async fn run(testbed: &mut Testbed, user_groups: &[UserGroup]) -> Result<Run> {
    // The allocator keeps memory that it has once taken, so each run needs a new process.
    testbed.server.stop().await?;
    testbed.server.resume().await?;
    let pid = testbed.server.pid().context("the server's process is not known")?;
    let cursor = cursor(testbed, user_groups).await?;
    send_what_is_missed(testbed, user_groups).await?;
    let without = phase(testbed, pid, None).await?;
    let ended = Arc::new(AtomicU64::new(0));
    let (mut slow, refused) = resume(testbed, user_groups, &cursor, &ended).await?;
    let with = phase(testbed, pid, Some(&mut slow)).await?;
    let cut_off = ended.load(Ordering::Relaxed);
    slow.abort_all();
    Ok(Run {
        main: with.times.percentile_ms(99) / without.times.percentile_ms(99).max(0.001),
        details: vec![
            Figure::new("p99 without", "ms", without.times.percentile_ms(99)),
            Figure::new("p99 with", "ms", with.times.percentile_ms(99)),
            Figure::new("p50 without", "ms", without.times.percentile_ms(50)),
            Figure::new("p50 with", "ms", with.times.percentile_ms(50)),
            Figure::new("memory without", "MiB", mib(without.memory)),
            Figure::new("more with", "MiB", mib(with.memory) - mib(without.memory)),
        ],
        faults: vec![
            Fault::new("not resumed", refused),
            Fault::new("cut off", cut_off),
            Fault::new("sends refused", without.refused + with.refused),
        ],
        effort: with.effort,
    })
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

/// Response times of the other senders, and the server's peak memory in bytes.
struct Phase {
    times: Sorted,
    refused: u64,
    memory: u64,
    effort: Effort,
}

async fn phase(testbed: &Testbed, pid: u32, slow: Option<&mut JoinSet<()>>) -> Result<Phase> {
    let connected =
        ConnectedWorkers::connect(testbed.server.url(), sends::workers(testbed, SENDERS)?).await?;
    let meter = testbed.meter();
    let working = connected.work(Until::seconds(testbed.settings.seconds));
    let mut working = std::pin::pin!(working);
    let mut memory = 0;
    let results = loop {
        memory = memory.max(resident_bytes(pid).context("the server's memory cannot be read")?);
        tokio::select! {
            results = &mut working => break results,
            () = sleep(PAUSE / 4) => {}
        }
    };
    if slow.is_some_and(|slow| slow.is_empty()) {
        bail!("none of the slow clients came in");
    }
    let refused = results.refused + results.unavailable + results.broken;
    Ok(Phase { times: results.times.sorted(), refused, memory, effort: meter.stop() })
}

/// The cursor from which all clients will resume: a log position is the same for all.
async fn cursor(testbed: &Testbed, user_groups: &[UserGroup]) -> Result<String> {
    let user =
        user_groups.first().and_then(|user_group| user_group.users.first()).context("there are no users")?;
    let mut connection =
        V2Connection::open(testbed.server.url(), user, None).await.context("no connection")?;
    Ok(connection.live().await?.0)
}

/// Sends, from one member of each group, the messages that all members' clients will have missed.
async fn send_what_is_missed(testbed: &Testbed, user_groups: &[UserGroup]) -> Result<()> {
    let mut connection =
        HttpConnection::open(testbed.server.url()).await.context("cannot reach the server")?;
    let body = format!("{{\"content\":\"{:.<BYTES$}\"}}", "");
    for user_group in user_groups {
        let writer = user_group.users.first().context("there are no users")?;
        let path = format!("/v1/messages/group/{}", user_group.group);
        let request = http::post(testbed.server.url(), &path, Some(&writer.token), &body);
        for _ in 0..MISSED {
            let answer = connection.exchange(&request).await.context("the server does not answer")?;
            if answer.status != 201 {
                bail!("a message was answered {}", answer.status);
            }
        }
    }
    Ok(())
}

/// Reconnects all clients. Returns those that were accepted, and the number of those that were not. `ended` counts
/// connections that the server closes.
async fn resume(
    testbed: &Testbed,
    user_groups: &[UserGroup],
    cursor: &str,
    ended: &Arc<AtomicU64>,
) -> Result<(JoinSet<()>, u64)> {
    let (mut connecting, mut connected_clients, mut refused) = (JoinSet::new(), JoinSet::new(), 0);
    let mut users = user_groups.iter().flat_map(|user_group| user_group.users.clone());
    loop {
        while connecting.len() < AT_ONCE
            && let Some(user) = users.next()
        {
            connecting
                .spawn(timeout(PATIENCE, connect(testbed.server.url().clone(), user, cursor.to_owned())));
        }
        match connecting.join_next().await {
            None => return Ok((connected_clients, refused)),
            Some(Ok(Ok(Ok(socket)))) => {
                let ended = ended.clone();
                connected_clients.spawn(async move {
                    take_slowly(socket).await;
                    ended.fetch_add(1, Ordering::Relaxed);
                });
            }
            Some(_) => refused += 1,
        }
    }
}

async fn connect(url: ServerUrl, user: User, cursor: String) -> Result<TcpStream> {
    if url.is_secure() {
        bail!("slow clients do not speak TLS");
    }
    let address = tokio::net::lookup_host(url.authority()).await?.next().context("no such host")?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_recv_buffer_size(WINDOW)?;
    let login = StreamLogin {
        token: user.token,
        transport: TokenTransport::Header,
        cursor: Some(cursor),
        lean: false,
    };
    Ok(upgrade_v2(socket.connect(address).await?, &url, &login).await?.0)
}

/// Reads 1 KiB per second until the connection ends.
async fn take_slowly(mut socket: TcpStream) {
    let mut piece = [0; TAKEN];
    while socket.read(&mut piece).await.is_ok_and(|read| read > 0) {
        sleep(PAUSE).await;
    }
}
