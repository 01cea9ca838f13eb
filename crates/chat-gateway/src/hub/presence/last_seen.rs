//! Last-seen times that the store may not have yet.

use std::collections::HashMap;

use chat_core::ids::UserId;
use chat_core::presence;
use chat_core::time::Timestamp;

/// Time in which another node has stored the last-seen times that it announced, in microseconds.
const KEPT_US: i64 = 10_000_000;

/// Last-seen times of users of this node and of others.
#[derive(Default)]
pub(super) struct LastSeen {
    /// Users of this node who left since the last write.
    ours: HashMap<UserId, Timestamp>,
    /// Times handed out for the last write, which may not be on disk yet.
    being_written: HashMap<UserId, Timestamp>,
    /// Users of other nodes. Their node stores the times. If it died, nobody does, as when a single server dies.
    theirs: HashMap<UserId, Timestamp>,
}

impl LastSeen {
    /// Notes that a user has left this node.
    pub(super) fn left_this_node(&mut self, user: UserId, now: Timestamp) {
        self.ours.insert(user, now);
    }

    /// Notes that a user has left another node.
    pub(super) fn left_other_node(&mut self, user: UserId, now: Timestamp) {
        self.theirs.insert(user, now);
    }

    /// When the user was last seen; `stored` is what the store knew a moment ago.
    pub(super) fn of(&self, user: UserId, stored: Option<Timestamp>) -> Option<Timestamp> {
        // From the oldest source to the most recent.
        let known = [&self.theirs, &self.being_written, &self.ours].map(|times| times.get(&user).copied());
        stored.into_iter().chain(known.into_iter().flatten()).reduce(presence::last_seen)
    }

    /// The times to be stored since the last call.
    pub(super) fn take(&mut self, now: Timestamp) -> Vec<(UserId, Timestamp)> {
        // Times in the future come from a clock that has been set back since.
        self.theirs.retain(|_, at| at.0.saturating_sub(now.0).saturating_abs() < KEPT_US);
        self.being_written = std::mem::take(&mut self.ours);
        self.being_written.iter().map(|(user, at)| (*user, *at)).collect()
    }
}
