//! File systems that only a test's own server sees, and which go with it.

use std::process::Command;

use super::Setup;

/// Whether this machine lets tests mount something; if not, the test counts as skipped.
#[track_caller]
pub fn may_mount() -> bool {
    let tried = Command::new("unshare").args(["-Urm", "true"]).output();
    let may = tried.is_ok_and(|output| output.status.success());
    if !may {
        chat_engines::skipped("nothing can be mounted here (unshare -Urm)");
    }
    may
}

/// A server for which this command of a shell mounts something first.
pub fn with_mount(setup: Setup, mount: &str) -> Setup {
    let script = format!("{mount} && exec \"$0\" \"$@\"");
    setup.through(&["unshare", "-Urm", "sh", "-c", &script])
}
