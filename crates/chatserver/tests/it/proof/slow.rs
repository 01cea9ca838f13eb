//! A client that never reads, while others write to it.

use chat_client::{Connection, ServerUrl};
use serde_json::json;

use crate::support::people::p2p;
use crate::support::raw_ws::{CLOSE, TEXT};
use crate::support::{RawWs, Server, User, Ws};

const SENDERS: usize = 4;
const EACH: usize = 160;
/// Characters that take six bytes in a frame and one in the database, so that the frames of a run (60 MiB) are not
/// mistaken for the database's caches (10 MiB).
const CHARACTERS: usize = 16_000;
/// Upper bound of the server's growth: the queue (1 MiB), its caches, and buffers of requests under way.
pub const MAX_GROWN_MIB: u64 = 32;

#[derive(Debug)]
pub struct Verdict {
    pub grown_mib: u64,
    /// Whether the server closed the client as too slow.
    pub closed: bool,
    /// Number of sent messages that the client did not get after it came back.
    pub lost: usize,
}

impl Verdict {
    /// Whether the promise was kept.
    pub fn is_bounded(&self) -> bool {
        self.grown_mib <= MAX_GROWN_MIB && self.closed
    }
}

/// Writes to a client that reads nothing, and measures the server.
pub async fn never_reads(server: &Server) -> Verdict {
    let (tom, jerry) = server.tom_and_jerry().await;
    let mut asleep = RawWs::connect_narrow(server, &jerry.token).await;
    asleep.until_live().await;
    let before = server.resident_kib("VmRSS");
    let url = ServerUrl::parse(&server.url()).unwrap();
    let senders = (0..SENDERS).map(|_| tokio::spawn(send(url.clone(), tom.token.clone(), p2p(jerry.id))));
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    let grown_mib = server.resident_kib("VmRSS").saturating_sub(before) / 1024;
    let closed = is_closed_as_slow(&mut asleep).await;
    let lost = SENDERS * EACH - received(server, &jerry, closed).await;
    Verdict { grown_mib, closed, lost }
}

async fn send(url: ServerUrl, token: String, path: String) {
    let mut connection = Connection::open(&url).await.unwrap();
    let body = json!({"content": "\u{1}".repeat(CHARACTERS)}).to_string();
    for _ in 0..EACH {
        let post = "POST".parse().unwrap();
        let answer = connection.send(post, &path, Some(&token), Some(body.clone().into())).await.unwrap();
        assert_eq!(answer.status, 201);
    }
}

/// Reads until the closing frame or the last message.
async fn is_closed_as_slow(ws: &mut RawWs) -> bool {
    let mut messages = 0;
    while messages < SENDERS * EACH {
        let Some(frame) = ws.frame().await else { return false };
        match frame.opcode {
            TEXT => messages += 1,
            CLOSE => return frame.close_code() == 4008,
            _ => {}
        }
    }
    false
}

/// Returns the number of messages that the client gets when it comes back: all, if it never was closed.
async fn received(server: &Server, user: &User, closed: bool) -> usize {
    if !closed {
        return SENDERS * EACH;
    }
    let mut ws = Ws::connect(server, user).await;
    ws.frames(SENDERS * EACH).await.iter().filter(|frame| frame["type"] == "text").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_reads_costs_its_queue_and_no_more() {
    let verdict = never_reads(&Server::start()).await;
    eprintln!("{verdict:?}");
    assert!(verdict.is_bounded() && verdict.lost == 0, "{verdict:?}");
}
