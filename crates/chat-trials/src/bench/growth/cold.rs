//! The first answers after a restart, with the database's files out of the system's cache where that is possible.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::lists::{LIST, UNREAD};
use crate::bench::fill::Filled;
use crate::bench::http::{self, HttpConnection};
use crate::bench::report::{Measured, Run};
use crate::bench::testbed::Testbed;
use crate::bench::{repeat, testbed::User};

pub(super) async fn measure(
    testbed: &mut Testbed,
    filled: &Filled,
    measured: &mut Vec<Measured>,
) -> Result<()> {
    let user = &filled.unread;
    for (name, path) in [("growth-cold, 50 conversations", LIST), ("growth-cold, unread counts", UNREAD)] {
        let row = repeat(testbed, name, "ms", async |testbed| run(testbed, user, path).await);
        measured.push(row.await?);
    }
    Ok(())
}

async fn run(testbed: &mut Testbed, user: &User, path: &str) -> Result<Run> {
    testbed.server.stop().await?;
    if let Err(error) = leave_cache(testbed.server.folder()) {
        testbed.note(format!("growth-cold: the files stay in the system's cache: {error:#}"));
    }
    testbed.server.resume().await?;
    let request = http::get(testbed.server.url(), path, Some(&user.token));
    let connection = HttpConnection::open(testbed.server.url()).await;
    let mut connection = connection.context("cannot reach the server")?;
    let meter = testbed.meter();
    let began = Instant::now();
    let status = connection.exchange(&request).await.context("the server does not answer")?.status;
    let main = began.elapsed().as_secs_f64() * 1000.0;
    if status != 200 {
        bail!("{path} was answered {status}");
    }
    Ok(Run { main, details: Vec::new(), faults: Vec::new(), effort: meter.stop() })
}

/// Drops a folder's files from the system's cache. They are written to the disk before: the cache keeps what is not.
#[cfg(target_os = "linux")]
fn leave_cache(folder: &Path) -> Result<()> {
    use rustix::fs::{Advice, fadvise};
    for entry in std::fs::read_dir(folder).context("the folder cannot be read")? {
        let path = entry.context("the folder cannot be read")?.path();
        let file =
            std::fs::File::open(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        file.sync_all().with_context(|| format!("{} cannot be written", path.display()))?;
        fadvise(&file, 0, None, Advice::DontNeed).context("the system keeps its cache")?;
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn leave_cache(_: &Path) -> Result<()> {
    bail!("this system is not asked to")
}
