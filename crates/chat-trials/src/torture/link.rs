//! A TCP proxy between a node and an engine, which can cut the node off: it holds bytes back in one direction or both,
//! refuses or resets connections, or delays everything. It knows nothing of the protocols.
//!
//! Held bytes are not lost: as on a real network, they arrive when the cut ends, even those of connections that their
//! peer has given up meanwhile.

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

use crate::rng::Rng;

const CHUNK: usize = 16 * 1024;

/// The present state of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct LinkState {
    /// Bytes from the node to the engine are held back.
    pub(super) holds_up: bool,
    /// Bytes from the engine to the node are held back.
    pub(super) holds_down: bool,
    /// New connections are closed at once.
    pub(super) refuses: bool,
    /// Delay of each chunk.
    pub(super) delay: Duration,
}

/// How a node is cut off from an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Bytes in both directions are held back; connections stay open.
    Silent,
    /// Only bytes from the node are held back.
    Mute,
    /// Only bytes from the engine are held back.
    Deaf,
    /// Connections are reset, and new ones refused.
    Refused,
}

impl Cut {
    const ALL: [Self; 4] = [Self::Silent, Self::Mute, Self::Deaf, Self::Refused];

    pub(super) fn draw(rng: &mut Rng) -> Self {
        rng.one_of(&Self::ALL).copied().unwrap_or(Self::Silent)
    }

    fn state(self) -> LinkState {
        let default = LinkState::default();
        match self {
            Self::Silent => LinkState { holds_up: true, holds_down: true, ..default },
            Self::Mute => LinkState { holds_up: true, ..default },
            Self::Deaf => LinkState { holds_down: true, ..default },
            Self::Refused => LinkState { refuses: true, ..default },
        }
    }
}

/// The thread of all links. The clients' thread is too busy: each statement of a node to its database would wait for
/// it.
pub(super) struct LinkThread(Option<Runtime>);

impl LinkThread {
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

impl Drop for LinkThread {
    fn drop(&mut self) {
        // The drop may run on a thread that must not block.
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

/// The proxy. Its connections outlive it until one of their ends closes them.
pub(super) struct Link {
    address: SocketAddr,
    /// Port of the engine.
    engine: Arc<AtomicU16>,
    state: watch::Sender<LinkState>,
    /// Number of resets of all connections.
    resets: watch::Sender<u64>,
}

impl Link {
    /// Creates a link to an engine's port on this machine.
    pub(super) fn to(port: u16, thread: &LinkThread) -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").context("a proxy cannot listen")?;
        listener.set_nonblocking(true).context("a proxy cannot listen")?;
        let address = listener.local_addr().context("a proxy's address is unknown")?;
        let (state, resets) = (watch::Sender::new(LinkState::default()), watch::Sender::new(0));
        let (states, reset_counts) = (state.subscribe(), resets.subscribe());
        let engine = Arc::new(AtomicU16::new(port));
        let leads_to = engine.clone();
        thread.spawn(async move {
            if let Ok(listener) = TcpListener::from_std(listener) {
                accept(listener, &leads_to, states, reset_counts).await;
            }
        });
        Ok(Self { address, engine, state, resets })
    }

    /// The proxy's port on 127.0.0.1.
    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Leads new connections to another engine.
    pub(super) fn connect_to(&self, port: u16) {
        self.engine.store(port, Ordering::Release);
    }

    /// Cuts the node off.
    pub(super) fn cut(&self, cut: Cut) {
        self.state.send_replace(cut.state());
        if cut == Cut::Refused {
            self.reset();
        }
    }

    /// Delays every chunk.
    pub(super) fn delay(&self, delay: Duration) {
        self.state.send_replace(LinkState { delay, ..LinkState::default() });
    }

    /// Resets all connections. New ones are accepted.
    pub(super) fn reset(&self) {
        self.resets.send_modify(|count| *count += 1);
    }

    /// Ends every cut and delay.
    pub(super) fn heal(&self) {
        self.state.send_replace(LinkState::default());
    }
}

async fn accept(
    listener: TcpListener,
    engine: &AtomicU16,
    state: watch::Receiver<LinkState>,
    resets: watch::Receiver<u64>,
) {
    while let Ok((node, _)) = listener.accept().await {
        if state.borrow().refuses {
            let _ = node.set_zero_linger();
            continue;
        }
        let (state, mut resets) = (state.clone(), resets.clone());
        let port = engine.load(Ordering::Acquire);
        resets.mark_unchanged();
        tokio::spawn(async move {
            // Without an engine, the node's connection is closed.
            if let Ok(engine) = TcpStream::connect(("127.0.0.1", port)).await {
                forward(node, engine, &state, resets).await;
            }
        });
    }
}

/// Forwards a connection until its end or a reset.
async fn forward(
    mut node: TcpStream,
    mut engine: TcpStream,
    state: &watch::Receiver<LinkState>,
    mut resets: watch::Receiver<u64>,
) {
    let _ = (node.set_nodelay(true), engine.set_nodelay(true));
    let is_reset = {
        let (from_node, to_node) = node.split();
        let (from_engine, to_engine) = engine.split();
        let up = pump(from_node, to_engine, state.clone(), |state| state.holds_up);
        let down = pump(from_engine, to_node, state.clone(), |state| state.holds_down);
        tokio::select! {
            _ = async { tokio::join!(up, down) } => false,
            _ = resets.changed() => true,
        }
    };
    if is_reset {
        let _ = (node.set_zero_linger(), engine.set_zero_linger());
    }
}

/// Forwards one direction to its end, then closes that direction. The close may be held back, too.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut state: watch::Receiver<LinkState>,
    is_held: fn(&LinkState) -> bool,
) {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = from.read(&mut buffer).await.unwrap_or(0);
        // The sender lives as long as the link; without it there is nothing to wait for.
        let delay = state.wait_for(|state| !is_held(state)).await.map(|state| state.delay);
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
    /// Bytes that take longer are held back.
    const SHORT: Duration = Duration::from_millis(100);

    async fn both_ends(thread: &LinkThread) -> (Link, TcpStream, TcpStream, TcpListener) {
        let engine = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let link = Link::to(engine.local_addr().unwrap().port(), thread).unwrap();
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
    async fn held_bytes_arrive_when_the_cut_ends() {
        let thread = LinkThread::start().unwrap();
        for (cut, up, down) in
            [(Cut::Silent, false, false), (Cut::Mute, false, true), (Cut::Deaf, true, false)]
        {
            let (link, mut node, mut engine, _listener) = both_ends(&thread).await;
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
        let thread = LinkThread::start().unwrap();
        let (link, mut node, _engine, _listener) = both_ends(&thread).await;
        link.reset();
        assert!(timeout(LONG, node.read(&mut [0])).await.unwrap().is_err());
        link.cut(Cut::Refused);
        // The refusal may arrive before the connection is established.
        if let Ok(mut refused) = TcpStream::connect(("127.0.0.1", link.port())).await {
            assert!(matches!(timeout(LONG, refused.read(&mut [0])).await.unwrap(), Ok(0) | Err(_)));
        }
    }
}
