//! A full disk whose blocks are smaller than SQLite assumes: memory that SQLite has mapped must have its disk blocks
//! before it is written to, since the system kills a process that writes to a hole (SIGBUS).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::mounts::{make_image, may_mount_images, with_image};
use crate::support::people::p2p;
use crate::support::{Setup, eventually};

fn setup() -> Setup {
    let setup = Setup::new();
    make_image(&setup, "image", "small");
    setup.arg("--database").arg("small/chat.db")
}

fn on_image(setup: &Setup, first: &str) -> Setup {
    with_image(setup.clone(), "image", "small", first)
}

/// Fills the disk except for this many KiB.
fn filled_but_for(left: u32) -> String {
    format!("dd if=/dev/zero of=small/filler bs=1k 2>dd; truncate -s -{left}K small/filler")
}

#[tokio::test]
async fn a_server_is_not_started_where_there_is_no_room_for_what_it_maps() {
    if !may_mount_images() {
        return;
    }
    let setup = setup();
    let mut server = on_image(&setup, "true").start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "there is room").await;
    server.stop();
    for left in [20, 30] {
        on_image(&setup, &filled_but_for(left)).refuse().says("there is no room");
    }
    let server = on_image(&setup, "rm small/filler").start();
    assert_eq!(jerry.at(&server).history(&tom).await.len(), 1);
}

/// Takes every block that becomes free, and gives back a few now and then.
fn take_every_block(path: &Path, goes_on: &AtomicBool) {
    let mut file = std::fs::File::create(path).unwrap();
    let mut given_back = Instant::now();
    while goes_on.load(Ordering::Relaxed) {
        if file.write_all(&[1; 1024]).is_ok() {
            continue;
        }
        // No pause in which another process could take the blocks that become free.
        std::thread::yield_now();
        if given_back.elapsed() > Duration::from_millis(300) {
            let length = file.metadata().unwrap().len();
            file.set_len(length.saturating_sub(60 * 1024)).unwrap();
            given_back = Instant::now();
        }
    }
}

/// Ends the other thread, also if the test fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// The search index is opened again and again, because there is never enough room.
#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_where_others_take_every_block_that_it_gives_back() {
    if !may_mount_images() {
        return;
    }
    let mut server = on_image(&setup(), "true").start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "there is room").await;
    let small: PathBuf = format!("/proc/{}/root{}", server.id(), server.setup.path("small").display()).into();
    let filler = small.join("filler");
    let goes_on = AtomicBool::new(true);
    let mut refused = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| take_every_block(&filler, &goes_on));
        let _ending = Ending(&goes_on);
        let asking = async {
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(12) {
                server.runs_for(Duration::from_millis(20)).await;
                let ready = server.get("/readyz").await.status;
                let sent = tom.post(&p2p(jerry.id), &json!({"content": "a few words ".repeat(20)})).await;
                assert!(ready == 503 || sent.status == 201, "ready, and yet {}", sent.text());
                refused += usize::from(sent.status == 503);
            }
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(asking));
    });
    assert!(refused > 0, "the disk was full");
    std::fs::remove_file(filler).unwrap();
    eventually(10, "ready again", async || server.get("/readyz").await.status == 200).await;
    tom.write(&jerry, "there is room again").await;
}
