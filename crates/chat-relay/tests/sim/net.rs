//! Connections that carry frames and notice when the other side is silent.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;
use turmoil::net::TcpStream;
use turmoil::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// An empty frame is sent after this time without another.
const QUIET: Duration = Duration::from_millis(400);
/// After this time without a frame, the other side counts as gone.
const GONE: Duration = Duration::from_millis(1200);

/// The queue of frames to send. The connection ends when all clones are dropped.
pub(crate) type Out = mpsc::Sender<Vec<u8>>;

/// The incoming frames.
pub(crate) struct Frames(mpsc::Receiver<Vec<u8>>);

/// Carries frames over a stream. At most `capacity` frames may wait to be sent.
pub(crate) fn frames(stream: TcpStream, capacity: usize) -> (Out, Frames) {
    let (read, write) = stream.into_split();
    let (out, queue) = mpsc::channel(capacity);
    tokio::task::spawn_local(send(write, queue));
    let (incoming, frames) = mpsc::channel(1);
    tokio::task::spawn_local(receive(read, incoming));
    (out, Frames(frames))
}

/// Connects. Returns `None` if the host does not answer.
pub(crate) async fn connect(host: &str, port: u16, capacity: usize) -> Option<(Out, Frames)> {
    let stream = timeout(GONE, TcpStream::connect((host, port))).await.ok()?.ok()?;
    Some(frames(stream, capacity))
}

async fn send(mut write: OwnedWriteHalf, mut queue: mpsc::Receiver<Vec<u8>>) {
    loop {
        let frame = match timeout(QUIET, queue.recv()).await {
            Ok(Some(frame)) => frame,
            Ok(None) => return,
            Err(_) => Vec::new(),
        };
        let mut bytes = u32::try_from(frame.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend(frame);
        if !matches!(timeout(GONE, write.write_all(&bytes)).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// Receives frames. A task of its own, since a partly read frame must not be dropped by cancellation.
async fn receive(mut read: OwnedReadHalf, incoming: mpsc::Sender<Vec<u8>>) {
    while let Ok(Some(frame)) = timeout(GONE, next(&mut read)).await {
        if !frame.is_empty() && incoming.send(frame).await.is_err() {
            return;
        }
    }
}

async fn next(read: &mut OwnedReadHalf) -> Option<Vec<u8>> {
    let length = read.read_u32().await.ok()?;
    let mut frame = vec![0; usize::try_from(length).unwrap()];
    read.read_exact(&mut frame).await.ok()?;
    Some(frame)
}

impl Frames {
    /// The next frame; `None` once the other side is gone.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        self.0.recv().await
    }

    /// The next frame, parsed as a value.
    pub(crate) async fn value<T: DeserializeOwned>(&mut self) -> Option<T> {
        serde_json::from_slice(&self.next().await?).ok()
    }
}

pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}
