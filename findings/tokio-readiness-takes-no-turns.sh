#!/bin/bash
# tokio 1.54.1 (crates.io), 2026-11-30.
# tokio's cooperative scheduling makes a task yield that finds what it awaits always there: a channel's recv() and a
# semaphore's acquire() do so every 128 times. TcpStream::writable() (and readable()) and Notify::notified() take no part: a
# task that awaits one of them in a loop, where each is ready at once, keeps its worker thread to itself, so no other task,
# timer or socket of that worker gets a turn, nor does a deadline around the loop. tokio::task::coop::consume_budget() before
# each of them mends it.
# Seen, as turns that another task got within 200 ms: "writable 2 notified 1 recv 5046 acquire 4127 mended 3219".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "turns"
version = "0.0.0"
edition = "2021"

[dependencies]
tokio = { version = "=1.54.1", features = ["net", "rt", "sync"] }
TOML
cat >src/main.rs <<'RUST'
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{spawn_local, yield_now, LocalSet};

const SPAN: Duration = Duration::from_millis(200);

/// Turns that another task of the same thread gets while this one is busy.
fn turns<F: Future<Output = ()> + 'static>(busy: F) -> u32 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let count = Arc::new(AtomicU32::new(0));
    let counting = count.clone();
    LocalSet::new().block_on(&runtime, async move {
        spawn_local(async move {
            loop {
                counting.fetch_add(1, Ordering::Relaxed);
                yield_now().await;
            }
        });
        yield_now().await;
        let before = count.load(Ordering::Relaxed);
        spawn_local(busy).await.unwrap();
        count.load(Ordering::Relaxed) - before
    })
}

async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

async fn wait_for_socket(is_mended: bool) {
    let (socket, _peer) = sockets().await;
    let end = Instant::now() + SPAN;
    while Instant::now() < end {
        if is_mended {
            tokio::task::coop::consume_budget().await;
        }
        socket.writable().await.unwrap();
    }
}

fn main() {
    let writable = turns(wait_for_socket(false));
    let mended = turns(wait_for_socket(true));
    let notified = turns(async {
        let (notify, end) = (tokio::sync::Notify::new(), Instant::now() + SPAN);
        while Instant::now() < end {
            notify.notify_one();
            notify.notified().await;
        }
    });
    let recv = turns(async {
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let end = Instant::now() + SPAN;
        while Instant::now() < end {
            sender.send(()).unwrap();
            receiver.recv().await.unwrap();
        }
    });
    let acquire = turns(async {
        let (semaphore, end) = (tokio::sync::Semaphore::new(1), Instant::now() + SPAN);
        while Instant::now() < end {
            drop(semaphore.acquire().await.unwrap());
        }
    });
    println!("writable {writable} notified {notified} recv {recv} acquire {acquire} mended {mended}");
    assert!(writable < 10 && notified < 10 && recv > 100 && acquire > 100 && mended > 100);
}
RUST
cargo run --quiet
