//! Start: from starting the process until it says that it is ready, with many messages in its database.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use chat_client::Client;

use super::load::{Crew, Until};
use super::report::{Fault, Figure, Measured, Run};
use super::sends;
use super::stage::Stage;

/// Many, because together they fill the database fastest.
const FILLERS: usize = 256;

pub(super) async fn measure(stage: &mut Stage, measured: &mut Vec<Measured>) -> Result<()> {
    if stage.server.database().is_none() {
        stage.note("start: left out, because only a server of the benchmark's own with SQLite is restarted");
        return Ok(());
    }
    let messages = usize::try_from(stage.settings.messages)?;
    eprintln!("start: sending {messages} messages ...");
    let crew = Crew::gather(stage.server.url(), sends::workers(stage, FILLERS)?).await?;
    let filled = crew.work(Until::count(messages)).await;
    if filled.times.len() < messages {
        bail!("only {} messages could be sent", filled.times.len());
    }
    let name = format!("start, {} messages", super::table::number(f64::from(stage.settings.messages)));
    measured.push(super::repeat(stage, &name, "ms", async |stage| run(stage).await).await?);
    Ok(())
}

async fn run(stage: &mut Stage) -> Result<Run> {
    stage.server.stop().await?;
    let meter = stage.meter();
    let start = Instant::now();
    stage.server.resume().await?;
    let announced = start.elapsed();
    let client = Client::at(stage.server.url().clone());
    let mut unready = 0;
    while !client.ready().await.context("the server does not answer")? {
        unready += 1;
    }
    let main = start.elapsed().as_secs_f64() * 1000.0;
    let details = vec![Figure::new("announced after", "ms", announced.as_secs_f64() * 1000.0)];
    Ok(Run { main, details, faults: vec![Fault::new("not yet ready", unready)], effort: meter.stop() })
}
