//! One client's side of the stream: gives it what it missed, then reads what it sends, until one of the two ends.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chat_core::Result;
use chat_core::groups::Memberships;
use chat_core::ids::{MessageId, Position};
use chat_websocket::{Decoder, Incoming, Opcode, ProtocolError, Role, close_code, encode};

use super::replay::replay;
use super::v1::Dialogue;
use crate::hub::{Connection, Slot, Woken};
use crate::{App, wire};

/// One thread's buffer for reading, shared by all its sessions: it is never held over an await.
const SCRATCH_BYTES: usize = 16 * 1024;
thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_BYTES]);
}
/// How long a client may take for the closing frame.
const LAST_WORD: Duration = Duration::from_secs(2);

/// What a client sent, in a form that outlives the buffer.
enum Input {
    Text(String),
    Binary,
    Ping(Bytes),
    Pong(Bytes),
    Close(Option<u16>),
}

/// Serves a connection to its end. `early` is what came in with the upgrade.
pub(super) async fn run(app: App, connection: Arc<Connection>, slot: Slot, early: Vec<u8>) {
    let decoder = Decoder::new(Role::Server, app.options.frame_bytes);
    let dialogue = Dialogue::new(connection.user());
    let mut session =
        Session { app: &app, connection: &connection, decoder, dialogue, ended_by_client: false };
    // Boxed, because what happens at the start and at the end needs far more room than waiting for frames, and an
    // idle connection should not keep that room.
    if Box::pin(open(&app, &connection)).await {
        session.serve(early).await;
    }
    app.hub.detach(connection.clone()).await;
    // Whoever does not take the last word in time does without.
    let _ = tokio::time::timeout(LAST_WORD, Box::pin(session.take_leave())).await;
    drop(slot);
}

/// Attaches the connection, greets it and gives it what it missed. `false`: it is to end.
async fn open(app: &App, connection: &Arc<Connection>) -> bool {
    match attach(app, connection).await {
        Ok(live_from) => {
            // Not before it is attached: whoever has been greeted misses nothing. What shards have for it is held
            // back so far.
            send(connection, wire::v1_welcome(app.chat.now()));
            // What the user's last connection confirmed a moment ago must not come again.
            app.receipts.flush().await;
            replay(app, connection, live_from).await
        }
        Err(error) => {
            tracing::warn!(error = %error, "a stream could not start");
            connection.close(close_code::TRY_AGAIN_LATER, "storage is unavailable: reconnect");
            false
        }
    }
}

/// Attaches the connection to the hub; gives the newest message from before.
async fn attach(app: &App, connection: &Arc<Connection>) -> Result<MessageId> {
    let live_from = app.chat.newest_message().await?;
    app.hub.attach(connection.clone()).await;
    // The hub waits for a reading of every attached connection, even for one that brings nothing.
    let mut reading = Memberships { conversations: Vec::new(), position: Position(0) };
    let read = app.chat.memberships(connection.user()).await.map(|groups| reading = groups);
    app.hub.joined(connection.user(), reading).await;
    read.map(|()| live_from)
}

/// Queues a frame and writes it unless a shard is about to.
fn send(connection: &Connection, frame: Bytes) {
    if connection.push(frame, None) {
        connection.flush();
    }
}

struct Session<'a> {
    app: &'a App,
    connection: &'a Connection,
    decoder: Decoder,
    dialogue: Dialogue,
    /// The client has closed, or is gone: there is no answer to wait for.
    ended_by_client: bool,
}

impl Session<'_> {
    async fn serve(&mut self, mut early: Vec<u8>) {
        if !early.is_empty() {
            let mut taken = Taken::default();
            taken.feed(&mut self.decoder, &mut early);
            drop(early);
            if !Box::pin(self.handle(taken)).await {
                return;
            }
        }
        loop {
            match self.connection.woken().await {
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
                Input::Text(text) => {
                    if let Some(answer) = self.dialogue.answer(&self.app.chat, &text).await {
                        send(self.connection, answer);
                    }
                }
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
enum End {
    Gone,
    Broken(ProtocolError),
}

/// What one reading brought.
#[derive(Default)]
struct Taken {
    inputs: Vec<Input>,
    end: Option<End>,
}

impl Taken {
    fn is_nothing(&self) -> bool {
        self.inputs.is_empty() && self.end.is_none()
    }

    fn feed(&mut self, decoder: &mut Decoder, bytes: &mut [u8]) {
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
