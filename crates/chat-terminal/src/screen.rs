//! The full screen. One loop owns the terminal, the stream and the errands; everything that happens goes through
//! [`Model::update`], and what is seen is [`view::view`] of the model and nothing else.

mod editor;
mod errand;
mod layout;
mod model;
mod rows;
mod style;
mod tty;
mod view;
mod walk;
mod wrap;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use chat_client::Client;
use chat_client::link::Backoff;
use chat_client::v2::{Options, Session, Way};
use chat_protocol::rest::User;
use crossterm::event::{Event as TtyEvent, EventStream};
use futures_util::{FutureExt, StreamExt};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use crate::ChatOptions;
use crate::clean::clean_name;
use crate::send::random_key;
use crate::target::{self, Target};
use errand::Answer;
use model::{Circumstances, Effect, Input, Model};
use tty::Tty;

const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(20);
/// Requests that may wait for a server that is not there.
const OUTBOX: usize = 1024;
const WINDOW: usize = 32;
/// Answers that may wait to be taken in.
const ANSWERS: usize = 64;
/// A screen that changes all the time is drawn no more often than this.
const FRAME: Duration = Duration::from_millis(16);
const TICK: Duration = Duration::from_secs(1);
/// How long leaving waits for what was just sent.
const GOODBYE: Duration = Duration::from_secs(2);

/// Chats until the person leaves.
pub(crate) async fn run(client: Client, me: User, options: &ChatOptions) -> Result<ExitCode> {
    let wish = match (&options.to, &options.group) {
        (Some(name), _) => Some(target::find(&client, name).await?),
        (None, Some(group)) => {
            Some(target::find(&client, &format!("#{}", group.trim_start_matches('#'))).await?)
        }
        (None, None) => None,
    };
    let title = format!("{} · chatserver", clean_name(&me.username));
    let mut screen = Screen::new(client, me, wish, title)?;
    let ended = screen.chat().await;
    // The terminal is the shell's again before anything is said.
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
    answers: (Sender<Answer>, Receiver<Answer>),
    has_ended: bool,
}

impl Screen {
    fn new(client: Client, me: User, wish: Option<Target>, title: String) -> Result<Self> {
        let name = random_key()?;
        let session = Session::new(Options {
            url: client.url().clone(),
            token: client.token().unwrap_or_default().to_owned(),
            way: Way::Header,
            cursor: None,
            name: name.clone(),
            outbox: OUTBOX,
            window: WINDOW,
            backoff: Backoff::new(FIRST_DELAY, LONGEST_DELAY, getrandom::u64().unwrap_or_default()),
        });
        let server = client.url().authority().to_owned();
        let fixed = Circumstances { me, server, zone: TimeZone::system(), name, wish };
        let size = crossterm::terminal::size().context("the terminal does not report its size")?;
        Ok(Self {
            tty: Tty::take(&title)?,
            title,
            events: EventStream::new(),
            session,
            client: Arc::new(client),
            model: Model::new(fixed, size),
            answers: channel(ANSWERS),
            has_ended: false,
        })
    }

    async fn chat(&mut self) -> Result<()> {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ended = std::pin::pin!(ended());
        let mut draw_at = Instant::now();
        let mut is_stale = true;
        while !self.has_ended {
            let input = tokio::select! {
                // Keys first, so that a flood of messages keeps nobody from leaving.
                biased;
                () = &mut ended => break,
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
                Some(answer) = self.answers.1.recv() => Some(Input::Answer(answer)),
                event = self.session.next() => {
                    let event = event.map_err(|error| anyhow!("{}", given_up(&error)))?;
                    Some(Input::Stream(Box::new(event)))
                }
                _ = ticks.tick() => Some(Input::Tick),
            };
            if let Some(input) = input {
                self.take(input)?;
                is_stale = true;
            }
        }
        self.say_goodbye().await;
        Ok(())
    }

    fn take(&mut self, input: Input) -> Result<()> {
        let mut effects = self.model.update(Timestamp::now(), input);
        while !effects.is_empty() {
            let mut refused = Vec::new();
            for effect in effects {
                refused.extend(self.carry_out(effect)?);
            }
            effects = refused
                .into_iter()
                .flat_map(|op| self.model.update(Timestamp::now(), Input::NotTaken(op)))
                .collect();
        }
        Ok(())
    }

    /// Does what the model wants; gives back a request for which there was no room.
    fn carry_out(&mut self, effect: Effect) -> Result<Option<chat_client::v2::Op>> {
        match effect {
            Effect::Ask(op) => {
                if self.session.submit(op.clone()).is_none() {
                    return Ok(Some(op));
                }
            }
            Effect::Run(errand, generation) => {
                let (client, answers) = (self.client.clone(), self.answers.0.clone());
                tokio::spawn(async move {
                    let answer = errand::run(&client, errand, generation).await;
                    // Nobody waits for it any more once the screen is gone.
                    let _ = answers.send(answer).await;
                });
            }
            Effect::Ring => self.tty.ring()?,
            Effect::Redraw => self.tty.clear()?,
            Effect::Suspend => self.tty.suspend(&self.title)?,
            Effect::Quit => self.has_ended = true,
        }
        Ok(None)
    }

    /// What was typed just before leaving is on its way, sent or as a draft, and is waited for a little.
    async fn say_goodbye(&mut self) {
        let settled = async {
            self.take(Input::Leave)?;
            while self.model.is_online() && (self.session.n_waiting() > 0 || self.model.is_saving()) {
                let input = tokio::select! {
                    Some(answer) = self.answers.1.recv() => Input::Answer(answer),
                    event = self.session.next() => Input::Stream(Box::new(event?)),
                };
                self.take(input)?;
            }
            anyhow::Ok(())
        };
        // Whatever kept it from reaching the server, nobody waits for it any longer.
        let _ = timeout(GOODBYE, settled).await;
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

fn given_up(error: &chat_client::Error) -> String {
    match chat_client::link::after_error(error) {
        chat_client::link::Verdict::GiveUp(why) => why,
        chat_client::link::Verdict::Again { why, .. } => why,
    }
}

/// Waits until this process is asked to end. That its terminal is gone (SIGHUP) ends it by itself: there is nothing to
/// give back, and crossterm would read the end of its input for ever and never come back here.
#[cfg(unix)]
async fn ended() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = async |kind: SignalKind| match signal(kind) {
        Ok(mut signals) => drop(signals.recv().await),
        // Without a handler the system ends the process, as it does any other.
        Err(_) => std::future::pending().await,
    };
    futures_util::future::select_all([
        wait(SignalKind::terminate()).boxed_local(),
        wait(SignalKind::interrupt()).boxed_local(),
    ])
    .await;
}

#[cfg(not(unix))]
async fn ended() {
    let _ = tokio::signal::ctrl_c().await;
}
