//! Clients that ask for a static file, for a page of long messages, or for one refusal after the other, and take nothing of
//! what they are answered.

use std::time::Duration;

use anyhow::Result;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::{Owed, connect};
use crate::torture::verdict::{Findings, Violation};

/// How many ask for each kind of answer.
const EACH: usize = 20;
/// Of the files that come with the server the largest.
const STATIC: &str = "/docs/swagger-ui-bundle.js";
const REFUSALS: usize = 20_000;
/// Of many requests a server takes only the first ones.
const ASKING: Duration = Duration::from_millis(200);
/// A multiple of what the server is told to wait, so that no other work of the machine is taken for its fault.
const CUT_OFF_WITHIN: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// One crowd after the other, for so long and at least once.
pub(super) async fn come(owed: &Owed, lasts: Duration) -> Result<Findings> {
    let (began, mut findings) = (Instant::now(), Findings::default());
    loop {
        let crowds = kinds(owed).map(async |(what, bytes)| anyhow::Ok((what, held(owed, &bytes).await?)));
        let [file, page, refusals] = crowds;
        let held = tokio::try_join!(file, page, refusals)?;
        for (what, n_held) in <[_; 3]>::from(held) {
            for _ in 0..n_held {
                findings.note(Violation::Held, || {
                    format!("a client that takes nothing of {what} was not cut off within {CUT_OFF_WITHIN:?}")
                });
            }
        }
        if began.elapsed() >= lasts || !findings.is_nothing() {
            return Ok(findings);
        }
    }
}

/// How many of a crowd that asks for this are not cut off in time.
async fn held(owed: &Owed, bytes: &[u8]) -> Result<usize> {
    let mut sockets = Vec::new();
    for _ in 0..EACH {
        sockets.push(ask(owed, bytes).await?);
    }
    Ok(still_held(sockets).await)
}

fn kinds(owed: &Owed) -> [(&'static str, Vec<u8>); 3] {
    let host = owed.node.authority();
    let get = |path: &str, headers: &str| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
    let bearer = format!("Authorization: Bearer {}\r\n", owed.reader.token);
    let page = get(&format!("/v1/messages/history/{}?limit=200", owed.from), &bearer);
    [
        ("a file", get(STATIC, "").into_bytes()),
        ("a page", page.into_bytes()),
        ("refusals", get("/nothing", "").repeat(REFUSALS).into_bytes()),
    ]
}

async fn ask(owed: &Owed, bytes: &[u8]) -> Result<TcpStream> {
    let mut socket = connect(&owed.node).await?;
    // Whether it is cut off meanwhile is seen afterwards.
    let _ = timeout(ASKING, socket.write_all(bytes)).await;
    Ok(socket)
}

/// How many are not reset in time.
async fn still_held(mut sockets: Vec<TcpStream>) -> usize {
    let until = Instant::now() + CUT_OFF_WITHIN;
    loop {
        // The system tells of a reset once.
        sockets.retain(|socket| matches!(socket.take_error(), Ok(None)));
        if sockets.is_empty() || Instant::now() > until {
            return sockets.len();
        }
        sleep(LOOK).await;
    }
}
