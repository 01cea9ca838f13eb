//! A session: one user's v2 stream over one connection after another. It reconnects, resumes from its cursor,
//! and repeats requests that have no answer yet. Its user sees every change in order and every request
//! settled.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use chat_protocol::v2::{Ack, Refusal, ServerFrame};
use tokio::time::{Instant, sleep_until, timeout};

use super::outbox::Outbox;
use super::{Op, Received, V2Stream, cursor_of, op};
use crate::handshake::{StreamLogin, TokenTransport};
use crate::link::{self, Backoff, Verdict};
use crate::{Error, ServerUrl, new_key};

/// Upper bound for the time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Upper bound for the server's silence until its `hello` names the heartbeat interval.
const FIRST_SILENCE: Duration = Duration::from_secs(30);
/// Delay before repeating a refused request if the refusal names none.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// Settings of a session.
#[derive(Clone)]
pub struct Options {
    /// Address of the server.
    pub url: ServerUrl,
    /// The token, a JWT.
    pub token: String,
    /// The way in which the token is sent.
    pub transport: TokenTransport,
    /// Cursor to resume from; `None` starts with the events from now on.
    pub cursor: Option<String>,
    /// Upper bound for the number of requests without an answer.
    pub outbox: usize,
    /// Upper bound for the number of those that are in flight.
    pub window: usize,
    /// Delays before reconnecting.
    pub backoff: Backoff,
}

/// Something that happened in a session.
#[derive(Debug)]
pub enum Event {
    /// A frame arrived. Frames keep the server's order; `hello` means that a new connection is open.
    Frame(ServerFrame),
    /// A frame of an unknown kind arrived; the text is its `type`.
    Unknown(String),
    /// The server executed a request.
    Acked {
        /// Id that [`Session::submit`] returned.
        id: i64,
        /// The request.
        op: Op,
        /// The server's answer.
        ack: Ack,
    },
    /// The server refused a request for good.
    Refused {
        /// Id that [`Session::submit`] returned.
        id: i64,
        /// The request.
        op: Op,
        /// The server's answer.
        refusal: Refusal,
    },
    /// The connection broke or could not be made; the session connects again after the delay.
    Disconnected {
        /// Reason, as text for the user.
        why: String,
        /// Delay before the next attempt.
        again_in: Duration,
    },
}

type Opening = Pin<Box<dyn Future<Output = Result<V2Stream, Error>> + Send>>;

enum Link {
    Down { until: Instant },
    Opening(Opening),
    Up(Box<V2Stream>),
}

/// A session. It makes progress only while [`Session::next`] runs.
pub struct Session {
    options: Options,
    link: Link,
    outbox: Outbox,
    /// Nothing is written before this time, because the server asked for a pause.
    held_until: Option<Instant>,
    /// Upper bound for the silence of a healthy server.
    silence: Duration,
    is_greeted: bool,
    events: VecDeque<Event>,
}

enum Waited {
    Opened(Result<V2Stream, Error>),
    Received(Result<Received, Error>),
    Time,
}

impl Session {
    /// Creates a session. It connects on the first call of [`Session::next`].
    pub fn new(options: Options) -> Self {
        Self {
            link: Link::Down { until: Instant::now() },
            outbox: Outbox::new(options.outbox, options.window),
            held_until: None,
            silence: FIRST_SILENCE,
            is_greeted: false,
            events: VecDeque::new(),
            options,
        }
    }

    /// Adds a request and returns its id, or `None` if too many are waiting. A request that changes something
    /// lasting is repeated until it is answered, over any number of connections; other requests are dropped
    /// with their connection.
    #[must_use = "a request that was not accepted must be made again"]
    pub fn submit(&mut self, mut op: Op) -> Option<i64> {
        op::set_key(&mut op, new_key);
        self.outbox.put(op)
    }

    /// Returns the number of requests without an answer.
    pub fn n_waiting(&self) -> usize {
        self.outbox.len()
    }

    /// Returns the cursor up to which all frames have been returned.
    pub fn cursor(&self) -> Option<&str> {
        self.options.cursor.as_deref()
    }

    /// Waits for the next event. An error is final. May be cancelled and called again.
    pub async fn next(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            match self.wait().await {
                Waited::Opened(Ok(stream)) => {
                    self.link = Link::Up(Box::new(stream));
                }
                Waited::Received(Ok(Received::Frame(frame))) => self.apply(frame),
                Waited::Received(Ok(Received::Unknown(kind))) => self.events.push_back(Event::Unknown(kind)),
                Waited::Received(Ok(Received::Closed { code, reason })) => {
                    self.disconnected(Error::Closed { code, reason })?;
                }
                Waited::Opened(Err(error)) | Waited::Received(Err(error)) => self.disconnected(error)?,
                Waited::Time => self.continue_after_pause()?,
            }
        }
    }

    async fn wait(&mut self) -> Waited {
        let may_write = self.is_greeted && self.held_until.is_none();
        match &mut self.link {
            Link::Down { until } => {
                sleep_until(*until).await;
                Waited::Time
            }
            Link::Opening(opening) => Waited::Opened(opening.await),
            Link::Up(stream) => {
                while may_write && let Some((id, op)) = self.outbox.next_to_write() {
                    stream.queue(id, op);
                }
                let silence_ends_at = stream.last_input_at() + self.silence;
                let wakes_at =
                    self.held_until.map_or(silence_ends_at, |held_until| held_until.min(silence_ends_at));
                tokio::select! {
                    received = stream.next() => Waited::Received(received),
                    () = sleep_until(wakes_at) => Waited::Time,
                }
            }
        }
    }

    /// Continues after a pause or a silence has run out.
    fn continue_after_pause(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        self.held_until = self.held_until.filter(|held_until| now < *held_until);
        match &self.link {
            Link::Down { .. } => self.link = Link::Opening(self.open()),
            Link::Up(stream) if stream.last_input_at() + self.silence <= now => {
                self.disconnected(Error::Closed {
                    code: 1006,
                    reason: "the server stopped responding".into(),
                })?;
            }
            Link::Opening(_) | Link::Up(_) => {}
        }
        Ok(())
    }

    fn open(&self) -> Opening {
        let Options { url, token, transport, cursor, .. } = self.options.clone();
        let login = StreamLogin { token, transport, cursor, lean: true };
        Box::pin(async move {
            let connected = timeout(CONNECT_TIMEOUT, V2Stream::connect(&url, &login)).await;
            connected.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
        })
    }

    fn apply(&mut self, frame: ServerFrame) {
        if let Some(cursor) = cursor_of(&frame) {
            self.options.cursor = Some(cursor.to_owned());
        }
        match frame {
            ServerFrame::Ack(ack) => self.acked(ack),
            ServerFrame::Error(refusal) => self.refused(refusal),
            frame => {
                match &frame {
                    ServerFrame::Pong(pong) => {
                        number(pong.id.as_ref()).and_then(|id| self.outbox.settle(id));
                    }
                    ServerFrame::Hello(hello) => {
                        self.is_greeted = true;
                        // The server's ping after one interval is a sign of life; the second interval allows
                        // for the network.
                        self.silence =
                            Duration::from_millis(hello.heartbeat_ms.saturating_mul(2)).max(CONNECT_TIMEOUT);
                    }
                    ServerFrame::Live(_) => self.options.backoff.reset(),
                    _ => {}
                }
                self.events.push_back(Event::Frame(frame));
            }
        }
    }

    fn acked(&mut self, ack: Ack) {
        if let Some(id) = number(ack.id.as_ref())
            && let Some(op) = self.outbox.settle(id)
        {
            self.events.push_back(Event::Acked { id, op, ack });
        }
    }

    fn refused(&mut self, refusal: Refusal) {
        let Some(id) = number(refusal.id.as_ref()) else {
            // It concerns a frame that the server could not parse; this session writes none.
            self.events.push_back(Event::Frame(ServerFrame::Error(refusal)));
            return;
        };
        if refusal.temporary && self.outbox.retry(id) {
            let delay = refusal.retry_after_ms.map_or(RETRY_DELAY, Duration::from_millis);
            self.held_until = Some(Instant::now() + delay);
        } else if let Some(op) = self.outbox.settle(id) {
            self.events.push_back(Event::Refused { id, op, refusal });
        }
    }

    /// Handles the loss of the connection: reconnects after a delay, or returns the error if reconnecting
    /// would not help.
    fn disconnected(&mut self, error: Error) -> Result<(), Error> {
        self.outbox.disconnected();
        self.is_greeted = false;
        self.held_until = None;
        let Verdict::Again { why, delay } = link::after_error(&error) else { return Err(error) };
        let again_in = delay.unwrap_or_else(|| self.options.backoff.next_delay());
        self.link = Link::Down { until: Instant::now() + again_in };
        self.events.push_back(Event::Disconnected { why, again_in });
        Ok(())
    }
}

fn number(id: Option<&chat_protocol::v2::Id>) -> Option<i64> {
    match id {
        Some(chat_protocol::v2::Id::Number(number)) => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
