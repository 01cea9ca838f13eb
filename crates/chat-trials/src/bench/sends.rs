//! Durable sends: each sender has its own connection and sends its next message when the last one was answered 201.

use anyhow::Result;

use super::load::{ConnectedWorkers, Results, Until, Worker};
use super::report::{Figure, Measured, Run};
use super::testbed::{Effort, Testbed};

pub(super) async fn measure(testbed: &mut Testbed, measured: &mut Vec<Measured>) -> Result<()> {
    for senders in testbed.settings.senders.clone() {
        let name = format!("sends, {senders} sender{}", if senders == 1 { "" } else { "s" });
        let run = super::repeat(testbed, &name, "sends/s", async |testbed| {
            let connected =
                ConnectedWorkers::spread(testbed.server.urls(), workers(testbed, usize::try_from(senders)?)?)
                    .await?;
            let meter = testbed.meter();
            let results = connected.work(Until::seconds(testbed.settings.seconds)).await;
            Ok(run_of(results, meter.stop()))
        });
        measured.push(run.await?);
    }
    Ok(())
}

/// Creates `senders` workers that send in as many different conversations as possible.
pub(super) fn workers(testbed: &Testbed, senders: usize) -> Result<Vec<Worker>> {
    let writers = testbed.writers.len().max(2);
    let worker = |number: usize| {
        // After each round of all users, the recipient is one user further on.
        let away = 1 + (number / writers) % (writers - 1);
        let (from, to) = (testbed.writer(number)?, testbed.writer(number + away)?);
        Ok(Worker::creating(testbed.message_to(from, to)))
    };
    (0..senders).map(worker).collect()
}

pub(super) fn run_of(results: Results, effort: Effort) -> Run {
    let (faults, effort) = (results.faults(), effort.for_units(results.times.len()));
    let main = results.times.len() as f64 / results.elapsed.as_secs_f64();
    let times = results.times.sorted();
    let details = vec![
        Figure::new("p50", "ms", times.percentile_ms(50)),
        Figure::new("p99", "ms", times.percentile_ms(99)),
        Figure::new("max", "ms", times.max_ms()),
    ];
    Run { main, details, faults, effort }
}
