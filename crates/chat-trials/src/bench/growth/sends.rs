//! Sends into the groups, by one sender and by 64: with idempotency keys that begin with the time, with random ones,
//! and with none.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chat_core::time::Timestamp;
use tokio::task::JoinSet;

use crate::bench::fill::{Filled, Keys, key};
use crate::bench::http::{self, HttpConnection};
use crate::bench::load::{Results, Worker};
use crate::bench::repeat;
use crate::bench::report::{Measured, Run};
use crate::bench::sends::run_of;
use crate::bench::testbed::{Testbed, content};
use crate::rng::Rng;

/// The rows: number of senders, and their keys.
const ROWS: [(&str, usize, Option<Keys>); 6] = [
    ("growth-sends, 1 sender, keys by time", 1, Some(Keys::Time)),
    ("growth-sends, 1 sender, random keys", 1, Some(Keys::Random)),
    ("growth-sends, 1 sender, no keys", 1, None),
    ("growth-sends, 64 senders, keys by time", 64, Some(Keys::Time)),
    ("growth-sends, 64 senders, random keys", 64, Some(Keys::Random)),
    ("growth-sends, 64 senders, no keys", 64, None),
];
/// Stands in a request for the key, which has the same length.
const PLACE: &str = "00000000-0000-0000-0000-000000000000";

pub(super) async fn measure(
    testbed: &mut Testbed,
    filled: &Filled,
    measured: &mut Vec<Measured>,
) -> Result<()> {
    for (name, senders, keys) in ROWS {
        let row = repeat(testbed, name, "sends/s", async |testbed| run(testbed, filled, senders, keys).await);
        measured.push(row.await?);
    }
    Ok(())
}

/// Workers that send without keys, one after the other in another group.
pub(super) fn workers(testbed: &Testbed, filled: &Filled, senders: usize) -> Result<Vec<Worker>> {
    (0..senders).map(|number| Ok(Worker::creating(request(testbed, filled, number, "")?))).collect()
}

/// The request of the sender `number`, with further JSON members.
fn request(testbed: &Testbed, filled: &Filled, number: usize, members: &str) -> Result<Vec<u8>> {
    let room = filled.rooms.get(number % filled.rooms.len().max(1)).context("there are no groups")?;
    let user = filled.writer(room, number)?;
    let json = format!("{{\"content\":\"{}\"{members}}}", content());
    let path = format!("/v1/messages/group/{}", room.group);
    Ok(http::post(testbed.server.url(), &path, Some(&user.token), &json))
}

async fn run(testbed: &Testbed, filled: &Filled, senders: usize, keys: Option<Keys>) -> Result<Run> {
    let members = if keys.is_some() { format!(",\"client_msg_id\":\"{PLACE}\"") } else { String::new() };
    let mut connected = Vec::new();
    for number in 0..senders {
        let connection =
            HttpConnection::open(testbed.server.url()).await.context("cannot reach the server")?;
        let request = request(testbed, filled, number, &members)?;
        let place = request.windows(PLACE.len()).position(|part| part == PLACE.as_bytes());
        let seed = getrandom::u64().context("the system provides no randomness")?;
        let rng = Rng::new(seed, "keys", 0);
        connected.push(Sender { connection, request, key: keys.zip(place), rng });
    }
    let meter = testbed.meter();
    let began = Instant::now();
    let until = began + Duration::from_secs(testbed.settings.seconds);
    let mut tasks = JoinSet::new();
    for sender in connected {
        tasks.spawn(sender.send(until));
    }
    let mut all = Results::default();
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(results) => all.add(results),
            Err(_) => all.broken += 1,
        }
    }
    all.elapsed = began.elapsed();
    Ok(run_of(all, meter.stop()))
}

/// A sender with its connection.
struct Sender {
    connection: HttpConnection,
    request: Vec<u8>,
    /// Kind of keys, and where the key is in the request.
    key: Option<(Keys, usize)>,
    rng: Rng,
}

impl Sender {
    /// Sends the next message when the last one was answered, until this time or until the connection breaks.
    async fn send(mut self, until: Instant) -> Results {
        let mut results = Results::default();
        while Instant::now() < until {
            self.renew_key();
            let began = Instant::now();
            match self.connection.exchange(&self.request).await {
                Ok(answer) if answer.status == 201 => results.times.push(began.elapsed()),
                Ok(answer) if answer.is_unavailable() => results.unavailable += 1,
                Ok(_) => results.refused += 1,
                Err(_) => {
                    results.broken += 1;
                    break;
                }
            }
        }
        results
    }

    fn renew_key(&mut self) {
        let Some((keys, place)) = self.key else { return };
        let now = Timestamp(jiff::Timestamp::now().as_microsecond());
        let key = key(keys, now, &mut self.rng);
        if let Some(part) = self.request.get_mut(place..place + key.len()) {
            part.copy_from_slice(key.as_bytes());
        }
    }
}
