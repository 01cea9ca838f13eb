//! Logins: as many as the server takes, and how a sender fares meanwhile.

use anyhow::Result;

use super::line;
use super::load::{Crew, Until, Worker};
use super::report::{Figure, Measured, Run};
use super::sends;
use super::stage::Stage;

const AT_ONCE: usize = 32;

pub(super) async fn measure(stage: &mut Stage, measured: &mut Vec<Measured>) -> Result<()> {
    let run = super::repeat(stage, "logins, 32 at once", "logins/s", async |stage| run(stage).await);
    measured.push(run.await?);
    Ok(())
}

async fn run(stage: &Stage) -> Result<Run> {
    let url = stage.server.url();
    let mut workers = Vec::new();
    for number in 0..AT_ONCE {
        workers.push(login(stage, number)?);
    }
    let logging_in = Crew::gather(url, workers).await?;
    let sending = Crew::gather(url, sends::workers(stage, 1)?).await?;
    let meter = stage.meter();
    let until = Until::seconds(stage.settings.seconds);
    let (logins, sends) = tokio::join!(logging_in.work(until.clone()), sending.work(until));
    let effort = meter.stop();
    let mut faults = logins.faults();
    faults.extend(sends.faults());
    let sent = sends.times.len() as f64 / sends.elapsed.as_secs_f64();
    let (times, sending_times) = (logins.times, sends.times.sorted());
    let main = times.len() as f64 / logins.elapsed.as_secs_f64();
    let details = vec![
        Figure::new("p99", "ms", times.sorted().percentile_ms(99)),
        Figure::new("meanwhile one sender", "sends/s", sent),
        Figure::new("its p50", "ms", sending_times.percentile_ms(50)),
        Figure::new("its p99", "ms", sending_times.percentile_ms(99)),
    ];
    Ok(Run { main, details, faults, effort })
}

fn login(stage: &Stage, number: usize) -> Result<Worker> {
    let credentials =
        serde_json::json!({ "username": stage.talker(number)?.name, "password": stage.password });
    let request = line::post(stage.server.url(), "/v1/users/login", None, &credentials.to_string());
    Ok(Worker { requests: [request].into(), first: 0, is_good: |answer| answer.status == 200 })
}
