//! One client's side of the stream: gives it what it missed, then reads what it sends, until one of the two ends.

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
use chat_websocket::{Decoder, Incoming, Opcode, ProtocolError, Role, close_code, encode};
use tokio::task::yield_now;

use super::{replay, v1, v2};
use crate::hub::{Connection, Protocol, Slot, Woken};
use crate::metrics;
use crate::{App, failures, wire};

/// One thread's buffer for reading, shared by all its sessions: it is never held over an await.
const SCRATCH_BYTES: usize = 16 * 1024;
thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_BYTES]);
}
/// Frames of one client that are taken before other tasks get their turn.
const INPUTS_IN_A_ROW: usize = 32;
/// How long the answers to what a client has sent may take when the connection ends.
const ANSWERS: Duration = Duration::from_secs(5);
/// Of what a client says before it has been given what it missed, so much is kept: a few frames, or one of the largest.
const KEPT_BYTES: usize = 16 * 1024;
/// How long a client may take for the closing frame.
const LAST_WORD: Duration = Duration::from_secs(10);
/// What it may send meanwhile: as much as can have been on its way when it was given that frame. Whoever sends on is cut off.
const STILL_ON_ITS_WAY: usize = 4 * 1024 * 1024;
/// What is taken of a client that has broken the protocol, and so may have a message on its way that is too big: 512 times
/// the largest that is taken. Who sends a file as a message hears why it is refused, and who never ends is cut off.
const TOO_BIG: usize = 64 * 1024 * 1024;
/// For how long nothing has to come from a client that has broken the protocol, until it counts as having sent it all.
const QUIET: Duration = Duration::from_secs(1);

/// What a client sent, in a form that outlives the buffer.
pub(super) enum Input {
    Text(String),
    Binary,
    Ping(Bytes),
    Pong(Bytes),
    Close(Option<u16>),
}

impl Input {
    /// How much room it takes up, about.
    fn weight(&self) -> usize {
        let said = match self {
            Self::Text(text) => text.len(),
            Self::Ping(payload) | Self::Pong(payload) => payload.len(),
            Self::Binary | Self::Close(_) => 0,
        };
        size_of::<Self>() + said
    }
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
    let Beginning { decoder, mut taken, cursor } = beginning;
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
    // Boxed, because what happens at the start and at the end needs far more room than waiting for frames, and an
    // idle connection should not keep that room.
    let opening = open(&app, &connection, cursor);
    if Box::pin(session.hear_during(opening, &mut taken)).await.is_continue() {
        session.serve(taken).await;
    }
    Box::pin(session.finish()).await;
    app.hub.detach(connection.clone()).await;
    app.hub.presence().went(&connection, app.chat.now());
    if !connection.is_gone() {
        // Whoever does not take the last word in time does without.
        let _ = tokio::time::timeout(LAST_WORD, Box::pin(session.take_leave())).await;
    }
    drop(slot);
}

/// Attaches the connection, greets it and gives it what it missed. Breaks off where it is to end.
async fn open(app: &App, connection: &Arc<Connection>, cursor: Option<String>) -> ControlFlow<()> {
    app.hub.presence().came(connection, app.chat.now());
    let opened = match connection.protocol() {
        Protocol::V1 => open_v1(app, connection).await,
        Protocol::V2 => open_v2(app, connection, cursor).await,
    };
    opened.unwrap_or_else(|error| {
        failures::note(&error, "a stream could not start");
        connection.close(close_code::TRY_AGAIN_LATER, "storage is unavailable: reconnect");
        ControlFlow::Break(())
    })
}

async fn open_v1(app: &App, connection: &Arc<Connection>) -> Result<ControlFlow<()>> {
    attach(app, connection).await?;
    // Not before it is attached: an id of a log that is being replaced would hide messages of the log that follows it.
    // The store's newest rather than the hub's, which may be behind: messages up to here are in the backlog, or were
    // sent before this client was greeted.
    let live_from = app.in_turn(app.chat.newest_message()).await?;
    // Everything after the greeting reaches the client. What shards have for it is held back so far.
    connection.send(wire::v1::welcome(app.chat.now()));
    // What the user's last connection confirmed a moment ago must not come again.
    app.receipts.flush().await;
    Ok(replay::backlog(app, connection, live_from).await)
}

async fn open_v2(app: &App, connection: &Arc<Connection>, cursor: Option<String>) -> Result<ControlFlow<()>> {
    attach(app, connection).await?;
    // Not before it is attached: whatever comes after this place reaches it live.
    let end = app.in_turn(app.chat.log_end()).await?;
    let Some(cursor) = cursor else {
        app.hub.metrics().begun(metrics::Beginning::Fresh);
        connection.send(v2::hello(connection, end, false));
        return Ok(replay::nothing(app, connection, end).await);
    };
    match Chat::resume(Cursor::parse(&cursor), end) {
        Resume::From(position) => {
            app.hub.metrics().begun(metrics::Beginning::Missed);
            let from = Cursor { epoch: end.epoch, position };
            connection.send(v2::hello(connection, from, true));
            Ok(if position == end.position {
                replay::nothing(app, connection, end).await
            } else {
                replay::changes(app, connection, end.epoch, position).await
            })
        }
        Resume::Resync => {
            app.hub.metrics().begun(metrics::Beginning::Resync);
            connection.send(v2::hello(connection, end, false));
            connection.send(v2::resync(end));
            Ok(replay::nothing(app, connection, end).await)
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

    /// Whether an answer is still to come.
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
    /// The client has closed, or is gone: there is no answer to wait for.
    ended_by_client: bool,
    /// The client has broken the protocol: nothing that it sends can be told apart any more.
    is_broken: bool,
}

impl Session<'_> {
    /// Hears the client while it is given what it missed, which on a slow line takes long: what it has come to is seen by its
    /// pongs alone. All else it is answered afterwards. Until then a little of it is kept, and the rest waits in its socket.
    async fn hear_during(
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
                        self.connection.heard();
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

    /// Gives the answers to what was begun, if they come soon and somebody is there to be given them.
    async fn finish(&mut self) {
        let answers = async {
            while self.dialogue.is_under_way() && self.connection.takes_answers() {
                let ready = self.dialogue.next_answer().await;
                self.connection.send_answer(ready);
            }
        };
        let _ = tokio::time::timeout(ANSWERS, answers).await;
        self.tell_unheard();
    }

    /// The client will say nothing more: what it asked for is answered, and told like everything, before the connection
    /// ends. A client that does not take it does without.
    async fn hear_out(&mut self) {
        self.finish().await;
        let settled = async {
            self.app.hub.caught_up(self.connection.user()).await;
            self.connection.drained().await
        };
        let _ = tokio::time::timeout(ANSWERS, settled).await;
    }

    /// On v1, what was done and can't be heard of from the hub any more.
    fn tell_unheard(&mut self) {
        if let Dialogue::V1(dialogue) = &mut self.dialogue {
            dialogue.tell_unheard(self.connection);
        }
    }

    /// Whether what the client asks for may still be begun: not once its token has ended, though the news of that has yet
    /// to reach this connection.
    fn may_begin(&self) -> bool {
        if !self.connection.is_closing() && self.app.hub.revocations().has(self.connection.granted()) {
            self.connection.close(close_codes::TOKEN_EXPIRED, "token revoked: log in again");
        }
        !self.connection.is_closing()
    }

    /// Writes the last word and waits for the client's: a socket that is closed over unread bytes is reset, and the
    /// client might never see why.
    async fn take_leave(&mut self) {
        self.connection.write_last_word().await;
        if self.is_broken {
            return let_go_of_the_rest(self.connection).await;
        }
        let mut passed_over = 0;
        while !self.ended_by_client
            && passed_over < STILL_ON_ITS_WAY
            && self.connection.readable().await.is_ok()
        {
            let taken = read(self.connection, &mut self.decoder);
            passed_over += taken.bytes;
            if matches!(taken.end, Some(End::Broken(_))) {
                return let_go_of_the_rest(self.connection).await;
            }
            let closes = |input: &Input| matches!(input, Input::Close(_));
            self.ended_by_client = taken.end.is_some() || taken.inputs.iter().any(closes);
            if taken.may_have_more {
                yield_now().await;
            }
        }
    }

    /// Takes what one reading brought. Breaks off where the connection is to end.
    async fn handle(&mut self, taken: Taken) -> ControlFlow<()> {
        self.connection.heard();
        for (count, input) in taken.inputs.into_iter().enumerate() {
            self.take(input).await;
            // One reading may bring thousands, and some are dealt with without ever waiting.
            if count % INPUTS_IN_A_ROW == INPUTS_IN_A_ROW - 1 {
                self.connection.flush_own();
                yield_now().await;
            }
        }
        self.connection.flush_own();
        match taken.end {
            None => {}
            Some(End::HalfClosed) => {
                self.hear_out().await;
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
            Input::Text(text) => self.say(text).await,
            Input::Close(code) => {
                self.ended_by_client = true;
                if !self.connection.is_closing() {
                    self.hear_out().await;
                    self.connection.close(code.unwrap_or(close_code::NORMAL), "");
                }
            }
            // Behind a closing frame of ours nothing else counts.
            _ if self.connection.is_closing() => {}
            Input::Binary => self.connection.close(close_code::UNSUPPORTED, "send text frames"),
            // Written with what else comes of this reading.
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

    /// Begins what a text frame asks for, or says that it is not done.
    async fn say(&mut self, text: String) {
        // Behind the client's own closing frame it says nothing that counts (RFC 6455, section 5.5.1).
        if self.ended_by_client {
            return;
        }
        let may_begin = self.may_begin();
        match &mut self.dialogue {
            Dialogue::V1(dialogue) if !may_begin => dialogue.pass_over(self.connection),
            Dialogue::V1(dialogue) => {
                if let Some(ready) = dialogue.answer(self.app, self.connection, &text).await {
                    self.connection.send_answer(ready);
                }
                if dialogue.is_deaf() {
                    self.connection.close(close_codes::TOO_MANY, "too many frames: slow down");
                }
            }
            Dialogue::V2(dialogue) if !may_begin => dialogue.pass_over(&text),
            Dialogue::V2(dialogue) => dialogue.take(text).await,
        }
    }
}

/// Why nothing more will come.
pub(super) enum End {
    /// The client will send nothing more; it may still read.
    HalfClosed,
    /// The socket is broken.
    Gone,
    Broken(ProtocolError),
}

/// What one reading brought.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) inputs: Vec<Input>,
    pub(super) end: Option<End>,
    /// It filled the buffer: other tasks get their turn before the next, or a client that sends without end, even if no
    /// frame of it ever is whole, would have a worker to itself.
    may_have_more: bool,
    bytes: usize,
}

impl Taken {
    fn is_nothing(&self) -> bool {
        self.inputs.is_empty() && self.end.is_none()
    }

    /// Whether more may be kept with it.
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

/// Takes what a client still sends, such as the rest of a message that is too big, until it has, within bounds: a proxy whose
/// writing fails may not hand on the last word that it has read.
async fn let_go_of_the_rest(connection: &Connection) {
    let mut taken = 0;
    while taken < TOO_BIG
        && let Ok(Ok(())) = tokio::time::timeout(QUIET, connection.readable()).await
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
