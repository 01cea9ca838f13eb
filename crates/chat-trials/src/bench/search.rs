//! Search: how long it takes to find messages by one word and by two, in a database with many messages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chat_protocol::message::History;

use super::http;
use super::load::{ConnectedWorkers, Until, Worker};
use super::report::{Figure, Measured, Run};
use super::testbed::Testbed;

/// Number of senders that fill the database; many are fastest.
const FILLERS: usize = 256;
/// Number of different messages per filler.
const MESSAGES: usize = 200;
const READERS: usize = 4;
const QUERIES: u64 = 500;
/// Number of different words. Word n is about n times as rare as the first.
const WORDS: u64 = 5_000;
const WORDS_EACH: u64 = 12;
/// Upper bound for the time until the index has the last message, and by how much it grows per message before it.
const PATIENCE: Duration = Duration::from_secs(600);
const PATIENCE_EACH: Duration = Duration::from_micros(200);
const POLL: Duration = Duration::from_millis(200);

pub(super) async fn measure(testbed: &mut Testbed, measured: &mut Vec<Measured>) -> Result<()> {
    let wanted = usize::try_from(testbed.settings.messages)?;
    eprintln!("search: sending {wanted} messages ...");
    let mut workers = Vec::new();
    for number in 0..FILLERS {
        workers.push(filler(testbed, number)?);
    }
    let filled =
        ConnectedWorkers::connect(testbed.server.url(), workers).await?.work(Until::count(wanted)).await;
    if filled.times.len() < wanted {
        bail!("only {} messages could be sent", filled.times.len());
    }
    let behind = until_found(testbed, testbed.settings.messages.into()).await?;
    testbed.note(format!(
        "search: the index had everything {:.1} s after the last message",
        behind.as_secs_f64()
    ));
    for (words, name) in [(1, "a word"), (2, "two words")] {
        let messages = super::table::number(f64::from(testbed.settings.messages));
        let name = format!("search, {name} in {messages} messages");
        let run = super::repeat(testbed, &name, "ms p50", async |testbed| run(testbed, words).await);
        measured.push(run.await?);
    }
    Ok(())
}

/// Random words with frequencies by Zipf's law (random numbers by SplitMix64).
struct Words(u64);

impl Words {
    fn next(&mut self) -> String {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let chance = ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
        format!("word{:.0}", (WORDS as f64).powf(chance).floor())
    }
}

fn filler(testbed: &Testbed, number: usize) -> Result<Worker> {
    let (from, to) = (testbed.writer(number)?, testbed.writer(number + 1)?);
    let mut words = Words(u64::try_from(number)?);
    let message = |_| {
        let text: Vec<String> = (0..WORDS_EACH).map(|_| words.next()).collect();
        let json = format!("{{\"content\":\"{}\"}}", text.join(" "));
        http::post(testbed.server.url(), &format!("/v1/messages/p2p/{}", to.id), Some(&from.token), &json)
    };
    let requests: Vec<Vec<u8>> = (0..MESSAGES).map(message).collect();
    Ok(Worker { requests: requests.into(), first: 0, is_good: |answer| answer.status == 201 })
}

/// Sends a message with a unique word and waits until it is found. `messages` is about how many the index has to take in before.
pub(super) async fn until_found(testbed: &Testbed, messages: u64) -> Result<Duration> {
    let (from, to) = (testbed.writer(0)?, testbed.writer(1)?);
    let client = testbed.client(from)?;
    let message = chat_protocol::message::SendRequest {
        content: Some("thelastmessageofall".into()),
        ..chat_protocol::message::SendRequest::default()
    };
    client.send_to_user(to.id, &message).await.context("the last message cannot be sent")?;
    let start = Instant::now();
    let patience = PATIENCE + PATIENCE_EACH * u32::try_from(messages).unwrap_or(u32::MAX);
    while start.elapsed() < patience {
        let found: History =
            client.get("/v1/search?q=thelastmessageofall").await.context("the server does not search")?;
        if found.count > 0 {
            return Ok(start.elapsed());
        }
        tokio::time::sleep(POLL).await;
    }
    bail!("the index does not catch up")
}

async fn run(testbed: &Testbed, words: usize) -> Result<Run> {
    let mut by_chance = Words(77);
    let mut workers = Vec::new();
    for reader in 0..READERS {
        let user = testbed.writer(reader)?;
        let request = |_| {
            let query: Vec<String> = (0..words).map(|_| by_chance.next()).collect();
            let path = format!("/v1/search?q={}", query.join("%20"));
            http::get(testbed.server.url(), &path, Some(&user.token))
        };
        let requests: Vec<Vec<u8>> = (0..QUERIES).map(request).collect();
        let requests: Arc<[Vec<u8>]> = requests.into();
        workers.push(Worker { requests, first: 0, is_good: |answer| answer.status == 200 });
    }
    let connected = ConnectedWorkers::connect(testbed.server.url(), workers).await?;
    let meter = testbed.meter();
    let results = connected.work(Until::seconds(testbed.settings.seconds)).await;
    let effort = meter.stop().for_units(results.times.len());
    let faults = results.faults();
    let searches = results.times.len() as f64 / results.elapsed.as_secs_f64();
    let times = results.times.sorted();
    Ok(Run {
        main: times.percentile_ms(50),
        details: vec![
            Figure::new("p99", "ms", times.percentile_ms(99)),
            Figure::new("max", "ms", times.max_ms()),
            Figure::new("searches", "/s", searches),
        ],
        faults,
        effort,
    })
}
