//! One address for several nodes: each new connection goes to the next node, so that a client's requests and its events
//! pass through different nodes all the time. It does not look into what it carries.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;

/// The same backlog as the server's.
const BACKLOG: u32 = 4096;
/// How much the proxy reads from a node that its client does not read. Usual sizes would hide a slow client for long.
const BUFFER: u32 = 64 * 1024;

/// The proxy. Its connections end with it.
pub struct Proxy {
    pub address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts a proxy in front of these nodes.
    pub fn before(nodes: Vec<SocketAddr>) -> Self {
        let (end, ended) = oneshot::channel::<()>();
        let (sender, address) = channel();
        // On a thread of its own: a test may keep its runtime busy, or have none.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
            runtime.block_on(async {
                let listener = listen();
                sender.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = accept(listener, nodes.into()) => {}
                    _ = ended => {}
                }
            });
        });
        Self { address: address.recv().unwrap(), end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.end.take());
        let _ = self.thread.take().unwrap().join();
    }
}

fn listen() -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    // Accepted sockets inherit it.
    socket.set_send_buffer_size(BUFFER).unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    socket.listen(BACKLOG).unwrap()
}

async fn accept(listener: TcpListener, nodes: Arc<[SocketAddr]>) {
    for number in 0.. {
        let (client, _) = listener.accept().await.unwrap();
        let nodes = nodes.clone();
        tokio::spawn(async move {
            // If no node can be reached, the client's connection is closed.
            if let Some(node) = reach(&nodes, number).await {
                carry(client, node).await;
            }
        });
    }
}

/// Connects to the node whose turn it is, or to the next that can be reached.
async fn reach(nodes: &[SocketAddr], turn: usize) -> Option<TcpStream> {
    for number in 0..nodes.len() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(BUFFER).unwrap();
        if let Ok(connected) = socket.connect(nodes[(turn + number) % nodes.len()]).await {
            return Some(connected);
        }
    }
    None
}

/// Carries a connection to its end. Each direction ends on its own: an answer still arrives after a request was cut
/// short.
async fn carry(mut client: TcpStream, mut node: TcpStream) {
    let _ = (client.set_nodelay(true), node.set_nodelay(true));
    let (from_client, to_client) = client.split();
    let (from_node, to_node) = node.split();
    tokio::join!(pump(from_client, to_node), pump(from_node, to_client));
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
    let _ = tokio::io::copy(&mut from, &mut to).await;
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::support::within;

    /// Sends a question, closes that direction, and reads the answer to its end.
    async fn ask(proxy: &Proxy) -> String {
        let mut socket = TcpStream::connect(proxy.address).await.unwrap();
        socket.write_all(b"who?").await.unwrap();
        socket.shutdown().await.unwrap();
        let mut answer = String::new();
        within(10, socket.read_to_string(&mut answer)).await.unwrap();
        answer
    }

    /// Answers each connection with its name, after the question's end.
    async fn answer(listener: TcpListener, name: &str) {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut question = String::new();
            socket.read_to_string(&mut question).await.unwrap();
            assert_eq!(question, "who?");
            socket.write_all(name.as_bytes()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn each_connection_goes_to_the_next_node_that_is_there() {
        let (one, other) = (listen(), listen());
        let nodes = [&one, &other].map(|it| it.local_addr().unwrap());
        let proxy = Proxy::before(nodes.into());
        let answering = tokio::spawn(answer(one, "one"));
        tokio::spawn(answer(other, "other"));
        for expected in ["one", "other", "one", "other"] {
            assert_eq!(ask(&proxy).await, expected);
        }
        answering.abort();
        let _ = answering.await;
        for _ in 0..3 {
            assert_eq!(ask(&proxy).await, "other");
        }
        let address = proxy.address;
        drop(proxy);
        assert!(TcpStream::connect(address).await.is_err());
    }
}
