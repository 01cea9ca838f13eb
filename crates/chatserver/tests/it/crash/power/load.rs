//! Puts load on a server whose writes are recorded, and checks the order of writes and answers in the recording.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;

use chat_client::{Connection, ServerUrl};
use serde_json::json;

use super::Syncs;
use super::disk::{Disk, Image};
use super::trace::{Step, parse};
use crate::support::people::{PASSWORD, p2p, to_group};
use crate::support::{Server, Setup, User, bytes_of, eventually};

const SENDERS: usize = 32;
const EACH: usize = 40;
pub const MESSAGES: usize = SENDERS * EACH;
/// Files with promised data, without those that are made again at each start.
const KEPT: [&str; 2] = ["chatserver.db", "chatserver.db-wal"];

/// Everything that a server did from its first start to its end, as far as it concerns a disk.
pub struct Recording {
    pub steps: Vec<Step>,
    /// The files that it left.
    pub left: Image,
}

/// Wraps a command line in `strace`. The server itself stays the test's child.
pub fn strace(setup: &Setup, options: &[&str]) -> Setup {
    let found = Command::new("strace").arg("-V").output();
    assert!(
        found.is_ok(),
        "strace is missing, by which these tests watch the server's writes: install it, or run ./test.sh, which does"
    );
    let trace = trace_file(setup);
    let mut starter = vec!["strace", "-D", "-f", "-o", trace.to_str().unwrap()];
    starter.extend(options);
    setup.clone().through(&starter)
}

fn trace_file(setup: &Setup) -> PathBuf {
    setup.path("trace")
}

/// Runs a new server under load and stops it in order.
pub async fn record(setup: &Setup) -> Recording {
    let calls = "trace=openat,rename,unlink,pwrite64,ftruncate,fsync,fdatasync,writev,sendto,sendmsg";
    let traced = strace(setup, &["-y", "--seccomp-bpf", "-s", "1000000", "-e", calls]);
    let mut server = traced.start();
    // A server that is broken on purpose is ready before it has stored them.
    eventually(20, "the demo users are stored", async || {
        let login = json!({ "username": "jerry", "password": PASSWORD });
        server.post("/v1/users/login", &login).await.status == 200
    })
    .await;
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese", &[&jerry]).await;
    send_all(&server, &tom, [p2p(jerry.id), to_group(group)], 0..EACH / 2).await;
    // The second half is sent while the log is moved into the database, and into a log that starts again from its
    // beginning.
    let moved = || std::fs::metadata(setup.database()).unwrap().modified().unwrap();
    let before = moved();
    eventually(20, "a checkpoint", async || moved() > before).await;
    send_all(&server, &tom, [p2p(jerry.id), to_group(group)], EACH / 2..EACH).await;
    let id = server.id();
    server.stop();
    let trace = whole_trace(setup, id).await;
    let steps = parse(&trace, &setup.path("").canonicalize().unwrap());
    let left = KEPT.iter().filter(|name| setup.path(name).exists());
    let left = left.map(|name| (name.to_string(), bytes_of(&setup.path(name)))).collect();
    Recording { steps, left }
}

/// Returns the trace, once the tracer has written all of it.
async fn whole_trace(setup: &Setup, id: u32) -> String {
    let end = format!("{id} +++ exited");
    let read = || std::fs::read_to_string(trace_file(setup)).unwrap();
    let is_whole =
        || read().lines().any(|line| line.split_whitespace().collect::<Vec<_>>().join(" ").starts_with(&end));
    eventually(20, "the end of the trace", async || is_whole()).await;
    read()
}

async fn send_all(server: &Server, user: &User, paths: [String; 2], numbers: std::ops::Range<usize>) {
    let url = ServerUrl::parse(&server.url()).unwrap();
    let senders = (0..SENDERS).map(|sender| {
        let (url, token, path) = (url.clone(), user.token.clone(), paths[sender % 2].clone());
        let numbers = numbers.clone();
        tokio::spawn(async move {
            let mut connection = Connection::open(&url).await.unwrap();
            for number in numbers {
                let key = format!("key-{sender:02}-{number:04}");
                let body = json!({"content": key, "client_msg_id": key}).to_string();
                let post = "POST".parse().unwrap();
                let answer = connection.send(post, &path, Some(&token), Some(body.into())).await.unwrap();
                assert_eq!(answer.status, 201);
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
}

/// State of a message on its way to the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WriteState {
    Written(usize),
    Syncing(usize),
    Synced,
}

impl Recording {
    /// Returns the files as the steps make them when nothing fails.
    pub fn replayed(&self) -> Image {
        let mut disk = Disk::default();
        self.steps.iter().for_each(|step| disk.step(step));
        let mut image = disk.now();
        image.retain(|name, _| KEPT.contains(&name.as_str()));
        image
    }

    /// Checks whether each message was on disk before it was announced.
    pub fn syncs(&self) -> Syncs {
        let (mut syncs, mut ways, mut done) = (Syncs::default(), HashMap::new(), Vec::new());
        for step in &self.steps {
            match step {
                Step::Write { call, file, data, .. } if file.ends_with("-wal") => {
                    for key in super::trace::keys(data) {
                        ways.entry(key).or_insert(WriteState::Written(*call));
                    }
                }
                Step::Sync { call, file } if file.ends_with("-wal") => {
                    syncs.syncs += usize::from(!ways.is_empty());
                    for way in ways.values_mut() {
                        if matches!(way, WriteState::Written(write) if done.contains(write)) {
                            *way = WriteState::Syncing(*call);
                        }
                    }
                    done.clear();
                }
                Step::Done { call, ok: true } => {
                    done.push(*call);
                    let synced = |way: &&mut WriteState| **way == WriteState::Syncing(*call);
                    ways.values_mut().filter(synced).for_each(|way| *way = WriteState::Synced);
                }
                Step::Announced(keys) => {
                    syncs.announced += keys.len();
                    let early = |key: &&String| ways.get(*key) != Some(&WriteState::Synced);
                    syncs.announced_too_early += keys.iter().filter(early).count();
                }
                _ => {}
            }
        }
        syncs
    }
}
