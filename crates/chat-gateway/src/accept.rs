//! The way of a socket to the routes. `axum::serve` lets a silent socket stay open for ever, so the loop is our own:
//! it bounds how many there are, how long a request's head may take, and survives running out of file descriptors.

mod scheme;
mod upgrading;

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use tower::ServiceExt;

use crate::Tls;
use crate::http::browsers::Encrypted;
use crate::proxies::{Proxies, ProxyHeader, TrustedProxies};
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
        }
    }
}

/// Room for a request's head; more is refused with 431.
const HEAD_BYTES: usize = 32 * 1024;
/// How long to wait before accepting again after the system had no descriptor to spare.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the routes until `shutdown` resolves, then lets requests under way end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) {
    let proxies = Arc::new(Proxies::new(options.trusted_proxies.clone(), options.proxy_header.clone()));
    let permits = Arc::new(Semaphore::new(options.connections));
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
                let routes = addressed(router.clone(), peer.ip(), proxies.clone(), options.tls.is_some());
                let connection = connection(stream, routes, options.clone(), ends.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(error = %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let _ = ending.send(());
    // Every connection gives its permit back at its end, so having all of them means that none is left.
    let all = u32::try_from(options.connections).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(options.drain_timeout, permits.acquire_many(all)).await;
}

/// The routes for the requests of one peer, each of which is told whose it is.
fn addressed(
    router: Router,
    peer: IpAddr,
    proxies: Arc<Proxies>,
    is_encrypted: bool,
) -> impl tower::Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send> + Clone + Send
{
    router.map_request(move |mut request: Request<Incoming>| {
        let client = proxies.client(peer, request.headers());
        request.extensions_mut().insert(client);
        if is_encrypted {
            request.extensions_mut().insert(Encrypted);
        }
        request
    })
}

async fn connection<R>(stream: TcpStream, routes: R, options: ServeOptions, ends: watch::Receiver<()>)
where
    R: tower::Service<Request<Incoming>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    R::Future: Send,
{
    // hyper's own timeout only starts with the first byte.
    let spoken = match tokio::time::timeout(options.head_timeout, scheme::spoken(&stream)).await {
        Ok(spoken) => spoken,
        Err(_) => return,
    };
    // A small answer must not wait for the next one; the system's default would save packets at that price.
    let _ = stream.set_nodelay(true);
    let Some(tls) = options.tls else {
        if spoken == Spoken::Tls {
            scheme::note_tls();
        }
        return requests(stream, routes, options.head_timeout, ends).await;
    };
    if spoken == Spoken::Http {
        tls.failed();
        return Box::pin(scheme::ask_for_tls(stream)).await;
    }
    match tokio::time::timeout(options.head_timeout, Box::pin(tls.accept(stream))).await {
        Ok(Ok(stream)) => Box::pin(requests(stream, routes, options.head_timeout, ends)).await,
        Ok(Err(error)) => {
            tls.failed();
            tracing::debug!(error = %error, "a connection did not come to speak TLS");
        }
        Err(_) => tls.failed(),
    }
}

/// Serves the requests of one connection.
async fn requests<S, R>(stream: S, routes: R, head_timeout: Duration, mut ends: watch::Receiver<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: tower::Service<Request<Incoming>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    R::Future: Send,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Upgrading::new(stream)), TowerToHyperService::new(routes))
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = &mut connection => served,
        _ = ends.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(error = %error, "a connection ended early");
    }
}
