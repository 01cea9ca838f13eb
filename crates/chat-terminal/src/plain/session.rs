//! The session of line mode: reads lines, prints messages, and reconnects until there is nothing left to do.
//!
//! The server's response to a line is awaited before the next line is read. So a refusal appears right below the line
//! that it refers to, and a pipe never runs ahead of the server.

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

/// After this time without a frame the connection is tested with a ping, because a broken one is silent too.
const SILENCE: Duration = Duration::from_secs(30);
const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// Longest delay to wait for after a rate limit. A longer one counts as a refusal.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Options of a session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode {
    /// Keep printing messages after the input ends.
    pub(super) follow: bool,
    /// Print the server's frames as JSON, one per line.
    pub(super) json: bool,
}

/// One user's session.
pub(super) struct Session {
    names: Names,
    recipient: Option<Recipient>,
    mode: Mode,
    input: Receiver<String>,
    has_input_ended: bool,
    /// When to stop waiting for echoes. `None` until the input has ended.
    ends_at: Option<Instant>,
    outbox: Outbox,
    seen: Seen,
    zone: TimeZone,
    /// Whether a line could not be carried out.
    has_failed: bool,
    /// Delay that the last rate limit asked for.
    retry_after: Option<Duration>,
}

/// Why the session over one stream ended.
enum Stop {
    Done,
    /// The connection broke.
    Lost(Verdict),
    /// An error that ends the whole session.
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

/// Something that the session waits for.
enum Event {
    Received(Result<Received, chat_client::Error>),
    /// A line of input; `None` at its end.
    Line(Option<String>),
    /// Nothing happened for [`SILENCE`].
    Silence,
    /// The time to wait for echoes is over.
    TimeIsUp,
}

impl Session {
    pub(super) fn new(
        names: Names,
        recipient: Option<Recipient>,
        mode: Mode,
        input: Receiver<String>,
    ) -> Self {
        Self {
            names,
            recipient,
            mode,
            input,
            has_input_ended: false,
            ends_at: None,
            outbox: Outbox::default(),
            seen: Seen::default(),
            zone: TimeZone::system(),
            has_failed: false,
            retry_after: None,
        }
    }

    /// Chats to the end, over as many connections as necessary. Returns whether every line could be carried out.
    pub(super) async fn run(mut self) -> anyhow::Result<bool> {
        // Without randomness the delays only lack jitter.
        let seed = getrandom::u64().unwrap_or_default();
        let mut backoff = Backoff::new(FIRST_DELAY, LONGEST_DELAY, seed);
        self.announce_recipient().await;
        loop {
            let stop = match self.connect().await {
                Ok(mut stream) => {
                    backoff.reset();
                    let stop = self.run_stream(&mut stream).await;
                    // The connection ends in any case, so an error changes nothing.
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

    async fn run_stream(&mut self, stream: &mut Stream) -> Stop {
        if let Err(stop) = self.begin(stream).await {
            return stop;
        }
        loop {
            if self.is_done() {
                return self.leave(stream).await;
            }
            let done = match self.wait(stream).await {
                Event::Received(Ok(received)) => self.handle_received(received).await.map(drop),
                Event::Received(Err(error)) => Err(error.into()),
                Event::Line(Some(line)) => self.run_command(stream, &line).await,
                Event::Line(None) => {
                    self.input_ended();
                    Ok(())
                }
                Event::Silence => self.settle(stream).await.map(drop),
                Event::TimeIsUp => Err(self.unconfirmed().into()),
            };
            if let Err(stop) = done {
                return stop;
            }
        }
    }

    /// Receives the missed messages and then resends messages of the earlier connection, both before any new line. The
    /// server answers the ping only after it has sent the missed messages.
    async fn begin(&mut self, stream: &mut Stream) -> Result<(), Stop> {
        self.settle(stream).await?;
        self.send_again(stream).await
    }

    /// Ends the session cleanly. The server asks for a confirmation right after each message, so waiting once more
    /// confirms everything that was shown, and the server does not send it again next time.
    async fn leave(&mut self, stream: &mut Stream) -> Stop {
        match self.settle(stream).await {
            Ok(_) | Err(Stop::Lost(_)) => Stop::Done,
            Err(stop) => stop,
        }
    }

    async fn wait(&mut self, stream: &mut Stream) -> Event {
        let time_is_up = async {
            match self.ends_at {
                Some(ends_at) => sleep_until(ends_at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            received = stream.next() => Event::Received(received),
            line = self.input.recv(), if !self.has_input_ended => Event::Line(line),
            () = time_is_up => Event::TimeIsUp,
            () = sleep(SILENCE) => Event::Silence,
        }
    }

    fn input_ended(&mut self) {
        self.has_input_ended = true;
        if !self.mode.follow {
            self.ends_at = Some(Instant::now() + DEADLINE);
        }
    }

    fn is_done(&self) -> bool {
        self.ends_at.is_some() && self.outbox.len() == 0
    }

    fn report_error(&mut self, why: &str) {
        self.has_failed = true;
        display::error(&clean(why));
    }

    fn unconfirmed(&self) -> anyhow::Error {
        anyhow!("the server did not confirm {} of the messages that were sent", self.outbox.len())
    }

    async fn run_command(&mut self, stream: &mut Stream, line: &str) -> Result<(), Stop> {
        match command::parse(line) {
            Command::Empty => Ok(()),
            Command::Send(text) => self.send_text(stream, &text, "").await,
            Command::Image { url, text } => self.send_text(stream, &text, &url).await,
            Command::Raw(line, frame) => self.send_raw(stream, &line, &frame).await,
            Command::Typing => self.send_typing(stream).await,
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
                self.mode.follow = false;
                self.input_ended();
                Ok(())
            }
            Command::Invalid(why) => {
                self.report_error(&why);
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
            Err(error) => self.report_error(&format!("{error:#}")),
        }
    }

    async fn announce_recipient(&mut self) {
        if let Some(recipient) = self.recipient {
            let name = self.names.of(recipient).await;
            display::notice(&format!("writing to {}", clean(&name)));
        }
    }

    /// The recipient. Reports how to choose one if there is none.
    fn recipient(&mut self) -> Option<Recipient> {
        if self.recipient.is_none() {
            self.report_error("choose a recipient first: /to NAME or /group NAME");
        }
        self.recipient
    }

    /// Prints what the server sent. Returns whether it is a refusal.
    async fn handle_received(&mut self, received: Received) -> Result<bool, Stop> {
        let text = match received {
            Received::Text(text) => text,
            Received::Closed { code, reason } => return Err(Stop::Lost(link::after_close(code, &reason))),
        };
        if self.mode.json {
            print_line(&escape(&text))?;
        }
        if let Ok(frame) = serde_json::from_str::<MessageFrame>(&text) {
            self.show_frame(&frame).await?;
        } else if let Ok(ErrorFrame { error, code, retry_after_ms, .. }) = serde_json::from_str(&text) {
            self.retry_after = retry_after_ms.map(Duration::from_millis).filter(|wait| *wait <= LONGEST_WAIT);
            if self.retry_after.is_some() {
                return Ok(true);
            }
            self.has_failed = true;
            if !self.mode.json {
                display::error(&clean(&format!("{error} ({code})")));
            }
            return Ok(true);
        } else if !self.mode.json {
            // A newer server may send frames that this client does not know.
            print_line(&clean(&text))?;
        }
        Ok(false)
    }
}
