//! The users connected to the other nodes. Nodes publish numbered changes; a node that finds a number missing asks for
//! the whole list. Nothing here is stored; a node that stays silent counts as gone.
//!
//! A state machine without input, output or a clock, like the sequencer.

use std::collections::BTreeMap;
use std::time::Duration;

use chat_core::cluster::NodeId;
use chat_core::ids::UserId;
use chat_core::presence::PresenceStatus;
use serde::{Deserialize, Serialize};

/// Interval of a node's heartbeats.
const BEAT: Duration = Duration::from_secs(2);
/// A node's list names the other nodes that it heard within this time, which is longer than a heartbeat interval.
const LATELY: Duration = Duration::from_secs(3);
/// A node that was silent for this time is gone.
const LOST_AFTER: Duration = Duration::from_secs(10);
/// Shortest time between two requests for a node's list, and between two lists of one node, however many nodes ask.
const ASK_AGAIN: Duration = Duration::from_secs(1);
const LIST_AGAIN: Duration = Duration::from_millis(250);
/// Upper bound for the users in one statement.
const MAX_USERS: usize = 1000;

/// Users with their presence; `None` for a user who has no client at the node any more.
pub type Users = Vec<(UserId, Option<PresenceStatus>)>;

/// A statement of a node about itself, to all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "t")]
pub enum Statement {
    /// The node has joined and knows nothing of the others.
    Hello,
    /// The node shuts down.
    Goodbye,
    /// Heartbeat: the node is still there.
    Beat {
        /// The number of its last `Changed`.
        number: u64,
    },
    /// Some users connected, disconnected or changed their presence.
    Changed {
        /// One more than that of the last `Changed`.
        number: u64,
        /// The users that changed, at most 1000.
        #[serde(with = "users")]
        users: Users,
    },
    /// A part of the list of the node's users.
    List {
        /// The number of its last `Changed`.
        number: u64,
        /// Index of the part, from 0 on.
        part: u32,
        /// Number of parts.
        parts: u32,
        /// The users of this part, at most 1000.
        #[serde(with = "users")]
        users: Users,
        /// Ids of the other nodes that it has heard lately; empty from earlier releases.
        #[serde(default)]
        others: Vec<u64>,
    },
    /// Requests another node's list.
    Ask {
        /// The other node's id.
        of: u64,
    },
}

mod users {
    //! Users as pairs of their number and the name of their presence.

    use chat_core::ids::UserId;
    use chat_core::presence::PresenceStatus;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Users;

    pub(super) fn serialize<S: Serializer>(users: &Users, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_seq(users.iter().map(|(user, status)| (user.0, status.map(PresenceStatus::as_str))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Users, D::Error> {
        let pairs: Vec<(i64, Option<String>)> = Vec::deserialize(deserializer)?;
        // A presence that only a later release knows is shown as online, the closest to any.
        let status = |text: String| PresenceStatus::parse(&text).unwrap_or(PresenceStatus::Online);
        Ok(pairs.into_iter().map(|(user, text)| (UserId(user), text.map(status))).collect())
    }
}

/// What has to be done after a statement or after some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Publish a statement to the other nodes.
    Publish(Statement),
    /// Report changed users of another node to the presence registry.
    UsersChanged(NodeId, Users),
    /// Report to the presence registry that another node is gone.
    Lost(NodeId),
}

/// The state of another node.
struct Other {
    heard_at: Duration,
    asked_at: Option<Duration>,
    /// The number of the last statement contained in `users`; `None` while the list is not known.
    number: Option<u64>,
    users: BTreeMap<UserId, PresenceStatus>,
    gathering: Option<Gathering>,
    /// The other nodes that its list named.
    others: Vec<NodeId>,
}

/// A list of which some parts have arrived.
struct Gathering {
    number: u64,
    next_part: u32,
    users: BTreeMap<UserId, PresenceStatus>,
}

/// A node's state about the other nodes.
pub struct Nodes {
    node: NodeId,
    /// Number of this node's last `Changed`.
    number: u64,
    others: BTreeMap<NodeId, Other>,
    effects: Vec<Effect>,
    next_beat: Duration,
    /// Another node wants this node's list.
    list_wanted: bool,
    /// Earliest time for the next list.
    list_after: Duration,
}

impl Nodes {
    /// Creates the state of a node that knows no other.
    pub fn new(node: NodeId) -> Self {
        Self {
            node,
            number: 0,
            others: BTreeMap::new(),
            effects: Vec::new(),
            next_beat: Duration::ZERO,
            list_wanted: false,
            list_after: Duration::ZERO,
        }
    }

    /// The link has come up: greets the others and publishes the list (again).
    pub fn greet(&mut self) {
        self.publish(Statement::Hello);
        self.list_wanted = true;
    }

    /// Publishes users of this node who connected, disconnected or changed their presence.
    pub fn changed(&mut self, users: Users) {
        for chunk in users.chunks(MAX_USERS) {
            self.number += 1;
            self.publish(Statement::Changed { number: self.number, users: chunk.to_vec() });
        }
    }

    /// Processes another node's statement about itself.
    pub fn receive(&mut self, from: NodeId, statement: Statement, now: Duration) {
        if from == self.node {
            return;
        }
        if statement == Statement::Goodbye {
            self.lose(from);
            return;
        }
        let other = self.others.entry(from).or_insert_with(|| Other::new(now));
        other.heard_at = now;
        match statement {
            Statement::Hello => {
                // Its list follows.
                other.asked_at = Some(now);
                self.list_wanted = true;
            }
            Statement::Ask { of } => self.list_wanted |= of == self.node.0,
            Statement::Beat { number } => {
                if other.number != Some(number) {
                    other.lose_track();
                }
            }
            Statement::Changed { number, users } => {
                if let Some(changed) = other.apply_next(number, users) {
                    self.report_users(from, changed);
                }
            }
            Statement::List { number, part, parts, users, others } => {
                other.others = others.into_iter().map(NodeId).collect();
                if let Some(changed) = other.gather(number, (part, parts), users) {
                    self.report_users(from, changed);
                }
            }
            Statement::Goodbye => {}
        }
        self.ask(from, now);
    }

    fn report_users(&mut self, node: NodeId, users: Users) {
        if !users.is_empty() {
            self.effects.push(Effect::UsersChanged(node, users));
        }
    }

    fn publish(&mut self, statement: Statement) {
        self.effects.push(Effect::Publish(statement));
    }

    fn lose(&mut self, node: NodeId) {
        if self.others.remove(&node).is_some() {
            self.effects.push(Effect::Lost(node));
        }
    }

    /// Asks a node for its list if that is not known and was not asked for within [`ASK_AGAIN`].
    fn ask(&mut self, node: NodeId, now: Duration) {
        let Some(other) = self.others.get_mut(&node) else { return };
        let is_soon = other.asked_at.is_some_and(|at| now < at + ASK_AGAIN);
        if other.number.is_none() && other.gathering.is_none() && !is_soon {
            other.asked_at = Some(now);
            self.publish(Statement::Ask { of: node.0 });
        }
    }

    /// Whether the lists of all known nodes have arrived: of at least one, and of every node named in another's list.
    pub fn has_met(&self) -> bool {
        let is_met = |node: &NodeId| self.others.get(node).is_some_and(|other| other.number.is_some());
        let mut named = self.others.values().flat_map(|other| &other.others);
        !self.others.is_empty()
            && self.others.keys().all(is_met)
            && named.all(|node| *node == self.node || is_met(node))
    }

    /// Returns what has to be done at `now`. `here` lists the users connected to this node.
    pub fn turn(
        &mut self,
        now: Duration,
        here: impl FnOnce() -> Vec<(UserId, PresenceStatus)>,
    ) -> Vec<Effect> {
        let silent = |(node, other): (&NodeId, &Other)| (now >= other.heard_at + LOST_AFTER).then_some(*node);
        let lost: Vec<_> = self.others.iter().filter_map(silent).collect();
        lost.into_iter().for_each(|node| self.lose(node));
        if self.list_wanted && now >= self.list_after {
            self.list_wanted = false;
            self.list_after = now + LIST_AGAIN;
            self.list(&here(), now);
        }
        if now >= self.next_beat {
            self.next_beat = now + BEAT;
            self.publish(Statement::Beat { number: self.number });
        }
        std::mem::take(&mut self.effects)
    }

    fn list(&mut self, here: &[(UserId, PresenceStatus)], now: Duration) {
        let number = self.number;
        let lately = |(node, other): (&NodeId, &Other)| (now < other.heard_at + LATELY).then_some(node.0);
        let others: Vec<_> = self.others.iter().filter_map(lately).collect();
        let parts = u32::try_from(here.len().div_ceil(MAX_USERS).max(1)).unwrap_or(u32::MAX);
        for part in 0..parts {
            let from = usize::try_from(part).unwrap_or(usize::MAX).saturating_mul(MAX_USERS);
            let users = here.iter().skip(from).take(MAX_USERS).map(|(user, status)| (*user, Some(*status)));
            let (users, others) = (users.collect(), others.clone());
            self.publish(Statement::List { number, part, parts, users, others });
        }
    }

    /// When [`Self::turn`] has something to do even if no statement arrives.
    pub fn wake_at(&self) -> Duration {
        let silent_at = self.others.values().map(|other| other.heard_at + LOST_AFTER).min();
        let list_at = self.list_wanted.then_some(self.list_after);
        [silent_at, list_at].into_iter().flatten().fold(self.next_beat, Duration::min)
    }
}

impl Other {
    fn new(now: Duration) -> Self {
        let (users, others) = (BTreeMap::new(), Vec::new());
        Self { heard_at: now, asked_at: None, number: None, users, gathering: None, others }
    }

    /// Forgets what is known after a loss. The parts of a list come in a row, so an incomplete list will never be
    /// completed.
    fn lose_track(&mut self) {
        self.number = None;
        self.gathering = None;
    }

    /// Applies changes if they have the next number. Returns those that differ from what was known.
    fn apply_next(&mut self, number: u64, users: Users) -> Option<Users> {
        if self.number.is_some_and(|known| number <= known) {
            return None;
        }
        if self.number != number.checked_sub(1) {
            self.lose_track();
            return None;
        }
        self.number = Some(number);
        let differs =
            |(user, status): &(UserId, Option<PresenceStatus>)| self.users.get(user).copied() != *status;
        let changed: Users = users.into_iter().filter(differs).collect();
        self.apply(&changed);
        Some(changed)
    }

    fn apply(&mut self, changed: &Users) {
        for (user, status) in changed {
            match status {
                Some(status) => self.users.insert(*user, *status),
                None => self.users.remove(user),
            };
        }
    }

    /// Adds a part of the list. Returns the differences to what was known once the list is complete.
    fn gather(&mut self, number: u64, (part, parts): (u32, u32), users: Users) -> Option<Users> {
        if self.number.is_some_and(|known| number < known) {
            return None;
        }
        if part == 0 {
            self.gathering = Some(Gathering { number, next_part: 0, users: BTreeMap::new() });
        }
        let mut gathering = self.gathering.take()?;
        if gathering.number != number || gathering.next_part != part {
            return None;
        }
        gathering.users.extend(users.into_iter().filter_map(|(user, status)| Some((user, status?))));
        gathering.next_part += 1;
        if gathering.next_part < parts {
            self.gathering = Some(gathering);
            return None;
        }
        self.number = Some(number);
        let gone = self.users.keys().filter(|user| !gathering.users.contains_key(user));
        let mut changed: Users = gone.map(|user| (*user, None)).collect();
        let listed = gathering.users.iter().filter(|(user, status)| self.users.get(user) != Some(status));
        changed.extend(listed.map(|(user, status)| (*user, Some(*status))));
        self.users = gathering.users;
        Some(changed)
    }
}

#[cfg(test)]
mod tests;
