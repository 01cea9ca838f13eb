//! Logins: as many as the server handles, and their effect on a sender.

use anyhow::Result;

use super::http;
use super::load::{ConnectedWorkers, Until, Worker};
use super::report::{Figure, Measured, Run};
use super::sends;
use super::testbed::Testbed;

const AT_ONCE: usize = 32;

pub(super) async fn measure(testbed: &mut Testbed, measured: &mut Vec<Measured>) -> Result<()> {
    let run = super::repeat(testbed, "logins, 32 at once", "logins/s", async |testbed| run(testbed).await);
    measured.push(run.await?);
    Ok(())
}

async fn run(testbed: &Testbed) -> Result<Run> {
    let url = testbed.server.url();
    let mut workers = Vec::new();
    for number in 0..AT_ONCE {
        workers.push(login(testbed, number)?);
    }
    let logging_in = ConnectedWorkers::connect(url, workers).await?;
    let sending = ConnectedWorkers::connect(url, sends::workers(testbed, 1)?).await?;
    let meter = testbed.meter();
    let until = Until::seconds(testbed.settings.seconds);
    let (logins, sends) = tokio::join!(logging_in.work(until.clone()), sending.work(until));
    let effort = meter.stop().for_units(logins.times.len());
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

fn login(testbed: &Testbed, number: usize) -> Result<Worker> {
    let credentials =
        serde_json::json!({ "username": testbed.writer(number)?.name, "password": testbed.password });
    let request = http::post(testbed.server.url(), "/v1/users/login", None, &credentials.to_string());
    Ok(Worker { requests: [request].into(), first: 0, is_good: |answer| answer.status == 200 })
}
