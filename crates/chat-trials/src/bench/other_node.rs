//! The latency that another node adds: one sender at the first node and two receivers in the same group, one at the
//! first and one at the second node, measured in the same run.

use anyhow::Result;

use super::disk::fsync_times;
use super::report::{Fault, Figure, Measured, Run};
use super::samples::{Samples, Sorted};
use super::streams::{Protocol, Streams};
use super::tally::Tally;
use super::testbed::{Testbed, User};
use super::timed_sends::{PER_SECOND, Posts, TimedSender};

/// The sender, which is not connected to a stream, and the receivers.
const MEMBERS: usize = 3;

pub(super) async fn measure(testbed: &mut Testbed, measured: &mut Vec<Measured>) -> Result<()> {
    if testbed.server.urls().len() < 2 {
        testbed.note("other-node: left out, because it needs two nodes: --cluster 2");
        return Ok(());
    }
    let group = testbed.group(MEMBERS).await?;
    let name = format!("other-node, {PER_SECOND} messages/s");
    let run = super::repeat(testbed, &name, "ms later at p50", async |testbed| run(testbed, group).await);
    measured.push(run.await?);
    Ok(())
}

async fn run(testbed: &mut Testbed, group: i64) -> Result<Run> {
    let fsync = fsync_times(testbed.server.folder())?;
    let (here, there) = (receiver(testbed, 1, 0).await?, receiver(testbed, 2, 1).await?);
    let all_streams = [&here, &there];
    let request = testbed.message_to_group(testbed.listener(0)?, group);
    let (timed, reached) = TimedSender::open(testbed.server.url(), request, &all_streams).await?;
    let meter = testbed.meter();
    let mut posts = timed.post(testbed.settings.seconds).await;
    for streams in all_streams {
        streams.wait_for_all(posts.count()).await;
    }
    let effort = meter.stop();
    if let Some(first_error) = posts.first_error() {
        testbed.note(format!("other-node: {first_error}"));
    }
    let received = all_streams.map(|streams| streams.received(posts.count()));
    let mut faults = vec![
        Fault::new("lost", received.iter().map(|received| received.lost).sum()),
        Fault::new("doubled or out of order", received.iter().map(|received| received.doubled).sum()),
        Fault::new("not connected", all_streams.len().saturating_sub(reached) as u64),
    ];
    faults.extend(posts.faults());
    let answers = posts.take_answers().sorted();
    let [here, there] = all_streams.map(|streams| times(streams, &posts));
    Ok(Run {
        main: there.percentile_ms(50) - here.percentile_ms(50),
        details: vec![
            Figure::new("later at p99", "ms", there.percentile_ms(99) - here.percentile_ms(99)),
            Figure::new("same node p50", "ms", here.percentile_ms(50)),
            Figure::new("same node p99", "ms", here.percentile_ms(99)),
            Figure::new("other node p50", "ms", there.percentile_ms(50)),
            Figure::new("other node p99", "ms", there.percentile_ms(99)),
            Figure::new("answered p50", "ms", answers.percentile_ms(50)),
            Figure::new("fsync p50", "ms", fsync.percentile_ms(50)),
        ],
        faults,
        effort,
    })
}

/// Connects a listener to a node over the v2 stream, which stores no confirmations unless the client asks for it: the
/// receivers' own writes would distort the times.
async fn receiver(testbed: &Testbed, listener: usize, node: usize) -> Result<Streams> {
    let user: &[User] = std::slice::from_ref(testbed.listener(listener)?);
    let urls = testbed.server.urls();
    let url = urls.get(node).unwrap_or_else(|| testbed.server.url());
    Streams::open(url, (Protocol::V2, user), 1, Tally::with_arrivals).await
}

fn times(streams: &Streams, posts: &Posts) -> Sorted {
    let mut times = Samples::default();
    posts.arrivals(streams).into_iter().for_each(|(_, time)| times.push(time));
    times.sorted()
}
