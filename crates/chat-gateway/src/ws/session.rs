//! One client's side of the stream: gives it what it missed, then reads what it sends, until one of the two ends.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chat_core::groups::Memberships;
use chat_core::ids::Position;
use chat_core::sync::{Cursor, Resume};
use chat_core::{Chat, Result};
use chat_protocol::close_codes;
use chat_websocket::{Decoder, Incoming, Opcode, ProtocolError, Role, close_code, encode};

use super::{replay, v1, v2};
use crate::hub::{Connection, Protocol, Slot, Woken};
use crate::metrics;
use crate::{App, failures, wire};

/// One thread's buffer for reading, shared by all its sessions: it is never held over an await.
const SCRATCH_BYTES: usize = 16 * 1024;
thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_BYTES]);
}
/// How long a client may take for the closing frame.
const LAST_WORD: Duration = Duration::from_secs(10);

/// What a client sent, in a form that outlives the buffer.
pub(super) enum Input {
    Text(String),
    Binary,
    Ping(Bytes),
    Pong(Bytes),
    Close(Option<u16>),
}

/// With what a session begins.
pub(super) struct Beginning {
    pub(super) decoder: Decoder,
    /// What has come in already.
    pub(super) taken: Taken,
    /// Where a v2 client wants to resume.
    pub(super) cursor: Option<String>,
}

impl Beginning {
    /// Of a client that has said everything in its upgrade, and perhaps sent these bytes with it.
    pub(super) fn after_upgrade(frame_bytes: usize, mut early: Vec<u8>, cursor: Option<String>) -> Self {
        let mut decoder = Decoder::new(Role::Server, frame_bytes);
        let mut taken = Taken::default();
        if !early.is_empty() {
            taken.feed(&mut decoder, &mut early);
        }
        Self { decoder, taken, cursor }
    }
}

/// Serves a connection to its end.
pub(super) async fn run(app: App, connection: Arc<Connection>, slot: Slot, beginning: Beginning) {
    let Beginning { decoder, taken, cursor } = beginning;
    let _counted = app.hub.metrics().connected(connection.protocol());
    let dialogue = match connection.protocol() {
        Protocol::V1 => Dialogue::V1(v1::Dialogue::new(connection.user())),
        Protocol::V2 => Dialogue::V2(v2::Dialogue::new(&app, connection.clone())),
    };
    let mut session =
        Session { app: &app, connection: &connection, decoder, dialogue, ended_by_client: false };
    // Boxed, because what happens at the start and at the end needs far more room than waiting for frames, and an
    // idle connection should not keep that room.
    if Box::pin(open(&app, &connection, cursor)).await {
        session.serve(taken).await;
    }
    app.hub.detach(connection.clone()).await;
    app.hub.presence().went(&connection, app.chat.now());
    if !connection.is_gone() {
        // Whoever does not take the last word in time does without.
        let _ = tokio::time::timeout(LAST_WORD, Box::pin(session.take_leave())).await;
    }
    drop(slot);
}

/// Attaches the connection, greets it and gives it what it missed. `false`: it is to end.
async fn open(app: &App, connection: &Arc<Connection>, cursor: Option<String>) -> bool {
    app.hub.presence().came(connection, app.chat.now());
    let opened = match connection.protocol() {
        Protocol::V1 => open_v1(app, connection).await,
        Protocol::V2 => open_v2(app, connection, cursor).await,
    };
    opened.unwrap_or_else(|error| {
        failures::note(&error, "a stream could not start");
        connection.close(close_code::TRY_AGAIN_LATER, "storage is unavailable: reconnect");
        false
    })
}

async fn open_v1(app: &App, connection: &Arc<Connection>) -> Result<bool> {
    // The store's newest rather than the hub's, which may be behind: what the hub has still to tell up to here is in the
    // backlog, or not to be given.
    let live_from = app.in_turn(app.chat.newest_message()).await?;
    attach(app, connection).await?;
    // Not before it is attached: whoever has been greeted misses nothing. What shards have for it is held back so far.
    send(connection, wire::v1::welcome(app.chat.now()));
    // What the user's last connection confirmed a moment ago must not come again.
    app.receipts.flush().await;
    Ok(replay::backlog(app, connection, live_from).await)
}

async fn open_v2(app: &App, connection: &Arc<Connection>, cursor: Option<String>) -> Result<bool> {
    attach(app, connection).await?;
    // Not before it is attached: whatever comes after this place reaches it live.
    let end = app.in_turn(app.chat.log_end()).await?;
    let Some(cursor) = cursor else {
        app.hub.metrics().begun(metrics::Beginning::Fresh);
        send(connection, v2::hello(connection, end, false));
        return Ok(
            replay::live(connection, end) || replay::changes(app, connection, end.epoch, end.position).await
        );
    };
    match Chat::resume(Cursor::parse(&cursor), end) {
        Resume::From(position) => {
            app.hub.metrics().begun(metrics::Beginning::Missed);
            let from = Cursor { epoch: end.epoch, position };
            send(connection, v2::hello(connection, from, true));
            let missed_nothing = position == end.position && replay::live(connection, end);
            Ok(missed_nothing || replay::changes(app, connection, end.epoch, position).await)
        }
        Resume::Resync => {
            app.hub.metrics().begun(metrics::Beginning::Resync);
            send(connection, v2::hello(connection, end, false));
            send(connection, v2::resync(end));
            Ok(replay::live(connection, end)
                || replay::changes(app, connection, end.epoch, end.position).await)
        }
    }
}

/// Attaches the connection to the hub, with the groups of its user. Afterwards the other nodes of a cluster have been
/// asked for whatever concerns it, so whatever lies beyond an end of the log that is read from now on reaches it live.
async fn attach(app: &App, connection: &Arc<Connection>) -> Result<()> {
    app.hub.attach(connection.clone()).await;
    // The hub waits for a reading of every attached connection, even for one that brings nothing.
    let mut reading = Memberships { conversations: Vec::new(), position: Position(0) };
    let read = app.in_turn(app.chat.memberships(connection.user())).await;
    let read = read.map(|groups| reading = groups);
    app.hub.joined(connection.clone(), reading).await;
    // Before it was attached, the news that its token is revoked would not have reached it.
    if app.hub.revocations().has(connection.granted()) {
        connection.close(close_codes::TOKEN_EXPIRED, "token revoked: log in again");
    }
    read
}

/// Queues a frame and writes it unless a shard is about to.
pub(super) fn send(connection: &Connection, frame: Bytes) {
    if connection.push(frame, None) {
        connection.flush();
    }
}

/// What the client and the server say to each other.
enum Dialogue<'a> {
    V1(v1::Dialogue),
    V2(v2::Dialogue<'a>),
}

impl Dialogue<'_> {
    /// The answer to an earlier frame, when it is there. Never resolves where answers are given at once.
    async fn next_answer(&mut self) -> Bytes {
        match self {
            Self::V1(_) => std::future::pending().await,
            Self::V2(dialogue) => dialogue.next_answer().await,
        }
    }
}

struct Session<'a> {
    app: &'a App,
    connection: &'a Connection,
    decoder: Decoder,
    dialogue: Dialogue<'a>,
    /// The client has closed, or is gone: there is no answer to wait for.
    ended_by_client: bool,
}

impl Session<'_> {
    async fn serve(&mut self, early: Taken) {
        if !early.is_nothing() && !Box::pin(self.handle(early)).await {
            return;
        }
        loop {
            let woken = tokio::select! {
                woken = self.connection.woken() => woken,
                answer = self.dialogue.next_answer() => {
                    send(self.connection, answer);
                    continue;
                }
            };
            match woken {
                Ok(Woken::Readable) => {
                    let taken = read(self.connection, &mut self.decoder);
                    if !taken.is_nothing() && !Box::pin(self.handle(taken)).await {
                        return;
                    }
                }
                Ok(Woken::Writable) => self.connection.resume_writing(),
                Ok(Woken::Closing) | Err(_) => return,
            }
        }
    }

    /// Writes the last word and waits for the client's: a socket that is closed over unread bytes is reset, and the
    /// client might never see why.
    async fn take_leave(&mut self) {
        self.connection.write_last_word().await;
        while !self.ended_by_client && self.connection.readable().await.is_ok() {
            let taken = read(self.connection, &mut self.decoder);
            let closes = |input: &Input| matches!(input, Input::Close(_));
            self.ended_by_client = taken.end.is_some() || taken.inputs.iter().any(closes);
        }
    }

    /// `false`: the connection is to end.
    async fn handle(&mut self, taken: Taken) -> bool {
        self.connection.heard();
        for input in taken.inputs {
            match input {
                Input::Text(text) => match &mut self.dialogue {
                    Dialogue::V1(dialogue) => {
                        if let Some(answer) = dialogue.answer(self.app, &text).await {
                            send(self.connection, answer);
                        }
                    }
                    Dialogue::V2(dialogue) => dialogue.take(text).await,
                },
                Input::Binary => {
                    self.connection.close(close_code::UNSUPPORTED, "send text frames");
                    return false;
                }
                Input::Ping(payload) => send(self.connection, encode(Opcode::Pong, &payload)),
                Input::Pong(payload) => {
                    let confirmed = self.connection.answered(&payload);
                    if !confirmed.is_empty() {
                        self.app.receipts.record(self.connection.user(), &confirmed);
                    }
                }
                Input::Close(code) => {
                    self.ended_by_client = true;
                    self.connection.close(code.unwrap_or(close_code::NORMAL), "");
                    return false;
                }
            }
        }
        match taken.end {
            None => true,
            Some(End::Gone) => {
                self.ended_by_client = true;
                self.connection.end();
                false
            }
            Some(End::Broken(error)) => {
                self.connection.close(error.close_code(), &error.to_string());
                false
            }
        }
    }
}

/// Why nothing more will come.
pub(super) enum End {
    Gone,
    Broken(ProtocolError),
}

/// What one reading brought.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) inputs: Vec<Input>,
    pub(super) end: Option<End>,
}

impl Taken {
    fn is_nothing(&self) -> bool {
        self.inputs.is_empty() && self.end.is_none()
    }

    pub(super) fn feed(&mut self, decoder: &mut Decoder, bytes: &mut [u8]) {
        let inputs = &mut self.inputs;
        let fed = decoder.feed(bytes, |incoming| {
            inputs.push(match incoming {
                Incoming::Text(text) => Input::Text(text.to_owned()),
                Incoming::Binary(_) => Input::Binary,
                Incoming::Ping(payload) => Input::Ping(Bytes::copy_from_slice(payload)),
                Incoming::Pong(payload) => Input::Pong(Bytes::copy_from_slice(payload)),
                Incoming::Close { code, .. } => Input::Close(code),
            });
        });
        if let Err(error) = fed {
            self.end = Some(End::Broken(error));
        }
    }
}

fn read(connection: &Connection, decoder: &mut Decoder) -> Taken {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut taken = Taken::default();
        match connection.try_read(scratch) {
            Ok(0) => taken.end = Some(End::Gone),
            Ok(count) => taken.feed(decoder, scratch.get_mut(..count).unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => taken.end = Some(End::Gone),
        }
        taken
    })
}
