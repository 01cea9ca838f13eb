//! The conversation: lines in, messages out, over one stream after another until there is nothing left to do.
//!
//! Every line is settled before the next one is read, so that a refusal stands right below what was refused, and a
//! pipe never runs ahead of the server.

mod send;
mod show;

use std::time::Duration;

use anyhow::anyhow;
use chat_client::link::{self, Backoff, Verdict};
use chat_client::{Received, Stream};
use chat_protocol::v1::{ErrorFrame, MessageFrame};
use jiff::tz::TimeZone;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::command::{self, Command};
use super::display;
use super::names::{Names, Recipient};
use super::outbox::Outbox;
use super::seen::Seen;
use crate::clean::{clean, escape};
use crate::{DEADLINE, print_line};

/// After so long without a word the connection is tried, because a broken one says nothing either.
const SILENCE: Duration = Duration::from_secs(30);
const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// Longer than this nobody waits for a limit.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How a session behaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Keep listening when the input has ended.
    pub(super) follow: bool,
    /// Print frames as they come.
    pub(super) json: bool,
}

/// One user's session.
pub(super) struct Session {
    names: Names,
    recipient: Option<Recipient>,
    manner: Manner,
    input: Receiver<String>,
    has_input_ended: bool,
    /// When to stop waiting for echoes, once there is no more input.
    ends_at: Option<Instant>,
    outbox: Outbox,
    seen: Seen,
    zone: TimeZone,
    /// Whether something that was asked for could not be done.
    has_failed: bool,
    /// After how long the server takes what was too much for now.
    held_for: Option<Duration>,
}

/// What ends the conversation over one stream.
enum Stop {
    Done,
    Lost(Verdict),
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<chat_client::Error> for Stop {
    fn from(error: chat_client::Error) -> Self {
        Self::Lost(link::after_error(&error))
    }
}

/// What the session waited for.
enum Happened {
    Received(Result<Received, chat_client::Error>),
    Line(Option<String>),
    Silence,
    TimeIsUp,
}

impl Session {
    pub(super) fn new(
        names: Names,
        recipient: Option<Recipient>,
        manner: Manner,
        input: Receiver<String>,
    ) -> Self {
        Self {
            names,
            recipient,
            manner,
            input,
            has_input_ended: false,
            ends_at: None,
            outbox: Outbox::default(),
            seen: Seen::default(),
            zone: TimeZone::system(),
            has_failed: false,
            held_for: None,
        }
    }

    /// Chats to the end, over as many connections as it takes; `true`: all that was asked for was done.
    pub(super) async fn run(mut self) -> anyhow::Result<bool> {
        // Without randomness the delays are only less spread.
        let seed = getrandom::u64().unwrap_or_default();
        let mut backoff = Backoff::new(FIRST_DELAY, LONGEST_DELAY, seed);
        self.announce_recipient().await;
        loop {
            let stop = match self.connect().await {
                Ok(mut stream) => {
                    backoff.reset();
                    let stop = self.converse(&mut stream).await;
                    // Whether the goodbye arrives changes nothing.
                    let _ = stream.close().await;
                    stop
                }
                Err(stop) => stop,
            };
            match stop {
                Stop::Done => return Ok(!self.has_failed),
                Stop::Failed(error) => return Err(error),
                Stop::Lost(_) if self.is_done() => return Ok(!self.has_failed),
                Stop::Lost(Verdict::GiveUp(why)) => return Err(anyhow!(why)),
                Stop::Lost(Verdict::Again { why, delay }) => self.pause(&why, delay, &mut backoff).await?,
            }
        }
    }

    async fn connect(&self) -> Result<Stream, Stop> {
        let client = &self.names.client;
        let connecting = Stream::connect(client.url(), client.token().unwrap_or_default());
        let connected = timeout(DEADLINE, connecting).await;
        Ok(connected.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))?)
    }

    async fn pause(&self, why: &str, delay: Option<Duration>, backoff: &mut Backoff) -> anyhow::Result<()> {
        let delay = delay.unwrap_or_else(|| backoff.next_delay());
        display::notice(&format!("{}; connecting again in {:.1} s", clean(why), delay.as_secs_f32()));
        let wakes_at = Instant::now() + delay;
        if self.ends_at.is_some_and(|ends_at| ends_at < wakes_at) {
            return Err(self.unconfirmed());
        }
        sleep_until(wakes_at).await;
        Ok(())
    }

    async fn converse(&mut self, stream: &mut Stream) -> Stop {
        if let Err(stop) = self.begin(stream).await {
            return stop;
        }
        loop {
            if self.is_done() {
                return self.leave(stream).await;
            }
            let done = match self.wait(stream).await {
                Happened::Received(Ok(received)) => self.take(received).await.map(drop),
                Happened::Received(Err(error)) => Err(error.into()),
                Happened::Line(Some(line)) => self.obey(stream, &line).await,
                Happened::Line(None) => {
                    self.input_ended();
                    Ok(())
                }
                Happened::Silence => self.settle(stream).await.map(drop),
                Happened::TimeIsUp => Err(self.unconfirmed().into()),
            };
            if let Err(stop) = done {
                return stop;
            }
        }
    }

    /// The server settles nothing before it has given what was missed, so that comes first, and so does what is owed
    /// to the server from an earlier connection.
    async fn begin(&mut self, stream: &mut Stream) -> Result<(), Stop> {
        self.settle(stream).await?;
        self.send_again(stream).await
    }

    /// The server asks for a confirmation right behind each message, so what was shown is confirmed before the
    /// goodbye, and does not come again next time.
    async fn leave(&mut self, stream: &mut Stream) -> Stop {
        match self.settle(stream).await {
            Ok(_) | Err(Stop::Lost(_)) => Stop::Done,
            Err(stop) => stop,
        }
    }

    async fn wait(&mut self, stream: &mut Stream) -> Happened {
        let time_is_up = async {
            match self.ends_at {
                Some(ends_at) => sleep_until(ends_at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            received = stream.next() => Happened::Received(received),
            line = self.input.recv(), if !self.has_input_ended => Happened::Line(line),
            () = time_is_up => Happened::TimeIsUp,
            () = sleep(SILENCE) => Happened::Silence,
        }
    }

    fn input_ended(&mut self) {
        self.has_input_ended = true;
        if !self.manner.follow {
            self.ends_at = Some(Instant::now() + DEADLINE);
        }
    }

    fn is_done(&self) -> bool {
        self.ends_at.is_some() && self.outbox.len() == 0
    }

    fn complain(&mut self, why: &str) {
        self.has_failed = true;
        display::error(&clean(why));
    }

    fn unconfirmed(&self) -> anyhow::Error {
        anyhow!("the server did not confirm {} of the messages that were sent", self.outbox.len())
    }

    async fn obey(&mut self, stream: &mut Stream, line: &str) -> Result<(), Stop> {
        match command::parse(line) {
            Command::Nothing => Ok(()),
            Command::Say(text) => self.say(stream, &text, "").await,
            Command::Image { url, text } => self.say(stream, &text, &url).await,
            Command::Raw(line, frame) => self.send_raw(stream, &line, &frame).await,
            Command::Typing => self.tell_typing(stream).await,
            Command::To(name) => {
                let chosen = self.names.user_named(&name).await;
                self.choose(chosen).await;
                Ok(())
            }
            Command::Group(name) => {
                let chosen = self.names.group_named(&name).await;
                self.choose(chosen).await;
                Ok(())
            }
            Command::History(n) => Ok(self.show_history(n).await?),
            Command::Users(prefix) => Ok(self.list_users(&prefix).await?),
            Command::Groups => Ok(self.list_groups().await?),
            Command::Help => Ok(print_line(command::HELP)?),
            Command::Quit => {
                self.manner.follow = false;
                self.input_ended();
                Ok(())
            }
            Command::Wrong(why) => {
                self.complain(&why);
                Ok(())
            }
        }
    }

    async fn choose(&mut self, chosen: anyhow::Result<Recipient>) {
        match chosen {
            Ok(recipient) => {
                self.recipient = Some(recipient);
                self.announce_recipient().await;
            }
            Err(error) => self.complain(&format!("{error:#}")),
        }
    }

    async fn announce_recipient(&mut self) {
        if let Some(recipient) = self.recipient {
            let name = self.names.of(recipient).await;
            display::notice(&format!("writing to {}", clean(&name)));
        }
    }

    /// The recipient; without one the person is told how to choose.
    fn recipient(&mut self) -> Option<Recipient> {
        if self.recipient.is_none() {
            self.complain("choose a recipient first: /to NAME or /group NAME");
        }
        self.recipient
    }

    /// Shows what came; `true`: it is a refusal.
    async fn take(&mut self, received: Received) -> Result<bool, Stop> {
        let text = match received {
            Received::Text(text) => text,
            Received::Closed { code, reason } => return Err(Stop::Lost(link::after_close(code, &reason))),
        };
        if self.manner.json {
            print_line(&escape(&text))?;
        }
        if let Ok(frame) = serde_json::from_str::<MessageFrame>(&text) {
            self.show_frame(&frame).await?;
        } else if let Ok(ErrorFrame { error, code, retry_after_ms, .. }) = serde_json::from_str(&text) {
            self.held_for = retry_after_ms.map(Duration::from_millis).filter(|wait| *wait <= LONGEST_WAIT);
            if self.held_for.is_some() {
                return Ok(true);
            }
            self.has_failed = true;
            if !self.manner.json {
                display::error(&clean(&format!("{error} ({code})")));
            }
            return Ok(true);
        } else if !self.manner.json {
            // A newer server may send what this client doesn't know.
            print_line(&clean(&text))?;
        }
        Ok(false)
    }
}
