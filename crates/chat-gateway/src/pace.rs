//! A socket whose client must read what it is sent. A client that takes nothing for some seconds, or almost nothing for
//! longer, is cut off; otherwise it could hold the socket and the response without limit. A slow client is fine as long
//! as it makes progress. Only what the client's system takes is visible, and that opens its window by large parts of
//! its receive buffer: a program that takes longer than [`Pace::nothing_for`] to read one part looks as if it read
//! nothing.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::link::Link;

/// Slowest pace at which a client may read a response.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Time for which the client's system may take nothing.
    pub nothing_for: Duration,
    /// Minimum on average while something waits.
    pub bytes_per_second: u64,
    /// Period of the average; `nothing_for` is used if that is longer.
    pub over: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { nothing_for: Duration::from_secs(20), bytes_per_second: 512, over: Duration::from_secs(30) }
    }
}

impl Pace {
    /// A client that may take nothing for a minute must be judged over at least a minute.
    fn period(&self) -> Duration {
        self.over.max(self.nothing_for)
    }
}

/// Upper bound for the unsent data that the system buffers, in bytes. With the system's default, hundreds of kilobytes,
/// a slow client would look for minutes as if it took nothing, because a write succeeds only when much of the buffer is
/// free.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 4 * 1024;
/// The same during a replay, whose frames are larger.
#[cfg(target_os = "linux")]
const UNSENT_BYTES_OF_A_REPLAY: u32 = 16 * 1024;
/// Allowance in the average, in bytes: a socket takes data in lumps, and the next one may be nearly due.
const LUMP_BYTES: u64 = 6 * 1024;

/// A socket with a bound on slow reading.
pub(crate) struct Paced {
    stream: TcpStream,
    pace: Pace,
    link: Arc<Link>,
    cut_off: Counter,
    waiting: Option<Waiting>,
    /// Created on first use; most sockets never need it.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    /// For a socket whose listener went through [`prepare`].
    pub(crate) fn new(stream: TcpStream, pace: Pace, link: Arc<Link>, cut_off: Counter) -> Self {
        Self { stream, pace, link, cut_off, waiting: None, timer: None }
    }

    /// The bare socket, for a caller with its own check of the pace. The system still buffers little unsent data.
    pub(crate) fn into_inner(self) -> TcpStream {
        forget_task(&self.stream);
        self.stream
    }

    /// Judges an attempt to write: returns the bytes that were taken, or the error that ends the connection.
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
                ready!(self.poll_too_slow(cx));
                Poll::Ready(Err(self.cut()))
            }
        }
    }

    /// Resolves when the client is too slow.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = Instant::now();
            let waiting = self.waiting.get_or_insert_with(|| Waiting::since(now));
            if waiting.is_too_slow(now, self.pace) {
                return Poll::Ready(());
            }
            let next_check = waiting.next_check(self.pace);
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(next_check)));
            // A timer that fires too early costs one check; resetting it on every write would cost more.
            if timer.is_elapsed() {
                timer.as_mut().reset(next_check);
            }
            ready!(timer.as_mut().poll(cx));
        }
    }

    /// Unsent data is discarded too; otherwise the system would retransmit it for a quarter of an hour.
    fn cut(&self) -> io::Error {
        let _ = self.stream.set_zero_linger();
        self.cut_off.inc();
        io::Error::new(ErrorKind::TimedOut, "the client does not read its response")
    }
}

/// Makes the socket forget the task that read from it. Otherwise tokio keeps that task's waker until the next data
/// arrives, and with it nearly 5 KB of memory that the task no longer needs.
fn forget_task(stream: &TcpStream) {
    let mut nobody = Context::from_waker(Waker::noop());
    let _ = stream.poll_read_ready(&mut nobody);
    let _ = stream.poll_write_ready(&mut nobody);
}

/// How much unsent data the system may buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unsent {
    /// More than for a response, for a replay, whose client must be seen to read.
    OfAReplay,
    /// The system's default, which has room for bursts.
    AsTheSystemLikes,
}

/// Prepares a listener for sockets of which the system buffers little unsent data and sends every response at once.
/// Sockets inherit both on Linux, which spares two system calls for each.
#[cfg(target_os = "linux")]
pub(crate) fn prepare(listener: &TcpListener) {
    let listener = socket2::SockRef::from(listener);
    let _ = listener.set_tcp_notsent_lowat(UNSENT_BYTES);
    let _ = listener.set_tcp_nodelay(true);
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn prepare(_: &TcpListener) {}

/// If the option cannot be set, the previous one remains.
#[cfg(target_os = "linux")]
pub(crate) fn keep_unsent(stream: &TcpStream, unsent: Unsent) {
    let bytes = match unsent {
        Unsent::OfAReplay => UNSENT_BYTES_OF_A_REPLAY,
        Unsent::AsTheSystemLikes => 0,
    };
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(bytes);
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn keep_unsent(_: &TcpStream, _: Unsent) {}

/// Progress while something waits.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    since: Instant,
    /// Bytes taken since `since`.
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

    fn is_too_slow(&mut self, now: Instant, pace: Pace) -> bool {
        if now >= self.took_at + pace.nothing_for {
            return true;
        }
        if now < self.since + pace.period() {
            return false;
        }
        let enough = pace.bytes_per_second.saturating_mul(pace.period().as_secs()).saturating_sub(LUMP_BYTES);
        if self.taken < enough {
            return true;
        }
        (self.since, self.taken) = (now, 0);
        false
    }

    fn next_check(&self, pace: Pace) -> Instant {
        (self.took_at + pace.nothing_for).min(self.since + pace.period())
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

    /// Called when everything was written, so nothing waits any more.
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
    use std::task::Wake;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    /// Whether a client that takes `bytes` every `every` seconds is cut off within `within` seconds.
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
            waiting.is_too_slow(now, pace)
        })
    }

    #[test]
    fn a_client_that_takes_nothing_for_20_seconds_or_too_little_in_30_is_cut_off() {
        assert!(is_cut_off(100_000, 21, 20));
        assert!(!is_cut_off(100_000, 21, 19));
        assert!(is_cut_off(300, 1, 30));
        assert!(!is_cut_off(300, 1, 29));
    }

    #[test]
    fn a_client_that_takes_512_bytes_a_second_goes_on_in_any_lumps() {
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
        assert!(!waiting.is_too_slow(begun + seconds(30), pace));
        for second in 31..60 {
            waiting.took(1, begun + seconds(second));
            assert!(!waiting.is_too_slow(begun + seconds(second), pace), "{second}");
        }
        assert!(waiting.is_too_slow(begun + seconds(60), pace));
    }

    async fn pair(pace: Pace) -> (Paced, TcpStream, Arc<Link>, Counter) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        prepare(&listener);
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
            // Longer in total than `nothing_for`.
            tokio::time::sleep(Duration::from_millis(40)).await;
            client.read_exact(&mut chunk).await.unwrap();
        }
        assert!(writing.await.unwrap().is_ok());
        assert_eq!(counter.get(), 0);
    }

    #[tokio::test]
    async fn a_bare_socket_does_not_hold_the_task_that_read_from_it() {
        struct Task;
        impl Wake for Task {
            fn wake(self: Arc<Self>) {}
        }
        let (mut paced, _client, _, _) = pair(Pace::default()).await;
        let task = Arc::new(Task);
        let waker = Waker::from(task.clone());
        let mut buffer = [0; 16];
        let read =
            Pin::new(&mut paced).poll_read(&mut Context::from_waker(&waker), &mut ReadBuf::new(&mut buffer));
        assert!(read.is_pending());
        drop(waker);
        assert_eq!(Arc::strong_count(&task), 2, "the socket holds it");
        let _stream = paced.into_inner();
        assert_eq!(Arc::strong_count(&task), 1);
    }

    /// If a client reads nothing, the amount that the system takes shows how large the lumps of a slow client are.
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
