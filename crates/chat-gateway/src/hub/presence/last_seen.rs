//! When users were last seen, for as long as the store may not know it yet.

use std::collections::HashMap;

use chat_core::ids::UserId;
use chat_core::presence;
use chat_core::time::Timestamp;

/// Another node has written out what it told of by then (microseconds).
const KEPT_US: i64 = 10_000_000;

/// The times, of this node's users and of others.
#[derive(Default)]
pub(super) struct LastSeen {
    /// Users of this node who left since this was last written out.
    ours: HashMap<UserId, Timestamp>,
    /// What was given out last to be written, which may not be on disk yet.
    being_written: HashMap<UserId, Timestamp>,
    /// Users of other nodes. Those write it out, or, where they have died, nobody does: as when a server that is alone
    /// dies.
    theirs: HashMap<UserId, Timestamp>,
}

impl LastSeen {
    /// A user has left this node.
    pub(super) fn left_us(&mut self, user: UserId, now: Timestamp) {
        self.ours.insert(user, now);
    }

    /// A user has left another node.
    pub(super) fn left_others(&mut self, user: UserId, now: Timestamp) {
        self.theirs.insert(user, now);
    }

    /// When the user was last seen, where `stored` is what the store knew a moment ago.
    pub(super) fn of(&self, user: UserId, stored: Option<Timestamp>) -> Option<Timestamp> {
        // The newest news comes last.
        let known = [&self.theirs, &self.being_written, &self.ours].map(|times| times.get(&user).copied());
        stored.into_iter().chain(known.into_iter().flatten()).reduce(presence::last_seen)
    }

    /// What is to be written out since this was asked last.
    pub(super) fn take(&mut self, now: Timestamp) -> Vec<(UserId, Timestamp)> {
        // What lies ahead is of a clock that has been set back.
        self.theirs.retain(|_, at| at.0.saturating_sub(now.0).saturating_abs() < KEPT_US);
        self.being_written = std::mem::take(&mut self.ours);
        self.being_written.iter().map(|(user, at)| (*user, *at)).collect()
    }
}
