//! Many streams, read by few threads with one buffer each. Reading a stream must cost less than writing it, or the
//! benchmark would measure itself.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chat_client::ServerUrl;
use chat_client::v2::{StreamLogin, TokenTransport, upgrade_v2};
use chat_websocket::{Decoder, Incoming, Opcode, Role, encode_masked};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::tally::{Tally, new_message_id};
use super::testbed::User;

const BUFFER: usize = 128 * 1024;
const MAX_MESSAGE: usize = 64 * 1024;
/// Upper bound for concurrent upgrades.
const OPENING: usize = 64;
/// Upper bound for connections from one source address. The system has about 28,000 ports for each; loopback has many
/// addresses.
const PER_SOURCE: usize = 20_000;
/// How often progress is checked. No measured time needs a finer resolution.
const POLL: Duration = Duration::from_millis(1);
/// Streams without progress for this time will make none any more.
const STALLED: Duration = Duration::from_secs(10);
/// Any masking key works, see `chat_client`.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER]);
}

/// One stream's state, shared between its reader and the measurement.
struct StreamState {
    /// Copy of the tally's count, for frequent reads without the lock.
    fresh: AtomicU64,
    /// The server's first frame has arrived, so messages do from now on.
    has_begun: AtomicBool,
    is_closed: AtomicBool,
    tally: Mutex<Tally>,
}

impl StreamState {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Version of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    V1,
    V2,
}

/// Connected streams.
pub(super) struct Streams {
    states: Vec<Arc<StreamState>>,
    threads: Vec<JoinHandle<()>>,
    stop: watch::Sender<()>,
    refused: u64,
}

/// Totals of what the streams have received since the start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) deliveries: u64,
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) closed: u64,
}

impl Streams {
    /// Opens `count` streams, spread evenly over the users.
    pub(super) async fn open(
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
        let mut streams = Self { states: Vec::new(), threads: Vec::new(), stop, refused };
        let mut assigned = Vec::new();
        for (socket, early) in opened {
            let state = Arc::new(StreamState {
                fresh: AtomicU64::new(0),
                has_begun: AtomicBool::new(false),
                is_closed: AtomicBool::new(false),
                tally: Mutex::new(new_tally()),
            });
            streams.states.push(state.clone());
            assigned.push((socket.into_std().context("a socket cannot be handed on")?, early, state));
        }
        // Half the cores; the other half is for the server.
        let threads = std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
        let share = assigned.len().div_ceil(threads).max(1);
        while !assigned.is_empty() {
            let rest = assigned.split_off(share.min(assigned.len()));
            let mine = std::mem::replace(&mut assigned, rest);
            let stopped = stopped.clone();
            let thread = std::thread::Builder::new().name("bench-read".into());
            let thread = thread.spawn(move || read_all(mine, stopped)).context("no thread to read with")?;
            streams.threads.push(thread);
        }
        streams.until_all(|state| state.has_begun.load(Ordering::Relaxed)).await;
        Ok(streams)
    }

    /// Waits until the condition holds for every open stream or there is no more progress. Returns for how many it
    /// holds.
    async fn until_all(&self, is_so: impl Fn(&StreamState) -> bool) -> usize {
        let mut reached = 0;
        let mut moved = Instant::now();
        while moved.elapsed() < STALLED {
            let now = self.states.iter().filter(|state| is_so(state)).count();
            if now > reached {
                (reached, moved) = (now, Instant::now());
            }
            if now + self.n_closed() >= self.states.len() {
                break;
            }
            tokio::time::sleep(POLL).await;
        }
        reached
    }

    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// Streams that could not be opened.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Waits until this message has reached every open stream, and counts from there. Returns how many streams it
    /// reached.
    pub(super) async fn start_after(&self, message: i64) -> usize {
        let reached = self.until_all(|state| state.tally().last() >= message).await;
        for state in &self.states {
            state.tally().start_after(message);
            state.fresh.store(0, Ordering::Relaxed);
        }
        reached
    }

    /// How many messages the slowest open stream has received; `None` if all are closed.
    pub(super) fn slowest(&self) -> Option<u64> {
        let open = self.states.iter().filter(|state| !state.is_closed.load(Ordering::Relaxed));
        open.map(|state| state.fresh.load(Ordering::Relaxed)).min()
    }

    /// Waits until every open stream has received `messages`, or there is no more progress.
    pub(super) async fn wait_for_all(&self, messages: u64) {
        let mut before = 0;
        let mut moved = Instant::now();
        while self.slowest().is_some_and(|slowest| slowest < messages) && moved.elapsed() < STALLED {
            let now: u64 = self.states.iter().map(|state| state.fresh.load(Ordering::Relaxed)).sum();
            if now != before {
                (before, moved) = (now, Instant::now());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Totals of all streams, each of which should have received `messages`.
    pub(super) fn received(&self, messages: u64) -> Received {
        let mut received = Received { closed: self.n_closed() as u64, ..Received::default() };
        for state in &self.states {
            let tally = state.tally();
            received.deliveries += tally.fresh();
            received.doubled += tally.repeated();
            received.lost += tally.missing(messages);
        }
        received
    }

    /// Calls `look` with the tally of each stream.
    pub(super) fn each_tally(&self, mut look: impl FnMut(&Tally)) {
        self.states.iter().for_each(|state| look(&state.tally()));
    }

    pub(super) fn n_closed(&self) -> usize {
        self.states.iter().filter(|state| state.is_closed.load(Ordering::Relaxed)).count()
    }
}

impl Drop for Streams {
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
        Protocol::V2 => {
            upgrade_v2(
                socket,
                url,
                &StreamLogin { token, transport: TokenTransport::Header, cursor: None, lean: false },
            )
            .await?
        }
    })
}

type Assigned = (std::net::TcpStream, Vec<u8>, Arc<StreamState>);

/// Reads these streams until stopped. Runs on a thread of its own.
fn read_all(assigned: Vec<Assigned>, mut stopped: watch::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else {
        assigned.iter().for_each(|(_, _, state)| state.is_closed.store(true, Ordering::Relaxed));
        return;
    };
    runtime.block_on(async {
        for (socket, early, state) in assigned {
            tokio::spawn(async move {
                if let Ok(socket) = TcpStream::from_std(socket) {
                    listen(socket, early, &state).await;
                }
                state.is_closed.store(true, Ordering::Relaxed);
            });
        }
        let _ = stopped.changed().await;
    });
}

/// Reads a stream to its end.
async fn listen(mut socket: TcpStream, mut early: Vec<u8>, state: &StreamState) {
    let mut decoder = Decoder::new(Role::Client, MAX_MESSAGE);
    let mut pongs = Vec::new();
    if !take(&mut early, &mut decoder, &mut pongs, state) {
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
        let continues = SCRATCH.with_borrow_mut(|scratch| match socket.try_read(scratch) {
            Ok(0) => false,
            Ok(count) => take(scratch.get_mut(..count).unwrap_or_default(), &mut decoder, &mut pongs, state),
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        });
        if !continues {
            return;
        }
    }
}

/// Decodes and counts what was read. Returns `false` at the end of the stream.
fn take(bytes: &mut [u8], decoder: &mut Decoder, pongs: &mut Vec<u8>, state: &StreamState) -> bool {
    let at = Instant::now();
    let mut tally = state.tally();
    let fed = decoder.feed(bytes, |incoming| match incoming {
        Incoming::Text(text) => {
            state.has_begun.store(true, Ordering::Relaxed);
            if let Some(message) = new_message_id(text) {
                tally.note(message, at);
            }
        }
        Incoming::Ping(payload) => pongs.extend_from_slice(&encode_masked(Opcode::Pong, payload, MASK)),
        Incoming::Binary(_) | Incoming::Compressed { .. } | Incoming::Pong(_) | Incoming::Close { .. } => {}
    });
    state.fresh.store(tally.fresh(), Ordering::Relaxed);
    fed.is_ok() && !decoder.is_finished()
}
