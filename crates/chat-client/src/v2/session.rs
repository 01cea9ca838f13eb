//! A session: one user's v2 stream over one connection after another. It reconnects, resumes where it was, and asks
//! again for what has no answer yet, so that whoever uses it sees every change in order and every request settled.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use chat_protocol::v2::{Ack, Refusal, ServerFrame};
use tokio::time::{Instant, sleep_until, timeout};

use super::outbox::Outbox;
use super::{Op, Received, V2Stream, cursor_of, op};
use crate::handshake::{Entrance, Way};
use crate::link::{self, Backoff, Verdict};
use crate::{Error, ServerUrl};

/// How long connecting may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a server may be silent before it has said how long that may be.
const FIRST_SILENCE: Duration = Duration::from_secs(30);
/// A refusal that names no delay is tried again after this.
const RETRY: Duration = Duration::from_millis(200);

/// How a session behaves.
#[derive(Clone)]
pub struct Options {
    /// Where the server is.
    pub url: ServerUrl,
    /// A JWT.
    pub token: String,
    /// How it is given.
    pub way: Way,
    /// Where to resume; without it the session begins with what comes from now on.
    pub cursor: Option<String>,
    /// Unlike any other session's of the user: messages without a `client_msg_id` get one that begins so.
    pub name: String,
    /// Most requests that may wait for an answer.
    pub outbox: usize,
    /// Most of them that are on their way at a time.
    pub window: usize,
    /// How long to wait before connecting again.
    pub backoff: Backoff,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The server told something. Frames come in its order; `hello` says that a new connection is there.
    Frame(ServerFrame),
    /// The server sent a frame of a kind that is not known here.
    Unknown(String),
    /// A request was done.
    Acked {
        /// Its id.
        id: i64,
        /// What was asked for.
        op: Op,
        /// The answer.
        ack: Ack,
    },
    /// A request was refused for good.
    Refused {
        /// Its id.
        id: i64,
        /// What was asked for.
        op: Op,
        /// The answer.
        refusal: Refusal,
    },
    /// The connection is gone, or there was none; another is made after the delay.
    Disconnected {
        /// Why.
        why: String,
        /// When it is tried again.
        again_in: Duration,
    },
}

type Opening = Pin<Box<dyn Future<Output = Result<V2Stream, Error>> + Send>>;

enum Link {
    Down { until: Instant },
    Opening(Opening),
    Up(Box<V2Stream>),
}

/// A session. Nothing happens but in [`Session::next`].
pub struct Session {
    options: Options,
    link: Link,
    outbox: Outbox,
    /// Nothing is written before that, because the server asked for it.
    held_until: Option<Instant>,
    /// So long a server that is well is never silent.
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
    /// A session that will connect when it is asked for what happens.
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

    /// Takes a request and gives its id; `None` if too many wait already. One that changes something lasting is asked
    /// for until it is answered, over as many connections as that takes; the others are dropped with the connection.
    #[must_use = "a request that was not accepted must be made again"]
    pub fn submit(&mut self, mut op: Op) -> Option<i64> {
        let name = &self.options.name;
        let number = self.outbox.next_id();
        op::set_key(&mut op, || format!("{name}-{number}"));
        self.outbox.put(op)
    }

    /// How many requests have no answer yet.
    pub fn n_waiting(&self) -> usize {
        self.outbox.len()
    }

    /// The place in the log up to which everything was handed out.
    pub fn cursor(&self) -> Option<&str> {
        self.options.cursor.as_deref()
    }

    /// Waits for what happens next. An error is final. Safe to drop half-way and call again.
    pub async fn next(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            match self.wait().await {
                Waited::Opened(Ok(stream)) => {
                    self.link = Link::Up(Box::new(stream));
                }
                Waited::Received(Ok(Received::Frame(frame))) => self.take(frame),
                Waited::Received(Ok(Received::Unknown(kind))) => self.events.push_back(Event::Unknown(kind)),
                Waited::Received(Ok(Received::Closed { code, reason })) => {
                    self.lose(Error::Closed { code, reason })?;
                }
                Waited::Opened(Err(error)) | Waited::Received(Err(error)) => self.lose(error)?,
                Waited::Time => self.go_on()?,
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
                let silent_at = stream.heard() + self.silence;
                let wakes_at = self.held_until.map_or(silent_at, |held_until| held_until.min(silent_at));
                tokio::select! {
                    received = stream.next() => Waited::Received(received),
                    () = sleep_until(wakes_at) => Waited::Time,
                }
            }
        }
    }

    /// A pause is over.
    fn go_on(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        self.held_until = self.held_until.filter(|held_until| now < *held_until);
        match &self.link {
            Link::Down { .. } => self.link = Link::Opening(self.open()),
            Link::Up(stream) if stream.heard() + self.silence <= now => {
                self.lose(Error::Closed { code: 1006, reason: "the server stopped responding".into() })?;
            }
            Link::Opening(_) | Link::Up(_) => {}
        }
        Ok(())
    }

    fn open(&self) -> Opening {
        let Options { url, token, way, cursor, .. } = self.options.clone();
        let entrance = Entrance { token, way, cursor };
        Box::pin(async move {
            let connected = timeout(PATIENCE, V2Stream::connect(&url, &entrance)).await;
            connected.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
        })
    }

    fn take(&mut self, frame: ServerFrame) {
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
                        // The server's question after that time is a sign of life; the rest is for the way.
                        self.silence =
                            Duration::from_millis(hello.heartbeat_ms.saturating_mul(2)).max(PATIENCE);
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
            // It is about a frame that the server could not read; this session writes none.
            self.events.push_back(Event::Frame(ServerFrame::Error(refusal)));
            return;
        };
        if refusal.temporary && self.outbox.again(id) {
            let delay = refusal.retry_after_ms.map_or(RETRY, Duration::from_millis);
            self.held_until = Some(Instant::now() + delay);
        } else if let Some(op) = self.outbox.settle(id) {
            self.events.push_back(Event::Refused { id, op, refusal });
        }
    }

    /// The connection is gone: begins again after a while, unless that would not help.
    fn lose(&mut self, error: Error) -> Result<(), Error> {
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
