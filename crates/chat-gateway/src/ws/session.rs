//! One client's session: replays what it missed, then reads its frames, until one side ends the connection.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chat_core::groups::Memberships;
use chat_core::ids::Position;
use chat_core::sync::{Cursor, Resume};
use chat_core::{Chat, Result};
use chat_protocol::close_codes;
use chat_websocket::{Decoder, Incoming, Opcode, ProtocolError, close_code, encode, inflate_text};
use tokio::task::yield_now;

use super::{replay, v1, v2};
use crate::hub::{Connection, Protocol, Slot, Woken};
use crate::metrics;
use crate::{App, failures, wire};

/// A read buffer per thread, shared by its sessions. It is never held across an await.
const SCRATCH_BYTES: usize = 16 * 1024;
thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_BYTES]);
}
/// Frames of one client that are handled before other tasks get a turn.
const INPUTS_IN_A_ROW: usize = 32;
/// Upper bound for the answers to a client's frames when the connection ends.
const ANSWERS: Duration = Duration::from_secs(5);
/// Bytes of a client's frames that are kept during its replay: a few frames, or one of the largest.
const KEPT_BYTES: usize = 16 * 1024;
/// Upper bound for the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes that a client may send during the closing handshake: as much as can have been on its way when it got the close
/// frame. A client that sends more is cut off.
const MAX_DISCARDED: usize = 4 * 1024 * 1024;
/// Bytes read from a client that has broken the protocol and so may be sending a message that is too big: 512 times the
/// largest accepted message. A client that sends a file as a message learns why it is refused; one that never stops is
/// cut off.
const MAX_DISCARDED_BROKEN: usize = 64 * 1024 * 1024;
/// Time without data after which such a client counts as having sent everything.
const QUIET_PERIOD: Duration = Duration::from_secs(1);

/// A frame from a client, in a form that outlives the buffer.
pub(super) enum Input {
    Text(String),
    /// A compressed text. It is inflated when its turn comes, since it may become a thousand times larger.
    Compressed(Bytes),
    Binary,
    Ping(Bytes),
    Pong(Bytes),
    Close(Option<u16>),
}

impl Input {
    /// Approximate size in memory, in bytes.
    fn weight(&self) -> usize {
        let said = match self {
            Self::Text(text) => text.len(),
            Self::Compressed(payload) | Self::Ping(payload) | Self::Pong(payload) => payload.len(),
            Self::Binary | Self::Close(_) => 0,
        };
        size_of::<Self>() + said
    }
}

/// State with which a session begins.
pub(super) struct Beginning {
    pub(super) decoder: Decoder,
    /// Frames that have arrived already.
    pub(super) taken: Taken,
    /// Where a v2 client wants to resume.
    pub(super) wish: ResumeWish,
}

/// Where a v2 client wants to resume, if it does.
#[derive(Debug, Clone, Default)]
pub(super) struct ResumeWish {
    pub(super) cursor: Option<String>,
    /// The client reloads if it missed more messages than this.
    pub(super) max_changes: Option<u64>,
}

impl ResumeWish {
    /// Returns the wish with what it leaves open taken from another one.
    pub(super) fn or(self, other: Self) -> Self {
        Self { cursor: self.cursor.or(other.cursor), max_changes: self.max_changes.or(other.max_changes) }
    }
}

impl Beginning {
    /// For a client that authenticated with its upgrade, and may have sent `early` bytes after it.
    pub(super) fn after_upgrade(mut decoder: Decoder, mut early: Vec<u8>, wish: ResumeWish) -> Self {
        let mut taken = Taken::default();
        if !early.is_empty() {
            taken.feed(&mut decoder, &mut early);
        }
        Self { decoder, taken, wish }
    }
}

/// Serves a connection to its end.
pub(super) async fn run(app: App, connection: Arc<Connection>, slot: Slot, beginning: Beginning) {
    let Beginning { decoder, mut taken, wish } = beginning;
    let _counted = app.hub.metrics().connected(connection.protocol());
    let dialogue = match connection.protocol() {
        Protocol::V1 => Dialogue::V1(v1::Dialogue::new(&connection)),
        Protocol::V2 => Dialogue::V2(v2::Dialogue::new(&app, connection.clone())),
    };
    let mut session = Session {
        app: &app,
        connection: &connection,
        decoder,
        dialogue,
        ended_by_client: false,
        is_broken: false,
    };
    // Boxed, because the start and the end need far more room than waiting for frames, and an idle connection should
    // not keep that room.
    let opening = open(&app, &connection, wish);
    if Box::pin(session.read_during(opening, &mut taken)).await.is_continue() {
        session.serve(taken).await;
    }
    Box::pin(session.finish()).await;
    app.hub.detach(connection.clone()).await;
    app.hub.presence().disconnected(&connection, app.chat.now());
    if !connection.is_gone() {
        // Don't wait forever for the client to read the close frame.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, Box::pin(session.finish_closing())).await;
    }
    drop(slot);
}

/// Attaches the connection, sends its first frame and replays what the client missed. Breaks when the connection is to
/// end.
async fn open(app: &App, connection: &Arc<Connection>, wish: ResumeWish) -> ControlFlow<()> {
    app.hub.presence().connected(connection, app.chat.now());
    let opened = match connection.protocol() {
        Protocol::V1 => open_v1(app, connection).await,
        Protocol::V2 => open_v2(app, connection, wish).await,
    };
    opened.unwrap_or_else(|error| {
        failures::note(&error, "a stream could not start");
        connection.close(close_code::TRY_AGAIN_LATER, "storage is unavailable: reconnect");
        ControlFlow::Break(())
    })
}

async fn open_v1(app: &App, connection: &Arc<Connection>) -> Result<ControlFlow<()>> {
    attach(app, connection).await?;
    // Only after attaching: an id from a log that is being replaced would hide messages of the next log. The id comes
    // from the store rather than from the hub, which may be behind: messages up to here are in the backlog, or were
    // sent before this client's welcome.
    let live_from = app.in_turn(app.chat.newest_message()).await?;
    // Everything after the welcome reaches the client. Frames from the shards are held back so far.
    connection.send(wire::v1::welcome(app.chat.now()));
    // Messages that the user's last connection confirmed a moment ago must not be sent again.
    app.receipts.flush().await;
    Ok(replay::backlog(app, connection, live_from).await)
}

async fn open_v2(app: &App, connection: &Arc<Connection>, wish: ResumeWish) -> Result<ControlFlow<()>> {
    attach(app, connection).await?;
    // Only after attaching: everything after this log position reaches the client live.
    let end = app.in_turn(app.chat.log_end()).await?;
    let Some(cursor) = &wish.cursor else {
        app.hub.metrics().begun(metrics::Beginning::Fresh);
        connection.send(v2::hello(connection, end, false));
        return Ok(replay::nothing(app, connection, end).await);
    };
    match Chat::resume(Cursor::parse(cursor), end) {
        Resume::From(position) => {
            if is_beyond_bound(app, connection, (position, end.position), &wish).await? {
                return Ok(resync(app, connection, end, "too_many_changes").await);
            }
            app.hub.metrics().begun(metrics::Beginning::Missed);
            let from = Cursor { epoch: end.epoch, position };
            connection.send(v2::hello(connection, from, true));
            Ok(if position == end.position {
                replay::nothing(app, connection, end).await
            } else {
                replay::changes(app, connection, end.epoch, position).await
            })
        }
        Resume::Resync => Ok(resync(app, connection, end, "unknown_cursor").await),
    }
}

/// Whether the user missed more messages than the client or the server allows.
async fn is_beyond_bound(
    app: &App,
    connection: &Connection,
    missed: (Position, Position),
    wish: &ResumeWish,
) -> Result<bool> {
    match [wish.max_changes, app.options.resume_changes].into_iter().flatten().min() {
        Some(most) => app.in_turn(app.chat.is_beyond(connection.user(), missed, most)).await,
        None => Ok(false),
    }
}

/// Asks a client to reload.
async fn resync(app: &App, connection: &Arc<Connection>, end: Cursor, code: &'static str) -> ControlFlow<()> {
    app.hub.metrics().begun(metrics::Beginning::Resync);
    connection.send(v2::hello(connection, end, false));
    connection.send(v2::resync(end, code));
    replay::nothing(app, connection, end).await
}

/// Attaches the connection to the hub, with the groups of its user. Afterwards the other nodes of a cluster know that
/// this node wants their events. So everything beyond a log end that is read from now on reaches the connection live.
async fn attach(app: &App, connection: &Arc<Connection>) -> Result<()> {
    app.hub.attach(connection.clone()).await;
    // The hub expects a reading for every attached connection, even an empty one.
    let mut reading = Memberships { conversations: Vec::new(), position: Position(0) };
    let read = app.in_turn(app.chat.memberships(connection.user())).await;
    let read = read.map(|groups| reading = groups);
    app.hub.joined(connection.clone(), reading).await;
    // If the token was revoked before the connection was attached, the connection did not get the event.
    if app.hub.revocations().has(connection.granted()) {
        connection.close(close_codes::TOKEN_EXPIRED, "token revoked: log in again");
    }
    read
}

/// The dialogue with a client, by protocol.
enum Dialogue<'a> {
    V1(v1::Dialogue),
    V2(v2::Dialogue<'a>),
}

impl Dialogue<'_> {
    /// The next deferred answer. Never resolves on v1, where answers are immediate.
    async fn next_answer(&mut self) -> Bytes {
        match self {
            Self::V1(_) => std::future::pending().await,
            Self::V2(dialogue) => dialogue.next_answer().await,
        }
    }

    /// Whether a deferred answer is still to come.
    fn is_under_way(&self) -> bool {
        match self {
            Self::V1(_) => false,
            Self::V2(dialogue) => dialogue.is_under_way(),
        }
    }
}

struct Session<'a> {
    app: &'a App,
    connection: &'a Connection,
    decoder: Decoder,
    dialogue: Dialogue<'a>,
    /// The client has closed or is gone: do not wait for its close frame.
    ended_by_client: bool,
    /// The client has broken the protocol: its bytes cannot be split into frames any more.
    is_broken: bool,
}

impl Session<'_> {
    /// Reads the client's frames while `opening` runs, which takes long on a slow line. Pongs are handled at once,
    /// because only they show the client's progress. Everything else is handled afterwards; a little of it is kept in
    /// memory, the rest waits in the socket.
    async fn read_during(
        &mut self,
        opening: impl Future<Output = ControlFlow<()>>,
        kept: &mut Taken,
    ) -> ControlFlow<()> {
        let mut opening = std::pin::pin!(opening);
        loop {
            tokio::select! {
                biased;
                opened = &mut opening => return opened,
                readable = self.connection.readable(), if kept.has_room() => {
                    if readable.is_err() {
                        kept.end = Some(End::Gone);
                        continue;
                    }
                    let mut taken = read(self.connection, &mut self.decoder);
                    if !taken.is_nothing() {
                        self.connection.note_activity();
                    }
                    for pong in taken.inputs.extract_if(.., |input| matches!(input, Input::Pong(_))) {
                        self.take(pong).await;
                    }
                    kept.append(taken);
                }
            }
        }
    }

    async fn serve(&mut self, early: Taken) {
        if !early.is_nothing() && Box::pin(self.handle(early)).await.is_break() {
            return;
        }
        loop {
            let woken = tokio::select! {
                woken = self.connection.woken() => woken,
                ready = self.dialogue.next_answer() => {
                    self.connection.send_answer(ready);
                    continue;
                }
            };
            match woken {
                Ok(Woken::Readable) => {
                    let taken = read(self.connection, &mut self.decoder);
                    let may_have_more = taken.may_have_more;
                    if !taken.is_nothing() && Box::pin(self.handle(taken)).await.is_break() {
                        return;
                    }
                    if may_have_more {
                        yield_now().await;
                    }
                }
                Ok(Woken::Writable) => self.connection.resume_writing(),
                Ok(Woken::Closing) | Err(_) => return,
            }
        }
    }

    /// Sends the answers to what was begun, if they are ready in time and the client can still get them.
    async fn finish(&mut self) {
        let answers = async {
            while self.dialogue.is_under_way() && self.connection.takes_answers() {
                let ready = self.dialogue.next_answer().await;
                self.connection.send_answer(ready);
            }
        };
        let _ = tokio::time::timeout(ANSWERS, answers).await;
        self.send_undelivered();
    }

    /// Completes everything for a client that will send nothing more: its frames are answered and their events
    /// delivered before the connection ends. A client that does not read them in time does not get them.
    async fn settle(&mut self) {
        self.finish().await;
        let settled = async {
            self.app.hub.caught_up(self.connection.user()).await;
            self.connection.drained().await
        };
        let _ = tokio::time::timeout(ANSWERS, settled).await;
    }

    /// On v1, sends the client's own messages that the hub can no longer deliver.
    fn send_undelivered(&mut self) {
        if let Dialogue::V1(dialogue) = &mut self.dialogue {
            dialogue.send_undelivered(self.connection);
        }
    }

    /// Whether a frame may still be executed. It may not once the token is revoked, even if the event has not reached
    /// this connection.
    fn may_begin(&self) -> bool {
        if !self.connection.is_closing() && self.app.hub.revocations().has(self.connection.granted()) {
            self.connection.close(close_codes::TOKEN_EXPIRED, "token revoked: log in again");
        }
        !self.connection.is_closing()
    }

    /// Sends the close frame and waits for the client's: closing a socket with unread bytes resets it, and the client
    /// might never see why.
    async fn finish_closing(&mut self) {
        self.connection.write_close_frame().await;
        if self.is_broken {
            return discard_rest(self.connection).await;
        }
        let mut discarded = 0;
        while !self.ended_by_client && discarded < MAX_DISCARDED && self.connection.readable().await.is_ok() {
            let taken = read(self.connection, &mut self.decoder);
            discarded += taken.bytes;
            if matches!(taken.end, Some(End::Broken(_))) {
                return discard_rest(self.connection).await;
            }
            let closes = |input: &Input| matches!(input, Input::Close(_));
            self.ended_by_client = taken.end.is_some() || taken.inputs.iter().any(closes);
            if taken.may_have_more {
                yield_now().await;
            }
        }
    }

    /// Handles the frames of one read. Breaks when the connection is to end.
    async fn handle(&mut self, taken: Taken) -> ControlFlow<()> {
        self.connection.note_activity();
        for (count, input) in taken.inputs.into_iter().enumerate() {
            self.take(input).await;
            // One read may bring thousands of frames, and some are handled without ever waiting.
            if count % INPUTS_IN_A_ROW == INPUTS_IN_A_ROW - 1 {
                self.connection.flush_own();
                yield_now().await;
            }
        }
        self.connection.flush_own();
        match taken.end {
            None => {}
            Some(End::HalfClosed) => {
                self.settle().await;
                self.ended_by_client = true;
                self.connection.end();
            }
            Some(End::Gone) => {
                self.ended_by_client = true;
                self.connection.end();
            }
            Some(End::Broken(error)) => {
                self.is_broken = true;
                self.connection.close(error.close_code(), &error.to_string());
            }
        }
        if self.connection.is_closing() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    async fn take(&mut self, input: Input) {
        match input {
            Input::Text(text) => self.execute(text).await,
            Input::Compressed(_) if self.is_broken => {}
            Input::Compressed(payload) => match inflate_text(&payload, self.decoder.max_message_bytes()) {
                Ok(text) => self.execute(text).await,
                Err(error) => {
                    self.is_broken = true;
                    self.connection.close(error.close_code(), &error.to_string());
                }
            },
            Input::Close(code) => {
                self.ended_by_client = true;
                if !self.connection.is_closing() {
                    self.settle().await;
                    self.connection.close(code.unwrap_or(close_code::NORMAL), "");
                }
            }
            // After our close frame nothing else counts.
            _ if self.connection.is_closing() => {}
            Input::Binary => self.connection.close(close_code::UNSUPPORTED, "send text frames"),
            // Written together with other frames of this read.
            Input::Ping(payload) => {
                self.connection.push(encode(Opcode::Pong, &payload), None);
            }
            Input::Pong(payload) => {
                let confirmed = self.connection.answered(&payload);
                if !confirmed.is_empty() {
                    self.app.receipts.record(self.connection.user(), &confirmed);
                }
            }
        }
    }

    /// Executes a text frame, or answers that it was not executed.
    async fn execute(&mut self, text: String) {
        // Frames after the client's own close frame do not count (RFC 6455, section 5.5.1).
        if self.ended_by_client {
            return;
        }
        let may_begin = self.may_begin();
        match &mut self.dialogue {
            Dialogue::V1(dialogue) if !may_begin => dialogue.refuse_unexecuted(self.connection),
            Dialogue::V1(dialogue) => {
                if let Some(ready) = dialogue.answer(self.app, self.connection, &text).await {
                    self.connection.send_answer(ready);
                }
                if dialogue.ignores_refusals() {
                    self.connection.close(close_codes::TOO_MANY, "too many frames: slow down");
                }
            }
            Dialogue::V2(dialogue) if !may_begin => dialogue.refuse_unexecuted(&text),
            Dialogue::V2(dialogue) => dialogue.take(text).await,
        }
    }
}

/// Why nothing more will arrive.
pub(super) enum End {
    /// The client will send nothing more, but may still read.
    HalfClosed,
    /// The socket is broken.
    Gone,
    Broken(ProtocolError),
}

/// The result of one read.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) inputs: Vec<Input>,
    pub(super) end: Option<End>,
    /// The read filled the buffer. Other tasks get a turn before the next read; otherwise a client that never stops
    /// sending, even without ever completing a frame, would have a worker to itself.
    may_have_more: bool,
    bytes: usize,
}

impl Taken {
    fn is_nothing(&self) -> bool {
        self.inputs.is_empty() && self.end.is_none()
    }

    /// Whether more may be kept.
    fn has_room(&self) -> bool {
        self.end.is_none() && self.inputs.iter().map(Input::weight).sum::<usize>() < KEPT_BYTES
    }

    fn append(&mut self, mut later: Self) {
        self.inputs.append(&mut later.inputs);
        self.end = later.end;
        self.may_have_more = later.may_have_more;
    }

    pub(super) fn feed(&mut self, decoder: &mut Decoder, bytes: &mut [u8]) {
        let inputs = &mut self.inputs;
        let fed = decoder.feed(bytes, |incoming| {
            inputs.push(match incoming {
                Incoming::Text(text) => Input::Text(text.to_owned()),
                Incoming::Compressed { is_text: true, payload } => {
                    Input::Compressed(Bytes::copy_from_slice(payload))
                }
                Incoming::Binary(_) | Incoming::Compressed { is_text: false, .. } => Input::Binary,
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

/// Reads and discards what a client still sends, such as the rest of a message that is too big, within bounds. A proxy
/// whose writes fail may not forward the close frame that it has read.
async fn discard_rest(connection: &Connection) {
    let mut taken = 0;
    while taken < MAX_DISCARDED_BROKEN
        && let Ok(Ok(())) = tokio::time::timeout(QUIET_PERIOD, connection.readable()).await
    {
        match SCRATCH.with_borrow_mut(|scratch| connection.try_read(scratch)) {
            Ok(0) => return,
            Ok(count) => {
                taken += count;
                yield_now().await;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return,
        }
    }
}

fn read(connection: &Connection, decoder: &mut Decoder) -> Taken {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut taken = Taken::default();
        match connection.try_read(scratch) {
            Ok(0) => taken.end = Some(End::HalfClosed),
            Ok(count) => {
                taken.may_have_more = count == scratch.len();
                taken.bytes = count;
                taken.feed(decoder, scratch.get_mut(..count).unwrap_or_default());
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => taken.end = Some(End::Gone),
        }
        taken
    })
}

#[cfg(test)]
mod tests {
    use chat_websocket::{Role, compress_frames};

    use super::*;

    #[test]
    fn what_waits_takes_no_more_memory_compressed_than_it_came_in() {
        let limit = 128 * 1024;
        let frame = compress_frames(&encode(Opcode::Text, &vec![b'a'; limit])).unwrap();
        let mut read = frame.repeat(100);
        let came_in = read.len();
        assert!(came_in < limit);
        // A client's decoder, because it takes what the server's encoder makes.
        let mut decoder = Decoder::new(Role::Client, limit).leaving_compressed(true);
        let mut taken = Taken::default();
        taken.feed(&mut decoder, &mut read);
        assert_eq!((taken.inputs.len(), taken.end.is_some()), (100, false));
        let overhead = 100 * size_of::<Input>();
        assert!(taken.inputs.iter().map(Input::weight).sum::<usize>() <= came_in + overhead);
        let Some(Input::Compressed(payload)) = taken.inputs.first() else { panic!("it was inflated") };
        assert_eq!(inflate_text(payload, limit).map(|text| text.len()), Ok(limit));
        assert_eq!(inflate_text(payload, limit - 1), Err(ProtocolError::MessageTooBig));
    }
}
