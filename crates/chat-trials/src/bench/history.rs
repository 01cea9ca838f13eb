//! History: readers take pages of 50 from one conversation, from the newest to the oldest and again.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use chat_protocol::message::History;

use super::line;
use super::load::{Crew, Until, Worker};
use super::report::{Figure, Measured, Run};
use super::stage::{Stage, User};

const READERS: usize = 16;
const MESSAGES: usize = 4_000;
const PAGE: usize = 50;
/// How a full page ends; parsing each would cost more than making it.
const FULL_PAGE: &[u8] = b"\"count\":50}";

pub(super) async fn measure(stage: &mut Stage, measured: &mut Vec<Measured>) -> Result<()> {
    // Not a pair of the other scenarios, so that the conversation is as long as is said here.
    let (reader, writer) = match stage.listeners.as_slice() {
        [.., one, other] => (one.clone(), other.clone()),
        _ => bail!("there are no users"),
    };
    fill(stage, &writer, &reader).await?;
    let pages = pages(stage, &reader, &writer).await?;
    let run = super::repeat(stage, "history, 16 readers, 50 a page", "pages/s", async |stage| {
        let worker = |number: usize| Worker {
            requests: pages.clone(),
            first: number * pages.len() / READERS,
            is_good: |answer| answer.status == 200 && answer.body.ends_with(FULL_PAGE),
        };
        let crew = Crew::gather(stage.server.url(), (0..READERS).map(worker)).await?;
        let meter = stage.meter();
        let worked = crew.work(Until::seconds(stage.settings.seconds)).await;
        let effort = meter.stop();
        let faults = worked.faults();
        let main = worked.times.len() as f64 / worked.elapsed.as_secs_f64();
        let times = worked.times.sorted();
        let details = vec![
            Figure::new("p50", "ms", times.percentile_ms(50)),
            Figure::new("p99", "ms", times.percentile_ms(99)),
            Figure::new("max", "ms", times.max_ms()),
        ];
        Ok(Run { main, details, faults, effort })
    });
    measured.push(run.await?);
    Ok(())
}

async fn fill(stage: &Stage, writer: &User, reader: &User) -> Result<()> {
    let workers = (0..64).map(|_| Worker::creating(stage.message_to(writer, reader)));
    let worked = Crew::gather(stage.server.url(), workers).await?.work(Until::count(MESSAGES)).await;
    if worked.times.len() < MESSAGES / 2 {
        bail!("the conversation could not be filled: {} refused", worked.refused);
    }
    Ok(())
}

/// The requests for all full pages.
async fn pages(stage: &Stage, reader: &User, writer: &User) -> Result<Arc<[Vec<u8>]>> {
    let client = stage.client(reader)?;
    let mut path = format!("/v1/messages/history/{}?limit={PAGE}", writer.id);
    let mut pages = Vec::new();
    loop {
        let page: History = client.get(&path).await.context("the history cannot be read")?;
        if page.count < PAGE {
            break;
        }
        pages.push(line::get(stage.server.url(), &path, Some(&reader.token)));
        let oldest = page.messages.first().context("the page is empty")?.id;
        path = format!("/v1/messages/history/{}?limit={PAGE}&before_id={oldest}", writer.id);
    }
    if pages.is_empty() {
        bail!("the conversation has no full page");
    }
    Ok(pages.into())
}
