//! Who is connected, how they want to be seen, and which clients watch which users. Clients that don't watch get no
//! updates. Only last-seen times are stored.
//!
//! A user's status combines what all of the user's clients chose, on this and other nodes. Each node announces its own
//! users to the others, and stores when those were last seen. What it knows of users elsewhere comes from the other
//! nodes.

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

/// Upper bound for the members of a conversation whose presence is sent.
pub(crate) const MAX_COMPANIONS: u16 = 200;

/// Users of another node that are updated under one lock, before other tasks get a turn.
const BATCH: usize = 256;

/// A user's status as others see it.
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

/// A member to watch: the conversation, the user, and the stored last-seen time.
pub(crate) type Companion = (ConversationId, UserId, Option<Timestamp>);

pub(crate) struct Presence {
    state: Mutex<State>,
    /// Announces presence to the other nodes. `None` outside a cluster.
    local_members: Option<Arc<dyn LocalMembers>>,
}

#[derive(Default)]
struct State {
    /// The choice of each client of a connected user, by connection id.
    users: HashMap<UserId, Vec<(u64, PresenceStatus)>>,
    /// Choices of users who are connected to other nodes.
    elsewhere: HashMap<UserId, Vec<(NodeId, PresenceStatus)>>,
    /// The connections that watch a user, each with the conversation.
    watchers: HashMap<UserId, Vec<(Arc<Connection>, ConversationId)>>,
    /// The users that a connection watches.
    views: HashMap<u64, Vec<UserId>>,
    last_seen: LastSeen,
    /// Number of removals of members so far, in any conversation.
    n_removals: u64,
}

impl State {
    /// A user's choice over all clients on this node.
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

    /// Queues the user's status with the watchers if it differs from `before`. Returns the connections to flush.
    fn notify(&self, user: UserId, before: Status, now: Timestamp) -> Vec<Arc<Connection>> {
        let status = self.status(user);
        let Some(watchers) = self.watchers.get(&user).filter(|_| status != before) else {
            return Vec::new();
        };
        let frame = frame(user, status, Some(now));
        let mut watchers: Vec<_> = watchers.iter().map(|(watcher, _)| watcher.clone()).collect();
        // A client that watches a user in several conversations gets one frame.
        watchers.sort_unstable_by_key(|watcher| watcher.id());
        watchers.dedup_by_key(|watcher| watcher.id());
        // Queued under the lock, so that frames are in the order of the changes.
        watchers.retain(|watcher| watcher.push_signal(&frame) == Flush::Due);
        watchers
    }

    fn stop_watching(&mut self, connection: u64) {
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
    /// An empty registry. `local_members`, in a cluster, receives the choices of this node's users.
    pub(crate) fn new(local_members: Option<Arc<dyn LocalMembers>>) -> Self {
        Self { state: Mutex::default(), local_members }
    }

    /// Notes that a client of the user has connected.
    pub(crate) fn connected(&self, connection: &Connection, now: Timestamp) {
        self.choose(connection, PresenceStatus::Online, now);
    }

    /// Changes how a client of the user wants to be seen.
    pub(crate) fn choose(&self, connection: &Connection, choice: PresenceStatus, now: Timestamp) {
        self.change(connection.user(), now, |state| {
            let clients = state.users.entry(connection.user()).or_default();
            clients.retain(|(id, _)| *id != connection.id());
            clients.push((connection.id(), choice));
        });
    }

    /// Notes that a client of the user has disconnected.
    pub(crate) fn disconnected(&self, connection: &Connection, now: Timestamp) {
        self.change(connection.user(), now, |state| {
            state.stop_watching(connection.id());
            if let Some(clients) = state.users.get_mut(&connection.user()) {
                clients.retain(|(id, _)| *id != connection.id());
                if clients.is_empty() {
                    state.users.remove(&connection.user());
                }
            }
        });
    }

    /// Changes a user of this node. Notifies watchers if the status changes, and the other nodes if this node's choice
    /// changes.
    fn change(&self, user: UserId, now: Timestamp, change: impl FnOnce(&mut State)) {
        let to_flush = {
            let mut state = self.lock();
            let (here_before, before) = (state.here(user), state.status(user));
            change(&mut state);
            let here = state.here(user);
            if here != here_before
                && let Some(local_members) = &self.local_members
            {
                local_members.presence(user, here);
            }
            // Also if another node still has the user: that node may be about to lose them while it believes that we
            // have them.
            if before != Status::Offline && is_visible(here_before) && !is_visible(here) {
                state.last_seen.left_this_node(user, now);
            }
            state.notify(user, before, now)
        };
        flush(to_flush);
    }

    /// All users who are connected to this node, with their choices.
    pub(crate) fn here(&self) -> Vec<(UserId, PresenceStatus)> {
        let state = self.lock();
        let here = |user: &UserId| state.here(*user).map(|choice| (*user, choice));
        state.users.keys().filter_map(here).collect()
    }

    /// Takes in another node's users and their choices; `None` for a user who has disconnected there.
    pub(crate) fn there(&self, node: NodeId, users: &[(UserId, Option<PresenceStatus>)], now: Timestamp) {
        for some in users.chunks(BATCH) {
            let mut to_flush = Vec::new();
            {
                let mut state = self.lock();
                for (user, choice) in some {
                    let before = state.status(*user);
                    state.set_elsewhere(node, *user, *choice);
                    if before != Status::Offline && state.status(*user) == Status::Offline {
                        state.last_seen.left_other_node(*user, now);
                    }
                    to_flush.extend(state.notify(*user, before, now));
                }
            }
            flush(to_flush);
        }
    }

    /// Removes another node and the users who were connected to it.
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

    /// Number of removals of members so far, in any conversation.
    pub(crate) fn n_removals(&self) -> u64 {
        self.lock().n_removals
    }

    /// Replaces the users that the client watches. Returns the frames with their current status. `None`: nothing was
    /// done, because a member was removed somewhere since `as_of`, and the companions may be out of date.
    pub(crate) fn watch(
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
        state.stop_watching(connection.id());
        for (conversation, user, _) in companions {
            state.watchers.entry(*user).or_default().push((connection.clone(), *conversation));
        }
        // A user may be a companion in several conversations, but gets one frame.
        let mut met: Vec<_> = companions.iter().map(|(_, user, stored)| (*user, *stored)).collect();
        met.sort_unstable_by_key(|(user, _)| *user);
        met.dedup_by_key(|(user, _)| *user);
        if !met.is_empty() {
            state.views.insert(connection.id(), met.iter().map(|(user, _)| *user).collect());
        }
        let frame = |(user, stored)| frame(user, state.status(user), state.last_seen.of(user, stored));
        Some(met.into_iter().map(frame).collect())
    }

    /// The current presence of these users.
    pub(crate) fn of(&self, companions: &[(UserId, Option<Timestamp>)]) -> Vec<Wire> {
        let state = self.lock();
        let presence = |(user, stored): &(UserId, Option<Timestamp>)| {
            presence(*user, state.status(*user), state.last_seen.of(*user, *stored))
        };
        companions.iter().map(presence).collect()
    }

    /// Notes that a user is no longer a member of a conversation: neither side watches the other there any more.
    pub(crate) fn member_removed(&self, conversation: ConversationId, user: UserId) {
        let mut state = self.lock();
        state.n_removals += 1;
        state.watchers.retain(|watched, watchers| {
            watchers.retain(|(watcher, in_conversation)| {
                *in_conversation != conversation || (*watched != user && watcher.user() != user)
            });
            !watchers.is_empty()
        });
    }

    /// Last-seen times of this node's users since the last call.
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

fn flush(to_flush: Vec<Arc<Connection>>) {
    to_flush.iter().for_each(|watcher| watcher.flush());
}

fn presence(user: UserId, status: Status, last_seen: Option<Timestamp>) -> Wire {
    let last_seen = last_seen.filter(|_| status == Status::Offline).map(chat_wire::time);
    Wire { user_id: user.0, status: status.as_str().into(), last_seen }
}

fn frame(user: UserId, status: Status, last_seen: Option<Timestamp>) -> bytes::Bytes {
    wire::v2::frame(&ServerFrame::Presence(presence(user, status, last_seen)))
}
