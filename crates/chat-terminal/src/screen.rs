//! Full-screen mode. One loop owns the terminal, the stream session and the REST requests. Every input goes through
//! [`Model::update`], and the screen shows [`view::view`] of the model and nothing else.

mod editor;
mod layout;
mod model;
mod request;
mod rows;
mod style;
mod tty;
mod view;
mod viewport;
mod wrap;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use chat_client::link::Backoff;
use chat_client::v2::{Options, Session, TokenTransport};
use chat_client::{Client, new_key};
use chat_protocol::rest::User;
use crossterm::event::{Event as TtyEvent, EventStream};
use futures_util::{FutureExt, StreamExt};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use crate::ChatOptions;
use crate::clean::clean_name;
use crate::target::{self, Target};
use model::{Config, Effect, Input, Model};
use request::Completed;
use tty::Tty;

const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(20);
/// Operations that may wait in the session's outbox.
const OUTBOX: usize = 1024;
/// Operations that may be in flight at a time.
const WINDOW: usize = 32;
/// Completed REST requests that may wait for the main loop.
const COMPLETED: usize = 64;
/// Shortest time between two drawings of the screen.
const FRAME: Duration = Duration::from_millis(16);
const TICK: Duration = Duration::from_secs(1);
/// Upper bound for delivering unsent messages and drafts on exit.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs the screen until the person quits.
pub(crate) async fn run(client: Client, me: User, options: &ChatOptions) -> Result<ExitCode> {
    let pending = match (&options.to, &options.group) {
        (Some(name), _) => Some(target::find(&client, name).await?),
        (None, Some(group)) => {
            Some(target::find(&client, &format!("#{}", group.trim_start_matches('#'))).await?)
        }
        (None, None) => None,
    };
    let title = format!("{} · chatserver", clean_name(&me.username));
    let mut screen = Screen::new(client, me, pending, title)?;
    let ended = screen.chat().await;
    // Restores the terminal before the caller prints an error.
    drop(screen);
    ended.map(|()| ExitCode::SUCCESS)
}

struct Screen {
    title: String,
    tty: Tty,
    events: EventStream,
    session: Session,
    client: Arc<Client>,
    model: Model,
    completed: (Sender<Completed>, Receiver<Completed>),
    has_ended: bool,
}

impl Screen {
    fn new(client: Client, me: User, pending: Option<Target>, title: String) -> Result<Self> {
        let session = Session::new(Options {
            url: client.url().clone(),
            token: client.token().unwrap_or_default().to_owned(),
            transport: TokenTransport::Header,
            cursor: None,
            outbox: OUTBOX,
            window: WINDOW,
            backoff: Backoff::new(FIRST_DELAY, LONGEST_DELAY, getrandom::u64().unwrap_or_default()),
        });
        let server = client.url().authority().to_owned();
        let config = Config { me, server, zone: TimeZone::system(), new_key, pending };
        let size = crossterm::terminal::size().context("the terminal does not report its size")?;
        Ok(Self {
            tty: Tty::enter(&title)?,
            title,
            events: EventStream::new(),
            session,
            client: Arc::new(client),
            model: Model::new(config, size),
            completed: channel(COMPLETED),
            has_ended: false,
        })
    }

    async fn chat(&mut self) -> Result<()> {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut terminated = std::pin::pin!(terminated());
        let mut draw_at = Instant::now();
        let mut is_stale = true;
        while !self.has_ended {
            let input = tokio::select! {
                // Keys are polled first, so that the person can quit during a flood of messages.
                biased;
                () = &mut terminated => break,
                event = self.events.next() => {
                    let event = event.context("the terminal is gone")?;
                    input_of(event.context("the terminal is gone")?)
                }
                () = sleep_until(draw_at), if is_stale => {
                    self.tty.draw(|frame| view::view(&self.model, frame))?;
                    draw_at = Instant::now() + FRAME;
                    is_stale = false;
                    None
                }
                Some(completed) = self.completed.1.recv() => Some(Input::Completed(completed)),
                event = self.session.next() => {
                    let event = event.map_err(|error| anyhow!("{}", reason_of(&error)))?;
                    Some(Input::Stream(Box::new(event)))
                }
                _ = ticks.tick() => Some(Input::Tick),
            };
            if let Some(input) = input {
                self.update(input)?;
                is_stale = true;
            }
        }
        self.flush_before_exit().await;
        Ok(())
    }

    fn update(&mut self, input: Input) -> Result<()> {
        let mut effects = self.model.update(Timestamp::now(), input);
        while !effects.is_empty() {
            let mut not_submitted = Vec::new();
            for effect in effects {
                not_submitted.extend(self.carry_out(effect)?);
            }
            effects = not_submitted
                .into_iter()
                .flat_map(|op| self.model.update(Timestamp::now(), Input::OutboxFull(op)))
                .collect();
        }
        Ok(())
    }

    /// Carries out an effect. Returns its operation if the session's outbox is full.
    fn carry_out(&mut self, effect: Effect) -> Result<Option<chat_client::v2::Op>> {
        match effect {
            Effect::Submit(op) => {
                if self.session.submit(op.clone()).is_none() {
                    return Ok(Some(op));
                }
            }
            Effect::Request(request, generation) => {
                let (client, completed) = (self.client.clone(), self.completed.0.clone());
                tokio::spawn(async move {
                    let outcome = request::run(&client, request, generation).await;
                    // Fails only after the screen has ended, when the outcome is no longer needed.
                    let _ = completed.send(outcome).await;
                });
            }
            Effect::Ring => self.tty.ring()?,
            Effect::Redraw => self.tty.clear()?,
            Effect::Suspend => self.tty.suspend(&self.title)?,
            Effect::Quit => self.has_ended = true,
        }
        Ok(None)
    }

    /// Delivers what was typed just before quitting, as a message or as a draft. Waits at most [`EXIT_TIMEOUT`].
    async fn flush_before_exit(&mut self) {
        let flushed = async {
            self.update(Input::Leave)?;
            while self.model.is_online() && (self.session.n_waiting() > 0 || self.model.is_saving()) {
                let input = tokio::select! {
                    Some(completed) = self.completed.1.recv() => Input::Completed(completed),
                    event = self.session.next() => Input::Stream(Box::new(event?)),
                };
                self.update(input)?;
            }
            anyhow::Ok(())
        };
        // The process exits in any case, so an error or a timeout changes nothing.
        let _ = timeout(EXIT_TIMEOUT, flushed).await;
    }
}

fn input_of(event: TtyEvent) -> Option<Input> {
    match event {
        TtyEvent::Key(key) => Some(Input::Key(key)),
        TtyEvent::Paste(text) => Some(Input::Paste(text)),
        TtyEvent::Resize(width, height) => Some(Input::Resize(width, height)),
        TtyEvent::FocusGained => Some(Input::Focus(true)),
        TtyEvent::FocusLost => Some(Input::Focus(false)),
        TtyEvent::Mouse(_) => None,
    }
}

fn reason_of(error: &chat_client::Error) -> String {
    match chat_client::link::after_error(error) {
        chat_client::link::Verdict::GiveUp(why) => why,
        chat_client::link::Verdict::Again { why, .. } => why,
    }
}

/// Waits for SIGTERM or SIGINT. SIGHUP keeps its default action and ends the process: the terminal is gone, so there is
/// nothing to restore, and crossterm would read the end of its input forever and never return to this loop.
#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = async |kind: SignalKind| match signal(kind) {
        Ok(mut signals) => drop(signals.recv().await),
        // Without a handler the signal ends the process, which is its default action.
        Err(_) => std::future::pending().await,
    };
    futures_util::future::select_all([
        wait(SignalKind::terminate()).boxed_local(),
        wait(SignalKind::interrupt()).boxed_local(),
    ])
    .await;
}

#[cfg(not(unix))]
async fn terminated() {
    let _ = tokio::signal::ctrl_c().await;
}
