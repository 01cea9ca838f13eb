//! How long the disk takes to make a write durable, for comparison with other times.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use super::samples::{Samples, Sorted};

const WRITES: usize = 100;
/// One page of the database.
const PAGE: [u8; 4096] = [b'x'; 4096];

/// Measures appends of one page to a file in this folder, each followed by an fsync of its data.
pub(super) fn fsync_times(folder: &Path) -> Result<Sorted> {
    let path = folder.join(format!("chatserver-bench-fsync-{}", std::process::id()));
    let measured = append(&path);
    let _ = std::fs::remove_file(&path);
    measured.with_context(|| format!("fsync could not be measured in {}", folder.display()))
}

fn append(path: &Path) -> std::io::Result<Sorted> {
    let mut file = OpenOptions::new().create_new(true).append(true).open(path)?;
    let mut times = Samples::default();
    for _ in 0..WRITES {
        let start = Instant::now();
        file.write_all(&PAGE)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    Ok(times.sorted())
}
