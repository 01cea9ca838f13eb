//! Reading in the largest group by the user who has read nothing: how long senders wait meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::bench::fill::{Filled, Room};
use crate::bench::http::{self, HttpConnection};
use crate::bench::load::{ConnectedWorkers, Until};
use crate::bench::repeat;
use crate::bench::report::{Fault, Figure, Measured, Run};
use crate::bench::samples::Samples;
use crate::bench::testbed::{Testbed, User};

/// Time between two readings.
const PAUSE: Duration = Duration::from_millis(50);
/// Number of connections that send meanwhile.
const SENDERS: usize = 2;

pub(super) async fn measure(
    testbed: &mut Testbed,
    filled: &Filled,
    measured: &mut Vec<Measured>,
) -> Result<()> {
    let (user, room) = (&filled.unread, filled.largest()?);
    // A pointer never goes back, so each reading of all runs is one message further on.
    let next = AtomicU64::new(1);
    let name = "growth-read, longest wait of 2 senders";
    let row = repeat(testbed, name, "ms", async |testbed| run(testbed, user, room, &next).await);
    measured.push(row.await?);
    Ok(())
}

async fn run(testbed: &Testbed, user: &User, room: &Room, next: &AtomicU64) -> Result<Run> {
    let url = testbed.server.url();
    let workers = crate::bench::sends::workers(testbed, SENDERS)?;
    let connected = ConnectedWorkers::connect(url, workers).await?;
    let mut connection = HttpConnection::open(url).await.context("cannot reach the server")?;
    let path = format!("/v1/conversations/{}/read", room.conversation);
    let meter = testbed.meter();
    let until = Instant::now() + Duration::from_secs(testbed.settings.seconds);
    let reading = async {
        let (mut times, mut refused) = (Samples::default(), 0);
        while Instant::now() < until {
            let json = format!("{{\"seq\":{}}}", next.fetch_add(1, Ordering::Relaxed));
            let began = Instant::now();
            let request = http::post(url, &path, Some(&user.token), &json);
            let answer = connection.exchange(&request).await.context("the server does not answer")?;
            if answer.status == 204 {
                times.push(began.elapsed());
            } else {
                refused += 1;
            }
            tokio::time::sleep(PAUSE).await;
        }
        anyhow::Ok((times, refused))
    };
    let (sent, read) = tokio::join!(connected.work(Until::Time(until)), reading);
    let (read, refused) = read?;
    let effort = meter.stop();
    let mut faults = sent.faults();
    faults.push(Fault::new("readings refused", refused));
    let (sent, read) = (sent.times.sorted(), read.sorted());
    let details = vec![
        Figure::new("p99", "ms", sent.percentile_ms(99)),
        Figure::new("a reading p50", "ms", read.percentile_ms(50)),
        Figure::new("a reading max", "ms", read.max_ms()),
    ];
    Ok(Run { main: sent.max_ms(), details, faults, effort })
}
