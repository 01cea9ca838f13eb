//! Who is connected and how they want to be seen, and who looks at whom. Nothing here is stored but when somebody was
//! last seen; whoever does not look is told nothing.
//!
//! A user is seen by what the clients here and at other nodes chose. Each node tells the others of its own users, and
//! writes down when those were last seen; of users elsewhere it knows what it is told.

mod last_seen;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_core::cluster::{LocalMembers, NodeId};
use chat_core::ids::{ConversationId, UserId};
use chat_core::presence::PresenceStatus;
use chat_core::time::Timestamp;
use chat_protocol::conversation::Presence as Wire;
use chat_protocol::v2::ServerFrame;
use last_seen::LastSeen;

use super::protocol::Protocol;
use super::{Connection, Flush};
use crate::wire;

/// Most members of a conversation whose presence is told.
pub(crate) const MAX_COMPANIONS: u16 = 200;

/// Users of another node whose news is taken in before somebody else gets a turn.
const AT_A_TIME: usize = 256;

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
pub(crate) struct Presence {
    state: Mutex<State>,
    /// Only in a cluster: who tells the other nodes.
    local_members: Option<Arc<dyn LocalMembers>>,
}

#[derive(Default)]
struct State {
    /// What each client of a connected user chose, by its connection.
    users: HashMap<UserId, Vec<(u64, PresenceStatus)>>,
    /// How users want to be seen who are connected to other nodes.
    elsewhere: HashMap<UserId, Vec<(NodeId, PresenceStatus)>>,
    /// Who looks at a user, and in which conversation.
    watchers: HashMap<UserId, Vec<(Arc<Connection>, ConversationId)>>,
    /// Whom a connection looks at.
    views: HashMap<u64, Vec<UserId>>,
    last_seen: LastSeen,
    /// How often somebody ceased to be a member of something.
    n_removals: u64,
}

impl State {
    /// How a user of this node wants to be seen, by all clients here.
    fn here(&self, user: UserId) -> Option<PresenceStatus> {
        self.users.get(&user)?.iter().map(|(_, choice)| *choice).min()
    }

    fn status(&self, user: UserId) -> Status {
        let elsewhere = self.elsewhere.get(&user).into_iter().flatten().map(|(_, choice)| *choice);
        match elsewhere.chain(self.here(user)).min() {
            Some(PresenceStatus::Online) => Status::Online,
            Some(PresenceStatus::Away) => Status::Away,
            Some(PresenceStatus::Invisible) | None => Status::Offline,
        }
    }

    fn set_elsewhere(&mut self, node: NodeId, user: UserId, choice: Option<PresenceStatus>) {
        let nodes = self.elsewhere.entry(user).or_default();
        nodes.retain(|(other, _)| *other != node);
        nodes.extend(choice.map(|choice| (node, choice)));
        if nodes.is_empty() {
            self.elsewhere.remove(&user);
        }
    }

    /// Tells those who look at the user if what shows is no longer as it was; gives whom to flush.
    fn tell(&self, user: UserId, before: Status, now: Timestamp) -> Vec<Arc<Connection>> {
        let status = self.status(user);
        let Some(watchers) = self.watchers.get(&user).filter(|_| status != before) else {
            return Vec::new();
        };
        let frame = frame(user, status, Some(now));
        let mut watchers: Vec<_> = watchers.iter().map(|(watcher, _)| watcher.clone()).collect();
        // Whoever looks at somebody in several conversations is told once.
        watchers.sort_unstable_by_key(|watcher| watcher.id());
        watchers.dedup_by_key(|watcher| watcher.id());
        // Queued under the lock, so that what was so later is told later.
        watchers.retain(|watcher| watcher.push_signal(&frame) == Flush::Due);
        watchers
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
    /// A registry of nobody. `local_members`, in a cluster, is told how this node's users want to be seen.
    pub(crate) fn new(local_members: Option<Arc<dyn LocalMembers>>) -> Self {
        Self { state: Mutex::default(), local_members }
    }

    /// A client of the user is there.
    pub(crate) fn came(&self, connection: &Connection, now: Timestamp) {
        self.choose(connection, PresenceStatus::Online, now);
    }

    /// A client of the user wants to be seen otherwise.
    pub(crate) fn choose(&self, connection: &Connection, choice: PresenceStatus, now: Timestamp) {
        self.change(connection.user(), now, |state| {
            let clients = state.users.entry(connection.user()).or_default();
            clients.retain(|(id, _)| *id != connection.id());
            clients.push((connection.id(), choice));
        });
    }

    /// A client of the user has gone.
    pub(crate) fn went(&self, connection: &Connection, now: Timestamp) {
        self.change(connection.user(), now, |state| {
            state.stop_looking(connection.id());
            if let Some(clients) = state.users.get_mut(&connection.user()) {
                clients.retain(|(id, _)| *id != connection.id());
                if clients.is_empty() {
                    state.users.remove(&connection.user());
                }
            }
        });
    }

    /// Makes a change of a user of this node and tells those who look at them if it shows, and the other nodes if it is
    /// one to them.
    fn change(&self, user: UserId, now: Timestamp, change: impl FnOnce(&mut State)) {
        let told = {
            let mut state = self.lock();
            let (here_before, before) = (state.here(user), state.status(user));
            change(&mut state);
            let here = state.here(user);
            if here != here_before
                && let Some(local_members) = &self.local_members
            {
                local_members.presence(user, here);
            }
            // Also where another node still has the user: it may be about to lose them, and to think that we have them.
            if before != Status::Offline && is_visible(here_before) && !is_visible(here) {
                state.last_seen.left_us(user, now);
            }
            state.tell(user, before, now)
        };
        flush(told);
    }

    /// Everybody who is connected to this node, and how they want to be seen.
    pub(crate) fn here(&self) -> Vec<(UserId, PresenceStatus)> {
        let state = self.lock();
        let here = |user: &UserId| state.here(*user).map(|choice| (*user, choice));
        state.users.keys().filter_map(here).collect()
    }

    /// What another node says of users: how they want to be seen, or that they have gone from there.
    pub(crate) fn there(&self, node: NodeId, users: &[(UserId, Option<PresenceStatus>)], now: Timestamp) {
        for some in users.chunks(AT_A_TIME) {
            let mut told = Vec::new();
            {
                let mut state = self.lock();
                for (user, choice) in some {
                    let before = state.status(*user);
                    state.set_elsewhere(node, *user, *choice);
                    if before != Status::Offline && state.status(*user) == Status::Offline {
                        state.last_seen.left_others(*user, now);
                    }
                    told.extend(state.tell(*user, before, now));
                }
            }
            flush(told);
        }
    }

    /// Another node is gone, and with it whoever was connected to it.
    pub(crate) fn lost(&self, node: NodeId, now: Timestamp) {
        let users: Vec<_> = {
            let state = self.lock();
            let was_there =
                |nodes: &[(NodeId, PresenceStatus)]| nodes.iter().any(|(other, _)| *other == node);
            let users = state.elsewhere.iter().filter(|(_, nodes)| was_there(nodes));
            users.map(|(user, _)| (*user, None)).collect()
        };
        self.there(node, &users, now);
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
        let frame = |(user, stored)| frame(user, state.status(user), state.last_seen.of(user, stored));
        Some(met.into_iter().map(frame).collect())
    }

    /// How these are now.
    pub(crate) fn of(&self, companions: &[(UserId, Option<Timestamp>)]) -> Vec<Wire> {
        let state = self.lock();
        let presence = |(user, stored): &(UserId, Option<Timestamp>)| {
            presence(*user, state.status(*user), state.last_seen.of(*user, *stored))
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

    /// Which users of this node were last seen when, since this was asked last.
    pub(crate) fn take_seen(&self, now: Timestamp) -> Vec<(UserId, Timestamp)> {
        self.lock().last_seen.take(now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_visible(choice: Option<PresenceStatus>) -> bool {
    matches!(choice, Some(PresenceStatus::Online | PresenceStatus::Away))
}

fn flush(told: Vec<Arc<Connection>>) {
    told.iter().for_each(|watcher| watcher.flush());
}

fn presence(user: UserId, status: Status, last_seen: Option<Timestamp>) -> Wire {
    let last_seen = last_seen.filter(|_| status == Status::Offline).map(chat_wire::time);
    Wire { user_id: user.0, status: status.as_str().into(), last_seen }
}

fn frame(user: UserId, status: Status, last_seen: Option<Timestamp>) -> bytes::Bytes {
    wire::v2::frame(&ServerFrame::Presence(presence(user, status, last_seen)))
}
