//! Start: the time from starting the process until it reports that it is ready, with many messages in its database.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use chat_client::Client;

use super::load::{ConnectedWorkers, Until};
use super::report::{Fault, Figure, Measured, Run};
use super::sends;
use super::testbed::Testbed;

/// Number of senders that fill the database; many are fastest.
const FILLERS: usize = 256;

pub(super) async fn measure(testbed: &mut Testbed, measured: &mut Vec<Measured>) -> Result<()> {
    if testbed.server.database().is_none() {
        testbed
            .note("start: left out, because only a server of the benchmark's own with SQLite is restarted");
        return Ok(());
    }
    let messages = usize::try_from(testbed.settings.messages)?;
    eprintln!("start: sending {messages} messages ...");
    let connected =
        ConnectedWorkers::connect(testbed.server.url(), sends::workers(testbed, FILLERS)?).await?;
    let filled = connected.work(Until::count(messages)).await;
    if filled.times.len() < messages {
        bail!("only {} messages could be sent", filled.times.len());
    }
    let name = format!("start, {} messages", super::table::number(f64::from(testbed.settings.messages)));
    measured.push(super::repeat(testbed, &name, "ms", async |testbed| run(testbed).await).await?);
    Ok(())
}

async fn run(testbed: &mut Testbed) -> Result<Run> {
    testbed.server.stop().await?;
    let meter = testbed.meter();
    let start = Instant::now();
    testbed.server.resume().await?;
    let announced = start.elapsed();
    let client = Client::at(testbed.server.url().clone());
    let mut unready = 0;
    while !client.ready().await.context("the server does not answer")? {
        unready += 1;
    }
    let main = start.elapsed().as_secs_f64() * 1000.0;
    let details = vec![Figure::new("announced after", "ms", announced.as_secs_f64() * 1000.0)];
    Ok(Run { main, details, faults: vec![Fault::new("not yet ready", unready)], effort: meter.stop() })
}
