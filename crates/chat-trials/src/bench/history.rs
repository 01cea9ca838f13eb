//! History: readers request pages of 50 from one conversation, from the newest to the oldest, repeatedly.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use chat_protocol::message::History;

use super::http;
use super::load::{ConnectedWorkers, Until, Worker};
use super::report::{Figure, Measured, Run};
use super::testbed::{Testbed, User};

const READERS: usize = 16;
const MESSAGES: usize = 4_000;
const PAGE: usize = 50;
/// The end of a full page's JSON. Parsing each page would cost more than the server's work for it.
const FULL_PAGE: &[u8] = b"\"count\":50}";

pub(super) async fn measure(testbed: &mut Testbed, measured: &mut Vec<Measured>) -> Result<()> {
    // A pair that no other scenario uses, so that the conversation has exactly `MESSAGES` messages.
    let (reader, writer) = match testbed.listeners.as_slice() {
        [.., one, other] => (one.clone(), other.clone()),
        _ => bail!("there are no users"),
    };
    fill(testbed, &writer, &reader).await?;
    let pages = pages(testbed, &reader, &writer).await?;
    let run = super::repeat(testbed, "history, 16 readers, 50 a page", "pages/s", async |testbed| {
        let worker = |number: usize| Worker {
            requests: pages.clone(),
            first: number * pages.len() / READERS,
            is_good: |answer| answer.status == 200 && answer.body.ends_with(FULL_PAGE),
        };
        let connected = ConnectedWorkers::connect(testbed.server.url(), (0..READERS).map(worker)).await?;
        let meter = testbed.meter();
        let results = connected.work(Until::seconds(testbed.settings.seconds)).await;
        let effort = meter.stop().for_units(results.times.len());
        let faults = results.faults();
        let main = results.times.len() as f64 / results.elapsed.as_secs_f64();
        let times = results.times.sorted();
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

async fn fill(testbed: &Testbed, writer: &User, reader: &User) -> Result<()> {
    let workers = (0..64).map(|_| Worker::creating(testbed.message_to(writer, reader)));
    let results =
        ConnectedWorkers::connect(testbed.server.url(), workers).await?.work(Until::count(MESSAGES)).await;
    if results.times.len() < MESSAGES / 2 {
        bail!("the conversation could not be filled: {} refused", results.refused);
    }
    Ok(())
}

/// Builds the requests for all full pages.
async fn pages(testbed: &Testbed, reader: &User, writer: &User) -> Result<Arc<[Vec<u8>]>> {
    let client = testbed.client(reader)?;
    let mut path = format!("/v1/messages/history/{}?limit={PAGE}", writer.id);
    let mut pages = Vec::new();
    loop {
        let page: History = client.get(&path).await.context("the history cannot be read")?;
        if page.count < PAGE {
            break;
        }
        pages.push(http::get(testbed.server.url(), &path, Some(&reader.token)));
        let oldest = page.messages.first().context("the page is empty")?.id;
        path = format!("/v1/messages/history/{}?limit={PAGE}&before_id={oldest}", writer.id);
    }
    if pages.is_empty() {
        bail!("the conversation has no full page");
    }
    Ok(pages.into())
}
