//! Receipts: all members of a large group read a message at once; the time until each has an acknowledgement.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::http::HttpConnection;
use super::offline_users;
use super::report::{Fault, Figure, Measured, Run};
use super::samples::Samples;
use super::testbed::Testbed;
use super::v2_stream::{Frame, V2Connection};

/// Upper bound for concurrent connection attempts.
const OPENING: usize = 64;
/// An answer that takes longer will not come.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn measure(testbed: &mut Testbed, measured: &mut Vec<Measured>) -> Result<()> {
    let members = usize::try_from(testbed.settings.connections)?;
    let Some(user_groups) = offline_users::create(testbed, "receipts", 1, members).await? else {
        return Ok(());
    };
    let user_group = user_groups.into_iter().next().context("there is no group")?;
    let mut connections = Vec::new();
    for users in user_group.users.chunks(OPENING) {
        let mut tasks = JoinSet::new();
        for user in users {
            let (url, user) = (testbed.server.url().clone(), user.clone());
            tasks.spawn(async move {
                let mut connection = V2Connection::open(&url, &user, None).await?;
                connection.live().await?;
                anyhow::Ok(connection)
            });
        }
        while let Some(opened) = tasks.join_next().await {
            connections.push(opened.context("a connection was lost")?.context("a member cannot connect")?);
        }
    }
    let name = format!("receipts, {} members", super::table::number(f64::from(testbed.settings.connections)));
    let owner = user_group.users.first().context("there are no users")?;
    let request = testbed.message_to_group(owner, user_group.group);
    let run =
        super::repeat(testbed, &name, "ms", async |testbed| run(testbed, &request, &mut connections).await);
    measured.push(run.await?);
    Ok(())
}

async fn run(testbed: &Testbed, request: &[u8], connections: &mut Vec<V2Connection>) -> Result<Run> {
    let mut sender = HttpConnection::open(testbed.server.url()).await.context("cannot reach the server")?;
    let answer = sender.exchange(request).await.context("the server does not answer")?;
    let sent: chat_protocol::message::Sent =
        serde_json::from_slice(answer.body).context("the answer is not understood")?;
    let read = format!(
        "{{\"op\":\"read\",\"id\":1,\"conversation_id\":{},\"seq\":{}}}",
        sent.conversation_id, sent.seq
    );
    let read: Arc<str> = read.into();
    let members = connections.len();
    // All members have received the message before the first reads it.
    let all_members = Arc::new(Barrier::new(members + 1));
    let mut tasks = JoinSet::new();
    for connection in connections.drain(..) {
        tasks.spawn(take_part(connection, read.clone(), all_members.clone()));
    }
    timeout(PATIENCE, all_members.wait()).await.context("the message does not reach all members")?;
    let meter = testbed.meter();
    let start = Instant::now();
    let (mut times, mut failed) = (Samples::default(), 0);
    while let Some(ended) = tasks.join_next().await {
        match ended.context("a connection was lost")? {
            (Some(connection), true) => {
                times.push(start.elapsed());
                connections.push(connection);
            }
            (connection, _) => {
                failed += 1;
                connections.extend(connection);
            }
        }
    }
    let effort = meter.stop().for_units(times.len());
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

/// One member: receives the message, waits for the others, reads. Returns the connection unless it broke, and whether
/// the pointer was acknowledged.
async fn take_part(
    mut connection: V2Connection,
    read: Arc<str>,
    all_members: Arc<Barrier>,
) -> (Option<V2Connection>, bool) {
    let got = async {
        while connection.next().await? != Frame::Message {}
        anyhow::Ok(())
    };
    let has_message = timeout(PATIENCE, got).await.is_ok_and(|got| got.is_ok());
    all_members.wait().await;
    if !has_message {
        return (None, false);
    }
    let acknowledged = async {
        connection.send(&read).await?;
        loop {
            match connection.next().await? {
                Frame::Ack(_) => return anyhow::Ok(true),
                Frame::Refused | Frame::Unavailable => return Ok(false),
                Frame::Live(_) | Frame::Message | Frame::Other => {}
            }
        }
    };
    match timeout(PATIENCE, acknowledged).await {
        Ok(Ok(is_good)) => (Some(connection), is_good),
        Ok(Err(_)) | Err(_) => (None, false),
    }
}
