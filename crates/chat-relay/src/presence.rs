//! Who is connected to the other nodes: nodes tell each other what changed, with a number each, so that whoever finds a
//! number missing asks for the whole list. Nothing here is stored; a node that is not heard of any more is gone.
//!
//! A state machine without input, output or a clock, like the sequencer.

use std::collections::BTreeMap;
use std::time::Duration;

use chat_core::cluster::NodeId;
use chat_core::ids::UserId;
use chat_core::presence::PresenceStatus;
use serde::{Deserialize, Serialize};

/// How often a node says that it is there.
const BEAT: Duration = Duration::from_secs(2);
/// Others are told of a node that was heard within this time, in which it has said that it is there.
const LATELY: Duration = Duration::from_secs(3);
/// A node that was silent for so long is gone.
const LOST_AFTER: Duration = Duration::from_secs(10);
/// How often a node is asked for its list at most, and how often one gives it, however many ask.
const ASK_AGAIN: Duration = Duration::from_secs(1);
const LIST_AGAIN: Duration = Duration::from_millis(250);
/// Most users in one statement.
const MAX_USERS: usize = 1000;

/// Users and how they want to be seen; `None` for somebody who has no client at the node any more.
pub type Users = Vec<(UserId, Option<PresenceStatus>)>;

/// What a node says of itself to all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "t")]
pub enum Statement {
    /// It is here, and knows nothing of the others.
    Hello,
    /// It ends.
    Goodbye,
    /// It is still there.
    Beat {
        /// The number of its last `Changed`.
        number: u64,
    },
    /// Some users came, went or want to be seen otherwise.
    Changed {
        /// One more than that of the last.
        number: u64,
        /// Those.
        #[serde(with = "users")]
        users: Users,
    },
    /// A part of all that it has.
    List {
        /// The number of its last `Changed`.
        number: u64,
        /// Which part, from 0 on.
        part: u32,
        /// Of how many.
        parts: u32,
        /// Those.
        #[serde(with = "users")]
        users: Users,
        /// The ids of other nodes of which it has heard lately; earlier releases do not say it.
        #[serde(default)]
        others: Vec<u64>,
    },
    /// It wants another node's list.
    Ask {
        /// The other node's id.
        of: u64,
    },
}

mod users {
    //! Users as pairs of their number and the spelling of their choice.

    use chat_core::ids::UserId;
    use chat_core::presence::PresenceStatus;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Users;

    pub(super) fn serialize<S: Serializer>(users: &Users, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_seq(users.iter().map(|(user, choice)| (user.0, choice.map(PresenceStatus::as_str))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Users, D::Error> {
        let pairs: Vec<(i64, Option<String>)> = Vec::deserialize(deserializer)?;
        // A choice of a later release is shown as what is nearest to any.
        let choice = |text: String| PresenceStatus::parse(&text).unwrap_or(PresenceStatus::Online);
        Ok(pairs.into_iter().map(|(user, text)| (UserId(user), text.map(choice))).collect())
    }
}

/// What follows from what was heard, or from time passing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Tell the other nodes.
    Tell(Statement),
    /// Users of another node changed.
    There(NodeId, Users),
    /// Another node is gone.
    Lost(NodeId),
}

/// What is known of another node.
struct Other {
    heard_at: Duration,
    asked_at: Option<Duration>,
    /// The number of the last statement that `users` follow from; `None` while the list is not known.
    number: Option<u64>,
    users: BTreeMap<UserId, PresenceStatus>,
    gathering: Option<Gathering>,
    /// Of whom it had heard when it gave its list.
    others: Vec<NodeId>,
}

/// A list of which some parts are there.
struct Gathering {
    number: u64,
    next_part: u32,
    users: BTreeMap<UserId, PresenceStatus>,
}

/// One node's knowledge of the others.
pub struct Nodes {
    node: NodeId,
    /// Of the last `Changed` of this node.
    number: u64,
    others: BTreeMap<NodeId, Other>,
    effects: Vec<Effect>,
    next_beat: Duration,
    /// Somebody wants this node's list, which is given from then on.
    list_wanted: bool,
    list_after: Duration,
}

impl Nodes {
    /// A node that knows of no other.
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

    /// News travels from now on, and did not before: the others have to be met (again).
    pub fn greet(&mut self) {
        self.tell(Statement::Hello);
        self.list_wanted = true;
    }

    /// Users of this node came, went or want to be seen otherwise.
    pub fn changed(&mut self, users: Users) {
        for chunk in users.chunks(MAX_USERS) {
            self.number += 1;
            self.tell(Statement::Changed { number: self.number, users: chunk.to_vec() });
        }
    }

    /// What another node says of itself.
    pub fn heard(&mut self, from: NodeId, statement: Statement, now: Duration) {
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
                if let Some(news) = other.follow(number, users) {
                    self.there(from, news);
                }
            }
            Statement::List { number, part, parts, users, others } => {
                other.others = others.into_iter().map(NodeId).collect();
                if let Some(news) = other.gather(number, (part, parts), users) {
                    self.there(from, news);
                }
            }
            Statement::Goodbye => {}
        }
        self.ask(from, now);
    }

    fn there(&mut self, node: NodeId, users: Users) {
        if !users.is_empty() {
            self.effects.push(Effect::There(node, users));
        }
    }

    fn tell(&mut self, statement: Statement) {
        self.effects.push(Effect::Tell(statement));
    }

    fn lose(&mut self, node: NodeId) {
        if self.others.remove(&node).is_some() {
            self.effects.push(Effect::Lost(node));
        }
    }

    /// Asks a node for its list if that is not known, and was not asked for a moment ago.
    fn ask(&mut self, node: NodeId, now: Duration) {
        let Some(other) = self.others.get_mut(&node) else { return };
        let is_soon = other.asked_at.is_some_and(|at| now < at + ASK_AGAIN);
        if other.number.is_none() && other.gathering.is_none() && !is_soon {
            other.asked_at = Some(now);
            self.tell(Statement::Ask { of: node.0 });
        }
    }

    /// Whether the nodes that are there have given their lists: one at least, and each of which another one has heard.
    pub fn has_met(&self) -> bool {
        let is_met = |node: &NodeId| self.others.get(node).is_some_and(|other| other.number.is_some());
        let mut told_of = self.others.values().flat_map(|other| &other.others);
        !self.others.is_empty()
            && self.others.keys().all(is_met)
            && told_of.all(|node| *node == self.node || is_met(node))
    }

    /// What is to be done at this time. `here` says who is connected to this node.
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
            self.tell(Statement::Beat { number: self.number });
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
            let users = here.iter().skip(from).take(MAX_USERS).map(|(user, choice)| (*user, Some(*choice)));
            let (users, others) = (users.collect(), others.clone());
            self.tell(Statement::List { number, part, parts, users, others });
        }
    }

    /// When there is something to be done even if nothing is heard.
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

    /// Something is missing. A list comes in one go, so one that is not whole by now never will be.
    fn lose_track(&mut self) {
        self.number = None;
        self.gathering = None;
    }

    /// Makes the changes if they are the next.
    fn follow(&mut self, number: u64, users: Users) -> Option<Users> {
        if self.number.is_some_and(|known| number <= known) {
            return None;
        }
        if self.number != number.checked_sub(1) {
            self.lose_track();
            return None;
        }
        self.number = Some(number);
        let changes =
            |(user, choice): &(UserId, Option<PresenceStatus>)| self.users.get(user).copied() != *choice;
        let news: Users = users.into_iter().filter(changes).collect();
        self.apply(&news);
        Some(news)
    }

    fn apply(&mut self, news: &Users) {
        for (user, choice) in news {
            match choice {
                Some(choice) => self.users.insert(*user, *choice),
                None => self.users.remove(user),
            };
        }
    }

    /// Adds a part of the list; gives what is different once it is whole.
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
        gathering.users.extend(users.into_iter().filter_map(|(user, choice)| Some((user, choice?))));
        gathering.next_part += 1;
        if gathering.next_part < parts {
            self.gathering = Some(gathering);
            return None;
        }
        self.number = Some(number);
        let gone = self.users.keys().filter(|user| !gathering.users.contains_key(user));
        let mut news: Users = gone.map(|user| (*user, None)).collect();
        let listed = gathering.users.iter().filter(|(user, choice)| self.users.get(user) != Some(choice));
        news.extend(listed.map(|(user, choice)| (*user, Some(*choice))));
        self.users = gathering.users;
        Some(news)
    }
}

#[cfg(test)]
mod tests;
