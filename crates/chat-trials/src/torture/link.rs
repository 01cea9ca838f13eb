//! A TCP proxy between a node and an engine, by which the node can be cut off from it: bytes are held back in one
//! direction or in both, connections are refused or reset, everything takes longer. It knows nothing of what it carries.
//!
//! What is held back is not lost: as on a real network it arrives when the cut heals, from connections too that have
//! been given up meanwhile.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::sleep;

use super::dice::Dice;

const CHUNK: usize = 16 * 1024;

/// What the way is like at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Weather {
    /// Nothing comes through from the node to the engine.
    pub(super) holds_up: bool,
    /// Nothing comes through from the engine to the node.
    pub(super) holds_down: bool,
    /// New connections are closed at once.
    pub(super) refuses: bool,
    /// Each piece takes so long.
    pub(super) delay: Duration,
}

/// How a node is cut off from an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Nothing comes through, and nobody is told.
    Silent,
    /// Only what the node says is not heard.
    Mute,
    /// Only what the engine says is not heard.
    Deaf,
    /// Connections are reset, and new ones refused.
    Refused,
}

impl Cut {
    const ALL: [Self; 4] = [Self::Silent, Self::Mute, Self::Deaf, Self::Refused];

    pub(super) fn draw(dice: &mut Dice) -> Self {
        dice.one_of(&Self::ALL).copied().unwrap_or(Self::Silent)
    }

    fn weather(self) -> Weather {
        let fair = Weather::default();
        match self {
            Self::Silent => Weather { holds_up: true, holds_down: true, ..fair },
            Self::Mute => Weather { holds_up: true, ..fair },
            Self::Deaf => Weather { holds_down: true, ..fair },
            Self::Refused => Weather { refuses: true, ..fair },
        }
    }
}

/// The thread of all links. The clients' thread is too busy: each statement of a node would wait for it.
pub(super) struct Carrier(Option<Runtime>);

impl Carrier {
    pub(super) fn start() -> Result<Self> {
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).thread_name("links").enable_all().build();
        Ok(Self(Some(runtime.context("the links have no thread")?)))
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.0 {
            runtime.spawn(work);
        }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        // It may end on a thread that must not wait for it.
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

/// The proxy. Its connections live on until one of their ends closes them.
pub(super) struct Link {
    address: SocketAddr,
    /// The engine's port.
    engine: Arc<AtomicU16>,
    weather: watch::Sender<Weather>,
    /// How often all connections were reset.
    resets: watch::Sender<u64>,
}

impl Link {
    /// A way to an engine on this machine.
    pub(super) fn to(port: u16, carrier: &Carrier) -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").context("a proxy cannot listen")?;
        listener.set_nonblocking(true).context("a proxy cannot listen")?;
        let address = listener.local_addr().context("a proxy's address is unknown")?;
        let (weather, resets) = (watch::Sender::new(Weather::default()), watch::Sender::new(0));
        let (seen, told) = (weather.subscribe(), resets.subscribe());
        let engine = Arc::new(AtomicU16::new(port));
        let leads_to = engine.clone();
        carrier.spawn(async move {
            if let Ok(listener) = TcpListener::from_std(listener) {
                accept(listener, &leads_to, seen, told).await;
            }
        });
        Ok(Self { address, engine, weather, resets })
    }

    /// On 127.0.0.1.
    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// New connections lead to another engine.
    pub(super) fn lead_to(&self, port: u16) {
        self.engine.store(port, Ordering::Release);
    }

    /// Cuts the node off.
    pub(super) fn cut(&self, cut: Cut) {
        self.weather.send_replace(cut.weather());
        if cut == Cut::Refused {
            self.reset();
        }
    }

    /// Everything takes so much longer.
    pub(super) fn delay(&self, delay: Duration) {
        self.weather.send_replace(Weather { delay, ..Weather::default() });
    }

    /// Ends all connections with a reset; new ones are taken.
    pub(super) fn reset(&self) {
        self.resets.send_modify(|count| *count += 1);
    }

    /// All is well again.
    pub(super) fn heal(&self) {
        self.weather.send_replace(Weather::default());
    }
}

async fn accept(
    listener: TcpListener,
    engine: &AtomicU16,
    weather: watch::Receiver<Weather>,
    resets: watch::Receiver<u64>,
) {
    while let Ok((node, _)) = listener.accept().await {
        if weather.borrow().refuses {
            let _ = node.set_zero_linger();
            continue;
        }
        let (weather, mut resets) = (weather.clone(), resets.clone());
        let port = engine.load(Ordering::Acquire);
        resets.mark_unchanged();
        tokio::spawn(async move {
            // Without an engine the node finds its connection closed.
            if let Ok(engine) = TcpStream::connect(("127.0.0.1", port)).await {
                carry(node, engine, &weather, resets).await;
            }
        });
    }
}

/// Carries a connection to its end.
async fn carry(
    mut node: TcpStream,
    mut engine: TcpStream,
    weather: &watch::Receiver<Weather>,
    mut resets: watch::Receiver<u64>,
) {
    let _ = (node.set_nodelay(true), engine.set_nodelay(true));
    let is_reset = {
        let (from_node, to_node) = node.split();
        let (from_engine, to_engine) = engine.split();
        let up = pump(from_node, to_engine, weather.clone(), |weather| weather.holds_up);
        let down = pump(from_engine, to_node, weather.clone(), |weather| weather.holds_down);
        tokio::select! {
            _ = async { tokio::join!(up, down) } => false,
            _ = resets.changed() => true,
        }
    };
    if is_reset {
        let _ = (node.set_zero_linger(), engine.set_zero_linger());
    }
}

/// Carries one direction to its end, and tells the other side of the end, which may have to wait as well.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut weather: watch::Receiver<Weather>,
    is_held: fn(&Weather) -> bool,
) {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = from.read(&mut buffer).await.unwrap_or(0);
        // Its sender lives as long as the link; without it nothing is to be waited for.
        let delay = weather.wait_for(|weather| !is_held(weather)).await.map(|weather| weather.delay);
        sleep(delay.unwrap_or_default()).await;
        if count == 0 || to.write_all(buffer.get(..count).unwrap_or_default()).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const LONG: Duration = Duration::from_secs(10);
    /// What does not come within that is held back.
    const SHORT: Duration = Duration::from_millis(100);

    async fn both_ends(carrier: &Carrier) -> (Link, TcpStream, TcpStream, TcpListener) {
        let engine = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let link = Link::to(engine.local_addr().unwrap().port(), carrier).unwrap();
        let node = TcpStream::connect(("127.0.0.1", link.port())).await.unwrap();
        let other = timeout(LONG, engine.accept()).await.unwrap().unwrap().0;
        (link, node, other, engine)
    }

    async fn passes(from: &mut TcpStream, to: &mut TcpStream, within: Duration) -> bool {
        from.write_all(b"x").await.unwrap();
        let mut byte = [0];
        timeout(within, to.read_exact(&mut byte)).await.is_ok_and(|read| read.is_ok())
    }

    #[tokio::test]
    async fn what_is_held_back_comes_after_all() {
        let carrier = Carrier::start().unwrap();
        for (cut, up, down) in
            [(Cut::Silent, false, false), (Cut::Mute, false, true), (Cut::Deaf, true, false)]
        {
            let (link, mut node, mut engine, _listener) = both_ends(&carrier).await;
            assert!(passes(&mut node, &mut engine, LONG).await && passes(&mut engine, &mut node, LONG).await);
            link.cut(cut);
            assert_eq!(passes(&mut node, &mut engine, SHORT).await, up, "{cut:?}");
            assert_eq!(passes(&mut engine, &mut node, SHORT).await, down, "{cut:?}");
            link.heal();
            let mut late = [0];
            let held = if up { &mut node } else { &mut engine };
            timeout(LONG, held.read_exact(&mut late)).await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn a_reset_ends_connections_and_a_refusal_new_ones_too() {
        let carrier = Carrier::start().unwrap();
        let (link, mut node, _engine, _listener) = both_ends(&carrier).await;
        link.reset();
        assert!(timeout(LONG, node.read(&mut [0])).await.unwrap().is_err());
        link.cut(Cut::Refused);
        // The refusal may be there before connecting is.
        if let Ok(mut refused) = TcpStream::connect(("127.0.0.1", link.port())).await {
            assert!(matches!(timeout(LONG, refused.read(&mut [0])).await.unwrap(), Ok(0) | Err(_)));
        }
    }
}
