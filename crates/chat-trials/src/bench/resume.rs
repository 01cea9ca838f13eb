//! Resuming: 1,000 clients reconnect at once after a restart, each 20 messages behind; and then, one at a time, clients
//! that have missed nothing.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::http::HttpConnection;
use super::offline_users::{self, UserGroup};
use super::report::{Fault, Figure, Measured, Run};
use super::samples::Samples;
use super::testbed::{Testbed, User};
use super::v2_stream::V2Connection;

const GROUPS: usize = 50;
const MEMBERS: usize = 20;
const MISSED: u64 = 20;
/// Number of clients that reconnect without having missed anything.
const UP_TO_DATE: usize = 100;
/// A client that takes longer counts as not resumed.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn measure(testbed: &mut Testbed, measured: &mut Vec<Measured>) -> Result<()> {
    let Some(user_groups) = offline_users::create(testbed, "resume", GROUPS, MEMBERS).await? else {
        return Ok(());
    };
    let users: Vec<User> = user_groups.iter().flat_map(|user_group| user_group.users.clone()).collect();
    let mut clients = Vec::new();
    for user in users {
        let mut connection =
            V2Connection::open(testbed.server.url(), &user, None).await.context("no connection")?;
        let (cursor, _) = connection.live().await?;
        clients.push((user, cursor));
    }
    let name = "resume, 1,000 clients, 20 messages each";
    let run =
        super::repeat(testbed, name, "ms", async |testbed| run(testbed, &user_groups, &mut clients).await);
    measured.push(run.await?);
    Ok(())
}

async fn run(
    testbed: &mut Testbed,
    user_groups: &[UserGroup],
    clients: &mut Vec<(User, String)>,
) -> Result<Run> {
    send_what_is_missed(testbed, user_groups).await?;
    testbed.server.stop().await?;
    testbed.server.resume().await?;
    let meter = testbed.meter();
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for (user, cursor) in clients.drain(..) {
        let url = testbed.server.url().clone();
        tasks.spawn(async move {
            let resumed = async {
                let mut connection = V2Connection::open(&url, &user, Some(cursor.clone())).await?;
                connection.live().await
            };
            let resumed = timeout(PATIENCE, resumed).await.context("it took too long").flatten();
            (user, cursor, resumed, start.elapsed())
        });
    }
    let (mut times, mut broken, mut missing) = (Samples::default(), 0, 0);
    while let Some(ended) = tasks.join_next().await {
        let (user, cursor, resumed, took) = ended.context("a client was lost")?;
        match resumed {
            Ok((cursor, messages)) => {
                times.push(took);
                missing += MISSED.saturating_sub(messages);
                clients.push((user, cursor));
            }
            Err(_) => {
                broken += 1;
                clients.push((user, cursor));
            }
        }
    }
    let effort = meter.stop().for_units(times.len());
    let nothing_missed = up_to_date(testbed, clients).await?.sorted();
    let times = times.sorted();
    Ok(Run {
        main: times.max_ms(),
        details: vec![
            Figure::new("p50", "ms", times.percentile_ms(50)),
            Figure::new("nothing missed p50", "ms", nothing_missed.percentile_ms(50)),
            Figure::new("its p99", "ms", nothing_missed.percentile_ms(99)),
        ],
        faults: vec![Fault::new("not resumed", broken), Fault::new("missing messages", missing)],
        effort,
    })
}

/// Sends, from one member of each group, the messages that all members' clients will have missed.
async fn send_what_is_missed(testbed: &Testbed, user_groups: &[UserGroup]) -> Result<()> {
    let mut connection =
        HttpConnection::open(testbed.server.url()).await.context("cannot reach the server")?;
    for user_group in user_groups {
        let request = testbed
            .message_to_group(user_group.users.first().context("there are no users")?, user_group.group);
        for _ in 0..MISSED {
            let answer = connection.exchange(&request).await.context("the server does not answer")?;
            if answer.status != 201 {
                bail!("a message was answered {}", answer.status);
            }
        }
    }
    Ok(())
}

/// Measures the time from connecting until the stream is live, one client after the other.
async fn up_to_date(testbed: &Testbed, clients: &mut [(User, String)]) -> Result<Samples> {
    let mut times = Samples::default();
    for (user, cursor) in clients.iter_mut().take(UP_TO_DATE) {
        let start = Instant::now();
        let mut connection = V2Connection::open(testbed.server.url(), user, Some(cursor.clone())).await?;
        (*cursor, _) = connection.live().await?;
        times.push(start.elapsed());
    }
    Ok(times)
}
