//! Tests that this machine does not let run. Each of them passes and has proved nothing, so ./test.sh lists them.

use std::fs::OpenOptions;
use std::io::Write;
use std::panic::Location;

/// Names the file in which the tests that were skipped are listed, one a line.
pub const SKIPS_VARIABLE: &str = "SKIPPED_TESTS";

/// To be called by a test before it returns because it can't run here; `why` is for whoever could let it.
#[track_caller]
pub fn skipped(why: &str) {
    let line = format!("{}: {why}\n", Location::caller());
    eprint!("skipped: {line}");
    let Some(list) = std::env::var_os(SKIPS_VARIABLE) else { return };
    // In one piece, since tests run at the same time.
    let listed =
        OpenOptions::new().append(true).open(&list).and_then(|mut list| list.write_all(line.as_bytes()));
    if let Err(error) = listed {
        eprintln!("{SKIPS_VARIABLE} ({}): {error}", list.display());
    }
}
