//! Accepts sockets and serves the routes on them. `axum::serve` lets a silent socket stay open for ever, so the loop is
//! our own: it bounds the number of sockets and the time for a request's head, and survives running out of file
//! descriptors.

mod failing;
mod scheme;
mod upgrading;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use tower::ServiceExt;

use crate::Tls;
use crate::address_slots::{AddressSlot, AddressSlots, Full};
use crate::arrival::{Arrival, Encrypted};
use crate::client_address::AddressSource;
use crate::link::Link;
use crate::pace::{self, Pace, Paced};
use crate::proxies::{Proxies, ProxyHeader, TrustedProxies};
use crate::proxy_protocol;
use failing::Failing;
use scheme::ClientProtocol;
pub(crate) use upgrading::Upgrading;

/// Bounds on sockets before they become WebSocket connections.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// HTTP connections at a time; further ones wait to be accepted.
    pub connections: usize,
    /// Upper bound for a client's first byte, and for the head of each request.
    pub head_timeout: Duration,
    /// Time that requests under way get when the server shuts down.
    pub drain_timeout: Duration,
    /// Encrypts the sockets. `None`: this port speaks plain HTTP.
    pub tls: Option<Tls>,
    /// Proxies that may name the client's address.
    pub trusted_proxies: TrustedProxies,
    /// Header in which trusted proxies name the client.
    pub proxy_header: ProxyHeader,
    /// Whether each connection must begin with a PROXY protocol header, sent by a trusted proxy.
    pub proxy_protocol: bool,
    /// Connections and streams per address. Behind a trusted proxy, where the sockets are the proxy's, requests and
    /// streams are counted instead.
    pub connections_per_address: usize,
    /// Slowest pace at which a client may read a response.
    pub pace: Pace,
    /// Counters of these sockets.
    pub counts: SocketCounts,
}

/// Counters of sockets. Clones share their counts.
#[derive(Debug, Clone, Default)]
pub struct SocketCounts {
    /// Connections cut off because the client did not read its response.
    stalled: Counter,
    /// Connections and requests refused because their address was at its limit.
    over_address: Counter,
    /// Failed attempts to accept a connection.
    not_accepted: Counter,
}

impl SocketCounts {
    /// Registers the counters.
    pub fn register_metrics(&self, registry: &mut Registry) {
        registry.register(
            "stalled_answers",
            "Connections cut off because the client did not read its response",
            self.stalled.clone(),
        );
        registry.register(
            "refused_by_address",
            "Connections and requests refused because their address was at its limit",
            self.over_address.clone(),
        );
        registry.register(
            "accept_failures",
            "Failed attempts to accept a connection, mostly because file descriptors ran out",
            self.not_accepted.clone(),
        );
    }
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            connections: 10_000,
            head_timeout: Duration::from_secs(8),
            drain_timeout: Duration::from_secs(5),
            tls: None,
            trusted_proxies: TrustedProxies::default(),
            proxy_header: ProxyHeader::default(),
            proxy_protocol: false,
            connections_per_address: 1000,
            pace: Pace::default(),
            counts: SocketCounts::default(),
        }
    }
}

/// Upper bound for a request's head, in bytes; a larger one gets 431.
const HEAD_BYTES: usize = 32 * 1024;
/// Pause before the next `accept` after one failed, mostly for want of a file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Sockets above an address's limit that are served a refusal at a time; further ones are closed without a response.
const REFUSALS: usize = 64;
/// Upper bound for serving a refusal.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// State that all connections share.
struct Edge {
    router: Router,
    options: ServeOptions,
    proxies: Proxies,
    slots: Arc<AddressSlots>,
    refusals: Arc<Semaphore>,
}

/// A socket, as its requests see it.
#[derive(Clone)]
struct Peer {
    ip: IpAddr,
    request_slot: RequestSlot,
}

/// The address slot that a request holds. A stream keeps it after its request has ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestSlot {
    slot: Option<Arc<AddressSlot>>,
    /// The address is at its limit: the request is to be refused.
    pub(crate) is_over: bool,
}

/// Serves the routes until `shutdown` resolves, then lets requests under way end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) {
    pace::prepare(&listener);
    let (connections, drain_timeout) = (options.connections, options.drain_timeout);
    let mut failing = Failing::new(options.counts.clone());
    let edge = Arc::new(Edge {
        router,
        proxies: Proxies::new(options.trusted_proxies.clone(), options.proxy_header.clone()),
        slots: AddressSlots::new(options.connections_per_address),
        refusals: Arc::new(Semaphore::new(REFUSALS)),
        options,
    });
    let permits = Arc::new(Semaphore::new(connections));
    let (ending, ends) = watch::channel(());
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = async {
            let permit = permits.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (edge, ends) = (edge.clone(), ends.clone());
                tokio::spawn(async move {
                    connection(edge, stream, peer.ip().to_canonical(), ends).await;
                    drop(permit);
                });
            }
            Err(error) => {
                failing.note(&error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let _ = ending.send(());
    // Every connection returns its permit when it ends, so holding all permits means that no connection is left.
    let all = u32::try_from(connections).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(drain_timeout, permits.acquire_many(all)).await;
}

impl Edge {
    /// Slot for a socket of this address, and the permit for a refusal if the address is at its limit. `None`: close
    /// the socket without a response. Sockets of trusted proxies hold no slot; their requests are counted instead.
    fn request_slot(&self, ip: IpAddr) -> Option<(RequestSlot, Option<OwnedSemaphorePermit>)> {
        if self.proxies.trust(ip) {
            return Some((RequestSlot::default(), None));
        }
        match self.slots.take(ip) {
            Ok(slot) => Some((RequestSlot { slot: slot.map(Arc::new), is_over: false }, None)),
            Err(Full) => {
                self.options.counts.over_address.inc();
                let refusal = self.refusals.clone().try_acquire_owned().ok()?;
                Some((RequestSlot { slot: None, is_over: true }, Some(refusal)))
            }
        }
    }

    /// Attaches the client's address and its slot to a request.
    fn admit(&self, peer: &Peer, link: &Arc<Link>, request: &mut Request<Incoming>) {
        let client = self.proxies.client(peer.ip, request.headers());
        let is_encrypted = self.proxies.client_speaks_tls(peer.ip, request.headers());
        let mut request_slot = peer.request_slot.clone();
        match client.source() {
            AddressSource::Direct => {}
            AddressSource::PossibleProxy => {
                request_slot.slot.iter().for_each(|slot| slot.mark_as_possible_proxy())
            }
            AddressSource::TrustedProxy => match self.slots.take_for(client) {
                Ok(slot) => request_slot.slot = slot.map(Arc::new),
                Err(Full) => {
                    self.options.counts.over_address.inc();
                    request_slot.is_over = true;
                }
            },
        }
        let encrypted = match self.options.tls {
            Some(_) => Some(Encrypted::Here),
            None => is_encrypted.then_some(Encrypted::ByProxy),
        };
        request.extensions_mut().insert(Arrival { client, request_slot, link: link.clone(), encrypted });
    }
}

async fn connection(edge: Arc<Edge>, mut stream: TcpStream, mut ip: IpAddr, ends: watch::Receiver<()>) {
    let options = &edge.options;
    if options.proxy_protocol {
        match proxied_client(&edge, &mut stream, ip).await {
            Some(client) => ip = client,
            None => return,
        }
    }
    // From the first moment, because a socket that sends nothing holds a slot too.
    let Some((request_slot, refusal)) = edge.request_slot(ip) else { return };
    let head_timeout = if refusal.is_some() { REFUSAL_TIMEOUT } else { options.head_timeout };
    // hyper's own timeout starts only with the first byte.
    let protocol = match tokio::time::timeout(head_timeout, scheme::detect(&stream)).await {
        Ok(protocol) => protocol,
        Err(_) => return,
    };
    // Linux has set it with the listener. A small response must not wait for the next one.
    #[cfg(not(target_os = "linux"))]
    let _ = stream.set_nodelay(true);
    if options.tls.is_some() && protocol == ClientProtocol::Http {
        options.tls.iter().for_each(Tls::failed);
        return Box::pin(scheme::ask_for_tls(stream)).await;
    }
    let link = Arc::new(Link::default());
    let stream = Paced::new(stream, options.pace, link.clone(), options.counts.stalled.clone());
    let http_connection =
        HttpConnection { edge: edge.clone(), peer: Peer { ip, request_slot }, link, head_timeout, ends };
    let Some(tls) = &options.tls else {
        if protocol == ClientProtocol::Tls {
            scheme::note_tls();
        }
        return http_connection.serve(stream).await;
    };
    match tokio::time::timeout(head_timeout, Box::pin(tls.accept(stream))).await {
        Ok(Ok(stream)) => Box::pin(http_connection.serve(stream)).await,
        Ok(Err(error)) => {
            tls.failed();
            tracing::debug!(error = %error, "TLS handshake failed");
        }
        Err(_) => tls.failed(),
    }
    drop(refusal);
}

/// Reads the client's address from the PROXY protocol header. Only trusted proxies may connect.
async fn proxied_client(edge: &Edge, stream: &mut TcpStream, proxy: IpAddr) -> Option<IpAddr> {
    if !edge.proxies.trust(proxy) {
        tracing::debug!(peer = %proxy, "PROXY_PROTOCOL is required, and TRUSTED_PROXIES does not list this peer");
        return None;
    }
    match tokio::time::timeout(edge.options.head_timeout, proxy_protocol::read(stream)).await {
        Ok(Ok(client)) => Some(client.map_or(proxy, |client| client.to_canonical())),
        Ok(Err(error)) => {
            tracing::debug!(peer = %proxy, error = %error, "a connection did not begin with a PROXY protocol header");
            None
        }
        Err(_) => None,
    }
}

/// Serves the requests of one connection.
struct HttpConnection {
    edge: Arc<Edge>,
    peer: Peer,
    link: Arc<Link>,
    head_timeout: Duration,
    ends: watch::Receiver<()>,
}

impl HttpConnection {
    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let Self { edge, peer, link, head_timeout, mut ends } = self;
        let is_refused = peer.request_slot.is_over;
        let (router, given_up) = (edge.router.clone(), link.clone());
        let routes = router.map_request(move |mut request: Request<Incoming>| {
            edge.admit(&peer, &link, &mut request);
            request
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_timeout)
            .max_buf_size(HEAD_BYTES)
            .keep_alive(!is_refused)
            .serve_connection(TokioIo::new(Upgrading::new(stream)), TowerToHyperService::new(routes))
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let mut is_ending = false;
        let served = loop {
            tokio::select! {
                served = &mut connection => break served,
                _ = ends.changed(), if !is_ending => {
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                // The loop polls the connection once more, and its socket fails.
                () = given_up.ended() => {}
            }
        };
        if let Err(error) = served {
            tracing::debug!(error = %error, "a connection ended early");
        }
    }
}
