//! How the link to NATS stands, and who is told: the relay of every change, the operator once of each reason why there is
//! no news and once when there is again. A link counts as up only when the server has let us say and hear everything:
//! one that may publish nothing looks alive and loses all. No socket in here.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chat_relay::Inbox;
use tokio::sync::Notify;

use crate::refusal::{self, Refusal};

/// A server that has neither answered nor refused anything by then lets us say and hear everything: where somebody listens
/// to all that is said, it does not answer (`inquiry.rs`).
const SETTLES: Duration = Duration::from_millis(500);
/// How soon what was refused is asked for again; rights are changed while servers run.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// As many subjects that were refused are asked for again; one that still is suffices.
const MAX_REFUSED: usize = 16;

/// Where we are with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There is no connection.
    Down,
    /// There is one since then, and what may not be said or heard over it is still to be told.
    Asking(Instant),
    /// News travels.
    Up,
    /// Something may not be said or heard, as was found then.
    Forbidden(Instant),
}

struct State {
    phase: Phase,
    /// Reasons of which the operator was told since news travelled last.
    told: BTreeSet<String>,
    /// What was refused since news travelled last. It may be of a kind of which others are allowed, so that asking for one
    /// of each kind does not do.
    refused: BTreeSet<Refusal>,
    /// The connection was found to be otherwise than was told when it was looked at last.
    seems_otherwise: bool,
}

/// What has to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NextStep {
    Nothing,
    /// Say something on every kind of subject, to find out whether that is allowed.
    Ask,
    /// Connect anew, to ask for what was refused.
    Reconnect,
}

/// The link, as it was told last.
pub(crate) struct Standing {
    inbox: Inbox,
    is_up: AtomicBool,
    /// Whether no other node listened when everything was asked for last.
    is_alone: AtomicBool,
    /// Whether everything is still to be asked for on this connection.
    is_new: AtomicBool,
    state: Mutex<State>,
    /// There is something to be done.
    pub(crate) wake: Notify,
}

impl Standing {
    pub(crate) fn new(inbox: Inbox) -> Self {
        let (told, refused) = (BTreeSet::new(), BTreeSet::new());
        let state = State { phase: Phase::Down, told, refused, seems_otherwise: false };
        let [is_up, is_alone, is_new] = [false; 3].map(AtomicBool::new);
        Self { inbox, is_up, is_alone, is_new, state: Mutex::new(state), wake: Notify::new() }
    }

    /// Whether what is published now has a chance to arrive.
    pub(crate) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Acquire)
    }

    /// Whether it is up and no other node was there to hear us when it came to be so.
    pub(crate) fn is_alone(&self) -> bool {
        self.is_up() && self.is_alone.load(Ordering::Acquire)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn link(&self, is_up: bool) {
        if self.is_up.swap(is_up, Ordering::AcqRel) == is_up {
            return;
        }
        if is_up { self.inbox.up() } else { self.inbox.down() }
    }

    /// A server has taken us in.
    pub(crate) fn connected(&self, now: Instant) {
        let mut state = self.state();
        state.phase = Phase::Asking(now);
        self.is_alone.store(false, Ordering::Release);
        self.link(false);
        self.is_new.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// The server has answered, and would have refused before what it does not allow.
    pub(crate) fn answered(&self, is_alone: bool) {
        let mut state = self.state();
        if let Phase::Asking(_) = state.phase {
            self.is_alone.store(is_alone, Ordering::Release);
            self.rise(&mut state);
        }
    }

    fn rise(&self, state: &mut State) {
        state.phase = Phase::Up;
        self.link(true);
        match state.told.is_empty() {
            true => tracing::info!("connected to NATS"),
            false => tracing::info!("NATS can be used again; events of other nodes travel over it"),
        }
        state.told.clear();
        state.refused.clear();
    }

    /// The connection is gone. Why there is no other, the attempts to make one will tell.
    pub(crate) fn disconnected(&self) {
        let mut state = self.state();
        state.phase = Phase::Down;
        self.link(false);
    }

    /// Servers could not be used, for the reasons that the client gives: each begins with its kind and a colon.
    pub(crate) fn failed(&self, failures: &[(String, String)]) {
        let mut state = self.state();
        if state.phase != Phase::Down {
            return;
        }
        for (server, reason) in failures {
            state.tell(server, reason);
        }
    }

    /// Something was lost before it came here.
    pub(crate) fn missed(&self) {
        self.inbox.missed();
    }

    /// The server refuses one subject, in these words.
    pub(crate) fn violated(&self, servers: &str, words: &str, now: Instant) {
        let mut state = self.state();
        if !matches!(state.phase, Phase::Forbidden(_)) {
            state.phase = Phase::Forbidden(now);
        }
        self.link(false);
        if let Some(refused) = Refusal::read(words)
            && state.refused.len() < MAX_REFUSED
        {
            state.refused.insert(refused);
        }
        state.tell(servers, &refusal::reason(words));
    }

    /// What was refused of the subjects that begin so. The others are forgotten: nothing is said or heard there any more.
    pub(crate) fn refused(&self, begin: &str) -> Vec<Refusal> {
        let mut state = self.state();
        state.refused.retain(|refused| refused.subject.starts_with(begin));
        state.refused.iter().cloned().collect()
    }

    /// What is to be done at this time. `is_connected` is how the connection looks from outside: of its changes the
    /// client tells as they happen, but when it has much to tell it drops some.
    pub(crate) fn look(&self, is_connected: bool, now: Instant) -> NextStep {
        if self.is_new.swap(false, Ordering::AcqRel) {
            return NextStep::Ask;
        }
        let mut state = self.state();
        let is_otherwise = is_connected == (state.phase == Phase::Down);
        let is_so = is_otherwise && std::mem::replace(&mut state.seems_otherwise, is_otherwise);
        state.seems_otherwise = is_otherwise && !is_so;
        if is_so {
            drop(state);
            if is_connected {
                self.connected(now)
            } else {
                self.disconnected()
            }
            return NextStep::Nothing;
        }
        match state.phase {
            Phase::Asking(since) if is_connected && now.saturating_duration_since(since) >= SETTLES => {
                self.rise(&mut state);
                NextStep::Nothing
            }
            Phase::Forbidden(since) if now.saturating_duration_since(since) >= ASK_AGAIN => {
                state.phase = Phase::Down;
                NextStep::Reconnect
            }
            _ => NextStep::Nothing,
        }
    }
}

impl State {
    /// One line for each kind of reason, as long as nothing travels.
    fn tell(&mut self, server: &str, reason: &str) {
        let kind = reason.split(':').next().unwrap_or_default();
        if self.told.insert(kind.to_owned()) {
            tracing::warn!(
                server,
                reason,
                "NATS cannot be used; events of other nodes are read from the database, and their presence and typing are unknown"
            );
        } else {
            tracing::debug!(server, reason, "NATS still cannot be used");
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_core::cluster::Link;
    use chat_relay::inbox::channel;

    use super::*;

    #[test]
    fn a_link_is_up_when_the_server_has_answered_and_refused_nothing() {
        let (inbox, incoming) = channel();
        let (standing, began) = (Standing::new(inbox), Instant::now());
        standing.connected(began);
        assert_eq!(standing.look(true, began), NextStep::Ask);
        assert_eq!((standing.look(true, began), incoming.link()), (NextStep::Nothing, Link::Down));
        standing.answered(true);
        assert_eq!((standing.is_up(), standing.is_alone(), incoming.link()), (true, true, Link::Up));
        standing.violated("a:1", "for Publish to \"x\"", began);
        assert_eq!((standing.is_up(), standing.is_alone(), incoming.link()), (false, false, Link::Down));
        standing.answered(false);
        assert_eq!(incoming.link(), Link::Down, "something was refused");
        standing.disconnected();
        standing.answered(false);
        assert_eq!(incoming.link(), Link::Down, "of a connection that is gone");
    }

    #[test]
    fn a_server_that_does_not_answer_has_some_time_to_refuse() {
        let (inbox, incoming) = channel();
        let (standing, began) = (Standing::new(inbox), Instant::now());
        standing.connected(began);
        standing.look(true, began);
        standing.look(true, began + SETTLES - Duration::from_millis(1));
        assert_eq!(incoming.link(), Link::Down);
        standing.look(true, began + SETTLES);
        assert_eq!((incoming.link(), standing.is_alone()), (Link::Up, false));
    }

    #[test]
    fn what_was_refused_is_asked_for_again_after_a_while() {
        let (inbox, incoming) = channel();
        let (standing, began) = (Standing::new(inbox), Instant::now());
        standing.connected(began);
        standing.look(true, began);
        standing.violated("a:1", "for Publish to \"x\"", began);
        assert_eq!(standing.look(true, began + SETTLES), NextStep::Nothing);
        assert_eq!(standing.look(true, began + ASK_AGAIN), NextStep::Reconnect);
        standing.disconnected();
        standing.connected(began + ASK_AGAIN);
        assert_eq!(standing.look(true, began + ASK_AGAIN), NextStep::Ask);
        standing.look(true, began + ASK_AGAIN + SETTLES);
        assert_eq!(incoming.link(), Link::Up);
    }

    #[test]
    fn each_kind_of_reason_is_told_once_until_news_has_travelled() {
        let (inbox, _incoming) = channel();
        let (standing, began) = (Standing::new(inbox), Instant::now());
        let failed = |reason: &str| {
            standing.failed(&[("a:1".into(), reason.into())]);
            standing.state().told.len()
        };
        assert_eq!(failed("IO error: Connection refused"), 1);
        assert_eq!(failed("IO error: Connection reset by peer"), 1);
        assert_eq!(failed("authorization violation: nats: authorization violation"), 2);
        standing.connected(began);
        assert_eq!(failed("IO error: late"), 2, "of an attempt before this one");
        standing.look(true, began);
        standing.look(true, began + SETTLES);
        standing.disconnected();
        assert_eq!(failed("IO error: Connection refused"), 1);
    }

    #[test]
    fn a_change_of_which_nobody_told_is_seen_the_second_time_it_is_looked_for() {
        let (inbox, incoming) = channel();
        let (standing, now) = (Standing::new(inbox), Instant::now());
        assert_eq!(
            (standing.look(true, now), standing.look(true, now)),
            (NextStep::Nothing, NextStep::Nothing)
        );
        assert_eq!(standing.look(true, now), NextStep::Ask);
        standing.look(true, now + SETTLES);
        assert_eq!(incoming.link(), Link::Up);
        standing.look(false, now);
        assert_eq!(incoming.link(), Link::Up);
        standing.look(false, now);
        assert_eq!(incoming.link(), Link::Down);
    }

    #[test]
    fn what_was_refused_is_remembered_until_news_has_travelled() {
        let (inbox, _incoming) = channel();
        let (standing, now) = (Standing::new(inbox), Instant::now());
        let subjects = || standing.refused("chat.1.").into_iter().map(|it| it.subject).collect::<Vec<_>>();
        standing.connected(now);
        standing.violated("a:1", "for Publish to \"chat.1.u.5\"", now);
        standing.violated("a:1", "for Publish to \"chat.2.u.5\"", now);
        standing.violated("a:1", "of a kind that is not known", now);
        assert_eq!(subjects(), ["chat.1.u.5"]);
        standing.disconnected();
        standing.connected(now);
        assert_eq!(subjects(), ["chat.1.u.5"]);
        for user in 0..100 {
            standing.violated("a:1", &format!("for Subscription to \"chat.1.u.{user}\""), now);
        }
        assert_eq!(subjects().len(), MAX_REFUSED);
        standing.connected(now);
        standing.answered(false);
        assert_eq!(subjects(), [""; 0]);
    }

    #[test]
    fn however_often_something_is_refused_it_is_asked_for_again() {
        let (inbox, _incoming) = channel();
        let (standing, began) = (Standing::new(inbox), Instant::now());
        standing.connected(began);
        standing.look(true, began);
        standing.violated("a:1", "for Subscription to \"chat.1.u.5\"", began);
        standing.violated("a:1", "for Subscription to \"chat.1.u.6\"", began + ASK_AGAIN / 2);
        assert_eq!(standing.look(true, began + ASK_AGAIN), NextStep::Reconnect);
    }
}
