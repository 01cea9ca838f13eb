//! A TCP proxy between the clients and the server, or the nodes of a cluster, that does to connections what networks do:
//! cuts, delays, half of an end, slowness, silence. It knows nothing of what it carries.

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

use super::dice::Dice;

const CHUNK: usize = 16 * 1024;
/// What a slow reader takes at a time.
const SIP: usize = 1024;
/// How long the other half of a half-closed connection may still live.
const AFTERLIFE: Duration = Duration::from_millis(500);

/// How long a connection lives at most, in milliseconds.
const LIFE_MS: (u64, u64) = (500, 4000);
const ENDLESS_MS: (u64, u64) = (u64::MAX, u64::MAX);
const A_MOMENT: Duration = Duration::from_millis(10);

/// The proxy. Its connections end with the server's.
pub(super) struct Proxy {
    address: SocketAddr,
    servers: Servers,
    is_up: watch::Sender<bool>,
}

/// Where a server is at present, if there is any.
type Servers = Arc<Mutex<Vec<SocketAddr>>>;

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing happens to it.
    Calm,
    /// It is cut, with or without a word.
    Cut { after: Duration, reset: bool },
    /// One direction ends, and the other a while later.
    Half { after: Duration, is_upwards: bool },
    /// Nothing comes through any more, and nobody is told for a while.
    Silence { after: Duration, lasts: Duration },
    /// Everything takes longer.
    Delay { each: Duration },
    /// The client reads slowly.
    Sips { each: Duration },
}

impl Fate {
    fn draw(dice: &mut Dice) -> Self {
        match dice.between(0, 99) {
            0..40 => Self::Calm,
            40..62 => Self::Cut { after: dice.millis(20, 1500), reset: dice.is_lucky(50) },
            62..74 => Self::Half { after: dice.millis(20, 1000), is_upwards: dice.is_lucky(50) },
            74..80 => Self::Silence { after: dice.millis(20, 1000), lasts: dice.millis(100, 800) },
            80..92 => Self::Delay { each: dice.millis(1, 25) },
            _ => Self::Sips { each: dice.millis(1, 6) },
        }
    }
}

impl Proxy {
    /// Listens; connections are carried to wherever a server is when they come, to one after the other.
    /// Where there are several, no connection lives long, so that clients come to all of them.
    pub(super) async fn open(seed: u64, are_several: bool) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("the proxy cannot listen")?;
        let address = listener.local_addr().context("the proxy's address is unknown")?;
        let servers = Servers::default();
        let longest = if are_several { LIFE_MS } else { ENDLESS_MS };
        let (is_up, news) = watch::channel(true);
        tokio::spawn(stand(listener, news, Carrier { servers: servers.clone(), seed, longest, number: 0 }));
        Ok(Self { address, servers, is_up })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends with all its connections, and takes no more.
    pub(super) fn end(&self) {
        self.is_up.send_replace(false);
    }

    /// Is there again, at the same address.
    pub(super) async fn start_again(&self) {
        self.is_up.send_replace(true);
        while TcpStream::connect(self.address).await.is_err() {
            sleep(A_MOMENT).await;
        }
    }

    /// Where servers are from now on.
    pub(super) fn lead_to(&self, servers: Vec<SocketAddr>) {
        *self.servers.lock().unwrap_or_else(PoisonError::into_inner) = servers;
    }
}

/// Takes connections while it is to be there.
async fn stand(mut listener: TcpListener, mut is_up: watch::Receiver<bool>, mut carrier: Carrier) {
    let Ok(address) = listener.local_addr() else { return };
    loop {
        // Whatever was carried ends with this.
        let mut carried = JoinSet::new();
        tokio::select! {
            () = carrier.accept(&listener, &mut carried) => return,
            ended = is_up.wait_for(|is_up| !*is_up) => if ended.is_err() { return },
        }
        drop(listener);
        carried.shutdown().await;
        if is_up.wait_for(|is_up| *is_up).await.is_err() {
            return;
        }
        listener = listen_again(address).await;
    }
}

/// Somebody else's connection may have been given the port meanwhile.
async fn listen_again(address: SocketAddr) -> TcpListener {
    loop {
        if let Ok(listener) = TcpListener::bind(address).await {
            return listener;
        }
        sleep(A_MOMENT).await;
    }
}

/// How connections are carried, of which each has a number.
struct Carrier {
    servers: Servers,
    seed: u64,
    longest: (u64, u64),
    number: u64,
}

impl Carrier {
    /// Takes connections until that fails.
    async fn accept(&mut self, listener: &TcpListener, carried: &mut JoinSet<()>) {
        while let Ok((client, _)) = listener.accept().await {
            let mut targets = self.servers.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let turn = usize::try_from(self.number).unwrap_or(0) % targets.len().max(1);
            targets.rotate_left(turn);
            let mut dice = Dice::new(self.seed, "proxy", self.number);
            self.number += 1;
            let fate = Fate::draw(&mut dice);
            let life = dice.millis(self.longest.0, self.longest.1);
            carried.spawn(async move {
                // Without a server the client finds its connection closed.
                if let Some(server) = reach(&targets).await {
                    let _ = timeout(life, carry(client, server, fate)).await;
                }
            });
            // Those that have ended are forgotten.
            while carried.try_join_next().is_some() {}
        }
    }
}

/// Connects to the first of them that takes connections.
async fn reach(targets: &[SocketAddr]) -> Option<TcpStream> {
    for target in targets {
        if let Ok(server) = TcpStream::connect(target).await {
            return Some(server);
        }
    }
    None
}

/// Carries a connection to its end.
async fn carry(mut client: TcpStream, mut server: TcpStream, fate: Fate) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (up, down) = Manner::both(fate);
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let both = async { tokio::join!(pump(from_client, to_server, up), pump(from_server, to_client, down)) };
    match fate {
        Fate::Calm | Fate::Delay { .. } | Fate::Sips { .. } => drop(both.await),
        Fate::Cut { after, reset } => {
            if timeout(after, both).await.is_err() && reset {
                // A reset tells the peer that something is wrong; an ordinary end does not.
                let _ = (client.set_zero_linger(), server.set_zero_linger());
            }
        }
        Fate::Half { after, .. } => drop(timeout(after + AFTERLIFE, both).await),
        Fate::Silence { after, lasts } => {
            if timeout(after, both).await.is_err() {
                sleep(lasts).await;
            }
        }
    }
}

/// How bytes are carried in one direction.
#[derive(Clone, Copy)]
struct Manner {
    /// Each piece waits so long.
    each: Duration,
    chunk: usize,
    /// When this direction ends, if the proxy ends it.
    ends_after: Option<Duration>,
}

impl Manner {
    const PROMPT: Self = Self { each: Duration::ZERO, chunk: CHUNK, ends_after: None };

    /// To the server, and from it.
    fn both(fate: Fate) -> (Self, Self) {
        match fate {
            Fate::Calm | Fate::Cut { .. } | Fate::Silence { .. } => (Self::PROMPT, Self::PROMPT),
            Fate::Delay { each } => (Self { each, ..Self::PROMPT }, Self { each, ..Self::PROMPT }),
            Fate::Sips { each } => (Self::PROMPT, Self { each, chunk: SIP, ..Self::PROMPT }),
            Fate::Half { after, is_upwards } => {
                let ended = Self { ends_after: Some(after), ..Self::PROMPT };
                if is_upwards { (ended, Self::PROMPT) } else { (Self::PROMPT, ended) }
            }
        }
    }
}

/// Carries one direction to its end, and tells the other side of the end.
async fn pump(from: ReadHalf<'_>, mut to: WriteHalf<'_>, manner: Manner) {
    match manner.ends_after {
        Some(after) => drop(timeout(after, copy(from, &mut to, manner)).await),
        None => copy(from, &mut to, manner).await,
    }
    let _ = to.shutdown().await;
}

async fn copy(mut from: ReadHalf<'_>, to: &mut WriteHalf<'_>, manner: Manner) {
    let mut buffer = vec![0; manner.chunk];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if !manner.each.is_zero() {
            sleep(manner.each).await;
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
    fn every_fate_is_drawn() {
        let mut dice = Dice::new(3, "fates", 0);
        let mut drawn = std::collections::HashSet::new();
        for _ in 0..500 {
            drawn.insert(std::mem::discriminant(&Fate::draw(&mut dice)));
        }
        assert_eq!(drawn.len(), 6);
    }

    #[tokio::test]
    async fn bytes_come_through_and_a_cut_is_a_cut() {
        for (fate, whole) in [
            (Fate::Calm, true),
            (Fate::Delay { each: Duration::from_millis(1) }, true),
            (Fate::Sips { each: Duration::from_millis(1) }, true),
            (Fate::Cut { after: Duration::from_millis(50), reset: true }, false),
            (Fate::Half { after: Duration::from_millis(50), is_upwards: false }, false),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let carrying = tokio::spawn(async move {
                let (client, _) = listener.accept().await.unwrap();
                let server = listener.accept().await.unwrap().0;
                carry(client, server, fate).await;
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
                // The server's side stays open and silent; that the client's ends is the proxy's doing.
                let ended = timeout(Duration::from_secs(10), client.read(&mut received)).await.unwrap();
                assert!(matches!(ended, Ok(0) | Err(_)), "{fate:?}");
            }
            drop(client);
            timeout(Duration::from_secs(10), carrying).await.unwrap().unwrap();
        }
    }
    #[tokio::test]
    async fn a_proxy_that_restarts_ends_its_connections_and_is_found_where_it_was() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::open(1, false).await.unwrap();
        proxy.lead_to(vec![server.local_addr().unwrap()]);
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
