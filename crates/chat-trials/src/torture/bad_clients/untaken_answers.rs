//! Clients that request a static file, a page of long messages, or many refusals, and read nothing of the answers.

use std::time::Duration;

use anyhow::Result;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::{Backlog, connect};
use crate::torture::verdict::{Findings, Violation};

/// Number of clients for each kind of answer.
const EACH: usize = 20;
/// The largest file that the server serves.
const STATIC: &str = "/docs/swagger-ui-bundle.js";
const REFUSALS: usize = 20_000;
/// Upper bound for writing the requests: the server reads only the first ones of many.
const ASKING: Duration = Duration::from_millis(200);
/// A multiple of the server's timeout, so that other load on the machine is not reported as a violation.
const CUT_OFF_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// Runs groups of these clients one after the other, for `lasts` and at least once.
pub(super) async fn run(backlog: &Backlog, lasts: Duration) -> Result<Findings> {
    let (began, mut findings) = (Instant::now(), Findings::default());
    loop {
        let kinds_held =
            kinds(backlog).map(async |(what, bytes)| anyhow::Ok((what, held(backlog, &bytes).await?)));
        let [file, page, refusals] = kinds_held;
        let held = tokio::try_join!(file, page, refusals)?;
        for (what, n_held) in <[_; 3]>::from(held) {
            for _ in 0..n_held {
                findings.note(Violation::Held, || {
                    format!("a client that takes nothing of {what} was not cut off within {CUT_OFF_WITHIN:?}")
                });
            }
        }
        if began.elapsed() >= lasts || !findings.is_empty() {
            return Ok(findings);
        }
    }
}

/// Connects clients that send these bytes. Returns how many are not cut off in time.
async fn held(backlog: &Backlog, bytes: &[u8]) -> Result<usize> {
    let mut sockets = Vec::new();
    for _ in 0..EACH {
        sockets.push(ask(backlog, bytes).await?);
    }
    Ok(still_held(sockets).await)
}

fn kinds(backlog: &Backlog) -> [(&'static str, Vec<u8>); 3] {
    let host = backlog.node.authority();
    let get = |path: &str, headers: &str| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
    let bearer = format!("Authorization: Bearer {}\r\n", backlog.reader.token);
    let page = get(&format!("/v1/messages/history/{}?limit=200", backlog.from), &bearer);
    [
        ("a file", get(STATIC, "").into_bytes()),
        ("a page", page.into_bytes()),
        ("refusals", get("/nothing", "").repeat(REFUSALS).into_bytes()),
    ]
}

async fn ask(backlog: &Backlog, bytes: &[u8]) -> Result<TcpStream> {
    let mut socket = connect(&backlog.node).await?;
    // An error means that the client was cut off, which is checked later.
    let _ = timeout(ASKING, socket.write_all(bytes)).await;
    Ok(socket)
}

/// Waits for resets. Returns how many sockets are not reset in time.
async fn still_held(mut sockets: Vec<TcpStream>) -> usize {
    let until = Instant::now() + CUT_OFF_WITHIN;
    loop {
        // The system reports a reset once.
        sockets.retain(|socket| matches!(socket.take_error(), Ok(None)));
        if sockets.is_empty() || Instant::now() > until {
            return sockets.len();
        }
        sleep(POLL).await;
    }
}
