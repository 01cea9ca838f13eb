//! Slow clients: many come back who have missed 50 KiB each, with small windows, and take 1 KiB a second. What others get of
//! the server meanwhile, and what it keeps for the slow ones, against the same without them, one right after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chat_client::ServerUrl;
use chat_client::v2::{Entrance, Way, upgrade_v2};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::crowd::{self, Circle};
use super::line::{self, Line};
use super::load::{Crew, Until};
use super::process::resident_bytes;
use super::report::{Fault, Figure, Measured, Run};
use super::samples::Sorted;
use super::sends;
use super::stage::{Effort, Stage, User};
use super::v2_stream::V2Line;

const MEMBERS: usize = 20;
/// What each has missed: so many messages of so many bytes.
const MISSED: usize = 50;
const BYTES: usize = 1024;
/// What each takes at a time, how often, and how much the system takes for it in advance.
const TAKEN: usize = 1024;
const PAUSE: Duration = Duration::from_secs(1);
const WINDOW: u32 = 4096;
/// Those who send meanwhile.
const SENDERS: usize = 8;
/// Connecting at a time.
const AT_ONCE: usize = 64;
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn measure(stage: &mut Stage, measured: &mut Vec<Measured>) -> Result<()> {
    let wanted = usize::try_from(stage.settings.resumers)?;
    let Some(circles) = crowd::gather(stage, "slow", wanted.div_ceil(MEMBERS), MEMBERS).await? else {
        return Ok(());
    };
    stage
        .note("slow: a run is two phases, without and with the slow clients, each as long as --seconds says");
    let name = format!("slow, {} resume at 1 KiB/s", super::table::number((circles.len() * MEMBERS) as f64));
    let run = super::repeat(stage, &name, "x p99 without", async |stage| run(stage, &circles).await);
    measured.push(run.await?);
    Ok(())
}

async fn run(stage: &mut Stage, circles: &[Circle]) -> Result<Run> {
    // What an allocator has once taken it keeps.
    stage.server.stop().await?;
    stage.server.resume().await?;
    let pid = stage.server.pid().context("the server's process is not known")?;
    let cursor = cursor(stage, circles).await?;
    send_what_is_missed(stage, circles).await?;
    let without = phase(stage, pid, None).await?;
    let ended = Arc::new(AtomicU64::new(0));
    let (mut slow, refused) = resume(stage, circles, &cursor, &ended).await?;
    let with = phase(stage, pid, Some(&mut slow)).await?;
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

/// What the others had of the server, and the most memory that it had meanwhile.
struct Phase {
    times: Sorted,
    refused: u64,
    memory: u64,
    effort: Effort,
}

async fn phase(stage: &Stage, pid: u32, slow: Option<&mut JoinSet<()>>) -> Result<Phase> {
    let crew = Crew::gather(stage.server.url(), sends::workers(stage, SENDERS)?).await?;
    let meter = stage.meter();
    let working = crew.work(Until::seconds(stage.settings.seconds));
    let mut working = std::pin::pin!(working);
    let mut memory = 0;
    let worked = loop {
        memory = memory.max(resident_bytes(pid).context("the server's memory cannot be read")?);
        tokio::select! {
            worked = &mut working => break worked,
            () = sleep(PAUSE / 4) => {}
        }
    };
    if slow.is_some_and(|slow| slow.is_empty()) {
        bail!("none of the slow clients came in");
    }
    let refused = worked.refused + worked.unavailable + worked.broken;
    Ok(Phase { times: worked.times.sorted(), refused, memory, effort: meter.stop() })
}

/// Where everybody will resume: a place in the log is the same for all.
async fn cursor(stage: &Stage, circles: &[Circle]) -> Result<String> {
    let user = circles.first().and_then(|circle| circle.users.first()).context("there are no users")?;
    let mut line = V2Line::open(stage.server.url(), user, None).await.context("no connection")?;
    Ok(line.live().await?.0)
}

/// In each group one member writes what all of them, and that one's own client, will have missed.
async fn send_what_is_missed(stage: &Stage, circles: &[Circle]) -> Result<()> {
    let mut line = Line::open(stage.server.url()).await.context("cannot reach the server")?;
    let body = format!("{{\"content\":\"{:.<BYTES$}\"}}", "");
    for circle in circles {
        let writer = circle.users.first().context("there are no users")?;
        let path = format!("/v1/messages/group/{}", circle.group);
        let request = line::post(stage.server.url(), &path, Some(&writer.token), &body);
        for _ in 0..MISSED {
            let answer = line.exchange(&request).await.context("the server does not answer")?;
            if answer.status != 201 {
                bail!("a message was answered {}", answer.status);
            }
        }
    }
    Ok(())
}

/// Everybody comes back; gives those who are there, and how many did not come in. `ended` counts those that the server ends.
async fn resume(
    stage: &Stage,
    circles: &[Circle],
    cursor: &str,
    ended: &Arc<AtomicU64>,
) -> Result<(JoinSet<()>, u64)> {
    let (mut coming, mut there, mut refused) = (JoinSet::new(), JoinSet::new(), 0);
    let mut users = circles.iter().flat_map(|circle| circle.users.clone());
    loop {
        while coming.len() < AT_ONCE
            && let Some(user) = users.next()
        {
            coming.spawn(timeout(PATIENCE, enter(stage.server.url().clone(), user, cursor.to_owned())));
        }
        match coming.join_next().await {
            None => return Ok((there, refused)),
            Some(Ok(Ok(Ok(socket)))) => {
                let ended = ended.clone();
                there.spawn(async move {
                    take_slowly(socket).await;
                    ended.fetch_add(1, Ordering::Relaxed);
                });
            }
            Some(_) => refused += 1,
        }
    }
}

async fn enter(url: ServerUrl, user: User, cursor: String) -> Result<TcpStream> {
    if url.is_secure() {
        bail!("slow clients do not speak TLS");
    }
    let address = tokio::net::lookup_host(url.authority()).await?.next().context("no such host")?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_recv_buffer_size(WINDOW)?;
    let entrance = Entrance { token: user.token, way: Way::Header, cursor: Some(cursor) };
    Ok(upgrade_v2(socket.connect(address).await?, &url, &entrance).await?.0)
}

/// Takes 1 KiB a second, to the end of the connection.
async fn take_slowly(mut socket: TcpStream) {
    let mut piece = [0; TAKEN];
    while socket.read(&mut piece).await.is_ok_and(|read| read > 0) {
        sleep(PAUSE).await;
    }
}
