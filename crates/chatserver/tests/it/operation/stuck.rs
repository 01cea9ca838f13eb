//! A stuck runtime: the process ends by itself, and on request, so that its supervisor restarts it. A process that was
//! merely stopped for a while goes on.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Server, Setup};

/// Exit status of a process whose runtime was stuck.
const STUCK: i32 = 70;

fn stuck(failpoints: &str) -> Setup {
    Setup::new().on_one_node("each process watches itself").env("CHATSERVER_FAILPOINTS", failpoints)
}

fn signal(server: &Server, name: &str) {
    let asked = Command::new("sh").args(["-c", &format!("kill -{name} {}", server.id())]).status();
    assert!(asked.unwrap().success());
}

fn ends_by_itself_and_says_where_it_stood(threads: &str) {
    let mut server = stuck("stuck_runtime").env("TOKIO_WORKER_THREADS", threads).start();
    let began = Instant::now();
    assert_eq!(server.ended_within(Duration::from_secs(15)).code(), Some(STUCK));
    assert!(began.elapsed() > Duration::from_secs(4), "not before five ticks: {:?}", began.elapsed());
    let printed = server.printed();
    assert!(printed.contains("no progress for 5 s"), "{printed}");
    assert!(printed.contains("serving, 0 WebSocket connections"), "{printed}");
}

fn ends_within_10_seconds_of_sigterm() {
    let mut server = stuck("stuck_runtime,no_watchdog").start();
    // An orderly shutdown would wait for this connection.
    let _idle = std::net::TcpStream::connect(&server.address).unwrap();
    while answers(&server) {
        std::thread::sleep(Duration::from_millis(50));
    }
    server.ask_to_end();
    let status = server.ended_within(Duration::from_secs(10));
    assert_eq!(status.code(), Some(STUCK), "{}", server.printed());
}

/// Whether a request is answered within half a second.
fn answers(server: &Server) -> bool {
    use std::io::{Read, Write};
    let mut socket = std::net::TcpStream::connect(&server.address).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    socket.read(&mut [0; 16]).is_ok_and(|read| read > 0)
}

fn goes_on_after_it_was_stopped() {
    let mut server = Setup::new().on_one_node("each process watches itself").start();
    signal(&server, "STOP");
    // The length of the stop is the test's subject, so there is nothing else to wait for.
    std::thread::sleep(Duration::from_secs(7));
    signal(&server, "CONT");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        server.get("/healthz").await.expect(200);
        server.runs_for(Duration::from_millis(2500)).await;
        server.get("/healthz").await.expect(200);
    });
    server.stop();
}

/// Both at the same time, because each mostly waits.
#[test]
fn a_process_that_cannot_go_on_ends_and_one_that_was_stopped_goes_on() {
    std::thread::scope(|scope| {
        scope.spawn(|| ends_by_itself_and_says_where_it_stood("1"));
        scope.spawn(|| ends_by_itself_and_says_where_it_stood("2"));
        scope.spawn(ends_within_10_seconds_of_sigterm);
        scope.spawn(goes_on_after_it_was_stopped);
    });
}
