//! Durable sends: each sender has a connection and sends its next message when the last one was answered 201.

use anyhow::Result;

use super::load::{Crew, Until, Worked, Worker};
use super::report::{Figure, Measured, Run};
use super::stage::{Effort, Stage};

pub(super) async fn measure(stage: &mut Stage, measured: &mut Vec<Measured>) -> Result<()> {
    for senders in stage.settings.senders.clone() {
        let name = format!("sends, {senders} sender{}", if senders == 1 { "" } else { "s" });
        let run = super::repeat(stage, &name, "sends/s", async |stage| {
            let crew = Crew::spread(stage.server.urls(), workers(stage, usize::try_from(senders)?)?).await?;
            let meter = stage.meter();
            let worked = crew.work(Until::seconds(stage.settings.seconds)).await;
            Ok(run_of(worked, meter.stop()))
        });
        measured.push(run.await?);
    }
    Ok(())
}

/// So many senders, in as many conversations as there can be.
pub(super) fn workers(stage: &Stage, senders: usize) -> Result<Vec<Worker>> {
    let talkers = stage.talkers.len().max(2);
    let worker = |number: usize| {
        // Each time all have had their turn, they write to those one place further on.
        let away = 1 + (number / talkers) % (talkers - 1);
        let (from, to) = (stage.talker(number)?, stage.talker(number + away)?);
        Ok(Worker::creating(stage.message_to(from, to)))
    };
    (0..senders).map(worker).collect()
}

pub(super) fn run_of(worked: Worked, effort: Effort) -> Run {
    let faults = worked.faults();
    let main = worked.times.len() as f64 / worked.elapsed.as_secs_f64();
    let times = worked.times.sorted();
    let details = vec![
        Figure::new("p50", "ms", times.percentile_ms(50)),
        Figure::new("p99", "ms", times.percentile_ms(99)),
        Figure::new("max", "ms", times.max_ms()),
    ];
    Run { main, details, faults, effort }
}
