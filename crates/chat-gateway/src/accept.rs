//! The way of a socket to the routes. `axum::serve` lets a silent socket stay open for ever, so the loop is our own:
//! it bounds how many there are, how long a request's head may take, and survives running out of file descriptors.

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
use crate::arrival::{Arrival, Encrypted};
use crate::client_address::Way;
use crate::link::Link;
use crate::pace::{Pace, Paced};
use crate::places::{Full, Place, Places};
use crate::proxies::{Proxies, ProxyHeader, TrustedProxies};
use crate::proxy_protocol;
use failing::Failing;
use scheme::Spoken;
pub(crate) use upgrading::Upgrading;

/// Bounds on sockets before they become WebSocket connections.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// HTTP connections at a time; further ones wait to be accepted.
    pub connections: usize,
    /// How long a client may take for its first byte, and for the head of each request.
    pub head_timeout: Duration,
    /// How long requests under way get when the server ends.
    pub drain_timeout: Duration,
    /// What encrypts the sockets, if anything does.
    pub tls: Option<Tls>,
    /// Whose word on the client's address counts.
    pub trusted_proxies: TrustedProxies,
    /// Where they give it.
    pub proxy_header: ProxyHeader,
    /// Whether each connection has to begin with a header of the PROXY protocol, from a trusted proxy.
    pub proxy_protocol: bool,
    /// Connections and streams that one address may have. Behind a trusted proxy, where sockets are the proxy's, these are
    /// requests and streams.
    pub connections_per_address: usize,
    /// How slowly an answer may be taken.
    pub pace: Pace,
    /// What is counted.
    pub counts: SocketCounts,
}

/// What is counted of sockets; clones count together.
#[derive(Debug, Clone, Default)]
pub struct SocketCounts {
    /// Cut off because the client did not take its answer.
    stalled: Counter,
    /// Refused because the address had as many as it may have.
    over_address: Counter,
    /// Attempts to accept a connection that failed.
    not_accepted: Counter,
}

impl SocketCounts {
    /// Offers it to whoever watches the server.
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

/// Room for a request's head; more is refused with 431.
const HEAD_BYTES: usize = 32 * 1024;
/// How long to wait before accepting again after the system had no descriptor to spare.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Sockets beyond an address's share that are told so at a time; further ones are closed without a word.
const REFUSALS: usize = 64;
/// How long such a socket may take.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// What all connections share.
struct Edge {
    router: Router,
    options: ServeOptions,
    proxies: Proxies,
    places: Arc<Places>,
    refusals: Arc<Semaphore>,
}

/// A socket as its requests know it.
#[derive(Clone)]
struct Peer {
    ip: IpAddr,
    seat: Seat,
}

/// What a request takes up. Whoever outlives the request, as a stream does, keeps it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seat {
    place: Option<Arc<Place>>,
    /// The address has as many as it may have: the request is to be refused.
    pub(crate) is_over: bool,
}

/// Serves the routes until `shutdown` resolves, then lets requests under way end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) {
    let (connections, drain_timeout) = (options.connections, options.drain_timeout);
    let mut failing = Failing::new(options.counts.clone());
    let edge = Arc::new(Edge {
        router,
        proxies: Proxies::new(options.trusted_proxies.clone(), options.proxy_header.clone()),
        places: Places::new(options.connections_per_address),
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
    // Every connection gives its permit back at its end, so having all of them means that none is left.
    let all = u32::try_from(connections).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(drain_timeout, permits.acquire_many(all)).await;
}

impl Edge {
    /// What a socket of this address takes up; `None`: it is closed without a word. The sockets of trusted proxies are
    /// nobody's, their requests are counted instead.
    fn seat(&self, ip: IpAddr) -> Option<(Seat, Option<OwnedSemaphorePermit>)> {
        if self.proxies.trust(ip) {
            return Some((Seat::default(), None));
        }
        match self.places.take(ip) {
            Ok(place) => Some((Seat { place: place.map(Arc::new), is_over: false }, None)),
            Err(Full) => {
                self.options.counts.over_address.inc();
                let refusal = self.refusals.clone().try_acquire_owned().ok()?;
                Some((Seat { place: None, is_over: true }, Some(refusal)))
            }
        }
    }

    /// Tells a request whose it is and what it takes up.
    fn admit(&self, peer: &Peer, link: &Arc<Link>, request: &mut Request<Incoming>) {
        let client = self.proxies.client(peer.ip, request.headers());
        let is_encrypted = self.proxies.speak_tls(peer.ip, request.headers());
        let mut seat = peer.seat.clone();
        match client.way() {
            Way::Direct => {}
            Way::PerhapsProxy => seat.place.iter().for_each(|place| place.may_be_a_proxys()),
            Way::TrustedProxy => match self.places.take_for(client) {
                Ok(place) => seat.place = place.map(Arc::new),
                Err(Full) => {
                    self.options.counts.over_address.inc();
                    seat.is_over = true;
                }
            },
        }
        let encrypted = match self.options.tls {
            Some(_) => Some(Encrypted::Here),
            None => is_encrypted.then_some(Encrypted::ByProxy),
        };
        request.extensions_mut().insert(Arrival { client, seat, link: link.clone(), encrypted });
    }
}

async fn connection(edge: Arc<Edge>, mut stream: TcpStream, mut ip: IpAddr, ends: watch::Receiver<()>) {
    let options = &edge.options;
    if options.proxy_protocol {
        match announced(&edge, &mut stream, ip).await {
            Some(client) => ip = client,
            None => return,
        }
    }
    // From the first moment: a socket that says nothing takes a place as well.
    let Some((seat, refusal)) = edge.seat(ip) else { return };
    let head_timeout = if refusal.is_some() { REFUSAL_TIMEOUT } else { options.head_timeout };
    // hyper's own timeout only starts with the first byte.
    let spoken = match tokio::time::timeout(head_timeout, scheme::spoken(&stream)).await {
        Ok(spoken) => spoken,
        Err(_) => return,
    };
    // A small answer must not wait for the next one; the system's default would save packets at that price.
    let _ = stream.set_nodelay(true);
    if options.tls.is_some() && spoken == Spoken::Http {
        options.tls.iter().for_each(Tls::failed);
        return Box::pin(scheme::ask_for_tls(stream)).await;
    }
    let link = Arc::new(Link::default());
    let stream = Paced::new(stream, options.pace, link.clone(), options.counts.stalled.clone());
    let exchange = Exchange { edge: edge.clone(), peer: Peer { ip, seat }, link, head_timeout, ends };
    let Some(tls) = &options.tls else {
        if spoken == Spoken::Tls {
            scheme::note_tls();
        }
        return exchange.serve(stream).await;
    };
    match tokio::time::timeout(head_timeout, Box::pin(tls.accept(stream))).await {
        Ok(Ok(stream)) => Box::pin(exchange.serve(stream)).await,
        Ok(Err(error)) => {
            tls.failed();
            tracing::debug!(error = %error, "TLS handshake failed");
        }
        Err(_) => tls.failed(),
    }
    drop(refusal);
}

/// Whom the proxy speaks for, as it has to say before anything else; nobody else may.
async fn announced(edge: &Edge, stream: &mut TcpStream, proxy: IpAddr) -> Option<IpAddr> {
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

/// The requests of one connection.
struct Exchange {
    edge: Arc<Edge>,
    peer: Peer,
    link: Arc<Link>,
    head_timeout: Duration,
    ends: watch::Receiver<()>,
}

impl Exchange {
    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let Self { edge, peer, link, head_timeout, mut ends } = self;
        let is_refused = peer.seat.is_over;
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
                // Then it is looked at once more, and the socket fails.
                () = given_up.ended() => {}
            }
        };
        if let Err(error) = served {
            tracing::debug!(error = %error, "a connection ended early");
        }
    }
}
