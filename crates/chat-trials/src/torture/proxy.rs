//! A TCP proxy between the clients and the server, or the nodes of a cluster, that treats connections as networks do:
//! it cuts, half-closes, delays, slows down and silences them. It knows nothing of the protocols.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::rng::Rng;

const CHUNK: usize = 16 * 1024;
/// Size of a chunk for a slow reader.
const SLOW_CHUNK: usize = 1024;
/// How long the other direction of a half-closed connection stays open.
const HALF_CLOSED_FOR: Duration = Duration::from_millis(500);

/// Upper bound for the lifetime of a connection, in milliseconds.
const LIFE_MS: (u64, u64) = (500, 4000);
const ENDLESS_MS: (u64, u64) = (u64::MAX, u64::MAX);
const RETRY: Duration = Duration::from_millis(10);

/// The proxy. Its connections end with the server's.
pub(super) struct Proxy {
    address: SocketAddr,
    servers: Servers,
    is_up: watch::Sender<bool>,
}

/// Addresses of the running servers.
type Servers = Arc<Mutex<Vec<SocketAddr>>>;

/// The fault of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionFault {
    /// No fault.
    Unharmed,
    /// The connection is closed or reset.
    Cut { after: Duration, reset: bool },
    /// One direction is closed, and the other a while later.
    Half { after: Duration, is_upwards: bool },
    /// No bytes pass for a while, then the connection is closed.
    Silence { after: Duration, lasts: Duration },
    /// Every chunk is delayed.
    Delay { each: Duration },
    /// The client reads slowly.
    SlowReader { each: Duration },
}

impl ConnectionFault {
    fn draw(rng: &mut Rng) -> Self {
        match rng.between(0, 99) {
            0..40 => Self::Unharmed,
            40..62 => Self::Cut { after: rng.millis(20, 1500), reset: rng.percent(50) },
            62..74 => Self::Half { after: rng.millis(20, 1000), is_upwards: rng.percent(50) },
            74..80 => Self::Silence { after: rng.millis(20, 1000), lasts: rng.millis(100, 800) },
            80..92 => Self::Delay { each: rng.millis(1, 25) },
            _ => Self::SlowReader { each: rng.millis(1, 6) },
        }
    }
}

impl Proxy {
    /// Listens and forwards connections to the servers that are running when they arrive, in turn. With several
    /// servers, every connection is short-lived, so that clients use all of them.
    pub(super) async fn open(seed: u64, are_several: bool) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("the proxy cannot listen")?;
        let address = listener.local_addr().context("the proxy's address is unknown")?;
        let servers = Servers::default();
        let longest = if are_several { LIFE_MS } else { ENDLESS_MS };
        let (is_up, changes) = watch::channel(true);
        tokio::spawn(serve(
            listener,
            changes,
            Acceptor { servers: servers.clone(), seed, longest, number: 0 },
        ));
        Ok(Self { address, servers, is_up })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops: closes all connections and accepts no more.
    pub(super) fn end(&self) {
        self.is_up.send_replace(false);
    }

    /// Starts again at the same address.
    pub(super) async fn start_again(&self) {
        self.is_up.send_replace(true);
        while TcpStream::connect(self.address).await.is_err() {
            sleep(RETRY).await;
        }
    }

    /// Leads new connections to these servers.
    pub(super) fn connect_to(&self, servers: Vec<SocketAddr>) {
        *self.servers.lock().unwrap_or_else(PoisonError::into_inner) = servers;
    }
}

/// Accepts connections while the proxy is up.
async fn serve(mut listener: TcpListener, mut is_up: watch::Receiver<bool>, mut acceptor: Acceptor) {
    let Ok(address) = listener.local_addr() else { return };
    loop {
        // Dropping the set ends all forwarded connections.
        let mut forwarded = JoinSet::new();
        tokio::select! {
            () = acceptor.accept(&listener, &mut forwarded) => return,
            ended = is_up.wait_for(|is_up| !*is_up) => if ended.is_err() { return },
        }
        drop(listener);
        forwarded.shutdown().await;
        if is_up.wait_for(|is_up| *is_up).await.is_err() {
            return;
        }
        listener = listen_again(address).await;
    }
}

/// Binds the address again, retrying: another connection may be using the port at the moment.
async fn listen_again(address: SocketAddr) -> TcpListener {
    loop {
        if let Ok(listener) = TcpListener::bind(address).await {
            return listener;
        }
        sleep(RETRY).await;
    }
}

/// Accepts and numbers connections.
struct Acceptor {
    servers: Servers,
    seed: u64,
    longest: (u64, u64),
    number: u64,
}

impl Acceptor {
    /// Accepts connections until that fails.
    async fn accept(&mut self, listener: &TcpListener, forwarded: &mut JoinSet<()>) {
        while let Ok((client, _)) = listener.accept().await {
            let mut targets = self.servers.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let turn = usize::try_from(self.number).unwrap_or(0) % targets.len().max(1);
            targets.rotate_left(turn);
            let mut rng = Rng::new(self.seed, "proxy", self.number);
            self.number += 1;
            let fault = ConnectionFault::draw(&mut rng);
            let life = rng.millis(self.longest.0, self.longest.1);
            forwarded.spawn(async move {
                // Without a server, the client's connection is closed.
                if let Some(server) = reach(&targets).await {
                    let _ = timeout(life, forward(client, server, fault)).await;
                }
            });
            // Removes tasks that have ended.
            while forwarded.try_join_next().is_some() {}
        }
    }
}

/// Connects to the first of the servers that accepts.
async fn reach(targets: &[SocketAddr]) -> Option<TcpStream> {
    for target in targets {
        if let Ok(server) = TcpStream::connect(target).await {
            return Some(server);
        }
    }
    None
}

/// Forwards a connection to its end, with its fault.
async fn forward(mut client: TcpStream, mut server: TcpStream, fault: ConnectionFault) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (up, down) = Pacing::both(fault);
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let both = async { tokio::join!(pump(from_client, to_server, up), pump(from_server, to_client, down)) };
    match fault {
        ConnectionFault::Unharmed | ConnectionFault::Delay { .. } | ConnectionFault::SlowReader { .. } => {
            both.await;
        }
        ConnectionFault::Cut { after, reset } => {
            if timeout(after, both).await.is_err() && reset {
                // Unlike a normal close, a reset shows the peer that something is wrong.
                let _ = (client.set_zero_linger(), server.set_zero_linger());
            }
        }
        ConnectionFault::Half { after, .. } => drop(timeout(after + HALF_CLOSED_FOR, both).await),
        ConnectionFault::Silence { after, lasts } => {
            if timeout(after, both).await.is_err() {
                sleep(lasts).await;
            }
        }
    }
}

/// How bytes are forwarded in one direction.
#[derive(Clone, Copy)]
struct Pacing {
    /// Delay of each chunk.
    each: Duration,
    chunk: usize,
    /// When the proxy closes this direction, if it does.
    ends_after: Option<Duration>,
}

impl Pacing {
    const PROMPT: Self = Self { each: Duration::ZERO, chunk: CHUNK, ends_after: None };

    /// For the directions to the server and from it.
    fn both(fault: ConnectionFault) -> (Self, Self) {
        match fault {
            ConnectionFault::Unharmed | ConnectionFault::Cut { .. } | ConnectionFault::Silence { .. } => {
                (Self::PROMPT, Self::PROMPT)
            }
            ConnectionFault::Delay { each } => (Self { each, ..Self::PROMPT }, Self { each, ..Self::PROMPT }),
            ConnectionFault::SlowReader { each } => {
                (Self::PROMPT, Self { each, chunk: SLOW_CHUNK, ..Self::PROMPT })
            }
            ConnectionFault::Half { after, is_upwards } => {
                let ended = Self { ends_after: Some(after), ..Self::PROMPT };
                if is_upwards { (ended, Self::PROMPT) } else { (Self::PROMPT, ended) }
            }
        }
    }
}

/// Forwards one direction to its end, then closes it.
async fn pump(from: ReadHalf<'_>, mut to: WriteHalf<'_>, pacing: Pacing) {
    match pacing.ends_after {
        Some(after) => drop(timeout(after, copy(from, &mut to, pacing)).await),
        None => copy(from, &mut to, pacing).await,
    }
    let _ = to.shutdown().await;
}

async fn copy(mut from: ReadHalf<'_>, to: &mut WriteHalf<'_>, pacing: Pacing) {
    let mut buffer = vec![0; pacing.chunk];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if !pacing.each.is_zero() {
            sleep(pacing.each).await;
        }
        if to.write_all(buffer.get(..count).unwrap_or_default()).await.is_err() {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_fault_is_drawn() {
        let mut rng = Rng::new(3, "fates", 0);
        let mut drawn = std::collections::HashSet::new();
        for _ in 0..500 {
            drawn.insert(std::mem::discriminant(&ConnectionFault::draw(&mut rng)));
        }
        assert_eq!(drawn.len(), 6);
    }

    #[tokio::test]
    async fn bytes_pass_until_the_connection_is_cut() {
        for (fault, whole) in [
            (ConnectionFault::Unharmed, true),
            (ConnectionFault::Delay { each: Duration::from_millis(1) }, true),
            (ConnectionFault::SlowReader { each: Duration::from_millis(1) }, true),
            (ConnectionFault::Cut { after: Duration::from_millis(50), reset: true }, false),
            (ConnectionFault::Half { after: Duration::from_millis(50), is_upwards: false }, false),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let forwarding = tokio::spawn(async move {
                let (client, _) = listener.accept().await.unwrap();
                let server = listener.accept().await.unwrap().0;
                forward(client, server, fault).await;
            });
            let mut client = TcpStream::connect(address).await.unwrap();
            let mut server = TcpStream::connect(address).await.unwrap();
            server.write_all(&[7; 5000]).await.unwrap();
            let mut received = vec![0; 5000];
            client.read_exact(&mut received).await.unwrap();
            assert_eq!(received, [7; 5000]);
            if whole {
                client.shutdown().await.unwrap();
                assert_eq!(server.read(&mut received).await.unwrap(), 0);
                drop(server);
            } else {
                // The server's side stays open and silent, so it is the proxy that closes the client's.
                let ended = timeout(Duration::from_secs(10), client.read(&mut received)).await.unwrap();
                assert!(matches!(ended, Ok(0) | Err(_)), "{fault:?}");
            }
            drop(client);
            timeout(Duration::from_secs(10), forwarding).await.unwrap().unwrap();
        }
    }
    #[tokio::test]
    async fn a_proxy_that_restarts_closes_its_connections_and_keeps_its_address() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::open(1, false).await.unwrap();
        proxy.connect_to(vec![server.local_addr().unwrap()]);
        let mut client = TcpStream::connect(proxy.address).await.unwrap();
        let (mut served, _) = server.accept().await.unwrap();
        proxy.end();
        for socket in [&mut client, &mut served] {
            let ended = timeout(Duration::from_secs(10), socket.read(&mut [0; 1])).await.unwrap();
            assert!(matches!(ended, Ok(0) | Err(_)));
        }
        assert!(TcpStream::connect(proxy.address).await.is_err());
        proxy.start_again().await;
        TcpStream::connect(proxy.address).await.unwrap();
        timeout(Duration::from_secs(10), server.accept()).await.unwrap().unwrap();
    }
}
