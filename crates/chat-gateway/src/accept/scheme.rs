//! Clients that speak TLS to a port without it, or HTTP to one with it: a mistake that people make in an address, and of
//! which nothing else would tell them.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The answer to HTTP where TLS is spoken.
const SENTENCE: &str = "This port speaks TLS: use https:// or wss://\n";
/// How long that may take.
const ANSWER: Duration = Duration::from_secs(2);
/// The log has a line about the other mistake at most so often.
const LINES: Duration = Duration::from_secs(60);

/// What a client begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken {
    Tls,
    Http,
    Other,
}

/// Waits for the first bytes of a socket and looks at them, but leaves them there.
pub(crate) async fn spoken(stream: &TcpStream) -> Spoken {
    let mut first = [0; 2];
    match stream.peek(&mut first).await {
        Ok(count) => of(first.get(..count).unwrap_or_default()),
        Err(_) => Spoken::Other,
    }
}

fn of(first: &[u8]) -> Spoken {
    match first {
        // The record of a handshake, in any version.
        [0x16] | [0x16, 0x03] => Spoken::Tls,
        [b'A'..=b'Z', ..] => Spoken::Http,
        _ => Spoken::Other,
    }
}

/// Says to a client that speaks HTTP that this port does not.
pub(crate) async fn ask_for_tls(mut stream: TcpStream) {
    let answer = async {
        let length = SENTENCE.len();
        let head = format!(
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(format!("{head}{SENTENCE}").as_bytes()).await?;
        stream.shutdown().await?;
        // A socket that is closed over unread bytes is reset, and the client might never see why.
        let mut rest = [0; 4096];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    let _ = timeout(ANSWER, answer).await;
}

/// Notes that a client speaks TLS where none is spoken; a flood of them is told of once a minute.
pub(crate) fn note_tls() {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_none_or(|last| last.elapsed() >= LINES) {
        *last = Some(Instant::now());
        tracing::warn!(
            "a client speaks TLS to this plain port; it must use http:// or ws://, or set TLS_CERT and TLS_KEY"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_speaks_is_told_by_its_first_bytes() {
        for (first, spoken) in [
            (&b"GE"[..], Spoken::Http),
            (b"P", Spoken::Http),
            (&[0x16, 0x03], Spoken::Tls),
            (&[0x16], Spoken::Tls),
            (&[0x16, 0x47], Spoken::Other),
            (b"\r\n", Spoken::Other),
            (b"", Spoken::Other),
        ] {
            assert_eq!(of(first), spoken, "{first:?}");
        }
    }
}
