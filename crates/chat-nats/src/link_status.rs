//! The status of the link to NATS. Every change is reported to the relay. The operator gets one log line for each
//! reason why the link is down, and one when it is up again. A link counts as up only when the server allows publishing
//! and subscribing to everything: one that may publish nothing looks alive and loses all. No socket in here.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chat_relay::Inbox;
use tokio::sync::Notify;

use crate::refusal::{self, Refusal};

/// A server that has neither answered nor refused anything after this time allows everything: where another client
/// subscribes to all subjects, the server does not answer (`permission_check.rs`).
const ALLOWED_AFTER: Duration = Duration::from_millis(500);
/// Time until a refused permission is requested again: operators change permissions while servers run.
const REQUEST_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Upper bound for the refused subjects that are requested again. One that is still refused keeps the link down.
const MAX_REFUSED: usize = 16;

/// The state of the connection to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There is no connection.
    Down,
    /// Connected since then; the server has not yet shown what it refuses.
    Checking(Instant),
    /// Connected, and everything is allowed.
    Up,
    /// The server has refused something, first at that time.
    Forbidden(Instant),
}

struct State {
    phase: Phase,
    /// Kinds of reasons that were logged since the link was last up.
    reported: BTreeSet<String>,
    /// Subjects that were refused since the link was last up. Others of the same kind may be allowed, so checking one
    /// subject of each kind is not enough.
    refused: BTreeSet<Refusal>,
    /// The last look at the connection disagreed with `phase`.
    disagreed: bool,
}

/// What the receiver has to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NextStep {
    Nothing,
    /// Publish on every kind of subject, to find out whether that is allowed.
    CheckPermissions,
    /// Reconnect, to request again what was refused.
    Reconnect,
}

/// The link's status as reported last.
pub(crate) struct LinkStatus {
    inbox: Inbox,
    is_up: AtomicBool,
    /// Whether no other node was subscribed at the last permission check.
    is_alone: AtomicBool,
    /// Whether permissions still have to be checked on this connection.
    is_new: AtomicBool,
    state: Mutex<State>,
    /// Notified when [`Self::look`] has something to do.
    pub(crate) wake: Notify,
}

impl LinkStatus {
    pub(crate) fn new(inbox: Inbox) -> Self {
        let (reported, refused) = (BTreeSet::new(), BTreeSet::new());
        let state = State { phase: Phase::Down, reported, refused, disagreed: false };
        let [is_up, is_alone, is_new] = [false; 3].map(AtomicBool::new);
        Self { inbox, is_up, is_alone, is_new, state: Mutex::new(state), wake: Notify::new() }
    }

    /// Whether a message published now can arrive.
    pub(crate) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Acquire)
    }

    /// Whether the link is up and no other node was connected when it came up.
    pub(crate) fn is_alone(&self) -> bool {
        self.is_up() && self.is_alone.load(Ordering::Acquire)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_link(&self, is_up: bool) {
        if self.is_up.swap(is_up, Ordering::AcqRel) == is_up {
            return;
        }
        if is_up { self.inbox.up() } else { self.inbox.down() }
    }

    /// Records that a server has accepted the connection.
    pub(crate) fn connected(&self, now: Instant) {
        let mut state = self.state();
        state.phase = Phase::Checking(now);
        self.is_alone.store(false, Ordering::Release);
        self.set_link(false);
        self.is_new.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Records the server's answer to the permission check. Its refusals, if any, came before.
    pub(crate) fn answered(&self, is_alone: bool) {
        let mut state = self.state();
        if let Phase::Checking(_) = state.phase {
            self.is_alone.store(is_alone, Ordering::Release);
            self.become_up(&mut state);
        }
    }

    fn become_up(&self, state: &mut State) {
        state.phase = Phase::Up;
        self.set_link(true);
        match state.reported.is_empty() {
            true => tracing::info!("connected to NATS"),
            false => tracing::info!("NATS can be used again; events of other nodes travel over it"),
        }
        state.reported.clear();
        state.refused.clear();
    }

    /// Records that the connection is lost. The reason comes from the attempts to reconnect ([`Self::failed`]).
    pub(crate) fn disconnected(&self) {
        let mut state = self.state();
        state.phase = Phase::Down;
        self.set_link(false);
    }

    /// Records failed attempts to connect: servers and the client's reasons, each beginning with its kind and a colon.
    pub(crate) fn failed(&self, failures: &[(String, String)]) {
        let mut state = self.state();
        if state.phase != Phase::Down {
            return;
        }
        for (server, reason) in failures {
            state.report(server, reason);
        }
    }

    /// Records that the client dropped incoming messages.
    pub(crate) fn missed(&self) {
        self.inbox.missed();
    }

    /// Records that the server refuses one subject. `words` is its error text.
    pub(crate) fn violated(&self, servers: &str, words: &str, now: Instant) {
        let mut state = self.state();
        if !matches!(state.phase, Phase::Forbidden(_)) {
            state.phase = Phase::Forbidden(now);
        }
        self.set_link(false);
        if let Some(refused) = Refusal::read(words)
            && state.refused.len() < MAX_REFUSED
        {
            state.refused.insert(refused);
        }
        state.report(servers, &refusal::reason(words));
    }

    /// The refused subjects that begin with `begin`. Forgets the others: they are no longer used.
    pub(crate) fn refused(&self, begin: &str) -> Vec<Refusal> {
        let mut state = self.state();
        state.refused.retain(|refused| refused.subject.starts_with(begin));
        state.refused.iter().cloned().collect()
    }

    /// What has to be done at `now`. `is_connected` is the client's own view of the connection: the client reports
    /// changes as events, but drops some under load.
    pub(crate) fn look(&self, is_connected: bool, now: Instant) -> NextStep {
        if self.is_new.swap(false, Ordering::AcqRel) {
            return NextStep::CheckPermissions;
        }
        let mut state = self.state();
        let differs = is_connected == (state.phase == Phase::Down);
        let differs_again = differs && std::mem::replace(&mut state.disagreed, differs);
        state.disagreed = differs && !differs_again;
        if differs_again {
            drop(state);
            if is_connected {
                self.connected(now)
            } else {
                self.disconnected()
            }
            return NextStep::Nothing;
        }
        match state.phase {
            Phase::Checking(since)
                if is_connected && now.saturating_duration_since(since) >= ALLOWED_AFTER =>
            {
                self.become_up(&mut state);
                NextStep::Nothing
            }
            Phase::Forbidden(since) if now.saturating_duration_since(since) >= REQUEST_AGAIN_AFTER => {
                state.phase = Phase::Down;
                NextStep::Reconnect
            }
            _ => NextStep::Nothing,
        }
    }
}

impl State {
    /// Logs one warning for each kind of reason while the link is down.
    fn report(&mut self, server: &str, reason: &str) {
        let kind = reason.split(':').next().unwrap_or_default();
        if self.reported.insert(kind.to_owned()) {
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
        let (status, began) = (LinkStatus::new(inbox), Instant::now());
        status.connected(began);
        assert_eq!(status.look(true, began), NextStep::CheckPermissions);
        assert_eq!((status.look(true, began), incoming.link()), (NextStep::Nothing, Link::Down));
        status.answered(true);
        assert_eq!((status.is_up(), status.is_alone(), incoming.link()), (true, true, Link::Up));
        status.violated("a:1", "for Publish to \"x\"", began);
        assert_eq!((status.is_up(), status.is_alone(), incoming.link()), (false, false, Link::Down));
        status.answered(false);
        assert_eq!(incoming.link(), Link::Down, "something was refused");
        status.disconnected();
        status.answered(false);
        assert_eq!(incoming.link(), Link::Down, "of a connection that is gone");
    }

    #[test]
    fn a_silent_server_has_some_time_to_refuse() {
        let (inbox, incoming) = channel();
        let (status, began) = (LinkStatus::new(inbox), Instant::now());
        status.connected(began);
        status.look(true, began);
        status.look(true, began + ALLOWED_AFTER - Duration::from_millis(1));
        assert_eq!(incoming.link(), Link::Down);
        status.look(true, began + ALLOWED_AFTER);
        assert_eq!((incoming.link(), status.is_alone()), (Link::Up, false));
    }

    #[test]
    fn a_refused_permission_is_requested_again_after_a_while() {
        let (inbox, incoming) = channel();
        let (status, began) = (LinkStatus::new(inbox), Instant::now());
        status.connected(began);
        status.look(true, began);
        status.violated("a:1", "for Publish to \"x\"", began);
        assert_eq!(status.look(true, began + ALLOWED_AFTER), NextStep::Nothing);
        assert_eq!(status.look(true, began + REQUEST_AGAIN_AFTER), NextStep::Reconnect);
        status.disconnected();
        status.connected(began + REQUEST_AGAIN_AFTER);
        assert_eq!(status.look(true, began + REQUEST_AGAIN_AFTER), NextStep::CheckPermissions);
        status.look(true, began + REQUEST_AGAIN_AFTER + ALLOWED_AFTER);
        assert_eq!(incoming.link(), Link::Up);
    }

    #[test]
    fn each_kind_of_reason_is_logged_once_until_the_link_was_up() {
        let (inbox, _incoming) = channel();
        let (status, began) = (LinkStatus::new(inbox), Instant::now());
        let failed = |reason: &str| {
            status.failed(&[("a:1".into(), reason.into())]);
            status.state().reported.len()
        };
        assert_eq!(failed("IO error: Connection refused"), 1);
        assert_eq!(failed("IO error: Connection reset by peer"), 1);
        assert_eq!(failed("authorization violation: nats: authorization violation"), 2);
        status.connected(began);
        assert_eq!(failed("IO error: late"), 2, "of an attempt before this one");
        status.look(true, began);
        status.look(true, began + ALLOWED_AFTER);
        status.disconnected();
        assert_eq!(failed("IO error: Connection refused"), 1);
    }

    #[test]
    fn a_change_without_an_event_is_seen_at_the_second_look() {
        let (inbox, incoming) = channel();
        let (status, now) = (LinkStatus::new(inbox), Instant::now());
        assert_eq!((status.look(true, now), status.look(true, now)), (NextStep::Nothing, NextStep::Nothing));
        assert_eq!(status.look(true, now), NextStep::CheckPermissions);
        status.look(true, now + ALLOWED_AFTER);
        assert_eq!(incoming.link(), Link::Up);
        status.look(false, now);
        assert_eq!(incoming.link(), Link::Up);
        status.look(false, now);
        assert_eq!(incoming.link(), Link::Down);
    }

    #[test]
    fn refused_subjects_are_remembered_until_the_link_is_up() {
        let (inbox, _incoming) = channel();
        let (status, now) = (LinkStatus::new(inbox), Instant::now());
        let subjects = || status.refused("chat.1.").into_iter().map(|it| it.subject).collect::<Vec<_>>();
        status.connected(now);
        status.violated("a:1", "for Publish to \"chat.1.u.5\"", now);
        status.violated("a:1", "for Publish to \"chat.2.u.5\"", now);
        status.violated("a:1", "of a kind that is not known", now);
        assert_eq!(subjects(), ["chat.1.u.5"]);
        status.disconnected();
        status.connected(now);
        assert_eq!(subjects(), ["chat.1.u.5"]);
        for user in 0..100 {
            status.violated("a:1", &format!("for Subscription to \"chat.1.u.{user}\""), now);
        }
        assert_eq!(subjects().len(), MAX_REFUSED);
        status.connected(now);
        status.answered(false);
        assert_eq!(subjects(), [""; 0]);
    }

    #[test]
    fn repeated_refusals_do_not_delay_the_next_request() {
        let (inbox, _incoming) = channel();
        let (status, began) = (LinkStatus::new(inbox), Instant::now());
        status.connected(began);
        status.look(true, began);
        status.violated("a:1", "for Subscription to \"chat.1.u.5\"", began);
        status.violated("a:1", "for Subscription to \"chat.1.u.6\"", began + REQUEST_AGAIN_AFTER / 2);
        assert_eq!(status.look(true, began + REQUEST_AGAIN_AFTER), NextStep::Reconnect);
    }
}
