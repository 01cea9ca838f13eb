//! Tests that cannot run on this machine. Such a test passes without proving anything, so ./test.sh lists
//! them.

use std::fs::OpenOptions;
use std::io::Write;
use std::panic::Location;

/// Environment variable with the path of the file that lists the skipped tests, one per line.
pub const SKIPS_VARIABLE: &str = "SKIPPED_TESTS";

/// Records that the calling test is skipped. The test calls this and returns; `why` explains what is missing
/// to the person who could install it.
#[track_caller]
pub fn skipped(why: &str) {
    let line = format!("{}: {why}\n", Location::caller());
    eprint!("skipped: {line}");
    let Some(list) = std::env::var_os(SKIPS_VARIABLE) else { return };
    // Write the line in one piece, because tests run concurrently.
    let listed =
        OpenOptions::new().append(true).open(&list).and_then(|mut list| list.write_all(line.as_bytes()));
    if let Err(error) = listed {
        eprintln!("{SKIPS_VARIABLE} ({}): {error}", list.display());
    }
}
