//! `/readyz` is correct (README, promise 8), also if there is little room, and costs little however often it is called.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::mounts::{may_mount, with_mount};
use crate::support::people::p2p;
use crate::support::{Request, Server, Setup, eventually};

/// Number of alternating checks and messages on the full disk after which the test ends.
const FULL_FOR: usize = 15;
const AT_MOST: usize = 3000;

/// Starts a server whose database is on a disk of this size.
fn on_small_disk(megabytes: u32) -> Server {
    let setup = Setup::new();
    std::fs::create_dir(setup.path("small")).unwrap();
    let setup = with_mount(setup, &format!("mount -t tmpfs -o size={megabytes}m tmpfs small"));
    setup.arg("--database").arg("small/chat.db").start()
}

/// Returns the path on the small disk as this process sees it.
fn seen(server: &Server, name: &str) -> PathBuf {
    let path = server.setup.path("small").join(name);
    format!("/proc/{}/root{}", server.id(), path.display()).into()
}

/// Room for something small, but not for a message.
const LEFT: u64 = 12 * 1024;

/// Takes nearly all the room.
fn fill(server: &Server) -> PathBuf {
    let path = seen(server, "filler");
    let mut file = std::fs::File::create(&path).unwrap();
    for piece in [64 * 1024, 1] {
        while file.write_all(&vec![1; piece]).is_ok() {}
    }
    file.set_len(file.metadata().unwrap().len() - LEFT).unwrap();
    path
}

#[tokio::test]
async fn on_a_full_disk_it_is_ready_only_if_the_next_message_fits() {
    if !may_mount() {
        return;
    }
    let server = on_small_disk(16);
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "there is room").await;
    let filler = fill(&server);
    let (mut untrue, mut full, mut asked) = (0, 0, 0);
    while full < FULL_FOR {
        asked += 1;
        assert!(asked < AT_MOST, "the disk does not become full");
        let ready = server.get("/readyz").await;
        // Long messages use up the room sooner.
        let text = if asked % 2 == 0 { "short".into() } else { "long ".repeat(3000) };
        let sent = tom.post(&p2p(jerry.id), &json!({ "content": text })).await;
        full = if ready.status == 503 && sent.status == 503 { full + 1 } else { 0 };
        untrue += usize::from(ready.status == 200 && sent.status != 201);
        if ready.status == 503 {
            ready.refused(503, "storage_unavailable");
        }
    }
    assert_eq!(untrue, 0, "of {asked} messages after it was ready");
    let ready = server.get("/readyz").await;
    assert!(ready.text().contains("its disk is full"), "{}", ready.text());
    assert_eq!(server.get("/healthz").await.status, 200);
    let stored = jerry.history(&tom).await.len();
    std::fs::remove_file(filler).unwrap();
    eventually(10, "ready again", async || server.get("/readyz").await.status == 200).await;
    tom.write(&jerry, "there is room again").await;
    assert!(
        stored > 0 && server.printed().lines().filter(|line| line.contains("storage fails")).count() <= 2
    );
}

/// Reads the number of commits.
async fn commits(address: &str) -> f64 {
    let page = Request::get("/metrics").send(address).await.text();
    let line = page.lines().find(|line| line.starts_with("chatserver_commit_duration_seconds_count"));
    let line = line.unwrap_or_else(|| panic!("{page}"));
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn a_thousand_questions_a_second_cost_ten_writes() {
    let server = Setup::new().env("METRICS_ADDRESS", "127.0.0.1:0").start();
    let printed = server.printed();
    let line = printed.lines().find(|line| line.contains("serving metrics")).unwrap();
    let metrics = line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let before = commits(&metrics).await;
    let (began, asking_for) = (Instant::now(), Duration::from_secs(1));
    let asking: Vec<_> = (0..100)
        .map(|_| {
            let address = server.address.clone();
            tokio::spawn(async move {
                let mut answers = 0;
                while began.elapsed() < asking_for {
                    assert_eq!(Request::get("/readyz").send(&address).await.status, 200);
                    answers += 1;
                }
                answers
            })
        })
        .collect();
    let mut answers = 0;
    for asking in asking {
        answers += asking.await.unwrap();
    }
    let after = commits(&metrics).await;
    let writes = after - before;
    // The commits of the two readings of the metrics are among them.
    let most = began.elapsed().as_secs_f64() * 10.0 + 2.0;
    eprintln!("{answers} answers and {writes} writes in {:?}", began.elapsed());
    assert!(writes <= most, "{writes} writes, and no more than {most} were to be");
    assert!(
        f64::from(answers) > writes * 20.0,
        "{answers} answers, {writes} writes: too few to prove anything"
    );
}
