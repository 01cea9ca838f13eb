//! The PROXY protocol (versions 1 and 2), in which a proxy names its client before the first byte. `accept.rs` decides
//! whether to trust it.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// Start of a version 2 header.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Upper bound for a line of version 1, with its end, in bytes.
const LONGEST_LINE: usize = 107;
/// Upper bound for addresses and extensions, in bytes; a longer header is refused.
const LONGEST_BODY: usize = 4096;

/// Reads the header and nothing after it. `None`: the proxy connects for itself, as in health checks, or does not know
/// the client.
pub(crate) async fn read<R: AsyncRead + Unpin>(socket: &mut R) -> io::Result<Option<IpAddr>> {
    let mut head = [0; SIGNATURE.len()];
    socket.read_exact(&mut head).await?;
    if head == SIGNATURE {
        return read_version_2(socket).await;
    }
    let mut line = head.to_vec();
    // Byte by byte, because what follows is not part of the header.
    while !line.ends_with(b"\r\n") {
        if line.len() >= LONGEST_LINE {
            return Err(broken("a line that does not end"));
        }
        line.push(socket.read_u8().await?);
    }
    version_1(&line)
}

async fn read_version_2<R: AsyncRead + Unpin>(socket: &mut R) -> io::Result<Option<IpAddr>> {
    let command = socket.read_u8().await?;
    let family = socket.read_u8().await?;
    let length = usize::from(socket.read_u16().await?);
    if length > LONGEST_BODY {
        return Err(broken("a header that is too long"));
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await?;
    version_2(command, family, &body)
}

fn version_1(line: &[u8]) -> io::Result<Option<IpAddr>> {
    let line = line.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok());
    let mut words = line.ok_or_else(|| broken("a line that is not text"))?.split(' ');
    if words.next() != Some("PROXY") {
        return Err(broken("no header"));
    }
    let family = words.next();
    if family == Some("UNKNOWN") {
        return Ok(None);
    }
    let words: Vec<_> = words.collect();
    let [source, destination, source_port, destination_port] = words[..] else {
        return Err(broken("a line without two addresses and two ports"));
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    let addresses: (Option<IpAddr>, Option<IpAddr>) = match family {
        Some("TCP4") => (ipv4(source), ipv4(destination)),
        Some("TCP6") => (ipv6(source), ipv6(destination)),
        _ => (None, None),
    };
    match addresses {
        (Some(source), Some(_)) if is_port(source_port) && is_port(destination_port) => Ok(Some(source)),
        _ => Err(broken("a line without two addresses and two ports")),
    }
}

fn ipv4(text: &str) -> Option<IpAddr> {
    text.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

fn ipv6(text: &str) -> Option<IpAddr> {
    text.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

fn version_2(command: u8, family: u8, body: &[u8]) -> io::Result<Option<IpAddr>> {
    match command {
        0x20 => return Ok(None),
        0x21 => {}
        _ => return Err(broken("a command of another version")),
    }
    // The upper half is the address family, the lower half the transport.
    let source = match family >> 4 {
        // Unspecified, or from a Unix socket: no address.
        0 | 3 => return Ok(None),
        1 => body.get(..12).and_then(|both| both.first_chunk::<4>()).map(|source| IpAddr::from(*source)),
        2 => body.get(..36).and_then(|both| both.first_chunk::<16>()).map(|source| IpAddr::from(*source)),
        _ => return Err(broken("addresses of an unknown kind")),
    };
    source.map(Some).ok_or_else(|| broken("a header that is too short for its addresses"))
}

fn broken(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("PROXY protocol: {what}"))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;

    /// The result, and the number of unread bytes.
    fn read_all(mut bytes: &[u8]) -> (io::Result<Option<IpAddr>>, usize) {
        let read = read(&mut bytes).now_or_never().expect("nothing to wait for");
        (read, bytes.len())
    }

    #[track_caller]
    fn says(bytes: &[u8], address: Option<&str>) {
        let with_rest = [bytes, b"GET / HTTP/1.1\r\n"].concat();
        let (read, left) = read_all(&with_rest);
        assert_eq!(read.unwrap(), address.map(|text| text.parse().unwrap()));
        assert_eq!(left, 16, "what follows is left alone");
    }

    fn second(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, body].concat()
    }

    const IPV4: [u8; 12] = [198, 51, 100, 7, 127, 0, 0, 1, 0x12, 0x34, 0, 80];

    #[test]
    fn both_versions_name_the_client() {
        says(b"PROXY TCP4 198.51.100.7 127.0.0.1 4711 80\r\n", Some("198.51.100.7"));
        says(b"PROXY TCP6 2001:db8::17 ::1 4711 80\r\n", Some("2001:db8::17"));
        says(b"PROXY UNKNOWN\r\n", None);
        says(b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None);
        says(&second(0x21, 0x11, &IPV4), Some("198.51.100.7"));
        let with_more = [&IPV4[..], &[4, 0, 2, 7, 7]].concat();
        says(&second(0x21, 0x11, &with_more), Some("198.51.100.7"));
        let mut ipv6 = [0; 36];
        ipv6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        ipv6[15] = 0x17;
        says(&second(0x21, 0x21, &ipv6), Some("2001:db8::17"));
        says(&second(0x20, 0x00, &[]), None);
        says(&second(0x21, 0x00, &[]), None);
        says(&second(0x21, 0x31, &[b'x'; 216]), None);
    }

    #[test]
    fn anything_else_is_refused() {
        for bytes in [
            &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
            b"PROXY TCP4 198.51.100.7 127.0.0.1 4711\r\n",
            b"PROXY TCP4 198.51.100.7 127.0.0.1 4711 80 80\r\n",
            b"PROXY TCP4 198.51.100.7 127.0.0.1 4711 65536\r\n",
            b"PROXY TCP4 2001:db8::17 ::1 4711 80\r\n",
            b"PROXY TCP6 198.51.100.7 127.0.0.1 4711 80\r\n",
            b"PROXY  TCP4 198.51.100.7 127.0.0.1 4711 80\r\n",
            b"PROXY UDP4 198.51.100.7 127.0.0.1 4711 80\r\n",
            b"proxy TCP4 198.51.100.7 127.0.0.1 4711 80\r\n",
            b"PROXY TCP4 198.51.100.7 127.0.0.1 4711 80",
            b"",
            &second(0x11, 0x11, &IPV4),
            &second(0x22, 0x11, &IPV4),
            &second(0x21, 0x41, &IPV4),
            &second(0x21, 0x11, &IPV4[..11]),
            &second(0x21, 0x21, &IPV4),
            &second(0x21, 0x11, &IPV4)[..20],
            &second(0x21, 0x11, &[0; LONGEST_BODY + 1]),
            &[b'x'; 4096],
        ] {
            assert!(read_all(bytes).0.is_err(), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn no_more_than_a_line_is_read_of_what_has_no_end() {
        let endless = [&b"PROXY TCP4 "[..], &[b'1'; 10_000]].concat();
        let (read, left) = read_all(&endless);
        assert!(read.is_err());
        assert_eq!(endless.len() - left, LONGEST_LINE);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_all(&bytes);
            let _ = read_all(&[&b"PROXY "[..], &bytes].concat());
            let _ = read_all(&[&SIGNATURE[..], &bytes].concat());
            let _ = read_all(&[&SIGNATURE[..], &[0x21, 0x11, 0, 12], &bytes].concat());
        }
    }
}
