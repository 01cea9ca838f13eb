//! A socket whose client has to take what it is given. Whoever takes nothing of what waits for some seconds, or next to
//! nothing for longer, is cut off: else it would hold the socket and the answer for as long as it likes. Slow is no fault,
//! as long as it goes on. What can be seen of that is what the client's system takes, which opens its window in lumps of
//! its receive buffer: a program that takes longer than [`Pace::nothing_for`] to read one looks as if it read nothing.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::link::Link;

/// How slow a client may be.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// For how long its system may take nothing.
    pub nothing_for: Duration,
    /// What it has to take on average while something waits.
    pub bytes_per_second: u64,
    /// Over which time that is looked at, or over that in which nothing may be taken, if that is longer.
    pub over: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { nothing_for: Duration::from_secs(20), bytes_per_second: 512, over: Duration::from_secs(30) }
    }
}

impl Pace {
    /// Whoever may take nothing for a minute may take what it takes at the end of it.
    fn stretch(&self) -> Duration {
        self.over.max(self.nothing_for)
    }
}

/// What the system may keep of what was not sent yet. With its own measure, hundreds of kilobytes, a slow client would look
/// for minutes as if it took nothing: a write succeeds only when a good part of that has gone.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 4 * 1024;
/// For a stream that is given what it missed: its frames are larger.
#[cfg(target_os = "linux")]
const UNSENT_BYTES_OF_A_REPLAY: u32 = 16 * 1024;
/// Even so a socket takes bytes in lumps, and the next one may be nearly due when the average is looked at.
const LUMP_BYTES: u64 = 6 * 1024;

/// The socket.
pub(crate) struct Paced {
    stream: TcpStream,
    pace: Pace,
    link: Arc<Link>,
    cut_off: Counter,
    waiting: Option<Waiting>,
    /// Made when it is first needed, which for most sockets is never.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    pub(crate) fn new(stream: TcpStream, pace: Pace, link: Arc<Link>, cut_off: Counter) -> Self {
        keep_unsent(&stream, Unsent::Little);
        Self { stream, pace, link, cut_off, waiting: None, timer: None }
    }

    /// The bare socket, for those who have a measure of their own.
    pub(crate) fn into_inner(self) -> TcpStream {
        keep_unsent(&self.stream, Unsent::AsTheSystemLikes);
        self.stream
    }

    /// What became of an attempt to write: the bytes that were taken, or an end to waiting.
    fn judge(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                if let Some(waiting) = &mut self.waiting {
                    waiting.took(bytes, Instant::now());
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending if self.link.is_ended() => Poll::Ready(Err(self.cut())),
            Poll::Pending => {
                ready!(self.poll_hopeless(cx));
                Poll::Ready(Err(self.cut()))
            }
        }
    }

    /// Resolves when there is nothing to hope for.
    fn poll_hopeless(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = Instant::now();
            let waiting = self.waiting.get_or_insert_with(|| Waiting::since(now));
            if waiting.is_hopeless(now, self.pace) {
                return Poll::Ready(());
            }
            let look_again = waiting.look_again(self.pace);
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(look_again)));
            // One that is set too early costs a look; setting it anew with every write would cost more.
            if timer.is_elapsed() {
                timer.as_mut().reset(look_again);
            }
            ready!(timer.as_mut().poll(cx));
        }
    }

    /// What is on its way to the client is thrown away too: the system would go on offering it for a quarter of an hour.
    fn cut(&self) -> io::Error {
        let _ = self.stream.set_zero_linger();
        self.cut_off.inc();
        io::Error::new(ErrorKind::TimedOut, "the client does not read its response")
    }
}

/// How much the system may keep of what was not sent yet.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unsent {
    /// What an answer may.
    Little,
    /// What a replay may, whose client is to be seen to read.
    OfAReplay,
    /// Its own measure, which takes in what comes in a burst.
    AsTheSystemLikes,
}

/// Where it can't be set, the system's own measure holds.
#[cfg(target_os = "linux")]
pub(crate) fn keep_unsent(stream: &TcpStream, unsent: Unsent) {
    let bytes = match unsent {
        Unsent::Little => UNSENT_BYTES,
        Unsent::OfAReplay => UNSENT_BYTES_OF_A_REPLAY,
        Unsent::AsTheSystemLikes => 0,
    };
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(bytes);
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn keep_unsent(_: &TcpStream, _: Unsent) {}

/// How it goes while something waits.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    since: Instant,
    /// In the stretch that began then.
    taken: u64,
    took_at: Instant,
}

impl Waiting {
    fn since(now: Instant) -> Self {
        Self { since: now, taken: 0, took_at: now }
    }

    fn took(&mut self, bytes: usize, now: Instant) {
        self.taken = self.taken.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        self.took_at = now;
    }

    fn is_hopeless(&mut self, now: Instant, pace: Pace) -> bool {
        if now >= self.took_at + pace.nothing_for {
            return true;
        }
        if now < self.since + pace.stretch() {
            return false;
        }
        let enough =
            pace.bytes_per_second.saturating_mul(pace.stretch().as_secs()).saturating_sub(LUMP_BYTES);
        if self.taken < enough {
            return true;
        }
        (self.since, self.taken) = (now, 0);
        false
    }

    fn look_again(&self, pace: Pace) -> Instant {
        (self.took_at + pace.nothing_for).min(self.since + pace.stretch())
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Comes when all was written, so nothing waits any more.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_ready() {
            self.waiting = None;
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    /// Whether a client that takes so much each time is cut off within so many seconds.
    fn is_cut_off(bytes: usize, every: u64, within: u64) -> bool {
        is_cut_off_at(Pace::default(), bytes, every, within)
    }

    fn is_cut_off_at(pace: Pace, bytes: usize, every: u64, within: u64) -> bool {
        let begun = Instant::now();
        let mut waiting = Waiting::since(begun);
        (0..=within).any(|second| {
            let now = begun + seconds(second);
            if second > 0 && second % every == 0 {
                waiting.took(bytes, now);
            }
            waiting.is_hopeless(now, pace)
        })
    }

    #[test]
    fn whoever_takes_nothing_for_20_seconds_or_too_little_in_30_is_cut_off() {
        assert!(is_cut_off(100_000, 21, 20));
        assert!(!is_cut_off(100_000, 21, 19));
        assert!(is_cut_off(300, 1, 30));
        assert!(!is_cut_off(300, 1, 29));
    }

    #[test]
    fn whoever_takes_512_bytes_a_second_goes_on_in_whatever_lumps() {
        for every in 1..12 {
            assert!(!is_cut_off(512 * usize::try_from(every).unwrap(), every, 3600), "{every}");
        }
    }

    #[test]
    fn where_nothing_may_be_taken_for_longer_larger_lumps_do() {
        let patient = Pace { nothing_for: seconds(60), ..Pace::default() };
        assert!(!is_cut_off_at(patient, 2048 * 50, 50, 3600));
        assert!(is_cut_off_at(patient, 2048 * 61, 61, 60));
        assert!(is_cut_off_at(patient, 300, 1, 60));
    }

    #[test]
    fn what_was_taken_long_ago_does_not_count() {
        let (begun, pace) = (Instant::now(), Pace::default());
        let mut waiting = Waiting::since(begun);
        waiting.took(10_000_000, begun + seconds(29));
        assert!(!waiting.is_hopeless(begun + seconds(30), pace));
        for second in 31..60 {
            waiting.took(1, begun + seconds(second));
            assert!(!waiting.is_hopeless(begun + seconds(second), pace), "{second}");
        }
        assert!(waiting.is_hopeless(begun + seconds(60), pace));
    }

    async fn pair(pace: Pace) -> (Paced, TcpStream, Arc<Link>, Counter) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let client = socket.connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let (link, counter) = (Arc::new(Link::default()), Counter::default());
        (Paced::new(stream, pace, link.clone(), counter.clone()), client, link, counter)
    }

    const SHORT: Pace = Pace {
        nothing_for: Duration::from_millis(300),
        bytes_per_second: 512,
        over: Duration::from_secs(30),
    };

    #[tokio::test]
    async fn a_socket_that_nobody_reads_from_fails() {
        let (mut paced, _client, _, counter) = pair(SHORT).await;
        let failed = tokio::time::timeout(seconds(10), paced.write_all(&[0; 1 << 23])).await.unwrap();
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(counter.get(), 1);
    }

    #[tokio::test]
    async fn one_that_is_read_slowly_goes_on() {
        let (mut paced, mut client, _, counter) = pair(SHORT).await;
        let writing = tokio::spawn(async move {
            paced.write_all(&[7; 256 * 1024]).await?;
            paced.flush().await
        });
        let mut chunk = [0; 16 * 1024];
        for _ in 0..16 {
            // Longer in all than nothing may be taken for.
            tokio::time::sleep(Duration::from_millis(40)).await;
            client.read_exact(&mut chunk).await.unwrap();
        }
        assert!(writing.await.unwrap().is_ok());
        assert_eq!(counter.get(), 0);
    }

    /// Of a client that reads nothing, what the system has taken says how much it takes in a lump of one that reads slowly.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_system_keeps_little_for_a_replay_that_is_not_read() {
        let (paced, _client, _, _) = pair(Pace::default()).await;
        let stream = paced.into_inner();
        keep_unsent(&stream, Unsent::OfAReplay);
        let mut kept = 0;
        while let Ok(written) = tokio::time::timeout(seconds(1), async {
            stream.writable().await.unwrap();
            stream.try_write(&[0; 4096])
        })
        .await
        {
            kept += written.unwrap_or(0);
        }
        assert!((4096..256 * 1024).contains(&kept), "{kept}");
    }

    #[tokio::test]
    async fn one_that_was_given_up_fails_as_soon_as_it_is_looked_at() {
        let (mut paced, _client, link, _) = pair(Pace::default()).await;
        link.end();
        let failed = tokio::time::timeout(seconds(10), paced.write_all(&[0; 1 << 23])).await.unwrap();
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::TimedOut);
    }
}
