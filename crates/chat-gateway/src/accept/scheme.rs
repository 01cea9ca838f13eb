//! Detects clients that speak TLS to a plain port, or HTTP to a TLS port. People make this mistake in an address, and
//! nothing else would tell them.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Response to plain HTTP on a TLS port.
const SENTENCE: &str = "This port speaks TLS: use https:// or wss://\n";
/// Upper bound for sending that response.
const ANSWER: Duration = Duration::from_secs(2);
/// Minimum time between two log lines about TLS on a plain port.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The protocol of a client's first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientProtocol {
    Tls,
    Http,
    Other,
}

/// Waits for the first bytes of a socket and inspects them without consuming them.
pub(crate) async fn detect(stream: &TcpStream) -> ClientProtocol {
    let mut first = [0; 2];
    match stream.peek(&mut first).await {
        Ok(count) => of(first.get(..count).unwrap_or_default()),
        Err(_) => ClientProtocol::Other,
    }
}

fn of(first: &[u8]) -> ClientProtocol {
    match first {
        // A TLS handshake record, in any version.
        [0x16] | [0x16, 0x03] => ClientProtocol::Tls,
        [b'A'..=b'Z', ..] => ClientProtocol::Http,
        _ => ClientProtocol::Other,
    }
}

/// Answers a client that speaks HTTP to this TLS port.
pub(crate) async fn ask_for_tls(mut stream: TcpStream) {
    let answer = async {
        let length = SENTENCE.len();
        let head = format!(
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(format!("{head}{SENTENCE}").as_bytes()).await?;
        stream.shutdown().await?;
        // Closing a socket with unread bytes resets it, and the client might never see why.
        let mut rest = [0; 4096];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    let _ = timeout(ANSWER, answer).await;
}

/// Notes that a client speaks TLS to a plain port. Logs at most one line a minute.
pub(crate) fn note_tls() {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_none_or(|last| last.elapsed() >= LOG_INTERVAL) {
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
    fn the_first_bytes_show_what_a_client_speaks() {
        for (first, protocol) in [
            (&b"GE"[..], ClientProtocol::Http),
            (b"P", ClientProtocol::Http),
            (&[0x16, 0x03], ClientProtocol::Tls),
            (&[0x16], ClientProtocol::Tls),
            (&[0x16, 0x47], ClientProtocol::Other),
            (b"\r\n", ClientProtocol::Other),
            (b"", ClientProtocol::Other),
        ] {
            assert_eq!(of(first), protocol, "{first:?}");
        }
    }
}
