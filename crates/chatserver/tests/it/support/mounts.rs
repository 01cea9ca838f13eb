//! File systems that only a test's own server sees, and that vanish with it.

use std::process::Command;

use super::Setup;

/// Whether this machine lets tests mount something. If not, the test counts as skipped.
#[track_caller]
pub fn may_mount() -> bool {
    let tried = Command::new("unshare").args(["-Urm", "true"]).output();
    let may = tried.is_ok_and(|output| output.status.success());
    if !may {
        chat_engines::skipped("nothing can be mounted here (unshare -Urm)");
    }
    may
}

/// Whether this machine lets tests mount file systems of their own. If not, the test counts as skipped.
#[track_caller]
pub fn may_mount_images() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let tried = Command::new("unshare")
        .args(["-m", "sh", "-c", &format!("{} && mount -o loop i m", image("i", "m"))])
        .current_dir(folder.path())
        .output();
    let may = tried.is_ok_and(|output| output.status.success());
    if !may {
        chat_engines::skipped(
            "no image of a file system can be mounted here (unshare -m, mkfs.ext4, mount -o loop)",
        );
    }
    may
}

/// Returns the shell command that makes an image of 24 MiB with blocks of 1 KiB, and a folder.
fn image(image: &str, folder: &str) -> String {
    format!("mkdir -p {folder} && truncate -s 24M {image} && mkfs.ext4 -q -F -b 1024 -m 0 {image}")
}

/// Makes an image with blocks of 1 KiB.
pub fn make_image(setup: &Setup, name: &str, folder: &str) {
    let made = Command::new("sh").args(["-c", &image(name, folder)]).current_dir(setup.path("")).status();
    assert!(made.unwrap().success());
}

/// Returns a server that alone sees the image's content, after this shell command.
pub fn with_image(setup: Setup, name: &str, folder: &str, first: &str) -> Setup {
    let script = format!("mount -o loop {name} {folder} && {{ {first}; }} && exec \"$0\" \"$@\"");
    setup.through(&["unshare", "-m", "sh", "-c", &script])
}

/// Returns a server for which this shell command mounts something first.
pub fn with_mount(setup: Setup, mount: &str) -> Setup {
    let script = format!("{mount} && exec \"$0\" \"$@\"");
    setup.through(&["unshare", "-Urm", "sh", "-c", &script])
}
