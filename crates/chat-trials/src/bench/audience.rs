//! Many streams, read by few threads with one buffer each. A stream that costs more to read than to write would make
//! the benchmark measure itself.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chat_client::ServerUrl;
use chat_client::v2::{Entrance, Way, upgrade_v2};
use chat_websocket::{Decoder, Incoming, Opcode, Role, encode_masked};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::stage::User;
use super::tally::{Tally, message_number};

const BUFFER: usize = 128 * 1024;
const MAX_MESSAGE: usize = 64 * 1024;
/// Upgrades under way at a time.
const OPENING: usize = 64;
/// Connections from one source address. The system has about 28,000 ports for each; loopback has many addresses.
const PER_SOURCE: usize = 20_000;
/// How often progress is looked at. Nothing that is timed to less depends on it.
const LOOK: Duration = Duration::from_millis(1);
/// Streams that stand still for so long will not move any more.
const STALLED: Duration = Duration::from_secs(10);
/// Any masking key will do, see `chat_client`.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER]);
}

/// One stream's state, shared between its reader and those who ask.
struct Seat {
    /// Repeats what the tally says, for those who look often.
    fresh: AtomicU64,
    /// The server's first frame came, so from now on messages do.
    is_greeted: AtomicBool,
    is_closed: AtomicBool,
    tally: Mutex<Tally>,
}

impl Seat {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which stream is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    V1,
    V2,
}

/// Connected streams.
pub(super) struct Audience {
    seats: Vec<Arc<Seat>>,
    threads: Vec<JoinHandle<()>>,
    stop: watch::Sender<()>,
    refused: u64,
}

/// What the streams have received since the start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) deliveries: u64,
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) closed: u64,
}

impl Audience {
    /// Opens so many streams, spread evenly over the users.
    pub(super) async fn gather(
        url: &ServerUrl,
        (protocol, users): (Protocol, &[User]),
        count: usize,
        new_tally: fn() -> Tally,
    ) -> Result<Self> {
        if url.is_secure() {
            bail!("streams that are counted are plain ones: measure this over http://");
        }
        let (opened, refused) = open_all(url, (protocol, users), count).await;
        let (stop, stopped) = watch::channel(());
        let mut audience = Self { seats: Vec::new(), threads: Vec::new(), stop, refused };
        let mut seated = Vec::new();
        for (socket, early) in opened {
            let seat = Arc::new(Seat {
                fresh: AtomicU64::new(0),
                is_greeted: AtomicBool::new(false),
                is_closed: AtomicBool::new(false),
                tally: Mutex::new(new_tally()),
            });
            audience.seats.push(seat.clone());
            seated.push((socket.into_std().context("a socket cannot be handed on")?, early, seat));
        }
        // Half the cores: the other half is the server's.
        let threads = std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
        let share = seated.len().div_ceil(threads).max(1);
        while !seated.is_empty() {
            let rest = seated.split_off(share.min(seated.len()));
            let mine = std::mem::replace(&mut seated, rest);
            let stopped = stopped.clone();
            let thread = std::thread::Builder::new().name("bench-read".into());
            let thread = thread.spawn(move || read_all(mine, stopped)).context("no thread to read with")?;
            audience.threads.push(thread);
        }
        audience.until_all(|seat| seat.is_greeted.load(Ordering::Relaxed)).await;
        Ok(audience)
    }

    /// Waits until this is so for every open stream, or nothing moves any more; says for how many it is.
    async fn until_all(&self, is_so: impl Fn(&Seat) -> bool) -> usize {
        let mut reached = 0;
        let mut moved = Instant::now();
        while moved.elapsed() < STALLED {
            let now = self.seats.iter().filter(|seat| is_so(seat)).count();
            if now > reached {
                (reached, moved) = (now, Instant::now());
            }
            if now + self.n_closed() >= self.seats.len() {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        reached
    }

    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    /// Streams that could not be opened.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Waits until this message has reached every open stream, and counts from there; says how many streams it reached.
    pub(super) async fn start_after(&self, message: i64) -> usize {
        let reached = self.until_all(|seat| seat.tally().last() >= message).await;
        for seat in &self.seats {
            seat.tally().start_after(message);
            seat.fresh.store(0, Ordering::Relaxed);
        }
        reached
    }

    /// How many messages the slowest open stream has received; `None` if all are closed.
    pub(super) fn slowest(&self) -> Option<u64> {
        let open = self.seats.iter().filter(|seat| !seat.is_closed.load(Ordering::Relaxed));
        open.map(|seat| seat.fresh.load(Ordering::Relaxed)).min()
    }

    /// Waits until every open stream has so many messages, or nothing moves any more.
    pub(super) async fn hear_out(&self, messages: u64) {
        let mut before = 0;
        let mut moved = Instant::now();
        while self.slowest().is_some_and(|slowest| slowest < messages) && moved.elapsed() < STALLED {
            let now: u64 = self.seats.iter().map(|seat| seat.fresh.load(Ordering::Relaxed)).sum();
            if now != before {
                (before, moved) = (now, Instant::now());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The account of all streams, each of which should have received so many messages.
    pub(super) fn heard(&self, messages: u64) -> Heard {
        let mut heard = Heard { closed: self.n_closed() as u64, ..Heard::default() };
        for seat in &self.seats {
            let tally = seat.tally();
            heard.deliveries += tally.fresh();
            heard.doubled += tally.repeated();
            heard.lost += tally.missing(messages);
        }
        heard
    }

    /// Calls `look` with each stream's tally.
    pub(super) fn each_tally(&self, mut look: impl FnMut(&Tally)) {
        self.seats.iter().for_each(|seat| look(&seat.tally()));
    }

    pub(super) fn n_closed(&self) -> usize {
        self.seats.iter().filter(|seat| seat.is_closed.load(Ordering::Relaxed)).count()
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        self.stop.send_replace(());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

type Opened = (TcpStream, Vec<u8>);

async fn open_all(
    url: &ServerUrl,
    (protocol, users): (Protocol, &[User]),
    count: usize,
) -> (Vec<Opened>, u64) {
    let mut opened = Vec::with_capacity(count);
    let mut refused = 0;
    let mut tasks = JoinSet::new();
    let mut wanted = users.iter().cycle().take(count).enumerate();
    loop {
        while tasks.len() < OPENING
            && let Some((number, user)) = wanted.next()
        {
            let (url, token) = (url.clone(), user.token.clone());
            tasks.spawn(async move { open(&url, protocol, token, number / PER_SOURCE).await });
        }
        match tasks.join_next().await {
            Some(Ok(Ok(stream))) => opened.push(stream),
            Some(_) => refused += 1,
            None => return (opened, refused),
        }
    }
}

async fn open(url: &ServerUrl, protocol: Protocol, token: String, source: usize) -> Result<Opened> {
    let address = tokio::net::lookup_host(url.authority()).await?.next().context("no such host")?;
    let socket = match (address, u8::try_from(source)) {
        (SocketAddr::V4(v4), Ok(source @ 1..)) if v4.ip().is_loopback() => {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 1, source)), 0))?;
            socket.connect(address).await?
        }
        _ => TcpStream::connect(address).await?,
    };
    socket.set_nodelay(true)?;
    Ok(match protocol {
        Protocol::V1 => chat_client::upgrade(socket, url, &token).await?,
        Protocol::V2 => upgrade_v2(socket, url, &Entrance { token, way: Way::Header, cursor: None }).await?,
    })
}

type Seated = (std::net::TcpStream, Vec<u8>, Arc<Seat>);

/// A reading thread.
fn read_all(seated: Vec<Seated>, mut stopped: watch::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else {
        seated.iter().for_each(|(_, _, seat)| seat.is_closed.store(true, Ordering::Relaxed));
        return;
    };
    runtime.block_on(async {
        for (socket, early, seat) in seated {
            tokio::spawn(async move {
                if let Ok(socket) = TcpStream::from_std(socket) {
                    listen(socket, early, &seat).await;
                }
                seat.is_closed.store(true, Ordering::Relaxed);
            });
        }
        let _ = stopped.changed().await;
    });
}

/// Reads a stream to its end.
async fn listen(mut socket: TcpStream, mut early: Vec<u8>, seat: &Seat) {
    let mut decoder = Decoder::new(Role::Client, MAX_MESSAGE);
    let mut pongs = Vec::new();
    if !take(&mut early, &mut decoder, &mut pongs, seat) {
        return;
    }
    loop {
        if !pongs.is_empty() && socket.write_all(&pongs).await.is_err() {
            return;
        }
        pongs.clear();
        if socket.readable().await.is_err() {
            return;
        }
        let goes_on = SCRATCH.with_borrow_mut(|scratch| match socket.try_read(scratch) {
            Ok(0) => false,
            Ok(count) => take(scratch.get_mut(..count).unwrap_or_default(), &mut decoder, &mut pongs, seat),
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        });
        if !goes_on {
            return;
        }
    }
}

/// Takes in what was read. `false`: the stream is at its end.
fn take(bytes: &mut [u8], decoder: &mut Decoder, pongs: &mut Vec<u8>, seat: &Seat) -> bool {
    let at = Instant::now();
    let mut tally = seat.tally();
    let fed = decoder.feed(bytes, |incoming| match incoming {
        Incoming::Text(text) => {
            seat.is_greeted.store(true, Ordering::Relaxed);
            if let Some(message) = message_number(text) {
                tally.note(message, at);
            }
        }
        Incoming::Ping(payload) => pongs.extend_from_slice(&encode_masked(Opcode::Pong, payload, MASK)),
        Incoming::Binary(_) | Incoming::Pong(_) | Incoming::Close { .. } => {}
    });
    seat.fresh.store(tally.fresh(), Ordering::Relaxed);
    fed.is_ok() && !decoder.is_finished()
}
