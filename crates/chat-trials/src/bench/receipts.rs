//! Receipts: all members of a large group read a message at once; how long until each has been told that this is kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::crowd;
use super::line::Line;
use super::report::{Fault, Figure, Measured, Run};
use super::samples::Samples;
use super::stage::Stage;
use super::v2_stream::{Heard, V2Line};

/// Connections that are opened at a time.
const OPENING: usize = 64;
/// What is not answered by then will not be.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn measure(stage: &mut Stage, measured: &mut Vec<Measured>) -> Result<()> {
    let members = usize::try_from(stage.settings.connections)?;
    let Some(circles) = crowd::gather(stage, "receipts", 1, members).await? else { return Ok(()) };
    let circle = circles.into_iter().next().context("there is no group")?;
    let mut lines = Vec::new();
    for users in circle.users.chunks(OPENING) {
        let mut tasks = JoinSet::new();
        for user in users {
            let (url, user) = (stage.server.url().clone(), user.clone());
            tasks.spawn(async move {
                let mut line = V2Line::open(&url, &user, None).await?;
                line.live().await?;
                anyhow::Ok(line)
            });
        }
        while let Some(opened) = tasks.join_next().await {
            lines.push(opened.context("a connection was lost")?.context("a member cannot connect")?);
        }
    }
    let name = format!("receipts, {} members", super::table::number(f64::from(stage.settings.connections)));
    let owner = circle.users.first().context("there are no users")?;
    let request = stage.message_to_group(owner, circle.group);
    let run = super::repeat(stage, &name, "ms", async |stage| run(stage, &request, &mut lines).await);
    measured.push(run.await?);
    Ok(())
}

async fn run(stage: &Stage, request: &[u8], lines: &mut Vec<V2Line>) -> Result<Run> {
    let mut sender = Line::open(stage.server.url()).await.context("cannot reach the server")?;
    let answer = sender.exchange(request).await.context("the server does not answer")?;
    let sent: chat_protocol::message::Sent =
        serde_json::from_slice(answer.body).context("the answer is not understood")?;
    let read = format!(
        "{{\"op\":\"read\",\"id\":1,\"conversation_id\":{},\"seq\":{}}}",
        sent.conversation_id, sent.seq
    );
    let read: Arc<str> = read.into();
    let members = lines.len();
    // All have the message before one of them has read it.
    let everybody = Arc::new(Barrier::new(members + 1));
    let mut tasks = JoinSet::new();
    for line in lines.drain(..) {
        tasks.spawn(take_part(line, read.clone(), everybody.clone()));
    }
    timeout(PATIENCE, everybody.wait()).await.context("the message does not reach all members")?;
    let meter = stage.meter();
    let start = Instant::now();
    let (mut times, mut failed) = (Samples::default(), 0);
    while let Some(ended) = tasks.join_next().await {
        match ended.context("a connection was lost")? {
            (Some(line), true) => {
                times.push(start.elapsed());
                lines.push(line);
            }
            (line, _) => {
                failed += 1;
                lines.extend(line);
            }
        }
    }
    let effort = meter.stop();
    let times = times.sorted();
    Ok(Run {
        main: times.max_ms(),
        details: vec![
            Figure::new("updates", "/s", members as f64 * 1000.0 / times.max_ms()),
            Figure::new("p50", "ms", times.percentile_ms(50)),
        ],
        faults: vec![Fault::new("not acknowledged", failed)],
        effort,
    })
}

/// One member: gets the message, waits for the others, reads. Gives the connection unless it broke, and whether the
/// reading was acknowledged.
async fn take_part(mut line: V2Line, read: Arc<str>, everybody: Arc<Barrier>) -> (Option<V2Line>, bool) {
    let got = async {
        while line.next().await? != Heard::Message {}
        anyhow::Ok(())
    };
    let has_message = timeout(PATIENCE, got).await.is_ok_and(|got| got.is_ok());
    everybody.wait().await;
    if !has_message {
        return (None, false);
    }
    let acknowledged = async {
        line.send(&read).await?;
        loop {
            match line.next().await? {
                Heard::Ack(_) => return anyhow::Ok(true),
                Heard::Refused | Heard::Unavailable => return Ok(false),
                Heard::Live(_) | Heard::Message | Heard::Other => {}
            }
        }
    };
    match timeout(PATIENCE, acknowledged).await {
        Ok(Ok(is_good)) => (Some(line), is_good),
        Ok(Err(_)) | Err(_) => (None, false),
    }
}
