//! Clients that send requests and do not read the answers: each is cut off and its resources are released, and other
//! clients notice nothing.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Request, Server, Setup, User, eventually, within};

/// The largest of the pages that come with the server.
const STATIC: &str = "/docs/swagger-ui-bundle.js";
const PAGE: &str = "/v1/messages/history/2?limit=200";

/// A server that waits only a short time for a client that reads nothing.
fn impatient() -> Setup {
    Setup::new().on_one_node("the nodes' own proxy would take the answers").env("ANSWER_TIMEOUT", "1")
}

/// A client with a small window that sends this and reads nothing.
async fn asks(server: &Server, bytes: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut socket = socket.connect(server.address.parse().unwrap()).await.unwrap();
    // The server reads only the first of many requests.
    let _ = tokio::time::timeout(Duration::from_millis(200), socket.write_all(bytes)).await;
    socket
}

/// A request that leaves its connection open.
fn keeping(request: &Request) -> Vec<u8> {
    let bytes = String::from_utf8(request.bytes("localhost")).unwrap();
    bytes.replace("Connection: close\r\n", "").into_bytes()
}

/// Whether a client that reads its answer gets the whole page. It may be refused while there is no room, and on a busy
/// machine even be mistaken for the client that has waited longest.
async fn is_given(server: &Server, bytes: &[u8]) -> bool {
    let mut socket = TcpStream::connect(&server.address).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let taken = within(20, socket.read_to_end(&mut answer)).await;
    taken.is_ok_and(|bytes| bytes > 3_000_000) && answer.starts_with(b"HTTP/1.1 200")
}

/// Writes 200 messages of 16,000 letters between Tom and Jerry, and returns Tom.
async fn long_history(server: &Server) -> User {
    history_of(server, "x").await
}

async fn history_of(server: &Server, letter: &str) -> User {
    let (tom, jerry) = server.tom_and_jerry().await;
    let content = letter.repeat(16_000);
    for _ in 0..20 {
        let sends = (0..10).map(|_| tom.write(&jerry, &content));
        futures_util::future::join_all(sends).await;
    }
    tom
}

#[tokio::test]
async fn a_client_that_takes_no_answer_is_cut_off_whatever_it_asked_for() {
    let server = impatient().start();
    let tom = long_history(&server).await;
    let page = keeping(&Request::get(PAGE).bearer(&tom.token));
    let kinds = [keeping(&Request::get(STATIC)), page, keeping(&Request::get("/nothing")).repeat(20_000)];
    let asked = kinds.iter().flat_map(|bytes| (0..8).map(|_| asks(&server, bytes)));
    let mut sockets: Vec<_> = futures_util::future::join_all(asked).await;
    let began = Instant::now();
    loop {
        // The system reports a reset once.
        sockets.retain(|socket| socket.take_error().unwrap().is_none());
        if sockets.is_empty() {
            break;
        }
        let asked = Instant::now();
        server.get("/ping").await.expect(200);
        tom.get("/v1/chats").await.expect(200);
        assert!(asked.elapsed() < Duration::from_secs(2), "others wait: {:?}", asked.elapsed());
        assert!(began.elapsed() < Duration::from_secs(15), "{} are still held", sockets.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_slow_client_gets_the_whole_answer() {
    let server = impatient().start();
    let whole = server.get(STATIC).await;
    assert!(whole.body.len() > 1_000_000, "{}", whole.body.len());
    let mut socket = asks(&server, &Request::get(STATIC).bytes("localhost")).await;
    let (mut taken, mut chunk, began) = (0, vec![0; 64 * 1024], Instant::now());
    while let Ok(read @ 1..) = within(20, socket.read(&mut chunk)).await {
        taken += read;
        // Longer in total than a client may read nothing.
        tokio::time::sleep(Duration::from_millis(if began.elapsed() < Duration::from_secs(2) {
            100
        } else {
            0
        }))
        .await;
    }
    assert!(taken > whole.body.len(), "{taken} bytes of {} and a head", whole.body.len());
    assert!(began.elapsed() > Duration::from_millis(1500), "{:?}", began.elapsed());
}

/// Each page is 3 MB. Without a bound in total, 60 of them would take 190 MB.
#[tokio::test]
async fn answers_that_nobody_takes_have_a_bound_in_all() {
    let server = impatient().env("ANSWER_TIMEOUT", "4").start();
    let tom = long_history(&server).await;
    assert!(tom.get(PAGE).await.body.len() > 3_000_000);
    let before = server.resident_kib("VmRSS");
    let page = keeping(&Request::get(PAGE).bearer(&tom.token));
    let mut sockets = Vec::new();
    let mut most = 0;
    for _ in 0..6 {
        let asked = (0..10).map(|_| asks(&server, &page));
        sockets.extend(futures_util::future::join_all(asked).await);
        most = most.max(server.resident_kib("VmRSS"));
    }
    let grown = most.saturating_sub(before) / 1024;
    assert!(grown < 64 + 48, "{grown} MiB for answers that nobody takes");
    let page = Request::get(PAGE).bearer(&tom.token).bytes("localhost");
    eventually(10, "a page for somebody who takes it", async || is_given(&server, &page).await).await;
    drop(sockets);
}

/// Returns how long each request took to be answered while the work lasts.
async fn answered_meanwhile(server: &Server, work: impl Future<Output = ()>) -> Vec<Duration> {
    let (sender, taker) = (server.register("sender").await, server.register("taker").await);
    let mut took = Vec::new();
    let mut work = std::pin::pin!(work);
    loop {
        let asked = Instant::now();
        let both = async {
            server.get("/healthz").await.expect(200);
            sender.write(&taker, "meanwhile").await;
        };
        // A request under way is awaited to its end, so that one that waits forever is noticed.
        let is_over = tokio::select! {
            biased;
            () = both => false,
            () = &mut work => true,
        };
        if is_over {
            return took;
        }
        took.push(asked.elapsed());
    }
}

/// A page of 19 MB, a sixth of it in the database: control characters take six bytes each in JSON. 180 of them are
/// requested and never read. When the threads that serve everybody made these pages, they were busy for so long that
/// the watchdog ended the server.
#[tokio::test]
async fn large_pages_hold_nobody_up() {
    let server = impatient().env("ANSWER_TIMEOUT", "20").start();
    let tom = history_of(&server, "\u{1}").await;
    let before = server.resident_kib("VmRSS");
    let page = keeping(&Request::get(PAGE).bearer(&tom.token));
    let (one, pages) = (Request::get(PAGE).bearer(&tom.token).bytes("localhost"), page.repeat(3));
    let mut most = 0;
    let work = async {
        let sockets = futures_util::future::join_all((0..60).map(|_| asks(&server, &pages))).await;
        // It may be refused, because of the many requests.
        is_given(&server, &one).await;
        most = most.max(server.resident_kib("VmRSS"));
        drop(sockets);
    };
    let mut took = answered_meanwhile(&server, work).await;
    took.sort_unstable();
    assert!(took.len() >= 8, "nothing was answered meanwhile: {took:?}");
    // On a busy machine a few take longer.
    let (most_of_them, longest) = (took[took.len() * 3 / 4], took[took.len() - 1]);
    assert!(most_of_them < Duration::from_millis(300), "{took:?}");
    assert!(longest < Duration::from_secs(2), "{took:?}");
    let grown = most.saturating_sub(before) / 1024;
    assert!(grown < 256, "{grown} MiB");
}

#[tokio::test]
async fn a_server_that_is_to_end_does_not_wait_for_them() {
    let mut server = impatient().env("ANSWER_TIMEOUT", "60").start();
    let bytes = keeping(&Request::get(STATIC));
    let mut sockets = Vec::new();
    for _ in 0..4 {
        sockets.push(asks(&server, &bytes).await);
    }
    server.ask_to_end();
    assert!(server.ended_within(Duration::from_secs(10)).success(), "{}", server.printed());
}
