//! The state of the screen and its transitions. Pure: it neither waits nor draws, and returns work for the outside as
//! [`Effect`]s.

mod actions;
mod commands;
mod draft;
mod keys;
mod opening;
mod outgoing;
mod pane;
mod prompt;
mod reconcile;
mod responses;
mod rooms;
mod selecting;
mod stream;
mod threads;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chat_client::v2::{Event, Op, State};
use chat_protocol::rest::User;
use crossterm::event::KeyEvent;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::request::{Completed, Request};
use crate::clean::clean_name;
use crate::target::Target;

pub(crate) use commands::COMMANDS;
pub(crate) use keys::KEYS;
pub(crate) use outgoing::Outgoing;
pub(crate) use pane::{Pane, Scroll, Window, Writing};
pub(crate) use prompt::{Action, Choice, Prompt, PromptKind};
pub(crate) use rooms::Count;

/// How long a notice stays on the screen, in milliseconds.
const NOTICE: i64 = 6_000;

/// An event that the model reacts to.
#[derive(Debug)]
pub(crate) enum Input {
    Key(KeyEvent),
    Paste(String),
    Resize(u16, u16),
    /// Whether the terminal has the focus. Not every terminal reports it.
    Focus(bool),
    Stream(Box<Event>),
    Completed(Completed),
    /// An operation that was not submitted because the session's outbox is full.
    OutboxFull(Op),
    /// Sent once a second.
    Tick,
    /// The person quits: drafts go to the server now.
    Leave,
}

/// Work for the caller of [`Model::update`].
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// Submit an operation to the stream session.
    Submit(Op),
    /// Run a REST request. The number is the model's generation and comes back in [`Completed`].
    Request(Request, u64),
    /// Ring the terminal's bell.
    Ring,
    Redraw,
    Suspend,
    Quit,
}

/// What can be open: a conversation, a user who has no conversation with this user yet, or a thread (its conversation
/// and the id of its root).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Chat {
    Room(i64),
    User(i64),
    Thread(i64, i64),
}

impl Chat {
    /// Id of the conversation; `None` if there is none yet.
    pub(crate) fn room(self) -> Option<i64> {
        match self {
            Self::Room(id) | Self::Thread(id, _) => Some(id),
            Self::User(_) => None,
        }
    }

    /// The entry of the list that it belongs to: for a thread, its conversation.
    pub(crate) fn entry(self) -> Self {
        match self {
            Self::Thread(id, _) => Self::Room(id),
            chat => chat,
        }
    }
}

/// The part of the screen that receives keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Focus {
    Composer,
    List,
    Messages,
}

/// State of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    Connecting,
    /// Connected, and still receiving missed events.
    CatchingUp,
    Online,
    /// Disconnected since `since`; the next attempt is at `until`. Both in milliseconds since 1970.
    Offline {
        why: String,
        since: i64,
        until: i64,
    },
}

/// A notice to the person, shown in the status line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) text: String,
    pub(crate) is_error: bool,
    /// When it disappears, in milliseconds since 1970.
    until: i64,
}

/// What the screen is started with.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) me: User,
    /// The server's address, for the status line.
    pub(crate) server: String,
    pub(crate) zone: TimeZone,
    /// Makes the `client_msg_id` of a message.
    pub(crate) new_key: fn() -> String,
    /// What to open as soon as it is known: the target on the command line, or a group that was just created.
    pub(crate) pending: Option<Target>,
}

/// The state of the whole screen.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) config: Config,
    pub(crate) size: (u16, u16),
    pub(crate) now: Timestamp,
    pub(crate) state: State,
    names: BTreeMap<i64, String>,
    requested_names: BTreeSet<i64>,
    counts: BTreeMap<i64, Count>,
    panes: BTreeMap<Chat, Pane>,
    pub(crate) chat: Option<Chat>,
    /// The entry that the list's cursor is on.
    pub(crate) listed: Option<Chat>,
    pub(crate) focus: Focus,
    pub(crate) prompt: Option<Prompt>,
    pub(crate) link: Link,
    pub(crate) outgoing: Vec<Outgoing>,
    /// When each typing signal expires, in milliseconds since 1970, by conversation and user.
    typing: BTreeMap<(i64, i64), i64>,
    presence: BTreeMap<i64, Cow<'static, str>>,
    pub(crate) notice: Option<Notice>,
    pub(crate) shows_archived: bool,
    has_focus: bool,
    /// Whether all conversations have been loaded.
    is_loaded: bool,
    is_leaving: bool,
    /// Number of full reloads. Responses to requests of an earlier generation are dropped.
    generation: u64,
    /// When to load the list again, in milliseconds since 1970; `None` if there is no need.
    list_again_at: Option<i64>,
    reported: reconcile::Reported,
    effects: Vec<Effect>,
}

impl Model {
    pub(crate) fn new(config: Config, size: (u16, u16)) -> Self {
        let names = BTreeMap::from([(config.me.id, clean_name(&config.me.username))]);
        Self {
            config,
            size,
            now: Timestamp::UNIX_EPOCH,
            state: State::default(),
            names,
            requested_names: BTreeSet::new(),
            counts: BTreeMap::new(),
            panes: BTreeMap::new(),
            chat: None,
            listed: None,
            focus: Focus::Composer,
            prompt: None,
            link: Link::Connecting,
            outgoing: Vec::new(),
            typing: BTreeMap::new(),
            presence: BTreeMap::new(),
            notice: None,
            shows_archived: false,
            has_focus: true,
            is_loaded: false,
            is_leaving: false,
            generation: 0,
            list_again_at: None,
            reported: reconcile::Reported::default(),
            effects: Vec::new(),
        }
    }

    /// Applies an input and returns the work that follows from it.
    pub(crate) fn update(&mut self, now: Timestamp, input: Input) -> Vec<Effect> {
        self.now = now;
        match input {
            Input::Key(key) => self.press(key),
            Input::Paste(text) => self.paste(&text),
            Input::Resize(width, height) => self.size = (width, height),
            Input::Focus(has_focus) => self.has_focus = has_focus,
            Input::Stream(event) => self.handle_event(*event),
            Input::Completed(completed) => self.handle_completed(completed),
            Input::OutboxFull(op) => self.outbox_full(op),
            Input::Tick => {}
            Input::Leave => self.is_leaving = true,
        }
        self.expire();
        self.reconcile();
        std::mem::take(&mut self.effects)
    }

    pub(crate) fn me(&self) -> i64 {
        self.config.me.id
    }

    /// Milliseconds since 1970.
    pub(crate) fn millis(&self) -> i64 {
        self.now.as_millisecond()
    }

    /// A user's name, cleaned for the terminal; `user ID` until it is known.
    pub(crate) fn name(&self, user: i64) -> Cow<'_, str> {
        match self.names.get(&user) {
            Some(name) => name.into(),
            None => format!("user {user}").into(),
        }
    }

    /// State of what is open.
    pub(crate) fn pane(&self) -> Option<&Pane> {
        self.panes.get(&self.chat?)
    }

    fn pane_mut(&mut self) -> Option<&mut Pane> {
        self.panes.get_mut(&self.chat?)
    }

    /// Id of the open conversation; `None` if nothing is open or there is no conversation yet.
    pub(crate) fn room_id(&self) -> Option<i64> {
        self.chat?.room()
    }

    pub(crate) fn presence(&self, user: i64) -> &str {
        self.presence.get(&user).map_or("", |status| status.as_ref())
    }

    /// Ids of the other users who are typing in a conversation.
    pub(crate) fn typists(&self, conversation: i64) -> impl Iterator<Item = i64> {
        self.typing.range((conversation, 0)..=(conversation, i64::MAX)).map(|((_, user), _)| *user)
    }

    fn learn_name(&mut self, id: i64, name: &str) {
        self.names.insert(id, clean_name(name));
    }

    fn submit_op(&mut self, op: Op) {
        self.effects.push(Effect::Submit(op));
    }

    fn send_request(&mut self, request: Request) {
        self.effects.push(Effect::Request(request, self.generation));
    }

    fn notify(&mut self, text: impl Into<String>) {
        self.show_notice(text.into(), false);
    }

    fn notify_error(&mut self, text: impl Into<String>) {
        self.show_notice(text.into(), true);
    }

    fn show_notice(&mut self, text: String, is_error: bool) {
        let text = crate::clean::clean(&text);
        self.notice = Some(Notice { text, is_error, until: self.millis() + NOTICE });
    }

    /// Removes expired typing signals and notices.
    fn expire(&mut self) {
        let now = self.millis();
        self.typing.retain(|_, until| *until > now);
        self.notice.take_if(|notice| notice.until <= now);
    }
}

#[cfg(test)]
pub(crate) mod tests;
