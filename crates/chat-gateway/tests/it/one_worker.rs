//! A server whose runtime has one thread: anything that keeps it busy without waiting blocks everybody. The server runs
//! in its own thread, so that the test can notice.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chat_client::v2::{StreamLogin, TokenTransport, upgrade_v2};
use chat_client::{Connection, ServerUrl, upgrade};
use chat_core::messages::Recipient;
use chat_gateway::{GatewayOptions, Slowest};
use hyper::Method;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::support::{TestCluster, User, within};

/// Messages that the client missed. Each is a frame of 96 KiB, so together they far exceed what the socket of a client
/// with a small window holds.
const MISSED: usize = 40;
const CHARACTERS: usize = 16_000;
/// Time for a prompt answer, and the number of requests.
const PROMPT: Duration = Duration::from_millis(50);
const ASKED: usize = 40;
/// Time over which the CPU use of an idle server is measured.
const MEASURED: Duration = Duration::from_millis(400);
/// Pause between two requests.
const GAP: Duration = Duration::from_millis(15);

/// A server in its own thread, with one user who has missed much.
struct IsolatedServer {
    url: ServerUrl,
    jerry: User,
    /// Cursor from before the missed messages.
    cursor: String,
    /// The system's statistics of its thread.
    stat: PathBuf,
    /// The server ends when this is dropped. If its runtime is stuck, it ends with the process.
    _running: oneshot::Sender<()>,
}

async fn isolated_server(bounds: GatewayOptions) -> IsolatedServer {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let cluster = TestCluster::with(1, None, bounds).await;
            let (tom, jerry) = (cluster.register("tom").await, cluster.register("jerry").await);
            let node = &cluster.nodes[0];
            let (_, cursor) = node.v2(&jerry, None).await.until_live().await;
            for _ in 0..MISSED {
                node.write(&tom, Recipient::User(jerry.id), &"\u{1}".repeat(CHARACTERS)).await;
            }
            let (running, runs) = oneshot::channel();
            let stat = Path::new("/proc").join(std::fs::read_link("/proc/thread-self").unwrap()).join("stat");
            let server = IsolatedServer { url: node.url.clone(), jerry, cursor, stat, _running: running };
            assert!(sender.send(server).is_ok());
            let _ = runs.await;
        });
    });
    within(receiver).await.unwrap()
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    V1,
    V2,
}

impl IsolatedServer {
    /// A client with a small window that resumes, up to the response to its upgrade.
    async fn resume(&self, kind: Kind) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let socket = socket.connect(self.url.authority().parse().unwrap()).await.unwrap();
        let token = self.jerry.token.clone();
        match kind {
            Kind::V1 => within(upgrade(socket, &self.url, &token)).await.unwrap().0,
            Kind::V2 => {
                let login = StreamLogin {
                    token,
                    transport: TokenTransport::Header,
                    cursor: Some(self.cursor.clone()),
                    lean: false,
                };
                within(upgrade_v2(socket, &self.url, &login)).await.unwrap().0
            }
        }
    }

    /// CPU time of the server's thread. The system counts in hundredths of a second.
    fn cpu_time(&self) -> Duration {
        let stat = std::fs::read_to_string(&self.stat).unwrap();
        // After the name, which may contain anything, the user time is the 12th field and the system time the 13th.
        let fields: Vec<_> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let hundredths: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(10 * hundredths)
    }

    /// Checks that the server answers others promptly: at least three of four requests, because the machine may be busy
    /// with other things too.
    async fn answers_promptly(&self, while_what: &str) {
        let mut others = within(Connection::open(&self.url)).await.unwrap();
        let mut prompt = 0;
        for number in 0..ASKED {
            let began = Instant::now();
            let answer =
                timeout(Duration::from_secs(5), others.send(Method::GET, "/healthz", None, None)).await;
            let answer =
                answer.unwrap_or_else(|_| panic!("{while_what}: nothing answers any more ({number})"));
            assert_eq!(answer.unwrap().status, 200);
            prompt += usize::from(began.elapsed() < PROMPT);
            sleep(GAP).await;
        }
        assert!(prompt * 4 >= ASKED * 3, "{while_what}: {prompt} of {ASKED} answers within {PROMPT:?}");
    }
}

#[tokio::test]
async fn resumes_that_read_nothing_hold_nobody_up() {
    for kind in [Kind::V1, Kind::V2] {
        let server = isolated_server(GatewayOptions::default()).await;
        let _asleep = [server.resume(kind).await, server.resume(kind).await];
        server.answers_promptly(&format!("{kind:?} clients read nothing")).await;
        let before = server.cpu_time();
        sleep(MEASURED).await;
        let used = server.cpu_time() - before;
        assert!(used < MEASURED / 2, "{kind:?} clients that read nothing cost {used:?} of {MEASURED:?}");
    }
}

#[tokio::test]
async fn resumes_that_read_in_drips_hold_nobody_up() {
    for kind in [Kind::V1, Kind::V2] {
        let server = isolated_server(GatewayOptions::default()).await;
        let mut slow = server.resume(kind).await;
        let drips = async {
            let mut drip = [0; 1024];
            loop {
                assert!(slow.read(&mut drip).await.unwrap() > 0, "{kind:?}: it reads, so it is kept");
                sleep(Duration::from_millis(5)).await;
            }
        };
        let what = format!("a {kind:?} client reads in drips");
        tokio::select! {
            () = drips => {}
            () = server.answers_promptly(&what) => {}
        }
    }
}

#[tokio::test]
async fn resumes_that_vanish_hold_nobody_up() {
    for kind in [Kind::V1, Kind::V2] {
        let server = isolated_server(GatewayOptions::default()).await;
        for _ in 0..3 {
            let gone = server.resume(kind).await;
            // Long enough for the server to find the socket full.
            sleep(Duration::from_millis(50)).await;
            drop(gone);
        }
        server.answers_promptly(&format!("{kind:?} clients have gone")).await;
    }
}

/// Data that a client sends without end must be handled in turns: pings, which are answered without waiting, pieces of
/// a frame that never ends, and frames after the close frame.
#[tokio::test]
async fn clients_that_never_stop_sending_hold_nobody_up() {
    const EMPTY_PIECE: [u8; 6] = [0x01, 0x80, 0, 0, 0, 0];
    const NEXT_PIECE: [u8; 6] = [0x00, 0x80, 0, 0, 0, 0];
    const PING: [u8; 6] = [0x89, 0x80, 0, 0, 0, 0];
    const BINARY: [u8; 6] = [0x82, 0x80, 0, 0, 0, 0];
    let server = isolated_server(GatewayOptions::default()).await;
    for (what, first, others) in
        [("pings", PING, PING), ("pieces", EMPTY_PIECE, NEXT_PIECE), ("after the end", BINARY, PING)]
    {
        let socket = TcpStream::connect(server.url.authority()).await.unwrap();
        let (socket, _) = within(upgrade(socket, &server.url, &server.jerry.token)).await.unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let is_over = over.clone();
        let flood = std::thread::spawn(move || {
            use std::io::{Read, Write};
            let mut socket = socket.into_std().unwrap();
            socket.set_nonblocking(false).unwrap();
            let mut answers = socket.try_clone().unwrap();
            // The server would close a client that does not read its answers.
            std::thread::spawn(move || while answers.read(&mut [0; 65_536]).is_ok_and(|read| read > 0) {});
            socket.write_all(&first).unwrap();
            let many = others.repeat(4096);
            while !is_over.load(Ordering::Relaxed) && socket.write_all(&many).is_ok() {}
            let _ = socket.shutdown(std::net::Shutdown::Both);
        });
        server.answers_promptly(what).await;
        over.store(true, Ordering::Relaxed);
        flood.join().unwrap();
    }
}

/// Reads a piece after each pause, and after some time reads on quickly. Returns whether the server closes it as too
/// slow.
async fn is_closed_as_too_slow(mut socket: TcpStream, pause: Duration, piece: usize) -> bool {
    let slow_until = Instant::now() + Duration::from_secs(2);
    let (mut last, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        let is_slow = Instant::now() < slow_until;
        if is_slow {
            sleep(pause).await;
        }
        let room = if is_slow { piece } else { buffer.len() };
        let read = within(socket.read(&mut buffer[..room])).await.unwrap_or(0);
        last.extend_from_slice(&buffer[..read]);
        last.drain(..last.len().saturating_sub(64));
        if last.windows(4).any(|four| four[0] == 0x88 && four[2..] == 4008_u16.to_be_bytes()) {
            return true;
        }
        if read == 0 {
            return false;
        }
    }
}

#[tokio::test]
async fn a_client_that_reads_too_little_is_closed_as_too_slow_and_one_that_reads_enough_is_kept() {
    let slowest = Slowest { bytes_per_second: 64 * 1024, over: Duration::from_millis(600) };
    let server = isolated_server(GatewayOptions { slowest, ..GatewayOptions::default() }).await;
    for kind in [Kind::V1, Kind::V2] {
        let (asleep, slow) = (server.resume(kind).await, server.resume(kind).await);
        let mut brisk = server.resume(kind).await;
        let brisk = async {
            let (mut got, mut piece) = (0, vec![0; 16 * 1024]);
            while got < 1024 * 1024 {
                let read = within(brisk.read(&mut piece)).await.unwrap();
                assert!(read > 0, "{kind:?}: 1 MiB/s is enough");
                got += read;
                sleep(Duration::from_millis(4)).await;
            }
        };
        let (asleep, slow, ()) = tokio::join!(
            is_closed_as_too_slow(asleep, Duration::from_secs(2), 1),
            is_closed_as_too_slow(slow, Duration::from_millis(100), 512),
            brisk
        );
        assert!(asleep && slow, "{kind:?}: {asleep} {slow}");
    }
}
