//! All that the screen knows, and what follows from what happens. Pure: it neither waits nor draws; what is to be done
//! outside is returned as effects.

mod answers;
mod commands;
mod deeds;
mod desk;
mod draft;
mod keys;
mod opening;
mod outgoing;
mod prompt;
mod rooms;
mod selecting;
mod settle;
mod stream;
mod threads;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chat_client::v2::{Event, Op, State};
use chat_protocol::rest::User;
use crossterm::event::KeyEvent;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::errand::{Answer, Errand};
use crate::clean::clean_name;
use crate::target::Target;

pub(crate) use commands::COMMANDS;
pub(crate) use desk::{Desk, Scroll, Window, Writing};
pub(crate) use keys::KEYS;
pub(crate) use outgoing::Outgoing;
pub(crate) use prompt::{Asking, Choice, Deed, Prompt};
pub(crate) use rooms::Count;

/// How long a notice stays, in milliseconds.
const NOTICE: i64 = 6_000;

/// What happens.
#[derive(Debug)]
pub(crate) enum Input {
    Key(KeyEvent),
    Paste(String),
    Resize(u16, u16),
    /// Whether somebody looks at this terminal, where it says so.
    Focus(bool),
    Stream(Box<Event>),
    Answer(Answer),
    /// The session had no room for a request.
    NotTaken(Op),
    /// Time has gone by.
    Tick,
    /// This is the end: what is to be kept goes to the server now.
    Leave,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    Ask(Op),
    Run(Errand, u64),
    Ring,
    Redraw,
    Suspend,
    Quit,
}

/// What is open: a conversation, a user with whom there is none yet, or a thread, by its conversation and the id of its
/// root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Room(i64),
    User(i64),
    Thread(i64, i64),
}

impl Place {
    /// The conversation, if it is one already.
    pub(crate) fn room(self) -> Option<i64> {
        match self {
            Self::Room(id) | Self::Thread(id, _) => Some(id),
            Self::User(_) => None,
        }
    }

    /// The entry of the list that it belongs to.
    pub(crate) fn entry(self) -> Self {
        match self {
            Self::Thread(id, _) => Self::Room(id),
            place => place,
        }
    }
}

/// What keys go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Focus {
    Composer,
    List,
    Messages,
}

/// The connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    Connecting,
    /// Connected, and still reading what was missed.
    CatchingUp,
    Online,
    /// Gone since then, in milliseconds, and tried again at.
    Offline {
        why: String,
        since: i64,
        until: i64,
    },
}

/// Something to tell the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) text: String,
    pub(crate) is_error: bool,
    until: i64,
}

/// What does not change while it runs.
#[derive(Debug, Clone)]
pub(crate) struct Circumstances {
    pub(crate) me: User,
    /// The server's address, for the status line.
    pub(crate) server: String,
    pub(crate) zone: TimeZone,
    /// Unlike any other run's: keys of messages begin so.
    pub(crate) name: String,
    /// What to open first.
    pub(crate) wish: Option<Target>,
}

/// All that is known.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) fixed: Circumstances,
    pub(crate) size: (u16, u16),
    pub(crate) now: Timestamp,
    pub(crate) state: State,
    names: BTreeMap<i64, String>,
    asked_names: BTreeSet<i64>,
    counts: BTreeMap<i64, Count>,
    desks: BTreeMap<Place, Desk>,
    pub(crate) place: Option<Place>,
    /// The conversation that the list's cursor is on.
    pub(crate) listed: Option<Place>,
    pub(crate) focus: Focus,
    pub(crate) prompt: Option<Prompt>,
    pub(crate) link: Link,
    pub(crate) outgoing: Vec<Outgoing>,
    n_sent: u64,
    typing: BTreeMap<(i64, i64), i64>,
    presence: BTreeMap<i64, Cow<'static, str>>,
    pub(crate) notice: Option<Notice>,
    pub(crate) shows_archived: bool,
    is_looked_at: bool,
    is_loaded: bool,
    is_leaving: bool,
    generation: u64,
    /// When the list is to be loaded, if it is.
    list_again_at: Option<i64>,
    told: settle::Told,
    effects: Vec<Effect>,
}

impl Model {
    pub(crate) fn new(fixed: Circumstances, size: (u16, u16)) -> Self {
        let names = BTreeMap::from([(fixed.me.id, clean_name(&fixed.me.username))]);
        Self {
            fixed,
            size,
            now: Timestamp::UNIX_EPOCH,
            state: State::default(),
            names,
            asked_names: BTreeSet::new(),
            counts: BTreeMap::new(),
            desks: BTreeMap::new(),
            place: None,
            listed: None,
            focus: Focus::Composer,
            prompt: None,
            link: Link::Connecting,
            outgoing: Vec::new(),
            n_sent: 0,
            typing: BTreeMap::new(),
            presence: BTreeMap::new(),
            notice: None,
            shows_archived: false,
            is_looked_at: true,
            is_loaded: false,
            is_leaving: false,
            generation: 0,
            list_again_at: None,
            told: settle::Told::default(),
            effects: Vec::new(),
        }
    }

    /// Takes in what happened and says what is to be done.
    pub(crate) fn update(&mut self, now: Timestamp, input: Input) -> Vec<Effect> {
        self.now = now;
        match input {
            Input::Key(key) => self.press(key),
            Input::Paste(text) => self.paste(&text),
            Input::Resize(width, height) => self.size = (width, height),
            Input::Focus(is_looked_at) => self.is_looked_at = is_looked_at,
            Input::Stream(event) => self.hear(*event),
            Input::Answer(answer) => self.answered(answer),
            Input::NotTaken(op) => self.not_taken(op),
            Input::Tick => {}
            Input::Leave => self.is_leaving = true,
        }
        self.forget_what_is_over();
        self.settle();
        std::mem::take(&mut self.effects)
    }

    pub(crate) fn me(&self) -> i64 {
        self.fixed.me.id
    }

    /// Milliseconds since 1970.
    pub(crate) fn millis(&self) -> i64 {
        self.now.as_millisecond()
    }

    /// A user's name, made harmless; the number until it is known.
    pub(crate) fn name(&self, user: i64) -> Cow<'_, str> {
        match self.names.get(&user) {
            Some(name) => name.into(),
            None => format!("user {user}").into(),
        }
    }

    /// What is open and how far one is with it.
    pub(crate) fn desk(&self) -> Option<&Desk> {
        self.desks.get(&self.place?)
    }

    fn desk_mut(&mut self) -> Option<&mut Desk> {
        self.desks.get_mut(&self.place?)
    }

    /// The open conversation, if it is one already.
    pub(crate) fn room_id(&self) -> Option<i64> {
        self.place?.room()
    }

    pub(crate) fn presence(&self, user: i64) -> &str {
        self.presence.get(&user).map_or("", |status| status.as_ref())
    }

    /// Who else is typing there.
    pub(crate) fn typists(&self, conversation: i64) -> impl Iterator<Item = i64> {
        self.typing.range((conversation, 0)..=(conversation, i64::MAX)).map(|((_, user), _)| *user)
    }

    fn learn_name(&mut self, id: i64, name: &str) {
        self.names.insert(id, clean_name(name));
    }

    fn ask(&mut self, op: Op) {
        self.effects.push(Effect::Ask(op));
    }

    fn run(&mut self, errand: Errand) {
        self.effects.push(Effect::Run(errand, self.generation));
    }

    fn tell(&mut self, text: impl Into<String>) {
        self.note(text.into(), false);
    }

    fn complain(&mut self, text: impl Into<String>) {
        self.note(text.into(), true);
    }

    fn note(&mut self, text: String, is_error: bool) {
        let text = crate::clean::clean(&text);
        self.notice = Some(Notice { text, is_error, until: self.millis() + NOTICE });
    }

    fn forget_what_is_over(&mut self) {
        let now = self.millis();
        self.typing.retain(|_, until| *until > now);
        self.notice.take_if(|notice| notice.until <= now);
    }
}

#[cfg(test)]
pub(crate) mod tests;
