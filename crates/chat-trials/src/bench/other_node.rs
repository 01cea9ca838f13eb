//! What another node adds on the way of a message: one sender at the first node and two receivers of the same group, one
//! there and one at the second node, heard in the same run.

use anyhow::Result;

use super::audience::{Audience, Protocol};
use super::disk::fsync_times;
use super::posts::{Desk, PER_SECOND, Posts};
use super::report::{Fault, Figure, Measured, Run};
use super::samples::{Samples, Sorted};
use super::stage::{Stage, User};
use super::tally::Tally;

/// The sender, who is not connected, and the receivers.
const MEMBERS: usize = 3;

pub(super) async fn measure(stage: &mut Stage, measured: &mut Vec<Measured>) -> Result<()> {
    if stage.server.urls().len() < 2 {
        stage.note("other-node: left out, because it needs two nodes: --cluster 2");
        return Ok(());
    }
    let group = stage.group(MEMBERS).await?;
    let name = format!("other-node, {PER_SECOND} messages/s");
    let run = super::repeat(stage, &name, "ms later at p50", async |stage| run(stage, group).await);
    measured.push(run.await?);
    Ok(())
}

async fn run(stage: &mut Stage, group: i64) -> Result<Run> {
    let fsync = fsync_times(stage.server.folder())?;
    let (here, there) = (receiver(stage, 1, 0).await?, receiver(stage, 2, 1).await?);
    let audiences = [&here, &there];
    let request = stage.message_to_group(stage.listener(0)?, group);
    let (desk, reached) = Desk::open(stage.server.url(), request, &audiences).await?;
    let meter = stage.meter();
    let mut posts = desk.post(stage.settings.seconds).await;
    for audience in audiences {
        audience.hear_out(posts.count()).await;
    }
    let effort = meter.stop();
    if let Some(complaint) = posts.complaint() {
        stage.note(format!("other-node: {complaint}"));
    }
    let heard = audiences.map(|audience| audience.heard(posts.count()));
    let mut faults = vec![
        Fault::new("lost", heard.iter().map(|heard| heard.lost).sum()),
        Fault::new("doubled or out of order", heard.iter().map(|heard| heard.doubled).sum()),
        Fault::new("not connected", audiences.len().saturating_sub(reached) as u64),
    ];
    faults.extend(posts.faults());
    let answers = posts.take_answers().sorted();
    let [here, there] = audiences.map(|audience| times(audience, &posts));
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

/// One connection of a listener at a node. It is of the v2 stream, which writes nothing down unless it is told to: the
/// receivers' own writes would be timed too.
async fn receiver(stage: &Stage, listener: usize, node: usize) -> Result<Audience> {
    let user: &[User] = std::slice::from_ref(stage.listener(listener)?);
    let urls = stage.server.urls();
    let url = urls.get(node).unwrap_or_else(|| stage.server.url());
    Audience::gather(url, (Protocol::V2, user), 1, Tally::with_arrivals).await
}

fn times(audience: &Audience, posts: &Posts) -> Sorted {
    let mut times = Samples::default();
    posts.arrivals(audience).into_iter().for_each(|(_, time)| times.push(time));
    times.sorted()
}
