//! Who is connected and how they want to be seen, and who looks at whom. Nothing here is stored but when somebody was
//! last seen; whoever does not look is told nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_core::ids::{ConversationId, UserId};
use chat_core::presence::Choice;
use chat_core::time::Timestamp;
use chat_protocol::conversation::Presence as Wire;
use chat_protocol::v2::ServerFrame;

use crate::hub::{Connection, Protocol};
use crate::wire;

/// Most members of a conversation whose presence is told.
pub(crate) const MAX_COMPANIONS: u16 = 200;

/// How a user is seen by others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Online,
    Away,
    Offline,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Away => "away",
            Self::Offline => "offline",
        }
    }
}

/// Somebody to look at: where, whom, and when that one was last seen.
pub(crate) type Companion = (ConversationId, UserId, Option<Timestamp>);

/// The registry of one server.
#[derive(Default)]
pub(crate) struct Presence(Mutex<State>);

#[derive(Default)]
struct State {
    /// What each client of a connected user chose, by its connection.
    users: HashMap<UserId, Vec<(u64, Choice)>>,
    /// Who looks at a user, and in which conversation.
    watchers: HashMap<UserId, Vec<(Arc<Connection>, ConversationId)>>,
    /// Whom a connection looks at.
    views: HashMap<u64, Vec<UserId>>,
    /// Users who left or were seen since this was last written out.
    seen: HashMap<UserId, Timestamp>,
    /// What was given out last to be written, which may not be on disk yet.
    being_written: HashMap<UserId, Timestamp>,
    /// How often somebody ceased to be a member of something.
    n_removals: u64,
}

impl State {
    fn status(&self, user: UserId) -> Status {
        let Some(clients) = self.users.get(&user) else { return Status::Offline };
        match clients.iter().map(|(_, choice)| *choice).min() {
            Some(Choice::Online) => Status::Online,
            Some(Choice::Away) => Status::Away,
            Some(Choice::Invisible) | None => Status::Offline,
        }
    }

    /// When the user was last seen, where `stored` is what the store knew a moment ago.
    fn last_seen(&self, user: UserId, stored: Option<Timestamp>) -> Option<Timestamp> {
        [stored, self.being_written.get(&user).copied(), self.seen.get(&user).copied()]
            .into_iter()
            .flatten()
            .max()
    }

    fn stop_looking(&mut self, connection: u64) {
        for user in self.views.remove(&connection).unwrap_or_default() {
            if let Some(watchers) = self.watchers.get_mut(&user) {
                watchers.retain(|(watcher, _)| watcher.id() != connection);
                if watchers.is_empty() {
                    self.watchers.remove(&user);
                }
            }
        }
    }
}

impl Presence {
    /// A client of the user is there.
    pub(crate) fn came(&self, connection: &Connection) {
        self.choose(connection, Choice::Online, None);
    }

    /// A client of the user wants to be seen otherwise.
    pub(crate) fn choose(&self, connection: &Connection, choice: Choice, now: Option<Timestamp>) {
        self.change(connection.user(), now, |state| {
            let clients = state.users.entry(connection.user()).or_default();
            clients.retain(|(id, _)| *id != connection.id());
            clients.push((connection.id(), choice));
        });
    }

    /// A client of the user has gone.
    pub(crate) fn went(&self, connection: &Connection, now: Timestamp) {
        self.change(connection.user(), Some(now), |state| {
            state.stop_looking(connection.id());
            if let Some(clients) = state.users.get_mut(&connection.user()) {
                clients.retain(|(id, _)| *id != connection.id());
                if clients.is_empty() {
                    state.users.remove(&connection.user());
                }
            }
        });
    }

    /// Makes a change of one user's and tells those who look at them if it shows.
    fn change(&self, user: UserId, now: Option<Timestamp>, change: impl FnOnce(&mut State)) {
        let (frame, watchers) = {
            let mut state = self.lock();
            let before = state.status(user);
            change(&mut state);
            let status = state.status(user);
            if status == before {
                return;
            }
            let last_seen = now.filter(|_| status == Status::Offline);
            if let Some(now) = last_seen {
                state.seen.insert(user, now);
            }
            let Some(watchers) = state.watchers.get(&user) else { return };
            let frame = frame(user, status, last_seen);
            let mut watchers: Vec<_> = watchers.iter().map(|(watcher, _)| watcher.clone()).collect();
            // Whoever looks at somebody in several conversations is told once.
            watchers.sort_unstable_by_key(|watcher| watcher.id());
            watchers.dedup_by_key(|watcher| watcher.id());
            (frame, watchers)
        };
        for watcher in watchers {
            if watcher.push_signal(&frame) {
                watcher.flush();
            }
        }
    }

    /// How often somebody ceased to be a member of something.
    pub(crate) fn n_removals(&self) -> u64 {
        self.lock().n_removals
    }

    /// From now on the client looks at these, and at nobody else; gives the frames that tell how each is now. `None`:
    /// nothing is done, because somebody has been removed since `as_of`, and the companions may be out of date.
    pub(crate) fn look(
        &self,
        connection: &Arc<Connection>,
        companions: &[Companion],
        as_of: u64,
    ) -> Option<Vec<bytes::Bytes>> {
        debug_assert_eq!(connection.protocol(), Protocol::V2);
        let mut state = self.lock();
        if state.n_removals != as_of {
            return None;
        }
        state.stop_looking(connection.id());
        for (conversation, user, _) in companions {
            state.watchers.entry(*user).or_default().push((connection.clone(), *conversation));
        }
        // Somebody may be met in several conversations, and is told of once.
        let mut met: Vec<_> = companions.iter().map(|(_, user, stored)| (*user, *stored)).collect();
        met.sort_unstable_by_key(|(user, _)| *user);
        met.dedup_by_key(|(user, _)| *user);
        if !met.is_empty() {
            state.views.insert(connection.id(), met.iter().map(|(user, _)| *user).collect());
        }
        let frame = |(user, stored)| frame(user, state.status(user), state.last_seen(user, stored));
        Some(met.into_iter().map(frame).collect())
    }

    /// How these are now.
    pub(crate) fn of(&self, companions: &[(UserId, Option<Timestamp>)]) -> Vec<Wire> {
        let state = self.lock();
        let presence = |(user, stored): &(UserId, Option<Timestamp>)| {
            presence(*user, state.status(*user), state.last_seen(*user, *stored))
        };
        companions.iter().map(presence).collect()
    }

    /// Somebody is no member of a conversation any more: neither side looks at the other there.
    pub(crate) fn member_removed(&self, conversation: ConversationId, user: UserId) {
        let mut state = self.lock();
        state.n_removals += 1;
        state.watchers.retain(|watched, watchers| {
            watchers.retain(|(watcher, place)| {
                *place != conversation || (*watched != user && watcher.user() != user)
            });
            !watchers.is_empty()
        });
    }

    /// Who was last seen when, since this was asked last.
    pub(crate) fn take_seen(&self) -> Vec<(UserId, Timestamp)> {
        let mut state = self.lock();
        state.being_written = std::mem::take(&mut state.seen);
        state.being_written.iter().map(|(user, at)| (*user, *at)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn presence(user: UserId, status: Status, last_seen: Option<Timestamp>) -> Wire {
    let last_seen = last_seen.filter(|_| status == Status::Offline).map(wire::time);
    Wire { user_id: user.0, status: status.as_str().into(), last_seen }
}

fn frame(user: UserId, status: Status, last_seen: Option<Timestamp>) -> bytes::Bytes {
    wire::v2::frame(&ServerFrame::Presence(presence(user, status, last_seen)))
}
